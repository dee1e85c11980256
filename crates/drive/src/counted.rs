//! What a system's cloud resources counted, and the difference of two moments: figures are of the time after
//! the warm-up. The types are plain, so that a live stack and a modelled one fill the same.

use std::collections::BTreeMap;
use std::time::Duration;

use cloud::lambda_pool::LambdaCounters;
use cloud::processor_sharing::ProcessorUsage;
use cloud::timed::TableUse;

#[cfg(test)]
mod tests;

/// The counters of every resource at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Counted {
    /// Functions by name.
    pub functions: BTreeMap<String, LambdaCounters>,
    /// Milliseconds billed of calls in provisioned environments, by function; the functions' own are on demand.
    pub provisioned_ms: BTreeMap<String, u64>,
    /// Requests to the HTTP API.
    pub http_requests: u64,
    /// Tables by name.
    pub tables: BTreeMap<String, TableUse>,
    /// Queues by name.
    pub queues: BTreeMap<String, QueueUse>,
    /// The tracker.
    pub tracker: TrackerUse,
    /// Long-running services by name.
    pub containers: BTreeMap<String, ContainerUse>,
    /// The most messages seen waiting, by queue.
    pub depth_max: BTreeMap<String, u64>,
    /// How long it was counted for, by one who counts in whole minutes; none where that is what all figures are of.
    pub counted_for: Option<Duration>,
}

/// What a queue was used for, and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueUse {
    /// Calls of any kind, empty receives included: what SQS bills.
    pub requests: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages received, each time counted.
    pub received: u64,
    /// Of those, messages that had been received before.
    pub redelivered: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Messages in its dead-letter queue now.
    pub dead_letters: u64,
    /// The oldest message at its receive, from its sending on; a delay is part of it.
    pub age_max: Duration,
    /// Messages that can be received now, or once their delay is over.
    pub depth_visible: u64,
    /// Messages that were received and not yet deleted.
    pub depth_in_flight: u64,
}

/// What the tracker took in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrackerUse {
    /// Messages from drivers and callers.
    pub messages: u64,
    /// Pings among them.
    pub pings: u64,
    /// Positions of cars that riders were told; 0 where nobody counts them.
    pub positions_told: u64,
    /// Streams that ended because their driver did not read.
    pub slow_readers: u64,
    /// Messages that did not say what they should.
    pub bad_messages: u64,
}

/// What a long-running service used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ContainerUse {
    /// The most tasks at one moment.
    pub tasks_max: u64,
    /// What its processors did; nothing where it was not measured.
    pub cpu: Option<ProcessorUsage>,
    /// Time its tasks ran, summed, in seconds: what Fargate bills.
    pub task_seconds: f64,
    /// Messages it took in.
    pub messages: u64,
}

impl Counted {
    /// Notes how much waits in each queue.
    pub fn note_depth(&mut self, queues: &BTreeMap<String, QueueUse>) {
        for (name, used) in queues {
            let waiting = used.depth_visible + used.depth_in_flight;
            if let Some(most) = self.depth_max.get_mut(name) {
                *most = waiting.max(*most);
            } else {
                self.depth_max.insert(name.clone(), waiting);
            }
        }
    }

    /// What was counted since an earlier moment. Maxima stay as they are: whoever counts has them begin anew at that
    /// moment.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        for (name, now) in &mut self.functions {
            if let Some(then) = earlier.functions.get(name) {
                now.invocations -= then.invocations;
                now.errors -= then.errors;
                now.cold_starts -= then.cold_starts;
                now.throttles -= then.throttles;
                now.billed_ms -= then.billed_ms;
            }
        }
        for (name, now) in &mut self.provisioned_ms {
            *now -= earlier.provisioned_ms.get(name).copied().unwrap_or(0);
        }
        self.http_requests -= earlier.http_requests;
        for (name, now) in &mut self.tables {
            if let Some(then) = earlier.tables.get(name) {
                now.requests -= then.requests;
                now.read_units -= then.read_units;
                now.write_units -= then.write_units;
                now.throttles -= then.throttles;
                now.conditional_failures -= then.conditional_failures;
            }
        }
        for (name, now) in &mut self.queues {
            if let Some(then) = earlier.queues.get(name) {
                now.requests -= then.requests;
                now.sent -= then.sent;
                now.received -= then.received;
                now.redelivered -= then.redelivered;
                now.deleted -= then.deleted;
                // Somebody may have emptied the dead-letter queue meanwhile.
                now.dead_letters = now.dead_letters.saturating_sub(then.dead_letters);
            }
        }
        // A tracker that died or was started again counts from nothing.
        let (now, then) = (&mut self.tracker, &earlier.tracker);
        now.messages = now.messages.saturating_sub(then.messages);
        now.pings = now.pings.saturating_sub(then.pings);
        now.positions_told = now.positions_told.saturating_sub(then.positions_told);
        now.slow_readers = now.slow_readers.saturating_sub(then.slow_readers);
        now.bad_messages = now.bad_messages.saturating_sub(then.bad_messages);
        for (name, now) in &mut self.containers {
            if let Some(then) = earlier.containers.get(name) {
                if let (Some(now), Some(then)) = (&mut now.cpu, &then.cpu) {
                    *now = now.since(then);
                }
                now.task_seconds -= then.task_seconds;
                now.messages = now.messages.saturating_sub(then.messages);
            }
        }
        self
    }

    /// What a bill is made of, over a span: at the rate of what was counted, where that was not for as long.
    #[must_use]
    pub fn over(&self, span: Duration) -> Self {
        let mut all = self.clone();
        let Some(counted_for) = all.counted_for.take().filter(|known| !known.is_zero()) else {
            return all;
        };
        let factor = span.as_secs_f64() / counted_for.as_secs_f64();
        for function in all.functions.values_mut() {
            scale(&mut function.invocations, factor);
            scale(&mut function.billed_ms, factor);
        }
        scale(&mut all.http_requests, factor);
        for table in all.tables.values_mut() {
            table.read_units *= factor;
            table.write_units *= factor;
        }
        for queue in all.queues.values_mut() {
            scale(&mut queue.requests, factor);
            scale(&mut queue.sent, factor);
        }
        for container in all.containers.values_mut() {
            container.task_seconds *= factor;
        }
        all
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts; `as` saturates"
)]
fn scale(count: &mut u64, factor: f64) {
    *count = (*count as f64 * factor).round() as u64;
}
