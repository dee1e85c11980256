//! The Lambda host: functions, their execution environments, limits and accounts.
//!
//! Which environment takes a call, which call is cold and which is throttled is
//! [`cloud::lambda_pool`]'s; this host makes the instances, runs them under tokio and reports. An
//! environment is one instance with clients of its own, made by the function's factory as on Lambda; it
//! runs one call at a time, and is destroyed by a timeout or a panic.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use calls::{Calls, Spent};
use cloud::lambda_pool::{
    EnvironmentId, Invocation, LambdaConfig, LambdaCounters, LambdaPool, Outcome, ThrottleReason,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use host::WallClock;
use lambda::{BoxFunction, FunctionError};
use services::ports::Clock;

use crate::limits::{DRAIN_POLL, INIT_TIMEOUT, PAYLOAD_BYTES_MAX};

#[cfg(test)]
mod tests;
mod work;

/// Makes one environment's instance; what goes wrong is said in words.
pub type EnvironmentFactory =
    Arc<dyn Fn() -> BoxFuture<'static, Result<BoxFunction, String>> + Send + Sync>;

/// Who is told of each invocation that ran.
pub type InvocationObserver = Arc<dyn Fn(&Invoked<'_>) + Send + Sync>;

/// A function and what it is given.
#[derive(Clone)]
pub struct FunctionSpec {
    /// Its name.
    pub name: String,
    /// Memory, concurrency, idle time of its environments.
    pub pool: LambdaConfig,
    /// How long a call may take, init not included.
    pub timeout: Duration,
    /// So much longer each call takes, as if what it asks were that far away.
    pub added_latency: Duration,
    /// Makes its environments.
    pub factory: EnvironmentFactory,
}

/// An invocation that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invoked<'a> {
    /// Of which function.
    pub function: &'a str,
    /// How long the handler ran.
    pub duration: Duration,
    /// How long the init before it took; none if the environment was warm.
    pub init: Option<Duration>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why an invocation has no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// There is no such function.
    #[error("found no function {0:?}")]
    UnknownFunction(String),
    /// The payload is too large.
    #[error("found a payload of {found} bytes, expected at most {PAYLOAD_BYTES_MAX}")]
    PayloadTooLarge {
        /// Its size in bytes.
        found: usize,
    },
    /// No concurrency was left: it did not run.
    #[error("throttled: {0:?}")]
    Throttled(ThrottleReason),
    /// No environment could be made.
    #[error("init failed: {0}")]
    Init(String),
    /// The function returned an error.
    #[error(transparent)]
    Function(#[from] FunctionError),
    /// It ran into its timeout.
    #[error("task timed out after {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It panicked.
    #[error("the function's environment ended without a response")]
    Crashed,
}

/// Functions behind one door. Cheap to share.
pub struct LambdaHost {
    functions: BTreeMap<String, Arc<Hosted>>,
    observer: Option<InvocationObserver>,
    calls: Calls,
}

struct Hosted {
    name: String,
    timeout: Duration,
    added_latency: Duration,
    factory: EnvironmentFactory,
    environments: Mutex<Environments>,
}

struct Environments {
    pool: LambdaPool,
    /// The instances that run no call. Those that do are owned by their call.
    idle: BTreeMap<EnvironmentId, BoxFunction>,
}

impl LambdaHost {
    /// A host of these functions, which tells `observer` of each invocation.
    #[must_use]
    pub fn new(functions: Vec<FunctionSpec>, observer: Option<InvocationObserver>) -> Self {
        let hosted = functions.into_iter().map(|spec| {
            let FunctionSpec {
                name,
                pool,
                timeout,
                added_latency,
                factory,
            } = spec;
            let environments = Environments {
                pool: LambdaPool::new(pool),
                idle: BTreeMap::new(),
            };
            let hosted = Hosted {
                name: name.clone(),
                timeout,
                added_latency,
                factory,
                environments: Mutex::new(environments),
            };
            (name, Arc::new(hosted))
        });
        Self {
            functions: hosted.collect(),
            observer,
            calls: Calls::default(),
        }
    }

    /// The same host, which tells how long its functions work.
    #[must_use]
    pub fn telling(self, calls: Calls) -> Self {
        Self { calls, ..self }
    }

    /// Invokes a function and waits for its response. The call goes on if the caller does not.
    ///
    /// # Errors
    /// If it is throttled, fails, times out or crashes.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.invoke_timed(function, payload).await?.0
    }

    /// As [`Self::invoke`], and says how long the environment was at it, its init included. The outer error
    /// is that of a call that did not run.
    pub(crate) async fn invoke_timed(
        &self,
        function: &str,
        payload: Bytes,
    ) -> Result<(Result<Bytes, InvokeError>, Duration), InvokeError> {
        let hosted = self
            .functions
            .get(function)
            .ok_or_else(|| InvokeError::UnknownFunction(function.to_owned()))?;
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(InvokeError::PayloadTooLarge {
                found: payload.len(),
            });
        }
        let (environment, instance) = hosted.admit()?;
        let call = run(
            Arc::clone(hosted),
            (self.observer.clone(), self.calls.clone()),
            environment,
            instance,
            payload,
        );
        tokio::spawn(call).await.map_err(|_| InvokeError::Crashed)
    }

    /// What each function was used for.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<String, LambdaCounters> {
        let counters = |(name, hosted): (&String, &Arc<Hosted>)| {
            let mut environments = hosted.lock();
            environments.reclaim();
            (name.clone(), environments.pool.counters())
        };
        self.functions.iter().map(counters).collect()
    }

    /// Forgets what was counted, as at the end of a warm-up.
    pub fn reset_counters(&self) {
        for hosted in self.functions.values() {
            hosted.lock().pool.reset_counters(WallClock.now());
        }
    }

    /// Waits until no call is under way, at most so long. True if it came to that.
    pub async fn drain(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            let under_way: u32 = self
                .functions
                .values()
                .map(|hosted| hosted.lock().pool.counters().concurrency)
                .sum();
            if under_way == 0 || Instant::now() >= end {
                return under_way == 0;
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
    }
}

impl std::fmt::Debug for LambdaHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LambdaHost")
            .field("functions", &self.functions.keys())
            .finish_non_exhaustive()
    }
}

impl Environments {
    fn reclaim(&mut self) {
        for environment in self.pool.reclaim(WallClock.now()) {
            self.idle.remove(&environment);
        }
    }
}

impl Hosted {
    fn lock(&self) -> MutexGuard<'_, Environments> {
        self.environments
            .lock()
            .expect("no one panics while holding a function's environments")
    }

    /// An environment for a call: with its instance, or none if that is still to be made.
    fn admit(&self) -> Result<(EnvironmentId, Option<BoxFunction>), InvokeError> {
        let mut environments = self.lock();
        let invocation = environments.pool.invoke(WallClock.now());
        environments.reclaim();
        match invocation {
            Invocation::Warm(id) => {
                let instance = environments.idle.remove(&id);
                Ok((
                    id,
                    Some(instance.expect("an idle environment has its instance")),
                ))
            }
            Invocation::Cold(id) => Ok((id, None)),
            Invocation::Throttled(reason) => Err(InvokeError::Throttled(reason)),
        }
    }

    /// The call has ended; the instance is kept unless it is to be destroyed.
    fn finish(&self, id: EnvironmentId, outcome: Outcome, instance: Option<BoxFunction>) {
        let mut environments = self.lock();
        let finished = environments.pool.finish(id, WallClock.now(), outcome);
        let destroyed = finished.expect("a call ends once").destroyed;
        if let Some(instance) = instance.filter(|_| !destroyed) {
            environments.idle.insert(id, instance);
        }
    }

    async fn init(&self) -> Result<BoxFunction, InvokeError> {
        let made = AssertUnwindSafe((self.factory)()).catch_unwind();
        match tokio::time::timeout(INIT_TIMEOUT, made).await {
            Ok(Ok(Ok(instance))) => Ok(instance),
            Ok(Ok(Err(detail))) => Err(InvokeError::Init(detail)),
            Ok(Err(_)) => Err(InvokeError::Init("it panicked".to_owned())),
            Err(_) => Err(InvokeError::Init(format!(
                "not done after {INIT_TIMEOUT:?}"
            ))),
        }
    }

    async fn call(&self, instance: &BoxFunction, payload: Bytes) -> Result<Bytes, InvokeError> {
        let called = AssertUnwindSafe(async {
            if !self.added_latency.is_zero() {
                tokio::time::sleep(self.added_latency).await;
            }
            instance.invoke_boxed(payload).await
        })
        .catch_unwind();
        match tokio::time::timeout(self.timeout, called).await {
            Ok(Ok(response)) => Ok(response?),
            Ok(Err(_)) => Err(InvokeError::Crashed),
            Err(_) => Err(InvokeError::TimedOut(self.timeout)),
        }
    }
}

async fn run(
    hosted: Arc<Hosted>,
    (observer, calls): (Option<InvocationObserver>, Calls),
    id: EnvironmentId,
    instance: Option<BoxFunction>,
    payload: Bytes,
) -> (Result<Bytes, InvokeError>, Duration) {
    let arrived = Instant::now();
    let (instance, init) = match instance {
        Some(instance) => (instance, None),
        None => match hosted.init().await {
            Ok(instance) => (instance, Some(arrived.elapsed())),
            Err(error) => {
                tracing::error!(function = hosted.name, %error, "no environment");
                hosted.finish(id, Outcome::Crash, None);
                return (Err(error), arrived.elapsed());
            }
        },
    };
    let work = work::of(&hosted.name, init.is_some(), &payload);
    let (result, spent) = calls::measure(hosted.call(&instance, payload)).await;
    let duration = spent.took;
    let busy = arrived.elapsed();
    let outcome = match &result {
        Ok(_) => Outcome::Success,
        Err(InvokeError::TimedOut(_)) => Outcome::Timeout,
        Err(InvokeError::Crashed) => Outcome::Crash,
        Err(_) => Outcome::Error,
    };
    hosted.finish(id, outcome, Some(instance));
    if let Err(error) = &result {
        tracing::warn!(function = hosted.name, %error, "invocation failed");
    }
    if let Some(observer) = observer {
        observer(&Invoked {
            function: &hosted.name,
            duration,
            init,
            outcome,
        });
    }
    if let Some(work) = work.filter(|_| outcome == Outcome::Success) {
        if let Some(init) = init {
            calls.took("lambda.init", init);
        }
        // What was added is no work of the function's; how much longer the sleep took is.
        let own = spent.own.saturating_sub(hosted.added_latency);
        calls.worked(&work, Spent { own, ..spent });
    }
    (result, busy)
}
