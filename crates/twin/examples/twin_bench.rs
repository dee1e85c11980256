//! Times predictions: rides per CPU second with the whole infrastructure modelled, and how the cost grows
//! with the number of rides: `cargo run --release -p rushhour-twin --example twin_bench`.
//!
//! CPU time of this process, as Linux counts it. The other side is the same riders and drivers stepped
//! through a host that answers at once (`cargo run --release -p rushhour-workload --features formats
//! --example workload_bench`): what is above it is the modelled system.

use std::time::Duration;

use cloud::profile::Profile;
use rushhour_twin as twin;
use services::config::{Assignment, DispatchPolicy, Queue};
use twin::sizes::Sizes;
use twin::textbook::Textbook;

/// As in the command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("Linux has it");
    let first = text.split(' ').next().expect("the time on CPU comes first");
    first.parse::<f64>().expect("nanoseconds") / 1e9
}

fn city(drivers: u32, rides_per_hour: f64, span: Duration) -> Textbook {
    Textbook {
        seed: 42,
        side_m: 12_000.0,
        speed_kmh: 24.0,
        drivers,
        rides_per_hour,
        ride: None,
        patience: Duration::from_secs(600),
        reaction: "lognormal 5s 0.5".parse().expect("a law"),
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
        surge: std::env::args().all(|a| a != "--no-surge"),
        span,
        warmup: Duration::ZERO,
        profile: Profile::aws_us_east_1(),
        sizes: Sizes::hybrid(),
    }
}

fn time(what: &str, textbook: &Textbook) -> (f64, f64) {
    let before = cpu_s();
    let outcome = textbook.run();
    let cpu = cpu_s() - before;
    let rides = outcome.left.trips.len() as f64;
    println!(
        "{what:<44} {rides:>8} rides {cpu:>7.2} CPU s {:>9.0} rides per CPU s {:>6.1} polls a ride",
        rides / cpu,
        outcome.left.polls as f64 / rides,
    );
    (rides, cpu)
}

fn main() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let quick = std::env::args().any(|argument| argument == "--quick");
    time(
        "1,000 drivers, 2,500 rides an hour",
        &city(1_000, 2_500.0, hours(8)),
    );
    if quick {
        return;
    }
    let (few, few_cpu) = time("1,000 drivers, 20 h", &city(1_000, 2_500.0, hours(20)));
    let (many, many_cpu) = time("1,000 drivers, 320 h", &city(1_000, 2_500.0, hours(320)));
    let exponent = (many_cpu / few_cpu).ln() / (many / few).ln();
    println!("cost grows as rides to the power {exponent:.3} (limit 1.1)");
}
