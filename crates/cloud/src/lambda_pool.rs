//! The execution environments of one Lambda function: who takes a call, who is cold, who is throttled.
//!
//! Start at [`LambdaPool::invoke`] and [`LambdaPool::finish`]; a host calls [`LambdaPool::reclaim`] now
//! and then and drops the instances named. An environment runs one call at a time. The machine knows
//! no clock: a `now` that lies before an earlier one is read as the earlier one.

mod environments;

use std::time::Duration;

use domain::Timestamp;
use environments::Environments;

/// Concurrency of an account before a quota increase (docs: lambda/latest/dg/services-sqs-scaling).
pub const ACCOUNT_CONCURRENCY_DEFAULT: u32 = 1_000;
/// New environments a function may start in each [`SCALE_PERIOD`] (docs: lambda/latest/dg/scaling-behavior).
pub const SCALE_PER_10S: u32 = 1_000;
/// The period of the scaling rate; the allowance is refilled continuously and never exceeds one period's.
pub const SCALE_PERIOD: Duration = Duration::from_secs(10);
/// Idle time after which an environment is reclaimed. AWS publishes none; measurements of 2021 and later
/// saw 5 to 7 minutes (mikhail.io/serverless/coldstarts/aws/intervals).
pub const IDLE_TIMEOUT_DEFAULT: Duration = Duration::from_secs(6 * 60);
/// Least and most memory a function may have, in MB (Lambda pricing page).
pub const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;

/// Which idle environment takes the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Routing {
    /// The one created last, so that old ones fall idle and are reclaimed. Fits the published measurements.
    #[default]
    NewestIdle,
    /// The one whose last call ended longest ago.
    LeastRecentlyUsed,
    /// Any, drawn evenly from a stream started at this seed.
    Random(u64),
}

/// What one function is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaConfig {
    /// Memory in MB; CPU follows it on AWS. It scales the billed GB-seconds here.
    pub memory_mb: u32,
    /// Concurrency set aside for this function, which is also its limit. None: it shares the account's.
    pub reserved_concurrency: Option<u32>,
    /// How much of the account's concurrency this function may take when none is reserved.
    pub account_concurrency: u32,
    /// New environments allowed in each [`SCALE_PERIOD`].
    pub scale_per_10s: u32,
    /// Idle time after which an environment is reclaimed; each call starts it anew.
    pub idle_timeout: Duration,
    /// Which idle environment takes the next call.
    pub routing: Routing,
}

impl Default for LambdaConfig {
    fn default() -> Self {
        Self {
            memory_mb: 128,
            reserved_concurrency: None,
            account_concurrency: ACCOUNT_CONCURRENCY_DEFAULT,
            scale_per_10s: SCALE_PER_10S,
            idle_timeout: IDLE_TIMEOUT_DEFAULT,
            routing: Routing::NewestIdle,
        }
    }
}

/// One execution environment of a function. A later one has a greater number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentId(pub u64);

/// Why a call was refused with status 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThrottleReason {
    /// Every call of the reserved concurrency is under way.
    ReservedConcurrency,
    /// The account's share is used up.
    AccountConcurrency,
    /// Environments were started as fast as the scaling rate allows.
    ScalingRate,
}

/// What became of a call on arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invocation {
    /// An idle environment takes it.
    Warm(EnvironmentId),
    /// A new environment is started for it, and takes it after its init.
    Cold(EnvironmentId),
    /// Refused; the caller may try again.
    Throttled(ThrottleReason),
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The function returned.
    Success,
    /// The function returned an error; its environment lives on.
    Error,
    /// The function ran into its timeout; its environment is destroyed.
    Timeout,
    /// The function's process died; its environment is destroyed.
    Crash,
}

/// The account of one finished call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Billed duration in ms, init included, rounded up.
    pub billed_ms: u64,
    /// Whether the environment is gone and its instance must be dropped.
    pub destroyed: bool,
}

/// A call was ended on an environment that runs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found environment {} without a call, expected one that runs a call", .0.0)]
pub struct NotRunning(pub EnvironmentId);

/// What was counted since the start or the last [`LambdaPool::reset_counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LambdaCounters {
    /// Calls that ran or run; throttled ones are not among them, as in CloudWatch.
    pub invocations: u64,
    /// Calls that ended in an error, timeout or crash.
    pub errors: u64,
    /// Calls that started an environment.
    pub cold_starts: u64,
    /// Calls refused.
    pub throttles: u64,
    /// Calls under way now.
    pub concurrency: u32,
    /// The most calls under way at one moment.
    pub concurrency_max: u32,
    /// Sum of billed durations, in ms.
    pub billed_ms: u64,
    /// Time environments spent running calls, summed, in µs.
    pub busy_us: u64,
    /// Time environments existed, busy and idle, summed, in µs.
    pub environment_us: u64,
}

impl LambdaCounters {
    /// Billed GB-seconds at this memory size (1 GB is 1,024 MB).
    #[must_use]
    pub fn gb_seconds(&self, memory_mb: u32) -> f64 {
        self.billed_ms as f64 / 1e3 * f64::from(memory_mb) / 1_024.0
    }
}

/// The environments of one function.
#[derive(Debug, Clone)]
pub struct LambdaPool {
    config: LambdaConfig,
    now: Timestamp,
    next_environment: u64,
    environments: Environments,
    /// When the environment that has been idle for longest expires.
    expires_at: Timestamp,
    /// Expired environments that no call of `reclaim` has named yet.
    expired: Vec<EnvironmentId>,
    scaling: ScalingRate,
    draws: u64,
    counters: LambdaCounters,
}

impl LambdaPool {
    /// A function that has not been called yet.
    #[must_use]
    pub fn new(config: LambdaConfig) -> Self {
        let scaling = ScalingRate::new(config.scale_per_10s);
        let draws = match config.routing {
            Routing::Random(seed) => seed,
            Routing::NewestIdle | Routing::LeastRecentlyUsed => 0,
        };
        Self {
            environments: Environments::new(config.routing),
            config,
            now: Timestamp::from_micros(i64::MIN),
            next_environment: 0,
            expires_at: Timestamp::MAX,
            expired: Vec::new(),
            scaling,
            draws,
            counters: LambdaCounters::default(),
        }
    }

    /// What the function was given.
    #[must_use]
    pub fn config(&self) -> &LambdaConfig {
        &self.config
    }

    /// The most calls that may be under way at once, and why.
    #[must_use]
    pub fn concurrency_limit(&self) -> (u32, ThrottleReason) {
        match self.config.reserved_concurrency {
            Some(reserved) => (reserved, ThrottleReason::ReservedConcurrency),
            None => (
                self.config.account_concurrency,
                ThrottleReason::AccountConcurrency,
            ),
        }
    }

    /// A call arrives. Warm and cold calls are billed from now on; see [`Self::start_billing`].
    pub fn invoke(&mut self, now: Timestamp) -> Invocation {
        let now = self.advance(now);
        let (limit, reason) = self.concurrency_limit();
        if self.counters.concurrency >= limit {
            self.counters.throttles += 1;
            return Invocation::Throttled(reason);
        }
        if let Some(environment) = self.take_idle(now) {
            self.occupy();
            return Invocation::Warm(environment);
        }
        if !self.scaling.take(now) {
            self.counters.throttles += 1;
            return Invocation::Throttled(ThrottleReason::ScalingRate);
        }
        let environment = EnvironmentId(self.next_environment);
        self.next_environment += 1;
        self.counters.cold_starts += 1;
        self.environments.create(environment, now);
        self.occupy();
        Invocation::Cold(environment)
    }

    /// The init of a cold environment begins now: finding it a place before that is not billed.
    ///
    /// # Errors
    /// If the environment runs no call.
    pub fn start_billing(
        &mut self,
        environment: EnvironmentId,
        now: Timestamp,
    ) -> Result<(), NotRunning> {
        let now = self.advance(now);
        let from = self.environments.billed_from(environment);
        *from.ok_or(NotRunning(environment))? = now;
        Ok(())
    }

    /// A call ends. Its environment falls idle, or is destroyed after a timeout or a crash.
    ///
    /// # Errors
    /// If the environment runs no call.
    pub fn finish(
        &mut self,
        environment: EnvironmentId,
        now: Timestamp,
        outcome: Outcome,
    ) -> Result<Finished, NotRunning> {
        let destroyed = matches!(outcome, Outcome::Timeout | Outcome::Crash);
        self.end(environment, now, outcome, destroyed)
    }

    /// A call ends, and its environment with it, however the call went: it is too old to take another.
    ///
    /// # Errors
    /// If the environment runs no call.
    pub fn finish_last(
        &mut self,
        environment: EnvironmentId,
        now: Timestamp,
        outcome: Outcome,
    ) -> Result<Finished, NotRunning> {
        self.end(environment, now, outcome, true)
    }

    fn end(
        &mut self,
        environment: EnvironmentId,
        now: Timestamp,
        outcome: Outcome,
        destroyed: bool,
    ) -> Result<Finished, NotRunning> {
        let now = self.advance(now);
        let from = if destroyed {
            self.environments.destroy(environment)
        } else {
            self.environments.rest(environment, now)
        };
        let billed_ms = billed_ms(from.ok_or(NotRunning(environment))?, now);
        self.counters.concurrency -= 1;
        self.counters.billed_ms += billed_ms;
        self.counters.errors += u64::from(outcome != Outcome::Success);
        if !destroyed && self.environments.idle() == 1 {
            self.expires_at = now + self.config.idle_timeout;
        }
        Ok(Finished {
            billed_ms,
            destroyed,
        })
    }

    /// Environments that have been idle for too long since the last call of this; their instances go.
    pub fn reclaim(&mut self, now: Timestamp) -> Vec<EnvironmentId> {
        self.advance(now);
        std::mem::take(&mut self.expired)
    }

    /// When the next environment expires if nothing calls it, for a host's timer.
    #[must_use]
    pub fn next_reclaim_at(&self) -> Option<Timestamp> {
        let since = self.environments.longest_idle_since()?;
        Some(since + self.config.idle_timeout)
    }

    /// Environments that exist now, busy and idle.
    #[must_use]
    pub fn environments(&self) -> usize {
        self.environments.len()
    }

    /// What was counted up to the last call of any other method.
    #[must_use]
    pub fn counters(&self) -> LambdaCounters {
        self.counters
    }

    /// Forgets what was counted until now, as at the end of a warm-up; calls under way stay.
    pub fn reset_counters(&mut self, now: Timestamp) {
        self.advance(now);
        let concurrency = self.counters.concurrency;
        self.counters = LambdaCounters {
            concurrency,
            concurrency_max: concurrency,
            ..LambdaCounters::default()
        };
    }

    fn occupy(&mut self) {
        self.counters.invocations += 1;
        self.counters.concurrency += 1;
        self.counters.concurrency_max =
            self.counters.concurrency_max.max(self.counters.concurrency);
    }

    fn take_idle(&mut self, now: Timestamp) -> Option<EnvironmentId> {
        let draws = &mut self.draws;
        self.environments
            .take(now, |bound| draw_below(draws, bound))
    }

    /// Moves time on: adds up environment time and sets aside what expired on the way.
    fn advance(&mut self, now: Timestamp) -> Timestamp {
        if now <= self.now {
            return self.now;
        }
        if self.environments.len() > 0 {
            let elapsed = elapsed_us(self.now, now);
            self.counters.busy_us += elapsed * u64::from(self.counters.concurrency);
            self.counters.environment_us += elapsed * self.environments.len() as u64;
        }
        self.now = now;
        if self.expires_at <= now {
            self.expire(now);
        }
        now
    }

    fn expire(&mut self, now: Timestamp) {
        self.expires_at = Timestamp::MAX;
        while let Some(since) = self.environments.longest_idle_since() {
            // It may have been called and fallen idle again since `expires_at` was set.
            let end = since + self.config.idle_timeout;
            if end > now {
                self.expires_at = end;
                return;
            }
            // The time between its end and now was added though it no longer existed.
            self.counters.environment_us -= elapsed_us(end, now);
            let expired = self.environments.expire_longest_idle();
            self.expired
                .extend(expired.map(|(environment, _)| environment));
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), scaled to the range by its high bits.
fn draw_below(draws: &mut u64, bound: usize) -> Option<usize> {
    *draws = draws.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *draws;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    let index = (u128::from(z) * bound as u128) >> 64;
    usize::try_from(index).ok().filter(|index| *index < bound)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// From one moment to a later one, in µs.
fn elapsed_us(from: Timestamp, to: Timestamp) -> u64 {
    let elapsed = to.as_micros().saturating_sub(from.as_micros());
    u64::try_from(elapsed).unwrap_or(0)
}

/// Billed in steps of 1 ms, begun ones counted (Lambda pricing page).
fn billed_ms(from: Timestamp, to: Timestamp) -> u64 {
    elapsed_us(from, to).div_ceil(1_000).max(1)
}

/// A token bucket of one period's allowance, kept in exact fractions of a token.
#[derive(Debug, Clone)]
struct ScalingRate {
    per_period: u64,
    /// Tokens times the period in µs.
    level: u64,
    filled_at: Option<Timestamp>,
}

impl ScalingRate {
    fn new(per_period: u32) -> Self {
        let per_period = u64::from(per_period);
        Self {
            per_period,
            level: per_period * micros(SCALE_PERIOD),
            filled_at: None,
        }
    }

    fn take(&mut self, now: Timestamp) -> bool {
        let token = micros(SCALE_PERIOD);
        if let Some(filled_at) = self.filled_at {
            let gained = micros(now.since(filled_at)).saturating_mul(self.per_period);
            self.level = self
                .level
                .saturating_add(gained)
                .min(self.per_period * token);
        }
        self.filled_at = Some(now);
        let enough = self.level >= token;
        if enough {
            self.level -= token;
        }
        enough
    }
}

#[cfg(test)]
#[path = "lambda_pool_tests.rs"]
mod tests;
