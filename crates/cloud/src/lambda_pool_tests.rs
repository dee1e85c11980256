//! Worked examples and properties of the Lambda pool.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeSet, BinaryHeap};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn pool(change: impl FnOnce(&mut LambdaConfig)) -> LambdaPool {
    let mut config = LambdaConfig::default();
    change(&mut config);
    LambdaPool::new(config)
}

#[test]
fn a_second_call_is_warm_until_the_idle_timeout() {
    let mut pool = pool(|c| c.idle_timeout = Duration::from_secs(60));
    let first = EnvironmentId(0);
    assert_eq!(pool.invoke(at(0)), Invocation::Cold(first));
    pool.finish(first, at(100), Outcome::Success).unwrap();
    assert_eq!(pool.next_reclaim_at(), Some(at(60_100)));
    assert_eq!(pool.invoke(at(60_099)), Invocation::Warm(first));
    // Keep-alive restarts with each call.
    pool.finish(first, at(60_200), Outcome::Success).unwrap();
    assert_eq!(pool.reclaim(at(120_199)), vec![]);
    // Idle for exactly the timeout is idle for too long, whether or not anybody asked for it before.
    assert_eq!(pool.invoke(at(120_200)), Invocation::Cold(EnvironmentId(1)));
    assert_eq!(pool.reclaim(at(120_200)), vec![first]);
    assert_eq!(pool.reclaim(at(120_200)), vec![]);
    let counted = pool.counters();
    assert_eq!((counted.invocations, counted.cold_starts), (3, 2));
    assert_eq!(counted.environment_us, 120_200_000);
    assert_eq!(counted.busy_us, 201_000);
}

#[test]
fn each_routing_takes_its_own() {
    for (routing, expected) in [(Routing::NewestIdle, 2), (Routing::LeastRecentlyUsed, 1)] {
        let mut pool = pool(|c| c.routing = routing);
        for _ in 0..3 {
            pool.invoke(at(0));
        }
        for (ms, environment) in [(10, 1), (20, 2), (30, 0)] {
            pool.finish(EnvironmentId(environment), at(ms), Outcome::Success)
                .unwrap();
        }
        assert_eq!(
            pool.invoke(at(40)),
            Invocation::Warm(EnvironmentId(expected)),
            "{routing:?}"
        );
    }
}

#[test]
fn random_routing_takes_everyone_and_repeats_by_seed() {
    let taken = |seed| {
        let mut pool = pool(|c| c.routing = Routing::Random(seed));
        for _ in 0..4 {
            pool.invoke(at(0));
        }
        for environment in 0..4 {
            pool.finish(EnvironmentId(environment), at(1), Outcome::Success)
                .unwrap();
        }
        (2..100)
            .map(|ms| match pool.invoke(at(ms)) {
                Invocation::Warm(environment) => {
                    pool.finish(environment, at(ms), Outcome::Success).unwrap();
                    environment
                }
                other => panic!("found {other:?}, expected a warm call"),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(taken(7), taken(7));
    assert_ne!(taken(7), taken(8));
    assert_eq!(taken(7).into_iter().collect::<BTreeSet<_>>().len(), 4);
}

#[test]
fn crashes_and_timeouts_destroy_errors_do_not() {
    for (outcome, destroyed) in [
        (Outcome::Success, false),
        (Outcome::Error, false),
        (Outcome::Timeout, true),
        (Outcome::Crash, true),
    ] {
        let mut pool = pool(|_| ());
        pool.invoke(at(0));
        let finished = pool.finish(EnvironmentId(0), at(5), outcome).unwrap();
        assert_eq!(
            finished,
            Finished {
                billed_ms: 5,
                destroyed
            }
        );
        assert_eq!(
            pool.counters().errors,
            u64::from(outcome != Outcome::Success)
        );
        assert_eq!(matches!(pool.invoke(at(6)), Invocation::Cold(_)), destroyed);
    }
}

#[test]
fn billing_starts_with_init_and_rounds_up() {
    let mut pool = pool(|c| c.memory_mb = 512);
    pool.invoke(at(0));
    pool.start_billing(EnvironmentId(0), at(100)).unwrap();
    let end = Timestamp::from_micros(112_001);
    assert_eq!(
        pool.finish(EnvironmentId(0), end, Outcome::Success)
            .unwrap()
            .billed_ms,
        13
    );
    assert_eq!(
        pool.finish(EnvironmentId(0), end, Outcome::Success),
        Err(NotRunning(EnvironmentId(0)))
    );
    assert!((pool.counters().gb_seconds(512) - 0.0065).abs() < 1e-12);
}

#[test]
fn limits_name_their_reason() {
    let mut reserved = pool(|c| c.reserved_concurrency = Some(2));
    let mut shared = pool(|c| c.account_concurrency = 2);
    for _ in 0..2 {
        assert!(matches!(reserved.invoke(at(0)), Invocation::Cold(_)));
        assert!(matches!(shared.invoke(at(0)), Invocation::Cold(_)));
    }
    assert_eq!(
        reserved.invoke(at(1)),
        Invocation::Throttled(ThrottleReason::ReservedConcurrency)
    );
    assert_eq!(
        shared.invoke(at(1)),
        Invocation::Throttled(ThrottleReason::AccountConcurrency)
    );
    assert_eq!(reserved.counters().throttles, 1);
}

#[test]
fn scaling_refills_continuously_and_does_not_accumulate() {
    let mut pool = pool(|c| c.account_concurrency = 10_000);
    let started = |pool: &mut LambdaPool, ms| {
        (0..2_000)
            .filter(|_| matches!(pool.invoke(at(ms)), Invocation::Cold(_)))
            .count()
    };
    assert_eq!(started(&mut pool, 0), 1_000);
    assert_eq!(
        pool.invoke(at(0)),
        Invocation::Throttled(ThrottleReason::ScalingRate)
    );
    assert_eq!(started(&mut pool, 9), 0);
    assert_eq!(started(&mut pool, 10), 1);
    assert_eq!(started(&mut pool, 1_010), 100);
    assert_eq!(started(&mut pool, 3_600_000), 1_000);
}

#[test]
fn the_warm_up_is_forgotten() {
    let mut pool = pool(|_| ());
    pool.invoke(at(0));
    pool.reset_counters(at(1_000));
    pool.finish(EnvironmentId(0), at(3_000), Outcome::Success)
        .unwrap();
    let counted = pool.counters();
    assert_eq!(
        (
            counted.invocations,
            counted.cold_starts,
            counted.concurrency_max
        ),
        (0, 0, 1)
    );
    assert_eq!(counted.busy_us, 2_000_000);
}

/// Poisson arrivals at 0.9/s, exponential service of 1.991 s (warm) and 2.244 s (cold), 600 s of
/// keep-alive: the worked example of SimFaaS (Mahmoudi and Khazaei 2021, table 1), which found a cold
/// start probability of 0.14 % and 7.68 instances on average, 1.79 of them busy.
#[test]
fn newest_idle_first_reproduces_the_published_simulation() {
    let mut pool = pool(|c| c.idle_timeout = Duration::from_secs(600));
    let mut draws = 0;
    let mut exponential = |mean_s: f64| {
        let unit = (draw_below(&mut draws, 1 << 53).unwrap() as f64 + 0.5) / (1_u64 << 53) as f64;
        (-mean_s * unit.ln() * 1e6) as i64
    };
    let mut ends = BinaryHeap::new();
    let (mut now, warm_up_us, arrivals) = (0_i64, 2_000_000_000, 400_000);
    for arrival in 0..arrivals {
        now += exponential(1.0 / 0.9);
        while let Some(&std::cmp::Reverse((end, environment))) = ends.peek() {
            if end > now {
                break;
            }
            ends.pop();
            pool.finish(environment, Timestamp::from_micros(end), Outcome::Success)
                .unwrap();
        }
        if arrival == warm_up_us / 1_111_111 {
            pool.reset_counters(Timestamp::from_micros(now));
        }
        let (environment, mean) = match pool.invoke(Timestamp::from_micros(now)) {
            Invocation::Warm(environment) => (environment, 1.991),
            Invocation::Cold(environment) => (environment, 2.244),
            Invocation::Throttled(reason) => panic!("found {reason:?}, expected room"),
        };
        ends.push(std::cmp::Reverse((now + exponential(mean), environment)));
    }
    let counted = pool.counters();
    let cold_percent = counted.cold_starts as f64 / counted.invocations as f64 * 100.0;
    let instances = counted.environment_us as f64 / counted.busy_us as f64 * 1.792;
    assert!(
        (0.11..0.17).contains(&cold_percent),
        "cold {cold_percent} %, expected 0.14"
    );
    assert!(
        (7.3..8.1).contains(&instances),
        "{instances} instances, expected 7.68"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn concurrency_stays_below_the_limit_and_nothing_is_lost(
        limit in 1_u32..6,
        routing in 0_usize..3,
        steps in proptest::collection::vec((0_u8..4, 0_i64..400), 1..200),
    ) {
        let routings = [Routing::NewestIdle, Routing::LeastRecentlyUsed, Routing::Random(3)];
        let mut pool = pool(|c| {
            c.reserved_concurrency = Some(limit);
            c.idle_timeout = Duration::from_secs(1);
            c.routing = routings[routing];
        });
        let (mut ms, mut busy, mut dropped) = (0, Vec::new(), BTreeSet::new());
        for (step, pause) in steps {
            ms += pause;
            match (step, busy.len()) {
                (0 | 1, _) => match pool.invoke(at(ms)) {
                    Invocation::Warm(e) | Invocation::Cold(e) => {
                        prop_assert!(!busy.contains(&e), "one call at a time");
                        prop_assert!(!dropped.contains(&e), "a dropped environment came back");
                        busy.push(e);
                    }
                    Invocation::Throttled(_) => prop_assert_eq!(busy.len() as u32, limit),
                },
                (2, 1..) => {
                    pool.finish(busy.swap_remove(ms as usize % busy.len()), at(ms), Outcome::Success).unwrap();
                }
                _ => for e in pool.reclaim(at(ms)) {
                    prop_assert!(!busy.contains(&e));
                    prop_assert!(dropped.insert(e), "named twice");
                },
            }
            prop_assert_eq!(pool.counters().concurrency as usize, busy.len());
            prop_assert!(pool.counters().concurrency_max <= limit);
            prop_assert!(pool.environments() as u32 <= limit);
        }
        for e in busy.drain(..) {
            pool.finish(e, at(ms), Outcome::Crash).unwrap();
        }
        dropped.extend(pool.reclaim(at(ms + 1_000)));
        prop_assert_eq!(pool.environments(), 0);
        let counted = pool.counters();
        prop_assert_eq!(counted.invocations >= counted.cold_starts, true);
    }
}

/// The pool as one would write it down: a list, searched from end to end.
struct Listed {
    routing: Routing,
    /// Each environment with the moment since which it is idle, in ms; none while it is busy.
    environments: Vec<(u64, Option<i64>)>,
    next: u64,
    gone: Vec<u64>,
}

impl Listed {
    fn pass(&mut self, now: i64, timeout: i64) {
        let over = |since: &Option<i64>| since.is_some_and(|since| since + timeout <= now);
        let gone = self.environments.iter().filter(|(_, since)| over(since));
        self.gone.extend(gone.map(|(id, _)| *id));
        self.environments.retain(|(_, since)| !over(since));
    }

    fn invoke(&mut self, limit: usize) -> Option<Invocation> {
        let busy = self
            .environments
            .iter()
            .filter(|(_, since)| since.is_none());
        if busy.count() >= limit {
            return None;
        }
        let idle = self.environments.iter_mut();
        let idle = idle.filter_map(|(id, idle)| Some((idle.as_ref().copied()?, *id, idle)));
        let taken = match self.routing {
            Routing::NewestIdle => idle.max_by_key(|(_, id, _)| *id),
            _ => idle.min_by_key(|(since, id, _)| (*since, *id)),
        };
        if let Some((_, id, idle)) = taken {
            *idle = None;
            return Some(Invocation::Warm(EnvironmentId(id)));
        }
        self.environments.push((self.next, None));
        self.next += 1;
        Some(Invocation::Cold(EnvironmentId(self.next - 1)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn the_pool_is_a_list_that_is_searched_faster(
        limit in 1_u32..60,
        newest in proptest::bool::ANY,
        steps in proptest::collection::vec((0_u8..8, 0_i64..30, 0_usize..60), 1..600),
    ) {
        let timeout = 100;
        let routing = if newest { Routing::NewestIdle } else { Routing::LeastRecentlyUsed };
        let mut pool = pool(|c| {
            c.reserved_concurrency = Some(limit);
            c.idle_timeout = Duration::from_millis(timeout as u64);
            c.routing = routing;
        });
        let mut listed = Listed { routing, environments: Vec::new(), next: 0, gone: Vec::new() };
        let (mut ms, mut named) = (0, Vec::new());
        for (step, pause, which) in steps {
            ms += pause;
            listed.pass(ms, timeout);
            let busy = listed.environments.iter().enumerate();
            let busy: Vec<_> = busy.filter(|(_, (_, since))| since.is_none()).map(|(at, _)| at).collect();
            if step < 4 || busy.is_empty() {
                let found = pool.invoke(at(ms));
                match listed.invoke(limit as usize) {
                    Some(expected) => prop_assert_eq!(found, expected),
                    None => prop_assert!(matches!(found, Invocation::Throttled(_))),
                }
            } else {
                let place = busy[which % busy.len()];
                let id = EnvironmentId(listed.environments[place].0);
                let outcome = if step == 4 { Outcome::Crash } else { Outcome::Error };
                let finished = pool.finish(id, at(ms), outcome).unwrap();
                prop_assert_eq!(finished.destroyed, step == 4);
                if step == 4 {
                    listed.environments.remove(place);
                } else {
                    listed.environments[place].1 = Some(ms);
                }
            }
            prop_assert_eq!(pool.environments(), listed.environments.len());
            let expires = listed.environments.iter().filter_map(|(_, since)| *since).min();
            prop_assert_eq!(pool.next_reclaim_at(), expires.map(|since| at(since + timeout)));
        }
        named.extend(pool.reclaim(at(ms)).into_iter().map(|id| id.0));
        named.sort_unstable();
        listed.gone.sort_unstable();
        prop_assert_eq!(named, listed.gone);
    }
}
