//! A service of containers that follows its processors' load: target tracking, with the delays it has.
//!
//! Start at [`TaskScaling::step`]; a host calls it at [`TaskScaling::next_at`], hands in what the tasks'
//! processors have done so far, and gives them the vCPUs of [`TaskScaling::running`] tasks. The load is
//! averaged over each period; enough periods in a row above the target (or well below it) make a
//! decision, which comes late, and a task takes its time to start. So a service that is sized for its
//! mean meets a rise with the tasks it has for minutes.

use std::collections::VecDeque;
use std::time::Duration;

use domain::Timestamp;
use kernel::Stream;

use crate::prices::FARGATE_BILLED_MIN;
use crate::profile::{ContainerProfile, Spans};

/// Tasks are taken away when the load is below this share of the target (docs: Application Auto Scaling
/// keeps a margin so that tasks do not come and go; the figure is what its alarms show: an assumption).
pub const SCALE_IN_BELOW: f64 = 0.9;
/// Most tasks of one service (docs: ECS service quotas).
pub const TASKS_MAX: u32 = 5_000;
/// So much of a task is no reason for another: sums of floats are not exact.
const ROUNDING: f64 = 1e-9;

/// What a service is set to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingConfig {
    /// vCPUs of one task.
    pub vcpu: f64,
    /// Tasks at least, and at the start.
    pub tasks_min: u32,
    /// Tasks at most; as many as at least: the service does not scale.
    pub tasks_max: u32,
    /// The share of the processors' time that is aimed at.
    pub target: f64,
    /// Over which the load is averaged.
    pub metrics_period: Duration,
    /// Periods in a row above the target before tasks are added.
    pub scale_out_periods: u32,
    /// Periods in a row well below the target before tasks are taken away.
    pub scale_in_periods: u32,
    /// From the last of those periods to the decision.
    pub decision: Duration,
    /// From the decision to the task's taking calls.
    pub task_start: Spans,
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("service scaling: found {key} = {found}, expected {expected}")]
pub struct ScalingConfigError {
    /// Which setting.
    pub key: &'static str,
    /// What it was.
    pub found: String,
    /// What it may be.
    pub expected: String,
}

impl ScalingConfig {
    /// A service with the delays of a profile.
    #[must_use]
    pub fn new(
        profile: &ContainerProfile,
        vcpu: f64,
        tasks: std::ops::RangeInclusive<u32>,
        target: f64,
    ) -> Self {
        Self {
            vcpu,
            tasks_min: *tasks.start(),
            tasks_max: *tasks.end(),
            target,
            metrics_period: profile.metrics_period,
            scale_out_periods: profile.scale_out_periods,
            scale_in_periods: profile.scale_in_periods,
            decision: profile.scale_decision,
            task_start: profile.task_start.clone(),
        }
    }

    fn check(&self) -> Result<(), ScalingConfigError> {
        let refuse = |key, found: String, expected: &str| {
            Err(ScalingConfigError {
                key,
                found,
                expected: expected.to_owned(),
            })
        };
        if !(self.vcpu > 0.0 && self.vcpu.is_finite()) {
            return refuse("vcpu", self.vcpu.to_string(), "more than 0");
        }
        if !(1..=TASKS_MAX).contains(&self.tasks_max) {
            return refuse("tasks_max", self.tasks_max.to_string(), "1 to 5000");
        }
        if self.tasks_min > self.tasks_max {
            let expected = format!("at most tasks_max = {}", self.tasks_max);
            return refuse("tasks_min", self.tasks_min.to_string(), &expected);
        }
        if !(self.target > 0.0 && self.target <= 1.0) {
            let expected = "more than 0, at most 1";
            return refuse("scale_on_cpu", self.target.to_string(), expected);
        }
        if self.metrics_period.is_zero() {
            return refuse("metrics_period", "0".to_owned(), "more than 0");
        }
        Ok(())
    }
}

/// What was counted since the start or the last [`TaskScaling::reset_counters`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ScalingCounters {
    /// Most tasks that took calls at one moment.
    pub tasks_max: u32,
    /// Times tasks were added.
    pub scale_outs: u64,
    /// Times tasks were taken away.
    pub scale_ins: u64,
    /// Task-seconds that are billed: from the decision on, since the image's pull is billed, and 60 s of
    /// each task at least.
    pub billed_task_s: f64,
}

/// A task: billed from `since` on, takes calls from `ready_at` on.
#[derive(Debug, Clone, Copy)]
struct Task {
    since: Timestamp,
    ready_at: Timestamp,
    /// Whether it was there when counting began, so that the least billed time is not its.
    counted_from_its_start: bool,
}

/// One service.
#[derive(Debug, Clone)]
pub struct TaskScaling {
    config: ScalingConfig,
    now: Timestamp,
    /// By their start: the last is the first to go.
    tasks: Vec<Task>,
    running: u32,
    period_began: Timestamp,
    period_ends: Timestamp,
    /// What the processors had done when the period began, in vCPU-seconds.
    busy_before: f64,
    /// vCPU-seconds that there were in the period up to `now`.
    period_capacity: f64,
    above: u32,
    below: u32,
    /// Decisions under way: when they come, and how many tasks they want.
    decisions: VecDeque<(Timestamp, u32)>,
    counters: ScalingCounters,
}

impl TaskScaling {
    /// A service whose least tasks take calls from now on.
    ///
    /// # Errors
    /// Names a setting that makes no sense.
    pub fn new(config: ScalingConfig, now: Timestamp) -> Result<Self, ScalingConfigError> {
        config.check()?;
        let task = Task {
            since: now,
            ready_at: now,
            counted_from_its_start: true,
        };
        let running = config.tasks_min;
        Ok(Self {
            now,
            tasks: vec![task; running as usize],
            running,
            period_began: now,
            period_ends: now + config.metrics_period,
            busy_before: 0.0,
            period_capacity: 0.0,
            above: 0,
            below: 0,
            decisions: VecDeque::new(),
            counters: ScalingCounters {
                tasks_max: running,
                ..ScalingCounters::default()
            },
            config,
        })
    }

    /// What the service is set to.
    #[must_use]
    pub fn config(&self) -> &ScalingConfig {
        &self.config
    }

    /// Tasks that take calls.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.running
    }

    /// vCPUs of the tasks that take calls.
    #[must_use]
    pub fn vcpus(&self) -> f64 {
        f64::from(self.running) * self.config.vcpu
    }

    /// When the next period ends, decision comes or task is ready; none where the service does not scale.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        if self.config.tasks_min == self.config.tasks_max {
            return None;
        }
        let decision = self.decisions.front().map(|(at, _)| *at);
        let starting = self.tasks.iter().map(|task| task.ready_at);
        let ready = starting.filter(|ready_at| *ready_at > self.now).min();
        [Some(self.period_ends), decision, ready]
            .into_iter()
            .flatten()
            .min()
    }

    /// Time has passed, and the processors have spent `busy_vcpu_s` vCPU-seconds since the start.
    /// Answers how many tasks take calls now. A `now` before an earlier one is read as the earlier one.
    pub fn step(&mut self, now: Timestamp, busy_vcpu_s: f64, stream: &mut Stream) -> u32 {
        let now = now.max(self.now);
        let elapsed = now.since(self.now).as_secs_f64();
        self.period_capacity += elapsed * self.vcpus();
        self.now = now;
        if self.period_ends <= now && self.config.tasks_min < self.config.tasks_max {
            self.end_period(busy_vcpu_s);
        }
        while let Some(&(at, wanted)) = self.decisions.front() {
            if at > now {
                break;
            }
            self.decisions.pop_front();
            self.want(wanted, stream);
        }
        let ready = self.tasks.iter().filter(|task| task.ready_at <= now);
        self.running = u32::try_from(ready.count()).unwrap_or(u32::MAX);
        self.counters.tasks_max = self.counters.tasks_max.max(self.running);
        self.running
    }

    /// What was counted up to now.
    #[must_use]
    pub fn counters(&self, now: Timestamp) -> ScalingCounters {
        let open: f64 = self.tasks.iter().map(|task| billed_s(task, now)).sum();
        ScalingCounters {
            billed_task_s: self.counters.billed_task_s + open,
            ..self.counters
        }
    }

    /// Forgets what was counted until now, as at the end of a warm-up; tasks stay.
    pub fn reset_counters(&mut self, now: Timestamp) {
        for task in &mut self.tasks {
            task.since = task.since.max(now);
            task.counted_from_its_start = false;
        }
        self.counters = ScalingCounters {
            tasks_max: self.running,
            ..ScalingCounters::default()
        };
    }

    fn end_period(&mut self, busy_vcpu_s: f64) {
        let busy = busy_vcpu_s - self.busy_before;
        let load = if self.period_capacity > 0.0 {
            busy / self.period_capacity
        } else {
            0.0
        };
        // Of the tasks there were on average: some may have started within the period.
        let span = self.now.since(self.period_began).as_secs_f64();
        let tasks = self.period_capacity / self.config.vcpu / span.max(f64::MIN_POSITIVE);
        self.busy_before = busy_vcpu_s;
        self.period_capacity = 0.0;
        self.period_began = self.now;
        while self.period_ends <= self.now {
            self.period_ends = self.period_ends + self.config.metrics_period;
        }
        let target = self.config.target;
        self.above = if load > target { self.above + 1 } else { 0 };
        self.below = if load < target * SCALE_IN_BELOW {
            self.below + 1
        } else {
            0
        };
        let out = self.above >= self.config.scale_out_periods && self.above > 0;
        let into = self.below >= self.config.scale_in_periods && self.below > 0;
        if out || into {
            let wanted = (tasks * load / target - ROUNDING).ceil();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "not negative, and the cast saturates"
            )]
            let wanted = (wanted as u32).clamp(self.config.tasks_min, self.config.tasks_max);
            let at = self.now + self.config.decision;
            self.decisions.push_back((at, wanted));
        }
        if into {
            // The next tasks go after as many periods again.
            self.below = 0;
        }
    }

    fn want(&mut self, wanted: u32, stream: &mut Stream) {
        let there = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        if wanted > there {
            self.counters.scale_outs += 1;
            for _ in there..wanted {
                let start = self.config.task_start.sample(stream);
                self.tasks.push(Task {
                    since: self.now,
                    ready_at: self.now + start,
                    counted_from_its_start: true,
                });
            }
        } else if wanted < self.running && there == self.running {
            // While tasks start, a load from before them is no reason to take others away.
            self.counters.scale_ins += 1;
            for task in self.tasks.split_off(wanted as usize) {
                self.counters.billed_task_s += billed_s(&task, self.now);
            }
        }
    }
}

fn billed_s(task: &Task, now: Timestamp) -> f64 {
    let least = if task.counted_from_its_start {
        FARGATE_BILLED_MIN
    } else {
        Duration::ZERO
    };
    now.since(task.since).max(least).as_secs_f64()
}

#[cfg(test)]
#[path = "autoscaling_tests.rs"]
mod tests;
