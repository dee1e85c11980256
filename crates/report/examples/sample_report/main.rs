//! Writes a report of a made-up run, to look at: `cargo run -p rushhour-report --example sample_report -- DIR`.

use rushhour_report as report;

mod city;

use std::time::Duration;

use city::{City, Dice, Options};
use domain::{DriverId, Timestamp};
use report::audit::{AuditInput, audit};
use report::distill::{
    Bins, DriverAccount, MarketplaceInput, Window, marketplace, pay_rates, trip_latencies,
};
use report::html::{ReportInput, render, render_diff};
use report::latency::{Latencies, step};
use report::summary::{ClockKind, Container, Cost, Function, Queue, Summary, Table};
use report::timeline::{DriverCounts, TimelineRecorder};

const OPTIONS: Options = Options {
    seed: 42,
    seconds: 1_800,
    drivers: 2_050,
    rides_per_second: 1.95,
};

/// What drivers do at a moment, as the trips tell it.
fn drivers_at(city: &City, at: Timestamp) -> DriverCounts {
    let mut counts = DriverCounts::default();
    for row in &city.rows {
        let before = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= at);
        let stamps = &row.stamps;
        if before(row.ended_at()) || !before(row.accepted_at()) {
            continue;
        }
        if before(stamps.picked_up_at) {
            counts.on_trip += 1;
        } else if before(stamps.arrived_at) {
            counts.waiting += 1;
        } else {
            counts.pickup += 1;
        }
    }
    let busy = counts.on_trip + counts.waiting + counts.pickup;
    counts.idle = OPTIONS.drivers.saturating_sub(busy);
    counts
}

fn accounts(city: &City, window: &Window) -> Vec<DriverAccount> {
    let mut accounts: Vec<_> = (1..=OPTIONS.drivers)
        .map(|n| DriverAccount::new(DriverId(n)))
        .collect();
    let clip = |at: Timestamp| at.clamp(window.from, window.until);
    let span = |from: Timestamp, to: Timestamp| clip(to).since(clip(from)).as_secs_f64();
    for row in &city.rows {
        let (Some(driver), Some(accepted)) = (row.driver(), row.accepted_at()) else {
            continue;
        };
        let end = row.ended_at().unwrap_or(window.until);
        let arrived = row.stamps.arrived_at.unwrap_or(end);
        let picked_up = row.stamps.picked_up_at.unwrap_or(end);
        let account = &mut accounts[(driver.0 - 1) as usize];
        account.pickup_s += span(accepted, arrived);
        account.waiting_s += span(arrived, picked_up);
        account.on_trip_s += span(picked_up, end);
        account.pickup_m += span(accepted, arrived) * 7.0;
        account.trip_m += span(picked_up, end) * 6.0;
    }
    for account in &mut accounts {
        account.idle_s = (window.seconds() - account.online_s()).max(0.0);
        account.idle_m = account.idle_s * 0.6;
    }
    accounts
}

fn infrastructure(summary: &mut Summary, dice: &mut Dice) {
    for (name, calls, ms) in [
        ("pricing", 5_140, 3.1),
        ("trips", 61_020, 4.4),
        ("matching", 746, 38.0),
        ("surge", 300, 6.2),
    ] {
        let mut durations = report::latency::LatencyHistogram::default();
        for _ in 0..calls {
            durations.record_us(((ms * 0.6 + dice.exponential(ms * 0.5)) * 1_000.0) as u64);
        }
        summary.functions.insert(
            name.into(),
            Function {
                invocations: calls,
                cold_starts: 4 + calls / 2_000,
                concurrency_max: 3 + calls / 4_000,
                duration_ms: durations.figures(),
                billed_ms: (calls as f64 * (ms + 1.0)) as u64,
                ..Function::default()
            },
        );
    }
    for (name, sent) in [
        ("ride-requests", 3_905),
        ("trip-events", 15_310),
        ("market-snapshots", 300),
    ] {
        summary.queues.insert(
            name.into(),
            Queue {
                sent,
                received: sent + 2,
                deleted: sent,
                redelivered: 2,
                dead_lettered: 0,
                age_max_s: Some(2.3),
                depth_max: 64,
            },
        );
    }
    for (name, units) in [
        ("trips", 41_300.0),
        ("fleet", 18_900.0),
        ("pricing", 3_200.0),
    ] {
        summary.tables.insert(
            name.into(),
            Table {
                read_units: units * 0.7,
                write_units: units,
                throttles: 0,
                conditional_failures: (units / 900.0) as u64,
            },
        );
    }
    summary.containers.insert(
        "fleet-tracker".into(),
        Container {
            tasks_max: 1,
            cpu_share_mean: Some(0.31),
            messages: 768_750,
        },
    );
    let parts = [
        ("Lambda", 0.0412),
        ("DynamoDB", 0.0521),
        ("HTTP API", 0.0660),
        ("SQS", 0.0094),
        ("Fargate", 0.0171),
        ("Load balancer", 0.0094),
    ];
    let total: f64 = parts.iter().map(|(_, dollars)| dollars).sum();
    summary.cost_usd = Some(Cost {
        total,
        per_completed_ride: Some(total / summary.rides.completed.max(1) as f64),
        per_month_at_this_load: Some(total * 30.0 * 86_400.0 / OPTIONS.seconds as f64),
        by_component: parts
            .map(|(name, dollars)| (name.to_owned(), dollars))
            .into(),
        basis: "Reckoned from the operations counted here and a price file.".into(),
        unverified: vec!["profile.table.get".into()],
        ..Cost::default()
    });
    summary.prices_as_of = Some("2026-11-01".into());
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let city = city::city(OPTIONS);
    let mut dice = Dice(7);
    let (start, until) = (city.evidence.started_at, city.evidence.ended_at);
    let warmup = Duration::from_secs(600);
    let window = Window {
        from: start + warmup,
        until,
    };
    let mut recorder = TimelineRecorder::new(start, Duration::from_secs(5));
    let mut latencies = Latencies::default();
    for second in 0..OPTIONS.seconds {
        let at = start + Duration::from_secs(second);
        if second % 5 == 0 {
            recorder.drivers(at, drivers_at(&city, at));
        }
        for (name, count, base_ms, tail_ms) in [
            (step::QUOTE, 3, 3.4, 2.4),
            (step::REQUEST, 3, 4.6, 3.0),
            (step::PING_ACK, 60, 0.7, 1.1),
            (step::OFFER_DELIVERY, 3, 1.5, 2.0),
        ] {
            for _ in 0..count {
                let slow = if dice.share() < 0.004 { 30.0 } else { 1.0 };
                let ms = base_ms * dice.between(0.6, 1.3) + slow * dice.exponential(tail_ms);
                let latency = Duration::from_secs_f64(ms / 1_000.0);
                latencies.record(name, latency);
                recorder.latency(name, at, latency);
            }
        }
    }
    for row in &city.rows {
        recorder.scheduled(row.asked_at());
        recorder.surge(
            row.requested_at,
            f64::from(row.fare.surge.hundredths()) / 100.0,
        );
        if let Some(at) = row.accepted_at() {
            recorder.latency(step::REQUEST_TO_ACCEPT, at, at.since(row.asked_at()));
        }
        if let Some(at) = row.seen.as_ref().and_then(|seen| seen.first_offer_at) {
            recorder.latency(step::REQUEST_TO_OFFER, at, at.since(row.asked_at()));
        }
    }
    trip_latencies(&city.rows, &window, &mut latencies);
    let accounts = accounts(&city, &window);
    let input = MarketplaceInput {
        rows: &city.rows,
        accounts: &accounts,
        window,
        speedup: 1.0,
        quoted: 5_140,
    };
    let mut summary = Summary::new(
        "Manhattan, a made-up evening",
        OPTIONS.seed,
        "embedded",
        ClockKind::Wall,
    );
    marketplace(&input).fill(&mut summary);
    summary
        .notes
        .push("This run is made up, to show what a report looks like.".into());
    summary.latency_ms = latencies.figures();
    summary.seconds.simulated = OPTIONS.seconds as f64;
    summary.seconds.wall = OPTIONS.seconds as f64 + 1.4;
    summary.seconds.cpu = 803.2;
    summary.peak_rss_bytes = Some(412 << 20);
    summary.load.offered = 66_160;
    summary.load.sent = 66_160;
    summary.load.completed = 66_160;
    summary.load.in_flight_max = 37;
    summary.load.pings = 922_500;
    summary.load.streams = OPTIONS.drivers;
    summary.load.stream_connections = 32;
    infrastructure(&mut summary, &mut dice);
    let limits = [
        ("quote_p99", 50.0),
        ("request_to_offer_p99", 4_000.0),
        ("ping_ack_p99", 250.0),
        ("served_share", 0.95),
    ]
    .map(|(name, limit)| (name.to_owned(), limit));
    summary.slo = report::slo::evaluate(&limits, &summary)?;
    summary.audit = audit(&AuditInput {
        rows: &city.rows,
        evidence: &city.evidence,
    });
    let timeline = recorder.finish(window, &city.rows, Bins::of(&pay_rates(&input), 32));
    let page = render(&ReportInput {
        summary: &summary,
        timeline: &timeline,
        latencies: &latencies,
        rows: &city.rows,
    });
    std::fs::write(format!("{folder}/report.html"), &page)?;
    let mut other = summary.clone();
    other.rides.completed -= 300;
    other.rides.unserved += 120;
    for figures in other.latency_ms.values_mut() {
        figures.p99 = figures.p99.map(|ms| ms * dice.between(0.7, 1.2));
    }
    std::fs::write(format!("{folder}/diff.html"), render_diff(&other, &summary))?;
    println!("{}", report::text::text(&summary));
    println!("{}", report::diff::diff_text(&other, &summary));
    println!("{folder}/report.html: {} bytes", page.len());
    Ok(())
}
