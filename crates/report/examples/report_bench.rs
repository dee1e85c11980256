//! Times what is made of a city-day's trips at the end of a run:
//! `cargo run --release -p rushhour-report --features formats --example report_bench`.
//!
//! The trips are those of the sample's made-up city, copied until they are as many as New York's of a day,
//! each copy later and with drivers of its own. Times are CPU time of this thread, as Linux counts it.

use rushhour_report as report;

#[path = "sample_report/city.rs"]
mod city;

use std::time::Duration;

use city::{City, Dice, Options, city};
use domain::{DriverId, RiderId, Timestamp, TripId};
use report::audit::{AuditInput, Evidence, audit};
use report::distill::{
    Bins, DriverAccount, MarketplaceInput, Window, marketplace, pay_rates, trip_latencies,
};
use report::html::{ReportInput, render};
use report::latency::Latencies;
use report::summary::{ClockKind, Summary};
use report::timeline::TimelineRecorder;
use report::trips::{TripRow, columns};

const TRIPS: usize = 809_000;
const OPTIONS: Options = Options {
    seed: 42,
    seconds: 3_600,
    drivers: 600,
    rides_per_second: 0.55,
};

fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let first = text.split(' ').next().expect("the time on CPU comes first");
    first.parse::<f64>().expect("nanoseconds") / 1e9
}

fn timed<T>(what: &str, total: &mut f64, run: impl FnOnce() -> T) -> T {
    let before = cpu_s();
    let result = run();
    let spent = cpu_s() - before;
    *total += spent;
    println!("{what:<34} {spent:>7.2} s");
    result
}

/// The row of another ride: so much later, and of other people.
fn copied(row: &TripRow, copy: u64, by: Duration, dice: &mut Dice) -> TripRow {
    let mut row = row.clone();
    let driver = |driver: DriverId| DriverId(driver.0 + copy * OPTIONS.drivers);
    let later = |at: &mut Timestamp| *at = *at + by;
    let later_if = |at: &mut Option<Timestamp>| *at = at.map(|at| at + by);
    // Names without order, as hashes are.
    row.trip =
        TripId((u128::from(dice.share().to_bits()) << 64) | (row.trip.0 + u128::from(copy << 32)));
    row.rider = RiderId(row.rider.0 + (copy << 32));
    later(&mut row.requested_at);
    later(&mut row.patience_until);
    later(&mut row.since);
    for tried in &mut row.tries {
        tried.driver = driver(tried.driver);
        later(&mut tried.offered_at);
        later(&mut tried.deadline);
        later_if(&mut tried.ended_at);
    }
    let stamps = &mut row.stamps;
    for stamp in [
        &mut stamps.accepted_at,
        &mut stamps.arrived_at,
        &mut stamps.picked_up_at,
        &mut stamps.dropped_off_at,
    ] {
        later_if(stamp);
    }
    if let Some(seen) = &mut row.seen {
        seen.rider = row.rider;
        later(&mut seen.scheduled_at);
        for at in [
            &mut seen.answered_at,
            &mut seen.state_at,
            &mut seen.first_offer_at,
        ] {
            later_if(at);
        }
        for accept in &mut seen.accepts {
            accept.driver = driver(accept.driver);
            later(&mut accept.at);
        }
    }
    row
}

/// A day's trips by copying an hour's, and the evidence that goes with them.
fn day() -> (Vec<TripRow>, Evidence, u64) {
    let City { rows, evidence } = city(OPTIONS);
    let copies = (TRIPS / rows.len()) as u64 + 1;
    let apart = Duration::from_secs(86_400) / u32::try_from(copies).expect("few copies");
    let mut dice = Dice(7);
    let day: Vec<TripRow> = (0..copies)
        .flat_map(|copy| {
            let by = apart * u32::try_from(copy).expect("few copies");
            rows.iter()
                .map(|row| copied(row, copy, by, &mut dice))
                .collect::<Vec<_>>()
        })
        .take(TRIPS)
        .collect();
    let ended_at = evidence.ended_at + Duration::from_secs(86_400);
    (
        day,
        Evidence::new(evidence.started_at, ended_at),
        copies * OPTIONS.drivers,
    )
}

fn main() {
    let (mut rows, evidence, drivers) = day();
    let heap: usize = rows
        .iter()
        .map(|row| {
            let accepts = row.seen.as_ref().map_or(0, |seen| seen.accepts.capacity());
            row.region.as_str().len()
                + row.tries.capacity() * size_of::<domain::trip::Try>()
                + accepts * size_of::<report::trips::SeenAccept>()
        })
        .sum();
    println!(
        "{} trips, {drivers} drivers; a row is {} bytes and {} beside it",
        rows.len(),
        size_of::<TripRow>(),
        heap / rows.len()
    );
    let window = Window {
        from: evidence.started_at + Duration::from_secs(3_600),
        until: evidence.ended_at,
    };
    let accounts: Vec<DriverAccount> = (1..=drivers)
        .map(|driver| DriverAccount {
            idle_s: 30_000.0,
            on_trip_s: 40_000.0,
            ..DriverAccount::new(DriverId(driver))
        })
        .collect();
    let mut total = 0.0;
    let mut latencies = Latencies::default();
    timed("sort by time", &mut total, || {
        rows.sort_by_cached_key(|row| (row.requested_at, row.trip));
    });
    timed("latencies of trips", &mut total, || {
        trip_latencies(&rows, &window, &mut latencies);
    });
    let input = MarketplaceInput {
        rows: &rows,
        accounts: &accounts,
        window,
        speedup: 1.0,
        quoted: 0,
    };
    let mut summary = Summary::new("a day", 42, "bench", ClockKind::Virtual);
    timed("marketplace", &mut total, || {
        marketplace(&input).fill(&mut summary);
    });
    summary.audit = timed("audit", &mut total, || {
        audit(&AuditInput {
            rows: &rows,
            evidence: &evidence,
        })
    });
    summary.latency_ms = latencies.figures();
    let pay = timed("pay rates", &mut total, || Bins::of(&pay_rates(&input), 30));
    let recorder = TimelineRecorder::new(evidence.started_at, Duration::from_secs(360));
    let timeline = timed("timeline", &mut total, || {
        recorder.finish(window, &rows, pay)
    });
    let page = timed("report.html", &mut total, || {
        render(&ReportInput {
            summary: &summary,
            timeline: &timeline,
            latencies: &latencies,
            rows: &rows,
        })
    });
    let mut file = Vec::new();
    timed("trips.parquet", &mut total, || {
        columns::write_trips(&mut file, &rows).expect("memory takes it");
    });
    println!("{:<34} {total:>7.2} s", "all");
    println!(
        "report.html {} KB, trips.parquet {} MB, {} violations",
        page.len() / 1_000,
        file.len() / 1_000_000,
        summary.audit.violations_count()
    );
}
