//! A processor as a queue: jobs under way share it evenly, so that saturation shows as everybody's delay.
//!
//! Start at [`ProcessorSharing::arrive`], [`ProcessorSharing::next_completion`] and
//! [`ProcessorSharing::pop_finished`]. Each job gets at most one vCPU. Work that is counted and not
//! simulated (pings) is a background that takes vCPUs away. Between two events all jobs progress alike,
//! so that a job is done when the service that each job has attained reaches what it was at the job's
//! arrival plus its work: one heap holds all, and an event costs O(log n) (Yashkov 1987).
//!
//! Tasks behind a load balancer are taken as one pool: an uneven spread over them is not modelled.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use domain::Timestamp;

/// Share of the capacity that jobs get at least, however great the background: a scheduler starves nobody.
pub const FOREGROUND_SHARE_MIN: f64 = 0.02;
/// Slack in ns for completions at the very end of an interval, where sums of floats may fall short.
const ROUNDING_NS: f64 = 1e-3;

/// One job. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// What a processor did since the start or the last [`ProcessorSharing::reset_usage`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessorUsage {
    /// vCPU-seconds spent on jobs.
    pub jobs_vcpu_s: f64,
    /// vCPU-seconds spent on the background.
    pub background_vcpu_s: f64,
    /// vCPU-seconds there were.
    pub capacity_vcpu_s: f64,
    /// Jobs that arrived.
    pub arrived: u64,
    /// Jobs that were completed.
    pub completed: u64,
    /// Jobs times the seconds that each was there, for the mean number by Little's law.
    pub job_s: f64,
    /// Most jobs at one moment.
    pub jobs_max: usize,
}

impl ProcessorUsage {
    /// What was done since an earlier moment. The most jobs at one moment stay those of both.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            jobs_vcpu_s: self.jobs_vcpu_s - earlier.jobs_vcpu_s,
            background_vcpu_s: self.background_vcpu_s - earlier.background_vcpu_s,
            capacity_vcpu_s: self.capacity_vcpu_s - earlier.capacity_vcpu_s,
            arrived: self.arrived - earlier.arrived,
            completed: self.completed - earlier.completed,
            job_s: self.job_s - earlier.job_s,
            jobs_max: self.jobs_max,
        }
    }

    /// Share of the capacity in use on average, as `containers` in summary.json names it; none if no
    /// time has passed.
    #[must_use]
    pub fn cpu_share_mean(&self) -> Option<f64> {
        let busy = self.jobs_vcpu_s + self.background_vcpu_s;
        (self.capacity_vcpu_s > 0.0).then(|| busy / self.capacity_vcpu_s)
    }
}

/// Processors shared by the jobs under way.
#[derive(Debug, Clone)]
pub struct ProcessorSharing {
    now: Timestamp,
    vcpus: f64,
    background_vcpus: f64,
    /// Service that a job which was always there would have attained, in ns; from zero again whenever
    /// nobody is there, which keeps it exact.
    attained_ns: f64,
    /// Jobs by the attained service at which they are done. The bits of non-negative floats order as
    /// the floats do.
    jobs: BinaryHeap<Reverse<(u64, JobId)>>,
    finished: VecDeque<JobId>,
    next_job: u64,
    usage: ProcessorUsage,
}

impl ProcessorSharing {
    /// Idle processors of so many vCPUs in all; a negative number counts as none.
    #[must_use]
    pub fn new(now: Timestamp, vcpus: f64) -> Self {
        Self {
            now,
            vcpus: vcpus.max(0.0),
            background_vcpus: 0.0,
            attained_ns: 0.0,
            jobs: BinaryHeap::new(),
            finished: VecDeque::new(),
            next_job: 0,
            usage: ProcessorUsage::default(),
        }
    }

    /// A job arrives that takes `work` on one vCPU alone.
    pub fn arrive(&mut self, now: Timestamp, work: Duration) -> JobId {
        self.advance(now);
        let id = JobId(self.next_job);
        self.next_job += 1;
        let done_at = self.attained_ns + work.as_nanos() as f64;
        self.jobs.push(Reverse((done_at.to_bits(), id)));
        self.usage.arrived += 1;
        self.usage.jobs_max = self.usage.jobs_max.max(self.jobs.len());
        id
    }

    /// When the next job is done if nothing changes, rounded up to the µs, and which; none if no job is
    /// under way or there is no processor. Jobs that are done and were not taken yet come first.
    #[must_use]
    pub fn next_completion(&self) -> Option<(Timestamp, JobId)> {
        if let Some(id) = self.finished.front() {
            return Some((self.now, *id));
        }
        let Reverse((done_at, id)) = self.jobs.peek()?;
        let rate = self.rate();
        if rate <= 0.0 {
            return None;
        }
        let wait_ns = ((f64::from_bits(*done_at) - self.attained_ns) / rate).max(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and the cast saturates"
        )]
        let wait_us = ((wait_ns - ROUNDING_NS) / 1e3).ceil() as u64;
        Some((self.now + Duration::from_micros(wait_us), *id))
    }

    /// The next of the jobs that are done by now; call it until there is none.
    pub fn pop_finished(&mut self, now: Timestamp) -> Option<JobId> {
        self.advance(now);
        self.finished.pop_front()
    }

    /// Tasks come or go: from now on there are so many vCPUs; a negative number counts as none.
    pub fn set_capacity(&mut self, now: Timestamp, vcpus: f64) {
        self.advance(now);
        self.vcpus = vcpus.max(0.0);
    }

    /// From now on work that is not simulated takes so many vCPUs; a negative number counts as none.
    pub fn set_background(&mut self, now: Timestamp, vcpus: f64) {
        self.advance(now);
        self.background_vcpus = vcpus.max(0.0);
    }

    /// vCPUs there are.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.vcpus
    }

    /// Jobs under way.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// What was used up to now.
    pub fn usage(&mut self, now: Timestamp) -> ProcessorUsage {
        self.advance(now);
        self.usage
    }

    /// Forgets what was used until now, as at the end of a warm-up; jobs under way stay.
    pub fn reset_usage(&mut self, now: Timestamp) {
        self.advance(now);
        self.usage = ProcessorUsage {
            jobs_max: self.jobs.len(),
            ..ProcessorUsage::default()
        };
    }

    /// vCPUs left to jobs.
    fn available(&self) -> f64 {
        (self.vcpus - self.background_vcpus).max(self.vcpus * FOREGROUND_SHARE_MIN)
    }

    /// How fast each job progresses, in seconds of service per second.
    fn rate(&self) -> f64 {
        match self.jobs.len() {
            0 => 0.0,
            jobs => (self.available() / jobs as f64).min(1.0),
        }
    }

    fn advance(&mut self, now: Timestamp) {
        // Also at the moment of the last event: jobs of no length are done at once.
        let mut left_ns = now.since(self.now).as_nanos() as f64;
        self.now = self.now.max(now);
        while let Some(Reverse((done_at, id))) = self.jobs.peek().copied() {
            let rate = self.rate();
            let missing_ns = f64::from_bits(done_at) - self.attained_ns;
            if rate <= 0.0 || missing_ns > rate * (left_ns + ROUNDING_NS) {
                break;
            }
            let step_ns = (missing_ns / rate).clamp(0.0, left_ns);
            self.account(step_ns, rate);
            left_ns -= step_ns;
            self.attained_ns = f64::from_bits(done_at);
            self.jobs.pop();
            self.finished.push_back(id);
            self.usage.completed += 1;
        }
        let rate = self.rate();
        self.account(left_ns, rate);
        self.attained_ns += left_ns * rate;
        if self.jobs.is_empty() {
            self.attained_ns = 0.0;
        }
    }

    fn account(&mut self, span_ns: f64, rate: f64) {
        let span_s = span_ns / 1e9;
        let jobs = self.jobs.len() as f64;
        let used = jobs * rate;
        let background = self.background_vcpus.min(self.vcpus - used).max(0.0);
        self.usage.jobs_vcpu_s += used * span_s;
        self.usage.background_vcpu_s += background * span_s;
        self.usage.capacity_vcpu_s += self.vcpus * span_s;
        self.usage.job_s += jobs * span_s;
    }
}

#[cfg(test)]
#[path = "processor_sharing_tests.rs"]
mod tests;
