//! Where parts run, and what happens when they have too little: every placement serves, a function without
//! room answers 503 and is asked again, a container without room becomes slow. Whatever happens, what must
//! hold of rides holds: the audit of a run of the twin is that of a live one.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::profile::{Profile, ServiceTime, Spans};
use drive::evidence::{Ended, evidence, rows};
use drive::last_look::look_into;
use report::audit::{AuditInput, audit};
use report::latency::step;
use report::replicas::student_t_95;
use report::trips::TripRow;
use rushhour_twin as twin;
use services::config::{Assignment, DispatchPolicy, Queue};
use twin::sizes::{Part, Placement, Sizes, Streets};
use twin::textbook::{Outcome, Textbook, at_once};

const WARMUP: Duration = Duration::from_secs(300);

/// A small city on AWS.
fn city() -> Textbook {
    Textbook {
        seed: 3,
        side_m: 5_000.0,
        speed_kmh: 30.0,
        drivers: 50,
        rides_per_hour: 300.0,
        ride: None,
        patience: Duration::from_secs(240),
        reaction: "lognormal 4s 0.5".parse().expect("a law"),
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
        surge: true,
        span: Duration::from_secs(2_400),
        warmup: WARMUP,
        profile: Profile::aws_us_east_1(),
        sizes: Sizes::hybrid(),
    }
}

fn placed(of: impl Fn(Part) -> Placement) -> Sizes {
    Sizes {
        placement: Part::ALL.map(|part| (part, of(part))).into(),
        ..Sizes::hybrid()
    }
}

/// Holds a run against every rule; nothing was under way at its start.
#[track_caller]
fn audited(outcome: Outcome) -> Vec<TripRow> {
    let Outcome { recorded, left, .. } = outcome;
    let mut seen = recorded.seen;
    let last_look = look_into(&left.trips, left.ended_at, &mut seen);
    let started_at = outcome.counted_from - WARMUP;
    let under_way = BTreeMap::new();
    let evidence = evidence(&Ended {
        started_at,
        ended_at: left.ended_at,
        under_way: &under_way,
        seen: &seen,
        holds: &left.holds,
        last_look: &last_look,
    });
    let rows = rows(left.trips, seen, &under_way);
    let figures = audit(&AuditInput {
        rows: &rows,
        evidence: &evidence,
    });
    assert!(figures.checked > 1_000, "found {} facts", figures.checked);
    assert!(figures.violations.is_empty(), "{:#?}", figures.violations);
    rows
}

/// Of the rides that were requested, how many a driver was found for.
fn found(rows: &[TripRow]) -> f64 {
    let found = rows.iter().filter(|row| row.accepted_at().is_some());
    found.count() as f64 / rows.len() as f64
}

#[test]
fn every_placement_serves_the_same_riders() {
    let mut requested = Vec::new();
    for (name, sizes) in [
        ("hybrid", Sizes::hybrid()),
        ("all on Lambda", placed(|_| Placement::Lambda)),
        ("all in containers", placed(|_| Placement::Container)),
    ] {
        let mut city = city();
        city.sizes = sizes;
        let outcome = city.run();
        let counted = &outcome.left.counted;
        for part in Part::ALL {
            let name = format!("{name}: {}", part.name());
            match city.sizes.placed(part) {
                Placement::Lambda => {
                    assert!(counted.functions[part.name()].invocations > 0, "{name}");
                }
                Placement::Container => {
                    assert!(counted.containers[part.name()].messages > 0, "{name}");
                }
            }
        }
        assert_eq!(
            counted.functions.len() + counted.containers.len(),
            5,
            "{name}"
        );
        let rows = audited(outcome);
        assert!(found(&rows) > 0.9, "{name}: found {}", found(&rows));
        requested.push(rows.len());
    }
    assert!(
        requested.iter().all(|rows| *rows == requested[0]),
        "found {requested:?}"
    );
}

#[test]
fn a_function_without_room_answers_503_and_is_asked_again() {
    let roomy = city().run();
    assert!(roomy.recorded.counts.errors_by_kind.is_empty());
    let mut tight = city();
    tight
        .sizes
        .functions
        .get_mut(&Part::Trips)
        .expect("a part")
        .reserved_concurrency = Some(1);
    // As if its tables were far.
    tight
        .sizes
        .functions
        .get_mut(&Part::Trips)
        .expect("a part")
        .added_latency = Duration::from_millis(200);
    let outcome = tight.run();
    let counts = &outcome.recorded.counts;
    let throttled = |name: &str| {
        let kind = format!("{name}: 503 throttled");
        counts.errors_by_kind.get(&kind).copied().unwrap_or(0)
    };
    assert!(
        throttled(step::REQUEST) > 10 && throttled(step::READ) > 10,
        "{:?}",
        counts.errors_by_kind
    );
    assert!(outcome.left.counted.functions["trips"].throttles > 100);
    assert_eq!(outcome.left.counted.functions["trips"].concurrency_max, 1);
    // Everybody asked until there was an answer.
    assert_eq!(audited(outcome).len(), audited(roomy).len());
}

#[test]
fn riders_who_are_turned_away_come_no_later() {
    let mut tight = city();
    let pricing = tight.sizes.functions.get_mut(&Part::Pricing);
    let pricing = pricing.expect("a part");
    pricing.reserved_concurrency = Some(1);
    pricing.added_latency = Duration::from_millis(500);
    let Outcome { recorded, .. } = tight.run();
    let kind = format!("{}: 503 throttled", step::QUOTE);
    let throttled = recorded.counts.errors_by_kind.get(&kind).copied();
    assert!(throttled.unwrap_or(0) > 10, "{throttled:?}");
    // Virtual time is never behind.
    let lag = recorded.lag.figures();
    assert_eq!(
        (lag.count, lag.max <= Some(0.001)),
        (recorded.counts.offered, true),
        "{lag:?}"
    );
}

/// Each ping that is due is in the latencies, as long as it waits, where the tracker turns it away or is too slow.
#[test]
fn pings_wait_for_a_tracker_that_has_no_room() {
    let acknowledged = |city: &Textbook| {
        let recorded = city.run().recorded;
        let figures = recorded.latencies.step(step::PING_ACK);
        let figures = figures.expect("there were pings").figures();
        assert_eq!(figures.count, recorded.pings);
        figures
    };
    let due = acknowledged(&city());
    assert!(due.max < Some(1_000.0), "{due:?}");
    // A ping that is turned away waits for its driver's next, four seconds later, or for the one after that.
    let mut turning_away = city();
    turning_away.sizes = placed(|_| Placement::Lambda);
    let tracker = turning_away.sizes.functions.get_mut(&Part::FleetTracker);
    let tracker = tracker.expect("a part");
    tracker.reserved_concurrency = Some(1);
    tracker.added_latency = Duration::from_millis(100);
    let waited = acknowledged(&turning_away);
    assert_eq!(waited.count, due.count);
    assert!(waited.p50 < Some(1_000.0), "{waited:?}");
    assert!(waited.max > Some(4_000.0), "{waited:?}");
    // A processor that has not the time for all of them falls behind.
    let mut slow = city();
    slow.profile.container.cpu_per_ping = Duration::from_millis(100);
    let waited = acknowledged(&slow);
    assert_eq!(waited.count, due.count);
    assert!(waited.p50 > Some(4_000.0), "{waited:?}");
}

#[test]
fn a_cold_start_takes_as_much_longer_as_there_are_streets_to_read() {
    let pricing = |streets: Streets| {
        let mut city = city();
        city.warmup = Duration::ZERO;
        let function = city.sizes.functions.get_mut(&Part::Pricing);
        function.expect("a part").streets = streets;
        city.run().left.counted.functions["pricing"]
    };
    let (nodes, periods) = (4_000_000, 2);
    let reading = city().profile.lambda.init_of_streets(nodes, periods);
    assert!(reading > Duration::from_secs(4), "{reading:?}");
    let (without, with) = (
        pricing(Streets::default()),
        pricing(Streets { nodes, periods }),
    );
    assert!(without.cold_starts > 0 && with.cold_starts >= without.cold_starts);
    let more = Duration::from_millis(with.billed_ms - without.billed_ms).as_secs_f64();
    let expected = reading.as_secs_f64() * with.cold_starts as f64;
    assert!(
        (more / expected - 1.0).abs() < 0.05,
        "{more} s, expected {expected} s"
    );
}

#[test]
fn a_hostile_cloud_breaks_no_rule() {
    for seed in 1..=4 {
        let mut city = city();
        (city.seed, city.rides_per_hour) = (seed, 700.0);
        city.profile.queue.duplicate_probability = 0.2;
        city.profile.queue.reorder_probability = 0.2;
        if seed % 2 == 0 {
            city.sizes = placed(|_| Placement::Lambda);
        }
        for part in [Part::Trips, Part::Matching, Part::FleetTracker] {
            let function = city.sizes.functions.get_mut(&part).expect("a part");
            function.reserved_concurrency = Some(2);
            function.added_latency = Duration::from_millis(150);
        }
        let outcome = city.run();
        assert!(outcome.left.counted.functions["trips"].throttles > 0);
        assert!(outcome.left.counted.queues["trip-events"].redelivered > 0);
        let rows = audited(outcome);
        assert!(
            rows.len() > 300 && found(&rows) > 0.2,
            "{} rows, found {}",
            rows.len(),
            found(&rows)
        );
    }
}

/// How often quotes failed so.
fn failed_quotes(outcome: &Outcome, how: &str) -> u64 {
    let kind = format!("{}: {how}", step::QUOTE);
    let counts = &outcome.recorded.counts;
    counts.errors_by_kind.get(&kind).copied().unwrap_or(0)
}

#[test]
fn an_init_that_takes_too_long_is_made_again_in_the_call() {
    let mut city = city();
    let function = city.sizes.functions.get_mut(&Part::Pricing);
    // 5.3 s to read; of the call's 5 s, no time is left.
    function.expect("a part").streets.nodes = 10_000_000;
    assert_eq!(failed_quotes(&city.run(), "504 timed_out"), 0);
    city.profile.lambda.init_timeout = Duration::from_secs(5);
    assert!(failed_quotes(&city.run(), "504 timed_out") > 0);
}

#[test]
fn the_api_does_not_wait_for_a_function_for_ever() {
    let mut city = city();
    let function = city.sizes.functions.get_mut(&Part::Pricing);
    function.expect("a part").added_latency = Duration::from_millis(300);
    assert_eq!(failed_quotes(&city.run(), "503 integration_timeout"), 0);
    city.profile.http_api.integration_timeout = Duration::from_millis(250);
    let outcome = city.run();
    assert!(failed_quotes(&outcome, "503 integration_timeout") > 100);
}

/// Where queues build up and run empty again, maxima of the last seconds are below those of the whole run.
#[test]
fn maxima_are_of_what_comes_after_the_warm_up() {
    let maxima = |warmup: Duration| {
        let mut city = city();
        city.warmup = warmup;
        let trips = city.sizes.functions.get_mut(&Part::Trips);
        let trips = trips.expect("a part");
        trips.reserved_concurrency = Some(2);
        trips.added_latency = Duration::from_millis(500);
        let pricing = city.sizes.functions.get_mut(&Part::Pricing);
        pricing.expect("a part").added_latency = Duration::from_secs(1);
        let Outcome { left, recorded, .. } = city.run();
        let counted = left.counted;
        let events = &counted.queues["trip-events"];
        [
            f64::from(counted.functions["pricing"].concurrency_max),
            counted.depth_max["trip-events"] as f64,
            events.age_max.as_secs_f64(),
            recorded.in_flight_max as f64,
        ]
    };
    let whole = maxima(Duration::ZERO);
    let end = maxima(city().span - Duration::from_secs(5));
    let pairs = || end.iter().zip(&whole);
    assert!(
        pairs().all(|(end, whole)| end <= whole),
        "{end:?} {whole:?}"
    );
    // A message may be there at any time.
    let lower = pairs().filter(|(end, whole)| end < whole).count();
    assert!(lower >= 3, "{end:?} {whole:?}");
}

/// One processor that all share equally: with Poisson arrivals work of s at a load of ρ takes s / (1 - ρ) on
/// average, whatever its law.
#[test]
fn a_container_without_room_becomes_slow_as_a_shared_processor_does() {
    let work = Duration::from_millis(500);
    for load in [0.5, 0.8] {
        let mut market = city();
        market.profile = at_once();
        market.profile.service.insert(
            "pricing.quote".to_owned(),
            ServiceTime {
                cpu: Spans::constant(work),
                per_item: Duration::ZERO,
            },
        );
        market.sizes = placed(|_| Placement::Container);
        // Next to all are turned away at once: it is their quotes that matter.
        (market.drivers, market.dispatch.queue) = (1, Queue::Lose);
        market.surge = false;
        market.rides_per_hour = load / work.as_secs_f64() * 3_600.0;
        market.span = Duration::from_secs(1_500);
        let seeds = 8;
        let (means, shares): (Vec<f64>, Vec<f64>) = (1..=seeds)
            .map(|seed| {
                market.seed = seed;
                let outcome = market.run();
                let quotes = outcome.recorded.latencies.step(step::QUOTE);
                let mean_ms = quotes.and_then(|quotes| quotes.figures().mean);
                let used = &outcome.left.counted.containers["pricing"];
                (
                    mean_ms.expect("there were quotes"),
                    used.cpu
                        .and_then(|cpu| cpu.cpu_share_mean())
                        .expect("it is measured"),
                )
            })
            .unzip();
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let squares: f64 = means.iter().map(|m| (m - mean(&means)).powi(2)).sum();
        let n = means.len() as f64;
        let ci95 = student_t_95(means.len() - 1) * (squares / (n - 1.0) / n).sqrt();
        let expected = work.as_secs_f64() * 1_000.0 / (1.0 - load);
        let found = mean(&means);
        assert!(
            (found - expected).abs() < 2.0 * ci95,
            "load {load}: found {found} ± {ci95} ms, expected {expected}"
        );
        assert!(
            ci95 < 0.25 * expected,
            "load {load}: ± {ci95} ms is too wide"
        );
        assert!(
            (mean(&shares) / load - 1.0).abs() < 0.06,
            "found {shares:?}, expected {load}"
        );
    }
}
