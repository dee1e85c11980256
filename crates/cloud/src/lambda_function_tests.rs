//! A function within its account: provisioned environments, spillover, shared concurrency, age.

use kernel::Streams;
use proptest::prelude::*;

use super::*;
use crate::profile::Profile;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn account() -> Account {
    Account::of(&Profile::aws_us_east_1().lambda)
}

fn function(account: &mut Account, change: impl FnOnce(&mut FunctionConfig)) -> LambdaFunction {
    let mut config = FunctionConfig {
        memory_mb: 512,
        reserved_concurrency: None,
        provisioned: None,
        routing: Routing::NewestIdle,
    };
    change(&mut config);
    let lambda = Profile::aws_us_east_1().lambda;
    let mut stream = Streams::new(1).stream("function", 0);
    LambdaFunction::new(config, &lambda, account, at(0), &mut stream).unwrap()
}

#[test]
fn provisioned_environments_take_calls_once_all_are_ready_and_the_rest_spills_over() {
    let mut account = account();
    let lambda = Profile::aws_us_east_1().lambda;
    let provisioned = Provisioned::enabled(&lambda, 200, at(0), Duration::from_millis(20));
    assert_eq!(provisioned.ready_at, at(2_020));
    let mut function = function(&mut account, |c| {
        c.provisioned = Some(Provisioned {
            environments: 2,
            ..provisioned
        });
    });
    assert_eq!(account.shared_limit(), 998);
    let early = function.invoke(at(2_000), &mut account).unwrap();
    assert!(matches!(early, Start::Cold(Environment::OnDemand(_))));
    let starts: Vec<Start> = (0..3)
        .map(|_| function.invoke(at(3_000), &mut account).unwrap())
        .collect();
    assert_eq!(
        starts[..2],
        [
            Start::Warm(Environment::Provisioned(0)),
            Start::Warm(Environment::Provisioned(1))
        ]
    );
    assert!(matches!(starts[2], Start::Cold(Environment::OnDemand(_))));
    assert_eq!(account.shared(), (2, 2));
    let first = Environment::Provisioned(0);
    let end = |function: &mut LambdaFunction, account: &mut Account, ms, outcome| {
        function.finish(first, at(ms), outcome, account)
    };
    assert_eq!(
        end(&mut function, &mut account, 3_005, Outcome::Success),
        Ok(false)
    );
    assert_eq!(
        end(&mut function, &mut account, 3_005, Outcome::Success),
        Err(NoCall(first))
    );
    assert_eq!(
        function.invoke(at(3_010), &mut account),
        Ok(Start::Warm(first))
    );
    assert_eq!(
        end(&mut function, &mut account, 3_015, Outcome::Crash),
        Ok(true)
    );
    let counted = function.counters();
    assert_eq!((counted.all.invocations, counted.all.cold_starts), (5, 2));
    assert_eq!((counted.provisioned_calls, counted.spillovers), (3, 2));
    assert_eq!((counted.provisioned_billed_ms, counted.all.errors), (10, 1));
    assert_eq!(
        (counted.all.concurrency, counted.all.concurrency_max),
        (3, 4)
    );
    // Two environments of half a GB, five minutes at least.
    assert!((function.provisioned_gb_s(at(4_000)) - 300.0).abs() < 1e-9);
    function.reset_counters(at(600_000));
    assert!((function.provisioned_gb_s(at(610_000)) - 10.0).abs() < 1e-9);
}

#[test]
fn functions_share_the_account_and_a_reservation_is_out_of_it() {
    let mut account = Account::new(110, 100);
    let mut reserved = function(&mut account, |c| c.reserved_concurrency = Some(10));
    let mut first = function(&mut account, |_| ());
    let mut second = function(&mut account, |_| ());
    let calls = |function: &mut LambdaFunction, account: &mut Account, count: u32| {
        let refused = (0..count).filter_map(|_| function.invoke(at(1), account).err());
        refused.collect::<Vec<Refusal>>()
    };
    assert_eq!(calls(&mut first, &mut account, 60), []);
    let refused = calls(&mut second, &mut account, 50);
    assert_eq!(
        refused,
        [Refusal::Concurrency(ThrottleReason::AccountConcurrency); 10]
    );
    let refused = calls(&mut reserved, &mut account, 12);
    assert_eq!(
        refused,
        [Refusal::Concurrency(ThrottleReason::ReservedConcurrency); 2]
    );
    let freed = Environment::OnDemand(EnvironmentId(0));
    first
        .finish(freed, at(2), Outcome::Success, &mut account)
        .unwrap();
    assert_eq!(calls(&mut second, &mut account, 1), []);
    assert_eq!(second.counters().all.throttles, 10);
    assert_eq!(reserved.counters().all.throttles, 2);
}

#[test]
fn short_calls_meet_the_request_rate_first() {
    let mut account = account();
    let mut function = function(&mut account, |c| c.reserved_concurrency = Some(1));
    let mut refused = 0;
    for n in 0..2_000_i64 {
        match function.invoke(at(n * 10), &mut account) {
            Ok(Start::Warm(environment) | Start::Cold(environment)) => {
                let end = at(n * 10 + 5);
                function
                    .finish(environment, end, Outcome::Success, &mut account)
                    .unwrap();
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::RequestRate);
                refused += 1;
            }
        }
    }
    // 10 a second of 100 for 20 s, and a second's burst.
    assert!((1_785..=1_795).contains(&refused), "{refused}");
}

#[test]
fn an_environment_goes_for_its_age_without_an_error() {
    let mut account = account();
    let mut function = function(&mut account, |_| ());
    let mut starts = Vec::new();
    for minute in 0..=121 {
        let start = function.invoke(at(minute * 60_000), &mut account).unwrap();
        let (Start::Warm(environment) | Start::Cold(environment)) = start;
        function
            .start_billing(environment, at(minute * 60_000))
            .unwrap();
        let end = at(minute * 60_000 + 10);
        let gone = function
            .finish(environment, end, Outcome::Success, &mut account)
            .unwrap();
        starts.push((matches!(start, Start::Cold(_)), gone));
    }
    assert_eq!(starts[0], (true, false));
    assert_eq!(starts[120], (false, true), "two hours old");
    assert_eq!(starts[121], (true, false));
    let counted = function.counters();
    assert_eq!((counted.all.errors, counted.aged_out), (0, 1));
    assert_eq!(counted.all.cold_starts, 2);
    assert_eq!(function.reclaim(at(10_000_000)).len(), 1);
    assert!(function.born.is_empty());
}

proptest! {
    #[test]
    fn concurrency_keeps_its_limits_and_every_call_is_accounted_for(
        provisioned in 0_u32..4,
        reserved in proptest::option::of(4_u32..8),
        steps in proptest::collection::vec((any::<bool>(), 0_i64..400, 0_usize..8), 1..150),
    ) {
        let mut account = Account::new(12, 2);
        let mut function = function(&mut account, |c| {
            c.reserved_concurrency = reserved;
            c.provisioned = (provisioned > 0).then(|| Provisioned::ready(provisioned, at(0)));
        });
        let limit = reserved.unwrap_or(12);
        let (mut ms, mut running, mut begun, mut refused) = (0, Vec::new(), 0_u64, 0_u64);
        for (arrives, pause, which) in steps {
            ms += pause;
            if arrives {
                match function.invoke(at(ms), &mut account) {
                    Ok(Start::Warm(environment) | Start::Cold(environment)) => {
                        prop_assert!(!running.contains(&environment), "two calls in one");
                        running.push(environment);
                        begun += 1;
                    }
                    Err(_) => refused += 1,
                }
            } else if !running.is_empty() {
                let environment = running.swap_remove(which % running.len());
                function.finish(environment, at(ms), Outcome::Success, &mut account).unwrap();
            }
            prop_assert!(running.len() <= limit as usize);
            let counted = function.counters().all;
            prop_assert_eq!(counted.concurrency as usize, running.len());
            prop_assert_eq!((counted.invocations, counted.throttles), (begun, refused));
            let on_demand = running.iter().filter(|e| matches!(e, Environment::OnDemand(_)));
            let shared = if reserved.is_some() { 0 } else { on_demand.count() };
            prop_assert_eq!(account.shared().0 as usize, shared);
        }
    }
}
