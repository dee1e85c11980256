//! The system put together: stores, queues, hosts and use cases, wired as the functions and the tracker are.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use cloud::account::{Account, SetAsideError};
use cloud::autoscaling::ScalingConfigError;
use cloud::event_source::EventSourceConfigError;
use cloud::http_api::HttpApi;
use cloud::profile::{Profile, ServiceTime, Spans};
use cloud::queue::{Faults, QueueConfig};
use cloud::timed::{Draws, Table, TimedHolds, TimedMarket, TimedQueue, TimedTrips, VirtualClock};
use domain::trip::TripEvent;
use drive::watched::Watched;
use fleet::FleetPolicy;
use kernel::{Local, Time};
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
use crate::convoy::Convoy;
use crate::host::{Function, Ground, Host, Service};
use crate::mapping::{Batches, Items, Mapping, handled};
use crate::rounds::RoundFleet;
use crate::run::Plan;
use crate::sizes::{MappingSize, Part, Placement, Sizes};
use crate::streams::{Downlink, Links};
use crate::tracker::{Core, Tracker, TrackerLink, Ways};
use crate::way::Way;

/// Messages of a batch that a function handles at once: `MESSAGES_IN_FLIGHT_MAX` of `crates/lambda`.
const MESSAGES_IN_FLIGHT_MAX: usize = 10;
/// How often the sweep runs.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// No driver of a twin falls silent, and those who rest or ride are not asked for a ping: nobody expires.
const PING_EXPIRY: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A system that cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SystemError {
    /// A mapping is set to what AWS would refuse.
    #[error(transparent)]
    Mapping(#[from] EventSourceConfigError),
    /// More concurrency is set aside than the account has.
    #[error(transparent)]
    Concurrency(#[from] SetAsideError),
    /// A service cannot scale so.
    #[error(transparent)]
    Scaling(#[from] ScalingConfigError),
}

/// The queues.
pub(crate) struct Queues {
    pub(crate) rings: TimedQueue<Ring>,
    pub(crate) events: TimedQueue<TripEvent>,
    pub(crate) snapshots: TimedQueue<MarketSnapshot>,
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
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) api: Arc<Api>,
}

struct Builder<'a> {
    ground: Ground<'a>,
    sizes: &'a Sizes,
}

impl Builder<'_> {
    fn host(&self, part: Part) -> Result<Host, SystemError> {
        let name = part.name();
        Ok(match self.sizes.placed(part) {
            Placement::Lambda => {
                let size = &self.sizes.functions[&part];
                Host::Function(Arc::new(Function::new(name, size, &self.ground)?))
            }
            Placement::Container => {
                let size = &self.sizes.containers[&part];
                Host::Service(Service::start(name, size, &self.ground)?)
            }
        })
    }

    fn table(&self, port: &'static str) -> Table {
        let stream = self.ground.streams.stream(port, 0);
        Table::new(port, &self.ground.profile.table, stream, self.ground.time)
    }

    fn queue<M: Clone + Send + 'static>(&self, name: &str, size: &MappingSize) -> TimedQueue<M> {
        let laws = &self.ground.profile.queue;
        let config = QueueConfig {
            visibility_timeout: size.visibility_timeout,
            max_receive_count: Some(size.receives_max),
            visibility_tick: laws.visibility_tick,
            faults: Faults {
                duplicate_probability: laws.duplicate_probability,
                reorder_probability: laws.reorder_probability,
            },
        };
        let stream = |what: &str| {
            self.ground
                .streams
                .stream(&format!("queue {name} {what}"), 0)
        };
        TimedQueue::new(
            config,
            laws,
            stream("calls"),
            stream("faults"),
            self.ground.time,
        )
    }

    fn draws(&self, name: &str) -> Draws {
        Draws::new(self.ground.streams.stream(name, 0))
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
        let times = Arc::new(service_times(&profile));
        let account = Arc::new(Local::new(Account::of(&profile.lambda)));
        let build = Builder {
            ground: Ground {
                profile: &profile,
                times: &times,
                streams,
                time,
                watched,
                account: &account,
            },
            sizes: &plan.sizes,
        };
        let market = plan.market.clone();
        let hosts: BTreeMap<Part, Host> = Part::ALL
            .into_iter()
            .map(|part| Ok((part, build.host(part)?)))
            .collect::<Result<_, SystemError>>()?;
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

        let placement = plan.sizes.placed(Part::FleetTracker);
        let on_lambda = placement == Placement::Lambda;
        let from_apps = Way::to_tracker(&profile, placement);
        let positions = on_lambda.then(|| build.table("the positions"));
        let downlink = if on_lambda {
            Downlink::NextPing(plan.world.drivers.ping_every)
        } else {
            Downlink::Stream(from_apps.clone())
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
            Convoy::new(*plan.world.city.space()),
            Ways {
                from_apps,
                within: Way::within(&profile, placement),
            },
            build.draws("the way to the tracker"),
            positions.clone(),
        ));
        mappings(
            &build, &market, &hosts, &trips, &pricing, &queues, &tracker, &clock,
        )?;
        let system = Self {
            api: api(
                &build, plan, &hosts, &trips, &pricing, &queues, &tracker, &clock,
            ),
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
                let swept = pin!(async {
                    // One that fails is made anew in a minute.
                    if let Ok(report) = sweep.sweep(&region).await {
                        host.per_item("trips.sweep", report.due).await;
                    }
                });
                let _ = host.call("trips.sweep", swept).await;
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

/// Processor times by what is worked at, those that a profile has for containers in general among them.
fn service_times(profile: &Profile) -> BTreeMap<String, ServiceTime> {
    let mut times = profile.service.clone();
    let ping = ServiceTime {
        cpu: Spans::constant(profile.container.cpu_per_ping),
        per_item: Duration::ZERO,
    };
    times.insert("tracker.ping".to_owned(), ping);
    times
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
) -> Result<(), SystemError> {
    let link = || TrackerLink(tracker.clone());
    let source = |size: &MappingSize, part| {
        size.source(&build.ground.profile.queue, build.sizes.placed(part))
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
    let watched = build.ground.watched.clone();
    Mapping::start(
        source(&build.sizes.ride_requests, Part::Matching),
        &queues.rings,
        &hosts[&Part::Matching],
        Batches {
            work: "matching.round",
            // One at a time: two rounds at once would compete for the same drivers.
            in_flight: 1,
            // Riders are, and a round knows how many.
            items: Items::Others,
        },
        build.ground.time,
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
    Mapping::start(
        source(&build.sizes.trip_events, Part::Trips),
        &queues.events,
        &hosts[&Part::Trips],
        Batches {
            work: "trips.event",
            in_flight: MESSAGES_IN_FLIGHT_MAX,
            items: Items::Messages,
        },
        build.ground.time,
        Arc::new(move |event: TripEvent| {
            let progress = progress.clone();
            handled(async move { progress.apply(&event).await.map(drop) })
        }),
    )?;
    let surge = Arc::new(SurgeUpdate::new(market.clone(), pricing.clone()));
    Mapping::start(
        source(&build.sizes.market_snapshots, Part::Surge),
        &queues.snapshots,
        &hosts[&Part::Surge],
        Batches {
            work: "surge.update",
            // One at a time: all of them write the same region's item.
            in_flight: 1,
            items: Items::Messages,
        },
        build.ground.time,
        Arc::new(move |snapshot: MarketSnapshot| {
            let surge = surge.clone();
            handled(async move { surge.update(&snapshot).await.map(drop) })
        }),
    )?;
    Ok(())
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
        way: Way::to_api(build.ground.profile, build.sizes.placed(part)),
    };
    Arc::new(Api {
        time: build.ground.time.clone(),
        gateway: Local::new(HttpApi::new(&build.ground.profile.http_api)),
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
    })
}
