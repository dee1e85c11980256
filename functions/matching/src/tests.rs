use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use cloud::memory::{MemoryQueue, MemoryTrips};
use cloud::queue::QueueConfig;
use domain::fare::{Charge, Fare};
use domain::hold::{HoldKey, Offer};
use domain::surge::Multiplier;
use domain::trip::{Stamps, SweepPolicy, Trip, TripState};
use domain::{
    Attempt, Currency, DriverId, Money, Place, Region, RiderId, Round, Timestamp, TripId,
};
use host::market::MarketDocument;
use serde_json::Value;
use services::ports::{Candidate, CandidateQuery, HoldStatus, MarketSnapshot, PortError, Reserved};

use super::*;

const RINGS: &str = include_str!("../events/ride-requests.json");

#[derive(Debug, Clone, Copy)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_793_707_200_000)
    }
}

/// A fleet of one driver, who is near everybody; it fails its first questions as often as it is told.
#[derive(Debug, Clone, Default)]
struct OneDriver {
    failures_left: Arc<Mutex<u32>>,
    held: Arc<Mutex<BTreeMap<DriverId, HoldKey>>>,
    offered: Arc<Mutex<Vec<HoldKey>>>,
}

impl Fleet for OneDriver {
    async fn candidates(
        &self,
        queries: &[CandidateQuery],
        _: usize,
        _: Option<f64>,
    ) -> Result<Vec<Vec<Candidate>>, PortError> {
        let mut failures_left = self.failures_left.lock().unwrap();
        if *failures_left > 0 {
            *failures_left -= 1;
            return Err(PortError::Unavailable {
                port: "fleet",
                detail: "not yet".into(),
            });
        }
        let one = |query: &CandidateQuery| {
            vec![Candidate {
                driver: DriverId(9),
                place: query.pickup,
                distance_m: 100.0,
            }]
        };
        Ok(queries.iter().map(one).collect())
    }

    async fn reserve(&self, key: HoldKey, _: Timestamp, _: &Offer) -> Result<Reserved, PortError> {
        let mut held = self.held.lock().unwrap();
        let holder = held.entry(key.driver).or_insert(key);
        Ok(if *holder == key {
            Reserved::Held
        } else {
            Reserved::DriverTaken
        })
    }

    async fn offer(&self, key: HoldKey) -> Result<bool, PortError> {
        self.offered.lock().unwrap().push(key);
        Ok(true)
    }

    async fn release(&self, _: HoldKey) -> Result<(), PortError> {
        Ok(())
    }

    async fn hold(&self, _: TripId, _: Attempt) -> Result<Option<HoldStatus>, PortError> {
        Ok(None)
    }
}

fn waiting(rider: u64) -> Trip {
    let place = Place::new(40.758, -73.9855).unwrap();
    let requested_at = Noon.now() - Duration::from_secs(2);
    Trip {
        id: TripId(rider.into()),
        region: Region::new("new-york").unwrap(),
        rider: RiderId(rider),
        product: None,
        pickup: place,
        dropoff: place,
        fare: Fare {
            currency: Currency::USD,
            ride: Money::from_minor(800),
            booking_fee: Money::from_minor(275),
            driver_pay: Money::from_minor(500),
            surge: Multiplier::NONE,
        },
        distance_m: 1_000.0,
        duration: Duration::from_secs(180),
        fingerprint: [0; 16],
        patience: Duration::from_secs(300),
        requested_at,
        patience_until: requested_at + Duration::from_secs(300),
        state: TripState::Requested,
        tries: Vec::new(),
        stamps: Stamps::default(),
        since: requested_at,
        checked_at: Timestamp::ZERO,
        charge: Charge::default(),
        version: 1,
    }
}

async fn run(fleet: OneDriver) -> (Value, Vec<RoundReport>, MemoryTrips) {
    let market = MarketDocument::parse("region = 'new-york'\n[travel]\nspeed_kmh = 20").unwrap();
    let market = Arc::new(market.market().unwrap());
    let trips = MemoryTrips::new(SweepPolicy::default());
    for rider in [1, 2] {
        trips.create(&waiting(rider)).await.unwrap();
    }
    let rings = MemoryQueue::<Ring, _>::new(QueueConfig::default(), Noon);
    let snapshots = MemoryQueue::<MarketSnapshot, _>::new(QueueConfig::default(), Noon);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let matching = Matching::new(market, trips.clone(), fleet, rings, snapshots, Noon);
    let function = MatchRounds::new(matching)
        .observed_by(Arc::new(move |report| seen.lock().unwrap().push(*report)));
    let response = function
        .invoke(Bytes::from_static(RINGS.as_bytes()))
        .await
        .unwrap();
    let reports = reports.lock().unwrap().clone();
    (serde_json::from_slice(&response).unwrap(), reports, trips)
}

#[tokio::test]
async fn two_rings_of_a_round_run_it_once() {
    let fleet = OneDriver::default();
    let (response, reports, trips) = run(fleet.clone()).await;
    assert_eq!(response["batchItemFailures"], Value::Array(Vec::new()));
    assert_eq!(reports.len(), 1);
    assert_eq!(
        (reports[0].waiting, reports[0].offered, reports[0].left),
        (2, 1, 1)
    );
    let event: Value = serde_json::from_str(RINGS).unwrap();
    let ring = Ring::decode(event["Records"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(ring.round, Round(Noon.now().as_secs() / 2));
    let offered = trips
        .all()
        .iter()
        .filter(|trip| trip.state == TripState::Offered)
        .count();
    assert_eq!((offered, fleet.offered.lock().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_round_that_fails_fails_every_ring_of_it() {
    let fleet = OneDriver {
        failures_left: Arc::new(Mutex::new(1)),
        ..OneDriver::default()
    };
    let (response, reports, _) = run(fleet).await;
    assert_eq!(response["batchItemFailures"].as_array().unwrap().len(), 2);
    assert_eq!(reports, []);
}
