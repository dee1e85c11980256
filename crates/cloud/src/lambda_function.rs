//! A Lambda function within its account: its on-demand environments, those that are provisioned, and the
//! limits that apply to both.
//!
//! Start at [`LambdaFunction::invoke`] and [`LambdaFunction::finish`]. A call goes to a provisioned
//! environment if all of them are ready and one is free; otherwise it spills over to the function's
//! [`LambdaPool`]. Environments of a pool that have reached the greatest age go when their call ends.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use kernel::Stream;

use crate::account::{Account, SetAsideError};
use crate::lambda_pool::{
    EnvironmentId, Invocation, LambdaConfig, LambdaCounters, LambdaPool, Outcome, Routing,
    ThrottleReason,
};
use crate::profile::LambdaProfile;
use crate::token_bucket::TokenBucket;

/// Shortest time that provisioned concurrency is billed (Lambda pricing page).
pub const PROVISIONED_BILLED_MIN: Duration = Duration::from_secs(5 * 60);

/// Provisioned concurrency of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provisioned {
    /// How many environments.
    pub environments: u32,
    /// Since when they are billed.
    pub enabled_at: Timestamp,
    /// When all of them are ready; before that none takes a call.
    pub ready_at: Timestamp,
}

impl Provisioned {
    /// Enabled now: ready when the last environment is placed and initialised.
    #[must_use]
    pub fn enabled(
        profile: &LambdaProfile,
        environments: u32,
        now: Timestamp,
        init: Duration,
    ) -> Self {
        let per_minute = profile.provisioned_per_minute.max(1);
        let placing = Duration::from_secs(60) * environments / per_minute;
        Self {
            environments,
            enabled_at: now,
            ready_at: now + placing + init,
        }
    }

    /// Enabled long ago: ready now.
    #[must_use]
    pub fn ready(environments: u32, now: Timestamp) -> Self {
        Self {
            environments,
            enabled_at: now,
            ready_at: now,
        }
    }
}

/// What a function is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionConfig {
    /// Memory in MB.
    pub memory_mb: u32,
    /// Concurrency set aside for this function, which is also its limit.
    pub reserved_concurrency: Option<u32>,
    /// Environments kept ready.
    pub provisioned: Option<Provisioned>,
    /// Which idle environment takes the next call.
    pub routing: Routing,
}

/// Where a call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Environment {
    /// In an environment of the pool.
    OnDemand(EnvironmentId),
    /// In one of those provisioned, by its number from 0.
    Provisioned(u32),
}

/// How a call begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// In an environment that is ready.
    Warm(Environment),
    /// In one that has to be placed and initialised; the host says when its init begins
    /// ([`LambdaFunction::start_billing`]).
    Cold(Environment),
}

/// Why a call was refused with status 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Concurrency or its growth.
    Concurrency(ThrottleReason),
    /// More calls per second than ten times the concurrency: calls that are short enough meet this
    /// limit first.
    RequestRate,
}

/// A call was ended where none runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?} without a call, expected one that runs a call")]
pub struct NoCall(pub Environment);

/// What was counted since the start or the last [`LambdaFunction::reset_counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FunctionCounters {
    /// Calls of both kinds together; throttles of every cause; billed are the calls on demand alone.
    pub all: LambdaCounters,
    /// Calls that provisioned environments took.
    pub provisioned_calls: u64,
    /// Calls that found none of them free or ready.
    pub spillovers: u64,
    /// Sum of billed durations of provisioned calls, in ms.
    pub provisioned_billed_ms: u64,
    /// Environments that went for their age.
    pub aged_out: u64,
}

/// One function.
#[derive(Debug, Clone)]
pub struct LambdaFunction {
    config: FunctionConfig,
    pool: LambdaPool,
    born: BTreeMap<EnvironmentId, Timestamp>,
    age_max: Duration,
    free: Vec<u32>,
    /// Billing start of each provisioned environment that runs a call.
    busy: BTreeMap<u32, Timestamp>,
    requests: TokenBucket,
    counted_from: Timestamp,
    counters: FunctionCounters,
}

impl LambdaFunction {
    /// A function that has not been called yet. Its idle timeout is drawn from the profile's law, one for
    /// all its environments; its reservation, or its provisioned environments, are set aside.
    ///
    /// # Errors
    /// If the account cannot set so much aside.
    pub fn new(
        config: FunctionConfig,
        profile: &LambdaProfile,
        account: &mut Account,
        now: Timestamp,
        stream: &mut Stream,
    ) -> Result<Self, SetAsideError> {
        let provisioned = config.provisioned.map_or(0, |p| p.environments);
        account.set_aside(config.reserved_concurrency.unwrap_or(provisioned))?;
        let on_demand = config
            .reserved_concurrency
            .map(|reserved| reserved.saturating_sub(provisioned));
        let pool = LambdaPool::new(LambdaConfig {
            memory_mb: config.memory_mb,
            reserved_concurrency: on_demand,
            // The account says itself what is left of it.
            account_concurrency: account.limit(),
            scale_per_10s: profile.scale_per_10s,
            idle_timeout: profile.idle_timeout.sample(stream),
            routing: config.routing,
        });
        let concurrency = config.reserved_concurrency.unwrap_or(account.limit());
        let rate = f64::from(profile.rps_per_environment) * f64::from(concurrency);
        Ok(Self {
            pool,
            born: BTreeMap::new(),
            age_max: profile.environment_age_max,
            // The last is taken first; all are alike.
            free: (0..provisioned).rev().collect(),
            busy: BTreeMap::new(),
            requests: TokenBucket::new(rate, rate),
            counted_from: now,
            counters: FunctionCounters::default(),
            config,
        })
    }

    /// What the function is set to.
    #[must_use]
    pub fn config(&self) -> &FunctionConfig {
        &self.config
    }

    /// A call arrives.
    ///
    /// # Errors
    /// Says why it is refused.
    pub fn invoke(&mut self, now: Timestamp, account: &mut Account) -> Result<Start, Refusal> {
        if !self.requests.take(now, 1.0) {
            self.counters.all.throttles += 1;
            return Err(Refusal::RequestRate);
        }
        if let Some(provisioned) = self.config.provisioned {
            if provisioned.ready_at <= now
                && let Some(number) = self.free.pop()
            {
                self.busy.insert(number, now);
                self.counters.provisioned_calls += 1;
                self.entered();
                return Ok(Start::Warm(Environment::Provisioned(number)));
            }
            self.counters.spillovers += 1;
        }
        let shares = self.config.reserved_concurrency.is_none();
        if shares && !account.enter() {
            self.counters.all.throttles += 1;
            return Err(Refusal::Concurrency(ThrottleReason::AccountConcurrency));
        }
        match self.pool.invoke(now) {
            Invocation::Warm(id) => {
                self.entered();
                Ok(Start::Warm(Environment::OnDemand(id)))
            }
            Invocation::Cold(id) => {
                self.born.insert(id, now);
                self.entered();
                Ok(Start::Cold(Environment::OnDemand(id)))
            }
            Invocation::Throttled(reason) => {
                if shares {
                    account.leave();
                }
                Err(Refusal::Concurrency(reason))
            }
        }
    }

    /// The init of a cold environment begins now: finding it a place before that is not billed.
    ///
    /// # Errors
    /// If the environment runs no call.
    pub fn start_billing(
        &mut self,
        environment: Environment,
        now: Timestamp,
    ) -> Result<(), NoCall> {
        match environment {
            Environment::OnDemand(id) => self.pool.start_billing(id, now).ok(),
            Environment::Provisioned(number) => self
                .busy
                .get_mut(&number)
                .map(|from| *from = (*from).max(now)),
        }
        .ok_or(NoCall(environment))
    }

    /// A call ends; answers whether its environment is gone and what it holds must be dropped. A
    /// provisioned environment that is destroyed is replaced by one with the same number.
    ///
    /// # Errors
    /// If the environment runs no call.
    pub fn finish(
        &mut self,
        environment: Environment,
        now: Timestamp,
        outcome: Outcome,
        account: &mut Account,
    ) -> Result<bool, NoCall> {
        let refused = NoCall(environment);
        let destroyed = match environment {
            Environment::Provisioned(number) => {
                let from = self.busy.remove(&number).ok_or(refused)?;
                let billed_us = now.since(from).as_micros();
                let billed_ms = u64::try_from(billed_us.div_ceil(1_000)).unwrap_or(u64::MAX);
                self.counters.provisioned_billed_ms += billed_ms.max(1);
                self.counters.all.errors += u64::from(outcome != Outcome::Success);
                self.free.push(number);
                matches!(outcome, Outcome::Timeout | Outcome::Crash)
            }
            Environment::OnDemand(id) => {
                let born = self.born.get(&id).copied().unwrap_or(now);
                let aged = now.since(born) >= self.age_max;
                let finished = if aged {
                    self.pool.finish_last(id, now, outcome)
                } else {
                    self.pool.finish(id, now, outcome)
                };
                let destroyed = finished.map_err(|_| refused)?.destroyed;
                self.counters.aged_out += u64::from(aged);
                if destroyed {
                    self.born.remove(&id);
                }
                if self.config.reserved_concurrency.is_none() {
                    account.leave();
                }
                destroyed
            }
        };
        self.counters.all.concurrency -= 1;
        Ok(destroyed)
    }

    /// Environments that have been idle for too long since the last call of this; what they hold goes.
    pub fn reclaim(&mut self, now: Timestamp) -> Vec<EnvironmentId> {
        let gone = self.pool.reclaim(now);
        for id in &gone {
            self.born.remove(id);
        }
        gone
    }

    /// When the next environment expires if nothing calls it, for a host's timer.
    #[must_use]
    pub fn next_reclaim_at(&self) -> Option<Timestamp> {
        self.pool.next_reclaim_at()
    }

    /// What was counted up to the last call of any other method.
    #[must_use]
    pub fn counters(&self) -> FunctionCounters {
        let pool = self.pool.counters();
        let own = self.counters.all;
        FunctionCounters {
            all: LambdaCounters {
                invocations: pool.invocations + self.counters.provisioned_calls,
                errors: pool.errors + own.errors,
                cold_starts: pool.cold_starts,
                throttles: pool.throttles + own.throttles,
                concurrency: own.concurrency,
                concurrency_max: own.concurrency_max,
                billed_ms: pool.billed_ms,
                busy_us: pool.busy_us,
                environment_us: pool.environment_us,
            },
            ..self.counters
        }
    }

    /// GB-seconds of provisioned concurrency billed up to now, whether it was used or not.
    #[must_use]
    pub fn provisioned_gb_s(&self, now: Timestamp) -> f64 {
        self.config.provisioned.map_or(0.0, |provisioned| {
            let from = provisioned.enabled_at.max(self.counted_from);
            let least = if provisioned.enabled_at >= self.counted_from {
                PROVISIONED_BILLED_MIN
            } else {
                Duration::ZERO
            };
            let billed = now.since(from).max(least).as_secs_f64();
            let gb = f64::from(self.config.memory_mb) / 1_024.0;
            billed * gb * f64::from(provisioned.environments)
        })
    }

    /// Forgets what was counted until now, as at the end of a warm-up; calls under way stay.
    pub fn reset_counters(&mut self, now: Timestamp) {
        self.pool.reset_counters(now);
        self.counted_from = now;
        let concurrency = self.counters.all.concurrency;
        self.counters = FunctionCounters::default();
        self.counters.all.concurrency = concurrency;
        self.counters.all.concurrency_max = concurrency;
    }

    fn entered(&mut self) {
        let all = &mut self.counters.all;
        all.concurrency += 1;
        all.concurrency_max = all.concurrency_max.max(all.concurrency);
    }
}

#[cfg(test)]
#[path = "lambda_function_tests.rs"]
mod tests;
