//! The system put together: stores, queues, hosts and use cases, wired as the functions and the tracker are.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloud::event_source::EventSourceConfigError;
use cloud::http_api::HttpApi;
use cloud::profile::Profile;
use cloud::queue::{Faults, QueueConfig};
use cloud::timed::{Draws, Table, TimedHolds, TimedMarket, TimedQueue, TimedTrips, VirtualClock};
use domain::Timestamp;
use domain::trip::TripEvent;
use drive::watched::Watched;
use fleet::FleetPolicy;
use kernel::{Streams, Time};
use services::config::Market;
use services::events::TripProgress;
use services::market::SurgeUpdate;
use services::matching::Matching;
use services::ports::MarketSnapshot;
use services::quote::Quoting;
use services::request::Riding;
use services::sweep::Sweep;
use services::token::Keyring;
use wire::messages::Ring;

use crate::api::{Api, Front};
use crate::host::{Function, Host, Service, ServiceTimes};
use crate::mapping::{Mapping, handled};
use crate::rounds::RoundFleet;
use crate::run::Plan;
use crate::sizes::{MappingSize, Part, Placement, Sizes};
use crate::streams::{Downlink, Links};
use crate::tracker::{Core, Tracker, TrackerLink};

/// Messages of a batch that a function handles at once: `MESSAGES_IN_FLIGHT_MAX` of `crates/lambda`.
const MESSAGES_IN_FLIGHT_MAX: usize = 10;
/// How often the sweep runs.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// No driver of a twin falls silent, and those who rest or ride are not asked for a ping: nobody expires.
const PING_EXPIRY: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A system that cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemError(pub EventSourceConfigError);

impl std::fmt::Display for SystemError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SystemError {}

impl From<EventSourceConfigError> for SystemError {
    fn from(error: EventSourceConfigError) -> Self {
        Self(error)
    }
}

/// The queues.
pub(crate) struct Queues {
    pub(crate) rings: TimedQueue<Ring>,
    pub(crate) events: TimedQueue<TripEvent>,
    pub(crate) snapshots: TimedQueue<MarketSnapshot>,
}

/// The mappings from queues to what handles them.
pub(crate) struct Mappings {
    pub(crate) rings: Arc<Mapping<Ring>>,
    pub(crate) events: Arc<Mapping<TripEvent>>,
    pub(crate) snapshots: Arc<Mapping<MarketSnapshot>>,
}

/// The system.
pub(crate) struct System {
    pub(crate) hosts: BTreeMap<Part, Host>,
    pub(crate) trips: TimedTrips,
    pub(crate) holds: TimedHolds,
    pub(crate) pricing: TimedMarket,
    /// Positions of drivers, where the tracker has them in a table.
    pub(crate) positions: Option<Table>,
    pub(crate) queues: Queues,
    pub(crate) mappings: Mappings,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) api: Arc<Api>,
}

struct Builder<'a> {
    profile: &'a Profile,
    sizes: &'a Sizes,
    streams: Streams,
    time: &'a Time,
    watched: &'a Arc<Watched>,
    times: ServiceTimes,
}

impl Builder<'_> {
    fn host(&self, part: Part) -> Host {
        let name = part.name();
        match self.sizes.placed(part) {
            Placement::Lambda => Host::Function(Arc::new(Function::new(
                name,
                &self.sizes.functions[&part],
                self.profile,
                &self.times,
                &self.streams,
                self.time,
                self.watched,
            ))),
            Placement::Container => Host::Service(Arc::new(Service::new(
                name,
                &self.sizes.containers[&part],
                &self.times,
                &self.streams,
                self.time,
                self.watched,
            ))),
        }
    }

    fn table(&self, port: &'static str) -> Table {
        let stream = self.streams.stream(port, 0);
        Table::new(port, &self.profile.table, stream, self.time)
    }

    fn queue<M: Clone + Send + 'static>(&self, name: &str, size: &MappingSize) -> TimedQueue<M> {
        let laws = &self.profile.queue;
        let config = QueueConfig {
            visibility_timeout: size.visibility_timeout,
            max_receive_count: Some(size.receives_max),
            faults: Faults {
                duplicate_probability: laws.duplicate_probability,
                reorder_probability: laws.reorder_probability,
            },
        };
        let stream = |what: &str| self.streams.stream(&format!("queue {name} {what}"), 0);
        TimedQueue::new(config, laws, stream("calls"), stream("faults"), self.time)
    }

    fn draws(&self, name: &str) -> Draws {
        Draws::new(self.streams.stream(name, 0))
    }
}

impl System {
    /// Puts the system together and starts what runs by itself: mappings, schedule, tracker.
    pub(crate) fn start(
        plan: &Plan,
        time: &Time,
        watched: &Arc<Watched>,
    ) -> Result<Self, SystemError> {
        let clock = VirtualClock(time.clone());
        let streams = plan.world.streams;
        let mut profile = plan.profile.clone();
        profile.lambda = profile
            .lambda
            .for_day(&mut streams.stream("day of the cloud", 0));
        let build = Builder {
            times: Arc::new(profile.service.clone()),
            profile: &profile,
            sizes: &plan.sizes,
            streams,
            time,
            watched,
        };
        let market = plan.market.clone();
        let hosts: BTreeMap<Part, Host> = Part::ALL
            .into_iter()
            .map(|part| (part, build.host(part)))
            .collect();
        let trips = TimedTrips::new(market.sweep, build.table("the trip store"));
        let holds = TimedHolds::new(build.table("the hold store"));
        let pricing = TimedMarket::new(build.table("the market"));
        let queues = Queues {
            rings: build.queue("ride-requests", &plan.sizes.ride_requests),
            events: build.queue("trip-events", &plan.sizes.trip_events),
            snapshots: build.queue("market-snapshots", &plan.sizes.market_snapshots),
        };
        trips.at_rest().fill(&plan.seeded.trips);
        holds.at_rest().fill(&plan.seeded.holds);

        let on_lambda = plan.sizes.placed(Part::FleetTracker) == Placement::Lambda;
        let positions = on_lambda.then(|| build.table("the positions"));
        let downlink = if on_lambda {
            Downlink::NextPing(plan.world.drivers.ping_every)
        } else {
            Downlink::Stream(profile.container.grpc_rtt.clone())
        };
        let links = crate::streams::Streams::new(time, downlink, streams.stream("downlink", 0));
        let policy = FleetPolicy {
            ping_expiry: PING_EXPIRY,
            ..FleetPolicy::default()
        };
        let core = Core::new(
            market.clone(),
            policy,
            holds.clone(),
            queues.events.clone(),
            queues.snapshots.clone(),
            Links(links.clone()),
            clock.clone(),
        );
        let tracker = Arc::new(Tracker::new(
            core,
            hosts[&Part::FleetTracker].clone(),
            links,
            time,
            if on_lambda {
                &profile.http_api.overhead
            } else {
                &profile.container.grpc_rtt
            },
            build.draws("the way to the tracker"),
            positions.clone(),
        ));
        let system = Self {
            mappings: mappings(&build, &market, &hosts, &trips, &pricing, &queues, &tracker, &clock)?,
            api: api(&build, plan, &hosts, &trips, &pricing, &queues, &tracker, &clock),
            hosts,
            trips,
            holds,
            pricing,
            positions,
            queues,
            tracker,
        };
        system.sweep_each_minute(&market, time, &clock);
        system.run_tracker(&market, time);
        Ok(system)
    }

    fn sweep_each_minute(&self, market: &Arc<Market>, time: &Time, clock: &VirtualClock) {
        let sweep = Sweep::new(
            market.clone(),
            self.trips.clone(),
            self.queues.rings.clone(),
            TrackerLink(self.tracker.clone()),
            clock.clone(),
        );
        let (host, region, time) = (
            self.hosts[&Part::Trips].clone(),
            market.region.clone(),
            time.clone(),
        );
        time.clone().spawn(async move {
            loop {
                time.sleep(SWEEP_EVERY).await;
                // A sweep that fails is made anew in a minute.
                let _ = host.call("trips.sweep", sweep.sweep(&region)).await;
            }
        });
    }

    fn run_tracker(&self, market: &Arc<Market>, time: &Time) {
        let tracker = self.tracker.clone();
        let every = market.surge.as_ref().map(|_| market.snapshot_every);
        let spawner = time.clone();
        time.spawn(async move {
            // The stores answer in virtual time, so nothing can fail but by throttles, which pass.
            while tracker.core.restore().await.is_err() {}
            spawner.spawn(tracker.clone().expire_for_ever());
            if let Some(every) = every {
                spawner.spawn(tracker.count_supply_for_ever(every));
            }
        });
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "every part is wired here and nowhere else"
)]
fn mappings(
    build: &Builder<'_>,
    market: &Arc<Market>,
    hosts: &BTreeMap<Part, Host>,
    trips: &TimedTrips,
    pricing: &TimedMarket,
    queues: &Queues,
    tracker: &Arc<Tracker>,
    clock: &VirtualClock,
) -> Result<Mappings, SystemError> {
    let link = || TrackerLink(tracker.clone());
    let source = |size: &MappingSize, part| {
        size.source(&build.profile.queue, build.sizes.placed(part))
    };
    let matching = Arc::new(Matching::new(
        market.clone(),
        trips.clone(),
        RoundFleet {
            link: link(),
            host: hosts[&Part::Matching].clone(),
        },
        queues.rings.clone(),
        queues.snapshots.clone(),
        clock.clone(),
    ));
    let watched = build.watched.clone();
    let rings = Mapping::start(
        source(&build.sizes.ride_requests, Part::Matching),
        &queues.rings,
        &hosts[&Part::Matching],
        // One at a time: two rounds at once would compete for the same drivers.
        ("matching.round", 1),
        build.time,
        Arc::new(move |ring: Ring| {
            let (matching, watched) = (matching.clone(), watched.clone());
            handled(async move {
                let report = matching.round(&ring.region, ring.round).await?;
                if report.ran {
                    watched.round(&report);
                }
                Ok::<(), services::error::MessageError>(())
            })
        }),
    )?;
    let progress = Arc::new(TripProgress::new(
        market.clone(),
        trips.clone(),
        queues.rings.clone(),
        link(),
        clock.clone(),
    ));
    let events = Mapping::start(
        source(&build.sizes.trip_events, Part::Trips),
        &queues.events,
        &hosts[&Part::Trips],
        ("trips.event", MESSAGES_IN_FLIGHT_MAX),
        build.time,
        Arc::new(move |event: TripEvent| {
            let progress = progress.clone();
            handled(async move { progress.apply(&event).await.map(drop) })
        }),
    )?;
    let surge = Arc::new(SurgeUpdate::new(market.clone(), pricing.clone()));
    let snapshots = Mapping::start(
        source(&build.sizes.market_snapshots, Part::Surge),
        &queues.snapshots,
        &hosts[&Part::Surge],
        // One at a time: all of them write the same region's item.
        ("surge.update", 1),
        build.time,
        Arc::new(move |snapshot: MarketSnapshot| {
            let surge = surge.clone();
            handled(async move { surge.update(&snapshot).await.map(drop) })
        }),
    )?;
    Ok(Mappings {
        rings,
        events,
        snapshots,
    })
}

#[expect(
    clippy::too_many_arguments,
    reason = "every part is wired here and nowhere else"
)]
fn api(
    build: &Builder<'_>,
    plan: &Plan,
    hosts: &BTreeMap<Part, Host>,
    trips: &TimedTrips,
    pricing: &TimedMarket,
    queues: &Queues,
    tracker: &Arc<Tracker>,
    clock: &VirtualClock,
) -> Arc<Api> {
    let key = BTreeMap::from([("twin".to_owned(), vec![7; 32])]);
    let keyring = Arc::new(Keyring::new("twin", key).expect("a key of 32 bytes"));
    let front = |part| Front {
        host: hosts[&part].clone(),
        overhead: match build.sizes.placed(part) {
            Placement::Lambda => build.profile.http_api.overhead.clone(),
            Placement::Container => build.profile.container.load_balancer.clone(),
        },
    };
    let now = Timestamp::from_micros(build.time.now_us());
    Arc::new(Api {
        time: build.time.clone(),
        gateway: Mutex::new(HttpApi::new(&build.profile.http_api, now)),
        client: build.profile.http_api.client_rtt.clone(),
        draws: build.draws("the way to the API"),
        pricing: front(Part::Pricing),
        trips: front(Part::Trips),
        quoting: Arc::new(Quoting::new(
            plan.market.clone(),
            keyring.clone(),
            pricing.clone(),
            clock.clone(),
        )),
        riding: Arc::new(Riding::new(
            plan.market.clone(),
            keyring,
            trips.clone(),
            queues.rings.clone(),
            TrackerLink(tracker.clone()),
            clock.clone(),
        )),
        in_flight: AtomicU64::new(0),
        balanced: AtomicU64::new(0),
    })
}
