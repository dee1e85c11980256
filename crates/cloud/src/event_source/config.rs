//! What an event source mapping is set to, and the bounds AWS sets to it.

use std::time::Duration;

/// Most messages one receive call returns (docs: SQS `ReceiveMessage`, `MaxNumberOfMessages`).
pub const RECEIVE_MESSAGES_MAX: usize = 10;
/// Longest wait of one receive call (docs: SQS `ReceiveMessage`, `WaitTimeSeconds`).
pub const LONG_POLL_WAIT_MAX: Duration = Duration::from_secs(20);
/// Largest batch of a standard queue (docs: lambda/latest/dg/services-sqs-parameters).
pub const BATCH_SIZE_MAX: usize = 10_000;
/// Largest batch without a batch window (same page).
pub const BATCH_SIZE_MAX_WITHOUT_WINDOW: usize = 10;
/// Batch size of a mapping that names none (same page).
pub const BATCH_SIZE_DEFAULT: usize = 10;
/// Longest batch window (same page).
pub const BATCH_WINDOW_MAX: Duration = Duration::from_secs(300);
/// What `MaximumConcurrency` may be (docs: lambda/latest/dg/services-sqs-scaling).
pub const MAXIMUM_CONCURRENCY: std::ops::RangeInclusive<u32> = 2..=1_000;
/// Pollers of a mapping that starts (same page).
pub const POLLERS_INITIAL: u32 = 5;
/// Pollers added per minute while messages are left waiting (same page).
pub const POLLERS_ADDED_PER_MINUTE: u32 = 300;
/// Most pollers of one mapping (same page).
pub const POLLERS_MAX: u32 = 1_250;
/// Pollers kept on a quiet queue (same page).
pub const POLLERS_IDLE_FLOOR: u32 = 2;
/// First pause after a throttled invocation; it doubles with each try. AWS publishes neither this nor
/// the greatest pause: both are assumptions.
pub const THROTTLE_BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// Greatest pause between two tries of a throttled invocation. An assumption.
pub const THROTTLE_BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Pause after a poll that failed. An assumption; it keeps a broken queue from being hammered.
pub const POLL_FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// What [`EventSourceConfig::empty_poll_gap`] is on a real queue. An assumption; it keeps a
/// queue that does not wait (a long poll of less than the queue's granularity) from being hammered.
pub const EMPTY_POLL_GAP: Duration = Duration::from_millis(100);
/// A poll that is unanswered for this long means that no message waits. An assumption of the scaling
/// model: AWS says only "if messages are still available".
pub const SLACK_AFTER: Duration = Duration::from_millis(100);

/// How many pollers a mapping has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollerScaling {
    /// At the start, and as soon as messages wait.
    pub initial: u32,
    /// Added per minute while messages are left waiting.
    pub added_per_minute: u32,
    /// At most.
    pub max: u32,
    /// Kept on a quiet queue.
    pub idle_floor: u32,
}

impl PollerScaling {
    /// A fixed number of pollers, as the textbook has them.
    #[must_use]
    pub const fn fixed(pollers: u32) -> Self {
        Self {
            initial: pollers,
            added_per_minute: 0,
            max: pollers,
            idle_floor: pollers,
        }
    }
}

impl Default for PollerScaling {
    fn default() -> Self {
        Self {
            initial: POLLERS_INITIAL,
            added_per_minute: POLLERS_ADDED_PER_MINUTE,
            max: POLLERS_MAX,
            idle_floor: POLLERS_IDLE_FLOOR,
        }
    }
}

/// What an event source mapping is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSourceConfig {
    /// Most messages in one batch.
    pub batch_size: usize,
    /// How long a batch is collected, from its first message on.
    pub batch_window: Duration,
    /// Most invocations under way at once; none: as many as pollers.
    pub maximum_concurrency: Option<u32>,
    /// The queue's visibility timeout, counted from the receive.
    pub visibility_timeout: Duration,
    /// Whether the function names the items that failed (`ReportBatchItemFailures`).
    pub report_batch_item_failures: bool,
    /// How many pollers there are.
    pub pollers: PollerScaling,
    /// Wait of a poll with an empty batch.
    pub long_poll_wait: Duration,
    /// How long AWS holds a batch that got all its messages from one poll, when a batch window is set:
    /// up to 20 s on a quiet queue (docs: lambda/latest/dg/services-sqs-parameters). Zero: never.
    pub quiet_queue_delay: Duration,
    /// Least time between two polls of one poller when the first found nothing; zero where polls wait as
    /// long as they are asked to, to the microsecond.
    pub empty_poll_gap: Duration,
}

impl Default for EventSourceConfig {
    fn default() -> Self {
        Self {
            batch_size: BATCH_SIZE_DEFAULT,
            batch_window: Duration::ZERO,
            maximum_concurrency: None,
            visibility_timeout: Duration::from_secs(30),
            report_batch_item_failures: true,
            pollers: PollerScaling::default(),
            long_poll_wait: LONG_POLL_WAIT_MAX,
            quiet_queue_delay: Duration::ZERO,
            empty_poll_gap: EMPTY_POLL_GAP,
        }
    }
}

/// A setting that AWS would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event source mapping: found {key} = {found}, expected {expected}")]
pub struct EventSourceConfigError {
    /// Which setting.
    pub key: &'static str,
    /// What it was.
    pub found: String,
    /// What it may be.
    pub expected: &'static str,
}

impl EventSourceConfig {
    /// Checks the settings against AWS's bounds.
    ///
    /// # Errors
    /// Names the first setting that is out of bounds.
    pub fn check(&self) -> Result<(), EventSourceConfigError> {
        let refuse = |key, found: String, expected| {
            Err(EventSourceConfigError {
                key,
                found,
                expected,
            })
        };
        let size = self.batch_size;
        if !(1..=BATCH_SIZE_MAX).contains(&size) {
            return refuse("batch_size", size.to_string(), "1 to 10000");
        }
        if size > BATCH_SIZE_MAX_WITHOUT_WINDOW && self.batch_window.is_zero() {
            return refuse(
                "batch_size",
                size.to_string(),
                "1 to 10 where batch_window is 0",
            );
        }
        if self.batch_window > BATCH_WINDOW_MAX {
            return refuse(
                "batch_window",
                format!("{:?}", self.batch_window),
                "0 to 300 s",
            );
        }
        if let Some(found) = self
            .maximum_concurrency
            .filter(|n| !MAXIMUM_CONCURRENCY.contains(n))
        {
            return refuse(
                "maximum_concurrency",
                found.to_string(),
                "2 to 1000, or none",
            );
        }
        if self.long_poll_wait > LONG_POLL_WAIT_MAX {
            return refuse(
                "long_poll_wait",
                format!("{:?}", self.long_poll_wait),
                "0 to 20 s",
            );
        }
        let PollerScaling {
            initial,
            max,
            idle_floor,
            ..
        } = self.pollers;
        if !(1..=POLLERS_MAX).contains(&max) {
            return refuse("pollers.max", max.to_string(), "1 to 1250");
        }
        if !(1..=max).contains(&initial) {
            return refuse("pollers.initial", initial.to_string(), "1 to pollers.max");
        }
        if !(1..=initial).contains(&idle_floor) {
            return refuse(
                "pollers.idle_floor",
                idle_floor.to_string(),
                "1 to pollers.initial",
            );
        }
        Ok(())
    }

    /// Most pollers at once: a poller invokes one batch at a time, so this bounds invocations too.
    #[must_use]
    pub fn pollers_max(&self) -> usize {
        let max = self
            .maximum_concurrency
            .map_or(self.pollers.max, |n| n.min(self.pollers.max));
        max as usize
    }
}
