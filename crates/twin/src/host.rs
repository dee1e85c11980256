//! Where a part of the system runs: as a function on Lambda, or as a service in containers. Callers see one
//! [`Host`]; what differs is what a call takes, what it costs, and what may refuse it.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use cloud::lambda_pool::{Invocation, LambdaCounters, LambdaPool, Outcome};
use cloud::profile::{Architecture, LambdaProfile, Profile, ServiceTime};
use cloud::timed::Draws;
use domain::Timestamp;
use drive::watched::Watched;
use kernel::{Streams, Time};

use crate::cpu::Cpu;
use crate::sizes::FunctionSize;

/// What a call works at, by the name of its service time in a profile, such as `pricing.quote`.
pub(crate) type Work = &'static str;

/// Why a call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Refused, because too many were under way.
    Throttled,
    /// It took longer than it may.
    TimedOut,
}

/// Where a part runs.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    /// On Lambda.
    Function(Arc<Function>),
    /// In containers.
    Service(Arc<Service>),
}

impl Host {
    /// Has a call carried out.
    pub(crate) async fn call<T>(
        &self,
        work: Work,
        run: impl Future<Output = T>,
    ) -> Result<T, CallError> {
        match self {
            Self::Function(function) => function.call(work, run).await,
            Self::Service(service) => Ok(service.call(work, run).await),
        }
    }

    /// Spends the processor time of so many items of a call that is under way.
    pub(crate) async fn per_item(&self, work: Work, items: usize) {
        match self {
            Self::Function(function) => {
                let cpu = per_item(&function.times, work, items);
                let stretched = function.laws.stretched(cpu, function.size.memory_mb);
                function.time.sleep(stretched).await;
            }
            Self::Service(service) => {
                let cpu = per_item(&service.times, work, items);
                service.cpu.work(cpu).await;
            }
        }
    }
}

/// Processor time by what is worked at.
pub(crate) type ServiceTimes = Arc<std::collections::BTreeMap<String, ServiceTime>>;

fn per_item(times: &ServiceTimes, work: Work, items: usize) -> Duration {
    let items = u32::try_from(items).unwrap_or(u32::MAX);
    times
        .get(work)
        .map_or(Duration::ZERO, |time| time.per_item * items)
}

/// A function on Lambda.
#[derive(Debug)]
pub(crate) struct Function {
    name: String,
    time: Time,
    size: FunctionSize,
    architecture: Architecture,
    laws: LambdaProfile,
    times: ServiceTimes,
    draws: Draws,
    pool: Mutex<LambdaPool>,
    watched: Arc<Watched>,
}

impl Function {
    pub(crate) fn new(
        name: &str,
        size: &FunctionSize,
        profile: &Profile,
        times: &ServiceTimes,
        streams: &Streams,
        time: &Time,
        watched: &Arc<Watched>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            time: time.clone(),
            architecture: size.architecture,
            laws: profile.lambda.clone(),
            times: times.clone(),
            draws: Draws::new(streams.stream(&format!("function {name}"), 0)),
            pool: Mutex::new(LambdaPool::new(size.pool(&profile.lambda))),
            size: size.clone(),
            watched: watched.clone(),
        }
    }

    fn pool(&self) -> MutexGuard<'_, LambdaPool> {
        self.pool
            .lock()
            .expect("no one panics while holding the environments")
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// What was counted so far.
    pub(crate) fn counters(&self) -> LambdaCounters {
        let mut pool = self.pool();
        pool.reclaim(self.now());
        pool.counters()
    }

    async fn call<T>(&self, work: Work, run: impl Future<Output = T>) -> Result<T, CallError> {
        let invocation = self.pool().invoke(self.now());
        let (environment, cold) = match invocation {
            Invocation::Warm(environment) => (environment, false),
            Invocation::Cold(environment) => (environment, true),
            Invocation::Throttled(_) => return Err(CallError::Throttled),
        };
        let mut before = self.draws.span(self.laws.warm_overhead(self.architecture));
        if cold {
            self.time.sleep(self.draws.span(&self.laws.placement)).await;
            self.pool()
                .start_billing(environment, self.now())
                .expect("a call that has begun runs");
            self.time
                .sleep(self.draws.span(self.laws.init(self.architecture)))
                .await;
            before += self.laws.first_call(self.size.memory_mb);
        }
        let began_us = self.time.now_us();
        if let Some(time) = self.times.get(work) {
            before += self
                .laws
                .stretched(self.draws.span(&time.cpu), self.size.memory_mb);
        }
        let ends_us = began_us + micros(self.size.timeout);
        self.time.sleep(before).await;
        let answer = within(&self.time, ends_us, run).await;
        let outcome = match answer {
            Some(_) => Outcome::Success,
            None => Outcome::Timeout,
        };
        self.pool()
            .finish(environment, self.now(), outcome)
            .expect("a call that has begun runs");
        let took = Duration::from_micros((self.time.now_us() - began_us).unsigned_abs());
        self.watched.invoked(&self.name, took);
        answer.ok_or(CallError::TimedOut)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

/// Runs a future until it ends or a moment has come, whichever is first; then it is dropped where it is.
async fn within<T>(time: &Time, until_us: i64, run: impl Future<Output = T>) -> Option<T> {
    let mut run = pin!(run);
    let mut deadline = pin!(time.sleep_until_us(until_us));
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = run.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        deadline.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// A service in containers, behind a load balancer or a queue.
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    time: Time,
    times: ServiceTimes,
    draws: Draws,
    pub(crate) cpu: Cpu,
    calls: Mutex<u64>,
    watched: Arc<Watched>,
}

impl Service {
    pub(crate) fn new(
        name: &str,
        vcpus: f64,
        times: &ServiceTimes,
        streams: &Streams,
        time: &Time,
        watched: &Arc<Watched>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            time: time.clone(),
            times: times.clone(),
            draws: Draws::new(streams.stream(&format!("service {name}"), 0)),
            cpu: Cpu::new(time, vcpus),
            calls: Mutex::new(0),
            watched: watched.clone(),
        }
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        *self.calls.lock().expect("no one panics while counting")
    }

    /// Spends the processor time of a call.
    pub(crate) async fn spend(&self, work: Work, items: usize) {
        *self.calls.lock().expect("no one panics while counting") += 1;
        if let Some(time) = self.times.get(work) {
            let cpu = self.draws.span(&time.cpu) + per_item(&self.times, work, items);
            self.cpu.work(cpu).await;
        }
    }

    async fn call<T>(&self, work: Work, run: impl Future<Output = T>) -> T {
        let began_us = self.time.now_us();
        self.spend(work, 0).await;
        let answer = run.await;
        let took = Duration::from_micros((self.time.now_us() - began_us).unsigned_abs());
        self.watched.invoked(&self.name, took);
        answer
    }
}
