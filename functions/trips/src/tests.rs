use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use cloud::memory::{MemoryQueue, MemoryTrips};
use cloud::queue::QueueConfig;
use domain::fare::Fare;
use domain::hold::{HoldKey, Offer};
use domain::surge::Multiplier;
use domain::trip::{SweepPolicy, TripState};
use domain::{Attempt, Currency, DriverId, Money, Place, RiderId, Timestamp, TripId};
use host::market::MarketDocument;
use serde_json::{Value, json};
use services::ports::{Candidate, CandidateQuery, HoldStatus, PortError, Reserved};
use services::request::trip_id;
use services::token::Quote;
use tokio::net::TcpListener;
use wire::messages::Ring;

use super::*;

const REQUEST: &str = include_str!("../events/request.json");
const READ: &str = include_str!("../events/read.json");
const CANCEL: &str = include_str!("../events/cancel.json");
const TRIP_EVENTS: &str = include_str!("../events/trip-events.json");
const SCHEDULE: &str = include_str!("../events/schedule.json");

/// The idempotency key of the committed request, and the quote that its token proves.
const KEY: &str = "6f1c9a1e-2a8b-4f0e-9d59-7a0c6a3b1d10";

fn quote() -> Quote {
    Quote {
        rider: RiderId(17),
        product: None,
        pickup: Place::from_e7(407_580_000, -739_855_000).unwrap(),
        dropoff: Place::from_e7(406_446_000, -737_822_000).unwrap(),
        fare: Fare {
            currency: Currency::USD,
            ride: Money::from_minor(8_900),
            booking_fee: Money::from_minor(275),
            driver_pay: Money::from_minor(6_200),
            surge: Multiplier::NONE,
        },
        distance_m: 27_664.5,
        duration: Duration::from_secs(4_980),
        // The committed token is good until the year 2100.
        expires_at: Timestamp::from_millis(4_102_444_800_000),
    }
}

/// A clock that stands until a test moves it.
#[derive(Debug, Clone)]
struct Hand(Arc<Mutex<Timestamp>>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A fleet without drivers, which remembers whom it was told to release.
#[derive(Debug, Clone, Default)]
struct Released(Arc<Mutex<Vec<HoldKey>>>);

impl Fleet for Released {
    async fn candidates(
        &self,
        queries: &[CandidateQuery],
        _: usize,
        _: Option<f64>,
    ) -> Result<Vec<Vec<Candidate>>, PortError> {
        Ok(vec![Vec::new(); queries.len()])
    }

    async fn reserve(&self, _: HoldKey, _: Timestamp, _: &Offer) -> Result<Reserved, PortError> {
        Ok(Reserved::DriverTaken)
    }

    async fn offer(&self, _: HoldKey) -> Result<bool, PortError> {
        Ok(false)
    }

    async fn release(&self, key: HoldKey) -> Result<(), PortError> {
        self.0.lock().unwrap().push(key);
        Ok(())
    }

    async fn hold(&self, _: TripId, _: Attempt) -> Result<Option<HoldStatus>, PortError> {
        Ok(None)
    }
}

struct World {
    function: Trips<MemoryTrips, MemoryQueue<Ring, Hand>, Released, Hand>,
    trips: MemoryTrips,
    rings: MemoryQueue<Ring, Hand>,
    released: Released,
    clock: Hand,
    keyring: Arc<Keyring>,
}

fn market() -> Arc<Market> {
    let market = MarketDocument::parse("region = 'new-york'\n[travel]\nspeed_kmh = 20").unwrap();
    Arc::new(market.market().unwrap())
}

fn keyring() -> Arc<Keyring> {
    let keys = BTreeMap::from([("k1".to_owned(), vec![7; 32])]);
    Arc::new(Keyring::new("k1", keys).unwrap())
}

fn world() -> World {
    let clock = Hand(Arc::new(Mutex::new(Timestamp::from_millis(
        1_793_707_200_000,
    ))));
    let keyring = keyring();
    let trips = MemoryTrips::new(SweepPolicy::default());
    let rings = MemoryQueue::new(QueueConfig::default(), clock.clone());
    let released = Released::default();
    let function = Trips::new(
        market(),
        keyring.clone(),
        trips.clone(),
        rings.clone(),
        released.clone(),
        clock.clone(),
    );
    World {
        function,
        trips,
        rings,
        released,
        clock,
        keyring,
    }
}

impl World {
    async fn invoke(&self, event: &str) -> Value {
        let response = self
            .function
            .invoke(Bytes::from(event.to_owned()))
            .await
            .unwrap();
        serde_json::from_slice(&response).unwrap()
    }

    async fn http(&self, event: &str) -> (u64, Value) {
        let response = self.invoke(event).await;
        let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        (response["statusCode"].as_u64().unwrap(), body)
    }

    fn state(&self) -> TripState {
        self.trips.all()[0].state
    }

    /// Offers the one trip to driver 9, as a round would.
    async fn offer(&self) {
        let (trip, now) = (&self.trips.all()[0], self.clock.now());
        let deadline = now + Duration::from_secs(15);
        let next = trip
            .offered(Attempt(1), DriverId(9), deadline, now)
            .unwrap();
        self.trips.transition(&next).await.unwrap();
    }
}

fn changed(event: &str, path: &str, value: Value) -> String {
    let mut event: Value = serde_json::from_str(event).unwrap();
    *event.pointer_mut(path).unwrap() = value;
    event.to_string()
}

#[tokio::test]
async fn a_ride_is_requested_once_and_rings() {
    let world = world();
    let (status, body) = world.http(REQUEST).await;
    assert_eq!(
        status,
        202,
        "{body}; the token would be {}",
        world.keyring.sign(&quote())
    );
    assert_eq!(body["trip_id"], trip_id(RiderId(17), KEY).to_string());
    assert_eq!(body["state"], "requested");
    assert_eq!(world.http(REQUEST).await, (202, body));
    assert_eq!(world.trips.all().len(), 1);
    assert_eq!(world.rings.counters().sent, 2);
    let (status, body) = world.http(READ).await;
    assert_eq!((status, &body["total_minor"]), (200, &json!(9_175)));
}

#[tokio::test]
async fn bad_requests_have_their_codes_and_store_nothing() {
    let world = world();
    let another = "/requestContext/authorizer/jwt/claims/sub";
    let text = serde_json::from_str::<Value>(REQUEST).unwrap()["body"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = |from: &str, to: &str| changed(REQUEST, "/body", json!(text.replace(from, to)));
    for (event, status, code) in [
        (
            changed(REQUEST, "/headers/idempotency-key", json!("")),
            400,
            "bad_idempotency_key",
        ),
        (
            changed(REQUEST, another, json!("rider-18")),
            403,
            "quote_of_another_rider",
        ),
        (
            changed(REQUEST, "/body", json!("{}")),
            400,
            "malformed_body",
        ),
        (body("40.758", "40.759"), 422, "quote_for_other_places"),
        (body("v1.k1.", "v1.k2."), 403, "quote_token_unknown_key"),
        (body("v1.k1.", "v1.k1."), 202, ""),
        (body("300000", "299999"), 409, "idempotency_key_reused"),
        (
            changed(READ, another, json!("rider-18")),
            404,
            "no_such_trip",
        ),
        (
            changed(READ, "/rawPath", json!("/trips/7")),
            404,
            "no_such_trip",
        ),
        (
            changed(READ, "/rawPath", json!("/trips/7/rate")),
            404,
            "unknown_route",
        ),
        (
            changed(READ, "/requestContext/http/method", json!("DELETE")),
            405,
            "method_not_allowed",
        ),
        (
            changed(CANCEL, "/requestContext/http/method", json!("GET")),
            405,
            "method_not_allowed",
        ),
    ] {
        let (found, body) = world.http(&event).await;
        let found = (found, body["error"]["code"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code), "{body}");
    }
    assert_eq!(world.trips.all().len(), 1);
}

#[tokio::test]
async fn a_cancel_lets_the_driver_go() {
    let world = world();
    world.http(REQUEST).await;
    world.offer().await;
    let (status, body) = world.http(CANCEL).await;
    assert_eq!((status, &body["state"]), (200, &json!("cancelled")));
    let key = HoldKey {
        trip: trip_id(RiderId(17), KEY),
        attempt: Attempt(1),
        driver: DriverId(9),
    };
    assert_eq!(*world.released.0.lock().unwrap(), [key]);
}

#[tokio::test]
async fn events_move_the_trip_and_the_unreadable_fails_alone() {
    let world = world();
    // Of a trip that was never made: both messages fail.
    let failures = |response: &Value| response["batchItemFailures"].as_array().unwrap().len();
    assert_eq!(failures(&world.invoke(TRIP_EVENTS).await), 2);
    world.http(REQUEST).await;
    world.offer().await;
    let response = world.invoke(TRIP_EVENTS).await;
    assert_eq!(failures(&response), 1);
    let unreadable: Value = serde_json::from_str(TRIP_EVENTS).unwrap();
    let failed = &response["batchItemFailures"][0]["itemIdentifier"];
    assert_eq!(failed, &unreadable["Records"][1]["messageId"]);
    assert_eq!(world.state(), TripState::Accepted);
}

#[tokio::test]
async fn the_schedule_sweeps() {
    let world = world();
    world.http(REQUEST).await;
    assert_eq!(world.invoke(SCHEDULE).await, Value::Null);
    assert_eq!(world.rings.counters().sent, 1);
    *world.clock.0.lock().unwrap() = world.clock.now() + Duration::from_secs(60);
    world.invoke(SCHEDULE).await;
    assert_eq!(world.rings.counters().sent, 2);
    *world.clock.0.lock().unwrap() = world.clock.now() + Duration::from_secs(600);
    world.invoke(SCHEDULE).await;
    assert!(matches!(world.state(), TripState::Unserved { .. }));
}

#[tokio::test]
async fn a_sweep_that_fails_says_that_it_was_one() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let clients = aws::Clients::embedded_in_function(&nowhere, &nowhere);
    let stack = aws::Stack::new(clients, aws::Resources::new("", &nowhere));
    let fleet = FleetClientConfig::at(nowhere);
    let function = wire(market(), keyring(), &stack, fleet).unwrap();
    for (event, route) in [
        (SCHEDULE.to_owned(), "sweep"),
        (
            changed(SCHEDULE, "/detail-type", json!("Another")),
            "unknown",
        ),
    ] {
        let invocation = function.invoke(Bytes::from(event));
        let (result, line) = account::keep("trips", invocation).await;
        assert!(result.is_err(), "{route}");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["Route"], &line["Outcome"]),
            (&json!(route), &json!("failed"))
        );
    }
}

#[tokio::test]
async fn a_tracker_that_stalls_leaves_time_to_say_so() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = format!("http://{}", mute.local_addr().unwrap());
    let tracker = tracker(FleetClientConfig::at(at)).unwrap();
    let began = Instant::now();
    let held = tracker.hold(TripId(1), Attempt(1)).await;
    let took = began.elapsed();
    assert!(
        matches!(held, Err(PortError::Unavailable { .. })),
        "{held:?}"
    );
    let expected = FUNCTION_CALL_TIMEOUT..fleet_client::CALL_TIMEOUT;
    assert!(expected.contains(&took), "{took:?}");
}

#[tokio::test]
async fn another_kind_of_event_fails_the_invocation() {
    let event = changed(
        SCHEDULE,
        "/detail-type",
        json!("EC2 Instance State-change Notification"),
    );
    let result = world().function.invoke(Bytes::from(event)).await;
    assert!(matches!(result, Err(FunctionError::UnreadableEvent { .. })));
}
