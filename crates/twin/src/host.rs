//! Where a part of the system runs: as a function on Lambda, or as a service in containers. Callers see one
//! [`Host`]; what differs is what a call takes, what it costs, and what may refuse it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use cloud::account::{Account, SetAsideError};
use cloud::autoscaling::{ScalingConfig, ScalingConfigError, TaskScaling};
use cloud::lambda_function::{
    FunctionConfig, FunctionCounters, LambdaFunction, Provisioned, Start,
};
use cloud::lambda_pool::{Outcome, Routing};
use cloud::profile::{LambdaProfile, Profile, ServiceTime, WORKS_OF_ITEMS};
use cloud::timed::Draws;
use domain::Timestamp;
use drive::counted::ContainerUse;
use drive::watched::Watched;
use kernel::{Local, Stream, Streams, Time};

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
    debug_assert!(WORKS_OF_ITEMS.contains(&work), "{work} has items");
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
    laws: LambdaProfile,
    times: ServiceTimes,
    draws: Draws,
    machine: Local<LambdaFunction>,
    account: SharedAccount,
    watched: Arc<Watched>,
}

/// The account that functions share.
pub(crate) type SharedAccount = Arc<Local<Account>>;

/// What hosts are made of besides their sizes.
pub(crate) struct Ground<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) times: &'a ServiceTimes,
    pub(crate) streams: Streams,
    pub(crate) time: &'a Time,
    pub(crate) watched: &'a Arc<Watched>,
    pub(crate) account: &'a SharedAccount,
}

impl Function {
    /// A function that has not been called yet; what is provisioned is ready.
    pub(crate) fn new(
        name: &str,
        size: &FunctionSize,
        ground: &Ground<'_>,
    ) -> Result<Self, SetAsideError> {
        let laws = &ground.profile.lambda;
        let now = Timestamp::from_micros(ground.time.now_us());
        let config = FunctionConfig {
            memory_mb: size.memory_mb,
            reserved_concurrency: size.reserved_concurrency,
            provisioned: size
                .provisioned_concurrency
                .map(|environments| Provisioned::ready(environments, now)),
            routing: Routing::NewestIdle,
        };
        let stream = |what: &str| ground.streams.stream(&format!("function {name} {what}"), 0);
        let machine = LambdaFunction::new(
            config,
            laws,
            &mut ground.account.lock(),
            now,
            &mut stream("idle"),
        )?;
        Ok(Self {
            name: name.to_owned(),
            time: ground.time.clone(),
            size: size.clone(),
            laws: laws.clone(),
            times: ground.times.clone(),
            draws: Draws::new(stream("calls")),
            machine: Local::new(machine),
            account: ground.account.clone(),
            watched: ground.watched.clone(),
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// What was counted so far.
    pub(crate) fn counters(&self) -> FunctionCounters {
        let mut machine = self.machine.lock();
        machine.reclaim(self.now());
        machine.counters()
    }

    /// Forgets what was counted until now, as at the end of a warm-up.
    pub(crate) fn reset_counters(&self) {
        self.machine.lock().reset_counters(self.now());
    }

    /// What a call that waits so long for ports is billed on average, in ms.
    pub(crate) fn billed_ms_mean(&self, work: Work, waits: Duration) -> u64 {
        let cpu = self.times.get(work).map_or(Duration::ZERO, |time| {
            self.laws.stretched(time.cpu.mean(), self.size.memory_mb)
        });
        let took = self.laws.warm_overhead(self.size.architecture).mean() + cpu + waits;
        u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
    }

    async fn call<T>(&self, work: Work, run: impl Future<Output = T>) -> Result<T, CallError> {
        let start = self
            .machine
            .lock()
            .invoke(self.now(), &mut self.account.lock());
        let (environment, cold) = match start {
            Ok(Start::Warm(environment)) => (environment, false),
            Ok(Start::Cold(environment)) => (environment, true),
            Err(_) => return Err(CallError::Throttled),
        };
        let architecture = self.size.architecture;
        let mut before =
            self.draws.span(self.laws.warm_overhead(architecture)) + self.size.added_latency;
        if cold {
            self.time.sleep(self.draws.span(&self.laws.placement)).await;
            self.machine
                .lock()
                .start_billing(environment, self.now())
                .expect("a call that has begun runs");
            let streets = self.size.streets;
            let init = self.draws.span(self.laws.init(architecture))
                + self.laws.init_of_streets(streets.nodes, streets.periods);
            self.time.sleep(init.min(self.laws.init_timeout)).await;
            if init > self.laws.init_timeout {
                before += init;
            }
            before += self.laws.first_call(self.size.memory_mb);
        }
        if let Some(time) = self.times.get(work) {
            let cpu = self.draws.span(&time.cpu);
            before += self.laws.stretched(cpu, self.size.memory_mb);
        }
        let began_us = self.time.now_us();
        let ends_us = began_us + micros(self.size.timeout);
        self.time.sleep(before).await;
        let answer = within(&self.time, ends_us, run).await;
        let outcome = match answer {
            Some(_) => Outcome::Success,
            None => Outcome::Timeout,
        };
        self.machine
            .lock()
            .finish(environment, self.now(), outcome, &mut self.account.lock())
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
    cpu: Cpu,
    scaling: Local<TaskScaling>,
    scaling_draws: Local<Stream>,
    calls: AtomicU64,
    watched: Arc<Watched>,
}

/// The CPU share that is aimed at where a service does not scale: it is not read then.
const NO_TARGET: f64 = 1.0;

impl Service {
    /// A service with its least tasks running, which then follows its load.
    pub(crate) fn start(
        name: &str,
        size: &ContainerSize,
        ground: &Ground<'_>,
    ) -> Result<Arc<Self>, ScalingConfigError> {
        let now = Timestamp::from_micros(ground.time.now_us());
        let (tasks, target) = match size.scale_on_cpu {
            Some(target) => (size.tasks_min..=size.tasks_max, target),
            None => (size.tasks_min..=size.tasks_min, NO_TARGET),
        };
        let config = ScalingConfig::new(&ground.profile.container, size.vcpu, tasks, target);
        let scaling = TaskScaling::new(config, now)?;
        let stream = |what: &str| ground.streams.stream(&format!("service {name} {what}"), 0);
        let service = Arc::new(Self {
            name: name.to_owned(),
            time: ground.time.clone(),
            times: ground.times.clone(),
            draws: Draws::new(stream("calls")),
            cpu: Cpu::new(ground.time, scaling.vcpus()),
            scaling: Local::new(scaling),
            scaling_draws: Local::new(stream("scaling")),
            calls: AtomicU64::new(0),
            watched: ground.watched.clone(),
        });
        ground.time.spawn(Arc::clone(&service).scale());
        Ok(service)
    }

    /// Adds and takes away tasks as the load says.
    async fn scale(self: Arc<Self>) {
        loop {
            let Some(next_at) = self.scaling.lock().next_at() else {
                return;
            };
            self.time.sleep_until_us(next_at.as_micros()).await;
            let usage = self.cpu.usage();
            let busy_s = usage.jobs_vcpu_s + usage.background_vcpu_s;
            let now = Timestamp::from_micros(self.time.now_us());
            let vcpus = {
                let mut scaling = self.scaling.lock();
                scaling.step(now, busy_s, &mut self.scaling_draws.lock());
                scaling.vcpus()
            };
            self.cpu.set_capacity(vcpus);
        }
    }

    /// What was used so far.
    pub(crate) fn used(&self) -> ContainerUse {
        let now = Timestamp::from_micros(self.time.now_us());
        let counters = self.scaling.lock().counters(now);
        ContainerUse {
            tasks_max: u64::from(counters.tasks_max),
            cpu: Some(self.cpu.usage()),
            task_seconds: counters.billed_task_s,
            messages: self.calls.load(Ordering::Relaxed),
        }
    }

    /// Forgets what its tasks were counted for until now, as at the end of a warm-up. What they did is the scaling's
    /// to know: it goes on.
    pub(crate) fn reset_counters(&self) {
        let now = Timestamp::from_micros(self.time.now_us());
        self.scaling.lock().reset_counters(now);
    }

    /// So many calls a second are counted and not carried out one by one.
    pub(crate) fn set_background(&self, works: &[(Work, f64)]) {
        let vcpus = works.iter().map(|(work, per_s)| {
            let time = self.times.get(*work);
            time.map_or(0.0, |time| time.cpu.mean().as_secs_f64()) * per_s
        });
        self.cpu.set_background(vcpus.sum());
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
