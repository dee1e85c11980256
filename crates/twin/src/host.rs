//! Where a part of the system runs: as a function on Lambda, or as a service in containers. Callers see one
//! [`Host`]; what differs is what a call takes, what it costs, and what may refuse it.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
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
use crate::sizes::{ContainerSize, FunctionSize};

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

    /// What a call without calls of ports is billed on average, in ms.
    pub(crate) fn billed_ms_mean(&self, work: Work) -> u64 {
        let cpu = self.times.get(work).map_or(Duration::ZERO, |time| {
            self.laws.stretched(time.cpu.mean(), self.size.memory_mb)
        });
        let took = self.laws.warm_overhead(self.architecture).mean() + cpu;
        u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
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
    size: ContainerSize,
    times: ServiceTimes,
    draws: Draws,
    cpu: Cpu,
    began_us: i64,
    calls: AtomicU64,
    watched: Arc<Watched>,
}

impl Service {
    pub(crate) fn new(
        name: &str,
        size: &ContainerSize,
        times: &ServiceTimes,
        streams: &Streams,
        time: &Time,
        watched: &Arc<Watched>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            time: time.clone(),
            cpu: Cpu::new(time, size.vcpu * f64::from(size.tasks_min)),
            size: size.clone(),
            times: times.clone(),
            draws: Draws::new(streams.stream(&format!("service {name}"), 0)),
            began_us: time.now_us(),
            calls: AtomicU64::new(0),
            watched: watched.clone(),
        }
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The most tasks at one moment.
    pub(crate) fn tasks_max(&self) -> u64 {
        u64::from(self.size.tasks_min)
    }

    /// Seconds that tasks have run, summed.
    pub(crate) fn task_seconds(&self) -> f64 {
        let ran_us = self.time.now_us() - self.began_us;
        ran_us as f64 / 1e6 * f64::from(self.size.tasks_min)
    }

    /// The share of the processors in use, on average since the start.
    pub(crate) fn cpu_share_mean(&self) -> Option<f64> {
        let had = self.task_seconds() * self.size.vcpu;
        (had > 0.0).then(|| self.cpu.busy_s() / had)
    }

    /// So many calls a second are counted and not carried out one by one.
    pub(crate) fn set_background(&self, work: Work, per_s: f64) {
        let cpu_s = self
            .times
            .get(work)
            .map_or(0.0, |time| time.cpu.mean().as_secs_f64());
        self.cpu.set_background(per_s * cpu_s);
    }

    async fn call<T>(&self, work: Work, run: impl Future<Output = T>) -> T {
        let began_us = self.time.now_us();
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(time) = self.times.get(work) {
            self.cpu.work(self.draws.span(&time.cpu)).await;
        }
        let answer = run.await;
        let took = Duration::from_micros((self.time.now_us() - began_us).unsigned_abs());
        self.watched.invoked(&self.name, took);
        answer
    }
}
