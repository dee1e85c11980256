//! Times New York's Saturday, 809,014 rides and 23,500 drivers at the peak: `cargo run --release -p rushhour-twin
//! --example saturday`, with `-- 17 3` for three hours from 17:00 on.
//!
//! The riders, drivers and market of `simulator/scenarios/new-york-saturday.toml`, on the modelled cloud; what
//! `rushhour predict` adds is the report. The digest is of what became of trips and drivers: a change that is to
//! change nothing leaves it as it was.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use domain::fare::Tariff;
use domain::surge::SurgePolicy;
use domain::travel::Travel;
use domain::trip::{SweepPolicy, Trip};
use domain::{Cell, Region, Resolution, Space, Timestamp};
use drive::recorder::Recorder;
use drive::seed::seed;
use drive::watched::Watched;
use kernel::Streams;
use rushhour_twin as twin;
use services::config::{Assignment, DispatchPolicy, Market, Queue};
use twin::sizes::Sizes;
use twin::{Plan, Twin};
use workload::city::{City, CitySpec, Ground};
use workload::demand::{Arrivals, Demand, DemandSpec, TripLengths};
use workload::law::{Curve, SpanLaw, Willingness};
use workload::pace::Pace;
use workload::places::{CellWeights, Places};
use workload::profile::Profile;
use workload::supply::{Drivers, Fleet, FleetSpec, Shifts, Start};
use workload::world::{
    Cancellation, DriverRules, Idle, RideRules, RiderRules, TripDuration, World,
};

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Midnight, UTC, of Saturday, 3 January 2026.
const DAY: Timestamp = Timestamp::from_millis(1_767_398_400_000);
/// Rides of the Saturday for each of the profile's mean day.
const SCALE: f64 = 1.200_809;
const SPEED_KMH: [f64; 24] = [
    28.3, 28.6, 29.6, 32.5, 35.6, 34.9, 29.8, 23.7, 21.5, 22.6, 23.3, 23.2, 23.0, 22.4, 21.1, 20.3,
    19.7, 19.2, 20.6, 22.9, 25.5, 26.8, 27.1, 27.7,
];
const CIRCUITY: f64 = 1.381;
const DRIVERS: [u32; 24] = [
    11_590, 7_979, 5_970, 4_978, 5_286, 6_573, 10_470, 16_135, 19_355, 17_220, 15_511, 15_300,
    16_100, 17_358, 19_870, 21_074, 21_863, 23_500, 22_625, 20_746, 19_199, 17_935, 17_383, 15_228,
];

fn city(profile: &Profile) -> City {
    let both = profile.origins.iter().chain(&profile.destinations);
    let mut cells: Vec<Cell> = both.map(|(cell, _)| *cell).collect();
    cells.sort_unstable();
    cells.dedup();
    let spec = CitySpec {
        ground: Ground::Cells(cells),
        speed_kmh: SPEED_KMH,
        circuity: CIRCUITY,
    };
    City::new(spec).expect("a city of cells")
}

fn world(profile: &Profile, starts_at: Duration) -> World {
    let curve = Curve {
        intercept: 3.5,
        per_minute: -0.2,
        per_currency_unit: 0.0,
    };
    let pace = Pace::new(1.0, Timestamp::ZERO, starts_at).expect("real time is a pace");
    World {
        city: city(profile),
        pace: pace.starting(DAY + starts_at),
        streams: Streams::new(42),
        products: workload::products::Products::default(),
        rides: RideRules {
            duration: TripDuration::FromDistance,
            boarding: Duration::from_secs(30),
        },
        riders: RiderRules {
            quote_acceptance: Willingness::Constant(1.0),
            cancellation: Cancellation::Constant(0.02),
            poll_every: Duration::from_secs(5),
        },
        drivers: DriverRules {
            ping_every: Duration::from_secs(4),
            acceptance: Willingness::Curve(curve),
            reaction: "lognormal 5s 0.5".parse().expect("a law"),
            idle: Idle::Surge { share: 0.75 },
            lead: Duration::from_secs_f64(f64::from(DRIVERS[17]) / 1_500.0),
        },
    }
}

fn demand(profile: &Profile) -> Demand {
    let weights = |cells| Places::Cells(CellWeights::new(cells).expect("weights of cells"));
    Demand::new(DemandSpec {
        arrivals: Arrivals::Hourly {
            rides_per_hour: profile.hours.map(|hour| hour.trips * SCALE),
        },
        origins: weights(&profile.origins),
        destinations: weights(&profile.destinations),
        trip_lengths: Some(TripLengths {
            shape: profile.lengths.clone(),
            mean_m: profile.hours.map(|hour| hour.mean_distance_m()),
        }),
        patience: SpanLaw::Constant(Duration::from_secs(600)),
    })
    .expect("some demand")
}

fn fleet(profile: &Profile) -> Fleet {
    let placement = CellWeights::new(&profile.origins).expect("weights of cells");
    let shift = Duration::from_secs(8 * 3_600);
    Fleet::new(FleetSpec {
        drivers: Drivers::ByHour(DRIVERS),
        placement: Places::Cells(placement),
        shifts: Shifts::Lasting(SpanLaw::Constant(shift)),
        start: Start::Stationary,
    })
    .expect("some drivers")
}

fn market() -> Market {
    Market {
        region: Region::new("new-york-saturday").expect("a region's name"),
        service_area: None,
        travel: Travel::new(Space::Sphere, CIRCUITY, SPEED_KMH).expect("speeds"),
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
            radius_m: Some(5_000.0),
            candidates: 20,
            offer_timeout: Duration::from_secs(15),
            queue: Queue::Wait,
        },
        sweep: SweepPolicy::default(),
        snapshot_every: Duration::from_secs(10),
    }
}

/// CPU time of this process so far.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux has it");
    let first = text.split(' ').next().expect("the time on CPU comes first");
    first.parse::<f64>().expect("nanoseconds") / 1e9
}

fn memory_peak_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = peak.and_then(|peak| peak.split_whitespace().next());
    kb.and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1e3
}

/// Of a text, however long.
#[derive(Default)]
struct Digest(DefaultHasher);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

fn main() {
    let mut hours = std::env::args().filter_map(|argument| argument.parse().ok());
    let (from, span) = (hours.next().unwrap_or(0), hours.next().unwrap_or(24));
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let (starts_at, span) = (hours(from), hours(span));

    let profile = Profile::new_york_peak();
    let world = Arc::new(world(&profile, starts_at));
    let (demand, market) = (demand(&profile), Arc::new(market()));
    let until = world.pace.run_time(span);
    let warmup = Duration::from_secs(1_800);
    let recorder = Arc::new(Recorder::new(world.pace.started_at(), warmup, until));
    let drivers = fleet(&profile).plans(&world, &demand, span);
    let riders: Vec<_> = demand.schedule(&world, span).collect();
    let count = riders.len();
    let plan = Plan {
        riders: Box::new(riders.into_iter()),
        seeded: seed(&world, &market, &drivers),
        drivers,
        world,
        market,
        until,
        profile: cloud::profile::Profile::aws_us_east_1(),
        sizes: Sizes::hybrid(),
    };
    let set_up_s = cpu_s();
    let mut twin = Twin::new(plan, recorder.clone(), Watched::new()).expect("sizes that AWS takes");
    let slice = Duration::from_secs(3_600);
    while !twin.run_until(twin.now() + slice) {
        eprintln!("until {}: {:.1} CPU s", twin.now(), cpu_s());
    }
    let left = twin.finish();
    let recorded = recorder.finish();
    let (took_s, peak_mb) = (cpu_s(), memory_peak_mb());
    let mut digest = Digest::default();
    let mut trips: Vec<&Trip> = left.trips.iter().collect();
    trips.sort_unstable_by_key(|trip| trip.id);
    write!(digest, "{trips:?}{:?}", recorded.accounts).expect("a digest takes any text");
    println!(
        "{count} riders: {took_s:.1} CPU s, of which {set_up_s:.1} before the first; {peak_mb:.0} MB; {} polls; digest {:016x}",
        left.polls,
        digest.0.finish(),
    );
}
