//! A function under a load: calls on the environments of [`LambdaPool`].
//!
//! A call that starts an environment takes `cold_service` instead of `service`. A call beyond the maximum
//! concurrency is rejected. Environments start at once and as many as are asked for: Lambda's scaling rate
//! is not part of the study.

use std::array::from_fn;

use cloud::lambda_pool::{
    EnvironmentId, Invocation, LambdaConfig, LambdaCounters, LambdaPool, Outcome, Routing,
};
use domain::Timestamp;

use crate::distribution::{Coming, Taking};
use crate::ends::Ends;
use crate::estimate::BATCHES;
use crate::figures::{Figures, Kind};
use crate::window::{Counts, Sums, Window, share};
use crate::{Draws, Function};

/// The pool counts microseconds.
const TICKS_PER_S: u64 = 1_000_000;

pub(crate) fn run(function: &Function, draws: &Draws<'_>) -> Option<Figures> {
    let window = Window::new(function.span, TICKS_PER_S);
    let mut calls = Calls::new(function, draws, window);
    for step in window.warm_up_steps() {
        draws.go_on()?;
        calls.run_until(step);
    }
    let before = calls.counters(window.from());
    let mut counted = [before; BATCHES];
    for (batch, counters) in counted.iter_mut().enumerate() {
        for step in window.steps(batch) {
            draws.go_on()?;
            calls.run_until(step);
        }
        *counters = calls.counters(window.end_of(batch));
    }
    let tally = Tally::new(before, &counted);
    let busy_us: u128 = tally.busy_us.iter().sum();
    assert_eq!(
        busy_us, calls.taken_us,
        "calls under way over time are the times that calls take (Little's law)"
    );
    Some(figures(&tally, &window))
}

fn figures(tally: &Tally, window: &Window) -> Figures {
    Figures {
        arrivals: window.total(&tally.arrivals),
        cold_start_probability: share(&tally.cold_starts, &tally.arrivals),
        rejected_probability: share(&tally.rejected, &tally.arrivals),
        instances_mean: window.over_time(&tally.instances_us),
        busy_mean: window.over_time(&tally.busy_us),
        idle_mean: window.over_time(&tally.idle_us),
        ..Figures::none(Kind::Function)
    }
}

/// What the pool counted in each batch.
struct Tally {
    arrivals: Counts,
    cold_starts: Counts,
    rejected: Counts,
    instances_us: Sums,
    busy_us: Sums,
    idle_us: Sums,
}

impl Tally {
    /// From what was counted before the first batch, and at the end of each.
    fn new(before: LambdaCounters, counted: &[LambdaCounters; BATCHES]) -> Self {
        let each = |of: &dyn Fn(&LambdaCounters) -> u64| -> Counts {
            from_fn(|batch| {
                let earlier = match batch {
                    0 => &before,
                    _ => &counted[batch - 1],
                };
                of(&counted[batch]) - of(earlier)
            })
        };
        Self {
            arrivals: each(&|counted| counted.invocations + counted.throttles),
            cold_starts: each(&|counted| counted.cold_starts),
            rejected: each(&|counted| counted.throttles),
            instances_us: each(&|counted| counted.environment_us).map(u128::from),
            busy_us: each(&|counted| counted.busy_us).map(u128::from),
            idle_us: each(&|counted| counted.environment_us - counted.busy_us).map(u128::from),
        }
    }
}

/// Calls that come, run and end.
struct Calls<'a> {
    pool: LambdaPool,
    coming: Coming<'a>,
    next_call: u64,
    warm: Taking<'a>,
    cold: Taking<'a>,
    under_way: Ends,
    window: Window,
    /// The times that calls take, as far as they lie in the window.
    taken_us: u128,
}

impl<'a> Calls<'a> {
    fn new(function: &'a Function, draws: &Draws<'_>, window: Window) -> Self {
        let ticks_per_s = TICKS_PER_S as f64;
        let routing = match function.routing {
            Routing::Random(_) => Routing::Random(draws.stream("routing").bits()),
            routing => routing,
        };
        let config = LambdaConfig {
            reserved_concurrency: Some(function.maximum_concurrency),
            scale_per_10s: u32::MAX,
            idle_timeout: function.idle_timeout,
            routing,
            ..LambdaConfig::default()
        };
        let mut coming = Coming::new(&function.arrivals, draws.stream("arrivals"), ticks_per_s);
        Self {
            pool: LambdaPool::new(config),
            next_call: coming.next(),
            coming,
            warm: Taking::new(&function.service, draws.stream("service"), ticks_per_s),
            cold: Taking::new(&function.cold_service, draws.stream("cold"), ticks_per_s),
            under_way: Ends::default(),
            window,
            taken_us: 0,
        }
    }

    /// All that happens before a moment, and what ends at it.
    fn run_until(&mut self, end: u64) {
        while self.next_call < end {
            let now = self.next_call;
            self.finish_until(now);
            self.call(now);
            self.next_call = self.coming.next();
        }
        self.finish_until(end);
    }

    fn call(&mut self, now: u64) {
        let (environment, takes) = match self.pool.invoke(timestamp(now)) {
            Invocation::Warm(environment) => (environment, self.warm.next()),
            Invocation::Cold(environment) => {
                // No instance hangs on what expired.
                self.pool.reclaim(timestamp(now));
                (environment, self.cold.next())
            }
            Invocation::Throttled(_) => return,
        };
        let end = now.saturating_add(takes);
        self.taken_us += u128::from(self.window.overlap(now, end));
        self.under_way.push(end, environment.0);
    }

    fn finish_until(&mut self, now: u64) {
        while let Some((end, environment)) = self.under_way.pop_until(now) {
            self.pool
                .finish(EnvironmentId(environment), timestamp(end), Outcome::Success)
                .expect("a call under way runs on its environment");
        }
    }

    fn counters(&mut self, now: u64) -> LambdaCounters {
        self.pool.reclaim(timestamp(now));
        self.pool.counters()
    }
}

fn timestamp(us: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(us).unwrap_or(i64::MAX))
}
