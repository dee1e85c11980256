//! Marketplaces of textbook simplicity: a square with its edges joined, straight ways at one speed, nobody
//! declines or cancels, and a cloud that answers at once unless another is asked for. How dispatch is held
//! against theory, how a seed is seen to replay, and what is timed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloud::profile::{Architecture, Profile, Spans};
use domain::fare::Tariff;
use domain::surge::SurgePolicy;
use domain::travel::Travel;
use domain::trip::SweepPolicy;
use domain::{Region, Resolution, Space, Timestamp};
use drive::recorder::{Recorded, Recorder};
use drive::seed::seed;
use drive::watched::Watched;
use kernel::Streams;
use report::summary::Matching;
use services::config::{DispatchPolicy, Market};
use workload::city::{City, CitySpec, Ground};
use workload::demand::{Arrivals, Demand, DemandSpec};
use workload::law::{SpanLaw, Willingness};
use workload::pace::Pace;
use workload::places::Places;
use workload::supply::{Drivers, Fleet, FleetSpec, Shifts, Start};
use workload::world::{
    Cancellation, DriverRules, Idle, RideRules, RiderRules, TripDuration, World,
};

use crate::run::{Left, Plan, Twin};
use crate::sizes::{ContainerSize, FunctionSize, MappingSize, Part, Placement, Sizes, Streets};

/// Everything begins at midnight of a day like another.
const BEGIN: Timestamp = Timestamp::from_millis(1_767_398_400_000);

/// A marketplace.
#[derive(Debug, Clone)]
pub struct Textbook {
    /// Replays it.
    pub seed: u64,
    /// Side of the square, in metres.
    pub side_m: f64,
    /// Speed in km/h, everywhere.
    pub speed_kmh: f64,
    /// Drivers, from the start to the end.
    pub drivers: u32,
    /// Riders an hour, a Poisson process.
    pub rides_per_hour: f64,
    /// How long a ride takes, whatever its distance; none: as its distance has it.
    pub ride: Option<SpanLaw>,
    /// How long riders wait until a driver is found.
    pub patience: Duration,
    /// What the driver takes to answer.
    pub reaction: SpanLaw,
    /// How riders and drivers are brought together.
    pub dispatch: DispatchPolicy,
    /// Whether prices follow supply and demand.
    pub surge: bool,
    /// How long riders come.
    pub span: Duration,
    /// How much of it is left out of every figure.
    pub warmup: Duration,
    /// The cloud.
    pub profile: Profile,
    /// Where parts run, and what each is given.
    pub sizes: Sizes,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// What riders and drivers saw.
    pub recorded: Recorded,
    /// What the stores and the cloud have.
    pub left: Left,
    /// What match rounds told.
    pub matching: Matching,
    /// The counted span.
    pub counted: Duration,
    /// From when on things count.
    pub counted_from: Timestamp,
}

/// A cloud that answers at once.
#[must_use]
pub fn at_once() -> Profile {
    let mut profile = Profile::embedded();
    let none = || Spans::constant(Duration::ZERO);
    let tables = &mut profile.table;
    for law in [
        &mut tables.get,
        &mut tables.put,
        &mut tables.query,
        &mut tables.transact,
    ] {
        *law = none();
    }
    let queue = &mut profile.queue;
    for law in [&mut queue.send, &mut queue.receive] {
        *law = none();
    }
    queue.visibility_tick = Duration::ZERO;
    profile.http_api.overhead = none();
    profile.http_api.client_rtt = none();
    profile.container.grpc_rtt = none();
    profile.container.app_rtt = none();
    profile.container.cpu_per_ping = Duration::ZERO;
    profile.service.clear();
    profile
}

impl Sizes {
    /// What the embedded stack is started with: four functions of 256 MB, the tracker in a container.
    #[must_use]
    pub fn hybrid() -> Self {
        let function = |part: Part| FunctionSize {
            memory_mb: 256,
            architecture: Architecture::Arm64,
            reserved_concurrency: None,
            provisioned_concurrency: None,
            timeout: Duration::from_secs(match part {
                Part::Matching | Part::FleetTracker => 10,
                _ => 5,
            }),
            added_latency: Duration::ZERO,
            streets: Streets::default(),
        };
        let container = ContainerSize {
            vcpu: 1.0,
            memory_gb: 2.0,
            tasks_min: 1,
            tasks_max: 1,
            scale_on_cpu: None,
        };
        let mapping = |concurrency, visibility_s, receives_max| MappingSize {
            batch_size: 10,
            batch_window: Duration::ZERO,
            maximum_concurrency: Some(concurrency),
            visibility_timeout: Duration::from_secs(visibility_s),
            receives_max,
        };
        let each = |of: &dyn Fn(Part) -> Placement| Part::ALL.map(|part| (part, of(part))).into();
        Self {
            placement: each(&|part| match part {
                Part::FleetTracker => Placement::Container,
                _ => Placement::Lambda,
            }),
            functions: Part::ALL.map(|part| (part, function(part))).into(),
            containers: Part::ALL
                .map(|part| (part, container.clone()))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            ride_requests: mapping(2, 60, 3),
            trip_events: mapping(50, 30, 10),
            market_snapshots: mapping(2, 30, 3),
        }
    }
}

impl Textbook {
    fn world(&self) -> World {
        let city = City::new(CitySpec {
            ground: Ground::Plane {
                width_m: self.side_m,
                height_m: self.side_m,
                wraps: true,
            },
            speed_kmh: [self.speed_kmh; 24],
            circuity: 1.0,
        });
        World {
            city: city.expect("a square of some size"),
            pace: Pace::new(1.0, BEGIN, Duration::ZERO).expect("real time is a pace"),
            streams: Streams::new(self.seed),
            products: workload::products::Products::default(),
            rides: RideRules {
                duration: self
                    .ride
                    .map_or(TripDuration::FromDistance, TripDuration::Law),
                boarding: Duration::ZERO,
            },
            riders: RiderRules {
                quote_acceptance: Willingness::Constant(1.0),
                cancellation: Cancellation::Constant(0.0),
                poll_every: Duration::from_secs(5),
            },
            drivers: DriverRules {
                ping_every: Duration::from_secs(4),
                acceptance: Willingness::Constant(1.0),
                reaction: self.reaction,
                idle: Idle::Stay,
                lead: Duration::from_secs(1),
            },
        }
    }

    fn market(&self) -> Market {
        let space = Space::Torus {
            width_m: self.side_m,
            height_m: self.side_m,
        };
        let travel = Travel::new(space, 1.0, [self.speed_kmh; 24]);
        Market {
            region: Region::new("textbook").expect("a region's name"),
            service_area: None,
            travel: travel.expect("a speed of more than nothing"),
            tariff: Tariff::default_usd(),
            products: services::products::Products::default(),
            resolution: Resolution::new(8).expect("a resolution"),
            surge: self.surge.then(SurgePolicy::default),
            quote_ttl: Duration::from_secs(120),
            dispatch: self.dispatch.clone(),
            sweep: SweepPolicy::default(),
            snapshot_every: Duration::from_secs(10),
        }
    }

    /// Runs it.
    ///
    /// # Panics
    /// If what is stated cannot be: a square of no size, no drivers, no demand.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let world = Arc::new(self.world());
        let demand = Demand::new(DemandSpec {
            arrivals: Arrivals::Poisson {
                rides_per_hour: self.rides_per_hour,
            },
            origins: Places::Uniform,
            destinations: Places::Uniform,
            trip_lengths: None,
            patience: SpanLaw::Constant(self.patience),
        })
        .expect("some demand");
        let fleet = Fleet::new(FleetSpec {
            drivers: Drivers::Count(self.drivers),
            placement: Places::Uniform,
            shifts: Shifts::Throughout,
            start: Start::Idle,
        })
        .expect("some drivers");
        let market = Arc::new(self.market());
        let until = world.pace.run_time(self.span);
        let drivers = fleet.plans(&world, &demand, self.span);
        let riders: Vec<_> = demand.schedule(&world, self.span).collect();
        let plan = Plan {
            riders: Box::new(riders.into_iter()),
            seeded: seed(&world, &market, &drivers),
            drivers,
            world,
            market,
            until,
            profile: self.profile.clone(),
            sizes: self.sizes.clone(),
        };
        let recorder = Arc::new(Recorder::new(BEGIN, self.warmup, until));
        let watched = Watched::new();
        let mut twin =
            Twin::new(plan, recorder.clone(), watched.clone()).expect("sizes that AWS takes");
        twin.run_until(until);
        let left = twin.finish();
        Outcome {
            recorded: recorder.finish(),
            left,
            matching: watched.matching(),
            counted: self.span - self.warmup,
            counted_from: recorder.counted_from(),
        }
    }
}
