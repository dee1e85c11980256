//! The whole dispatch system in one struct: every use case on ports in memory and a clock that is moved
//! by hand, wired as the hosts wire them, with no executor.
//!
//! Start at [`Dispatch::new`], put drivers on the map with [`Dispatch::driver`], ask for rides with
//! [`Dispatch::request`], let time run with [`Dispatch::advance`], and hold the outcome against every
//! rule of the audit with [`Dispatch::settle`]. [`executor`] makes tasks take turns in every order,
//! [`faults`] makes ports fail, and [`tracker_link`] kills and starts the tracker.

pub mod clock;
pub mod drivers;
pub mod executor;
pub mod faults;
mod journal;
mod ports;
pub mod post;
pub mod tracker_link;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cloud::memory::{MemoryHolds, MemoryMarket, MemoryQueue, MemoryTrips};
use cloud::queue::QueueConfig;
use domain::fare::Tariff;
use domain::surge::SurgePolicy;
use domain::travel::Travel;
use domain::trip::{SweepPolicy, Trip, TripEvent};
use domain::{DriverId, Place, Region, Resolution, RiderId, Space, Timestamp, TripId};
use fleet::FleetPolicy;
use services::config::{Assignment, DispatchPolicy, Market, Queue};
use services::error::RideError;
use services::events::TripProgress;
use services::market::SurgeUpdate;
use services::matching::Matching;
use services::ports::{Clock, MarketSnapshot};
use services::quote::{Quoting, SignedQuote};
use services::request::{RideRequest, Riding};
use services::sweep::Sweep;
use services::token::Keyring;
use wire::messages::Ring;

use clock::ManualClock;
use drivers::Drivers;
use executor::{Order, Task, ready};
use faults::{Faults, Port};
use journal::Journal;
use post::Post;
use tracker_link::{Inboxes, Tracker, TrackerLink};

/// Trips behind their faults.
pub type Trips = Port<MemoryTrips>;
/// Rings behind their faults.
pub type Rings = Port<MemoryQueue<Ring, ManualClock>>;
/// Snapshots of the market behind their faults.
pub type Snapshots = Port<MemoryQueue<MarketSnapshot, ManualClock>>;

/// The stores and queues as they are, without faults: what outlives every process.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// Trips and leases.
    pub trips: MemoryTrips,
    /// Holds.
    pub holds: MemoryHolds,
    /// Surge and supply.
    pub market: MemoryMarket,
    /// `ride-requests`.
    pub rings: MemoryQueue<Ring, ManualClock>,
    /// `trip-events`.
    pub events: MemoryQueue<TripEvent, ManualClock>,
    /// `market-snapshots`.
    pub snapshots: MemoryQueue<MarketSnapshot, ManualClock>,
}

/// The system. Every method takes it shared, so that tasks which take turns can use it together.
#[derive(Debug)]
pub struct Dispatch {
    /// The clock of everything.
    pub clock: ManualClock,
    /// What goes wrong.
    pub faults: Faults,
    /// The market's rules.
    pub market: Arc<Market>,
    /// What signs and verifies quotes.
    pub keyring: Arc<Keyring>,
    /// What outlives every process.
    pub cloud: Cloud,
    /// The way to the tracker.
    pub link: TrackerLink,
    /// The drivers' streams to the tracker that runs.
    pub inboxes: Inboxes,
    /// Prices rides.
    pub quoting: Quoting<MemoryMarket, ManualClock>,
    /// What riders may do.
    pub riding: Riding<Trips, Rings, TrackerLink, ManualClock>,
    /// Match rounds.
    pub matching: Matching<Trips, TrackerLink, Rings, Snapshots, ManualClock>,
    /// Applies trip events.
    pub progress: TripProgress<Trips, Rings, TrackerLink, ManualClock>,
    /// The sweep.
    pub sweep: Sweep<Trips, Rings, TrackerLink, ManualClock>,
    /// The surge update.
    pub surge: SurgeUpdate<Port<MemoryMarket>>,
    drivers: Mutex<Drivers>,
    journal: Mutex<Journal>,
    post: Mutex<Post>,
}

/// When every world begins: an hour of a day like another, in whole windows and minutes.
pub const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// How long riders wait for a driver unless a test says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// The market of a world: a flat city of ten by ten kilometres, ten metres a second everywhere, a window
/// of two seconds, a quarter of a minute to answer.
#[must_use]
pub fn market() -> Market {
    let space = Space::Plane {
        width_m: 10_000.0,
        height_m: 10_000.0,
    };
    Market {
        region: Region::new("flatland").expect("a region's name"),
        service_area: None,
        travel: Travel::new(space, 1.0, [36.0; 24]).expect("a travel rule"),
        tariff: Tariff::default_usd(),
        products: services::products::Products::default(),
        resolution: Resolution::new(8).expect("a resolution"),
        surge: Some(SurgePolicy::default()),
        quote_ttl: Duration::from_secs(120),
        dispatch: DispatchPolicy {
            assignment: Assignment::Batched {
                unserved_penalty: None,
            },
            window: Duration::from_secs(2),
            radius_m: None,
            candidates: 20,
            offer_timeout: Duration::from_secs(15),
            queue: Queue::Wait,
        },
        sweep: SweepPolicy::default(),
        snapshot_every: Duration::from_secs(60),
    }
}

/// Where riders are picked up unless a test says otherwise.
#[must_use]
pub fn corner() -> Place {
    Place::from_metres(5_000.0, 5_000.0)
}

/// A place so many metres east of [`corner`].
#[must_use]
pub fn east_of_corner(metres: f64) -> Place {
    Place::from_metres(5_000.0 + metres, 5_000.0)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .expect("no one panics while holding a part of the world")
}

impl Default for Dispatch {
    fn default() -> Self {
        Self::new(market())
    }
}

impl Dispatch {
    /// The system of a market, with a tracker running and nobody in it.
    #[must_use]
    pub fn new(market: Market) -> Self {
        let clock = ManualClock::at(BEGIN);
        let faults = Faults::default();
        let market = Arc::new(market);
        let key = BTreeMap::from([("k1".to_owned(), vec![7; 32])]);
        let keyring = Arc::new(Keyring::new("k1", key).expect("a key of 32 bytes"));
        let cloud = Cloud {
            trips: MemoryTrips::new(market.sweep),
            holds: MemoryHolds::new(),
            market: MemoryMarket::new(),
            rings: MemoryQueue::new(QueueConfig::default(), clock.clone()),
            events: MemoryQueue::new(QueueConfig::default(), clock.clone()),
            snapshots: MemoryQueue::new(QueueConfig::default(), clock.clone()),
        };
        let link = TrackerLink::new(faults.clone());
        let trips = || behind(&faults, &cloud.trips);
        let rings = || behind(&faults, &cloud.rings);
        let (m, c) = (|| market.clone(), || clock.clone());
        let world = Self {
            quoting: Quoting::new(m(), keyring.clone(), cloud.market.clone(), c()),
            riding: Riding::new(m(), keyring.clone(), trips(), rings(), link.clone(), c()),
            matching: Matching::new(
                m(),
                trips(),
                link.clone(),
                rings(),
                behind(&faults, &cloud.snapshots),
                c(),
            ),
            progress: TripProgress::new(m(), trips(), rings(), link.clone(), c()),
            sweep: Sweep::new(m(), trips(), rings(), link.clone(), c()),
            surge: SurgeUpdate::new(m(), behind(&faults, &cloud.market)),
            drivers: Mutex::default(),
            journal: Mutex::default(),
            post: Mutex::new(Post::beginning(BEGIN)),
            inboxes: Inboxes::default(),
            clock,
            faults,
            market,
            keyring,
            cloud,
            link,
        };
        world.start_tracker();
        world
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A trip as the store has it.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn trip(&self, id: TripId) -> Trip {
        let trips = self.cloud.trips.all();
        trips
            .into_iter()
            .find(|trip| trip.id == id)
            .expect("a trip that was requested")
    }

    // --- Riders.

    /// A rider's quote from the corner to three kilometres east of it.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn quote(&self, rider: RiderId) -> SignedQuote {
        ready(
            self.quoting
                .quote(rider, corner(), east_of_corner(3_000.0), None),
        )
        .expect("a quote")
    }

    /// What a rider would send to take a quote.
    #[must_use]
    pub fn asking(&self, quote: &SignedQuote, idempotency_key: &str) -> RideRequest {
        RideRequest {
            rider: quote.quote.rider,
            idempotency_key: idempotency_key.to_owned(),
            quote_token: quote.token.clone(),
            pickup: quote.quote.pickup,
            dropoff: quote.quote.dropoff,
            patience: PATIENCE,
        }
    }

    /// Sends a request, and writes down what the rider saw.
    ///
    /// # Errors
    /// As the use case.
    pub fn send(&self, request: &RideRequest) -> Result<Trip, RideError> {
        let answer = ready(self.riding.request(request));
        let quoted = self.keyring.verify(&request.quote_token).ok();
        locked(&self.journal).requested(request, quoted.as_ref(), &answer, self.now());
        answer
    }

    /// A ride for a rider, from the corner.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn request(&self, rider: u64) -> TripId {
        let quote = self.quote(RiderId(rider));
        self.send(&self.asking(&quote, "first"))
            .expect("a ride that is accepted")
            .id
    }

    /// Cancels a trip as its rider.
    ///
    /// # Errors
    /// As the use case.
    pub async fn cancel(&self, id: TripId) -> Result<Trip, RideError> {
        let rider = self.trip(id).rider;
        self.riding.cancel(rider, id).await
    }

    // --- Processes.

    /// A tracker on the same stores and clock that nobody speaks to yet, and its drivers' streams.
    #[must_use]
    pub fn another_tracker(&self) -> (Arc<Tracker>, Inboxes) {
        let inboxes = Inboxes::default();
        (Arc::new(self.tracker_with(inboxes.clone())), inboxes)
    }

    fn tracker_with(&self, inboxes: Inboxes) -> Tracker {
        Tracker::new(
            self.market.clone(),
            FleetPolicy::default(),
            behind(&self.faults, &self.cloud.holds),
            behind(&self.faults, &self.cloud.events),
            behind(&self.faults, &self.cloud.snapshots),
            inboxes,
            self.clock.clone(),
        )
    }

    /// The tracker's process ends where it stands, and every stream with it.
    pub fn kill_tracker(&self) {
        self.link.replace(None);
        self.inboxes.disconnect_all();
    }

    /// The tracker's process ends at its so-manieth call of a store or a queue from now, before the call
    /// or after it.
    pub fn kill_tracker_in(&self, calls: usize, after: bool) {
        let (link, inboxes) = (self.link.clone(), self.inboxes.clone());
        self.faults.trap(calls, after, move || {
            link.replace(None);
            inboxes.disconnect_all();
        });
    }

    /// A tracker starts in the place of the one that ran, takes over the holds, and the drivers' streams
    /// come back. A start that fails is tried again.
    ///
    /// # Panics
    /// If it fails a hundred times.
    pub fn start_tracker(&self) {
        self.kill_tracker();
        self.faults.disarm();
        let started = (0..100).find_map(|_| {
            let tracker = Arc::new(self.tracker_with(self.inboxes.clone()));
            ready(tracker.restore()).is_ok().then_some(tracker)
        });
        let tracker = started.expect("a tracker starts within a hundred tries");
        self.link.replace(Some(tracker));
        self.reconnect_drivers();
    }

    /// The tracker that runs.
    ///
    /// # Panics
    /// If none does.
    #[must_use]
    pub fn tracker(&self) -> Arc<Tracker> {
        self.link.running().expect("a tracker runs")
    }

    /// Lets tasks take turns in an order.
    pub fn take_turns(&self, order: &mut Order, tasks: Vec<Task<'_>>) {
        self.faults.give_way(true);
        order.run(tasks);
        self.faults.give_way(false);
    }

    /// Where a driver is and what the driver does from now on.
    pub fn driver(&self, driver: DriverId, place: Place, behaviour: drivers::Behaviour) {
        locked(&self.drivers).put(driver, place, behaviour, self.now());
        self.connect(driver);
    }
}

fn behind<P: Clone>(faults: &Faults, inner: &P) -> Port<P> {
    Port {
        inner: inner.clone(),
        faults: faults.clone(),
    }
}
