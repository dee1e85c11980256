//! What the host tells the mapping, and what the mapping tells the host.

use std::time::Duration;

use domain::Timestamp;

use super::PollerId;
#[cfg(doc)]
use super::{EventSource, EventSourceConfig, RECEIVE_MESSAGES_MAX};

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvokeOutcome {
    /// Every message was handled.
    Success,
    /// These messages were not, by their index in the batch; the others were. Means something only where
    /// [`EventSourceConfig::report_batch_item_failures`] is set. An index outside the batch fails it whole,
    /// as an unknown item identifier does on AWS.
    ItemFailures(Vec<usize>),
    /// The function failed, timed out or could not be read: the whole batch is left.
    FunctionError,
    /// The function did not run for want of concurrency; the same batch is tried again.
    Throttled,
}

/// What the host tells the mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<M> {
    /// Time has passed: the first step of a mapping, and the answer to [`Action::WakeAt`].
    Timer,
    /// What a poll returned, maybe nothing.
    PollResult {
        /// Whose poll.
        poller: PollerId,
        /// What it received, at most what was asked for.
        messages: Vec<M>,
    },
    /// A poll failed: the queue could not be reached, or refused.
    PollFailed {
        /// Whose poll.
        poller: PollerId,
    },
    /// How an invocation ended.
    InvokeResult {
        /// Whose invocation.
        poller: PollerId,
        /// How.
        outcome: InvokeOutcome,
    },
    /// Poll no more; invoke what was collected, and end. [`EventSource::is_stopped`] says when.
    Stop,
}

/// What the host is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<M> {
    /// Receive messages. Answer with [`Input::PollResult`] or [`Input::PollFailed`].
    Poll {
        /// For this poller.
        poller: PollerId,
        /// At most this many, never more than [`RECEIVE_MESSAGES_MAX`].
        max_messages: usize,
        /// Wait so long for the first one. SQS waits whole seconds: round down.
        wait: Duration,
    },
    /// Invoke the function. Answer with [`Input::InvokeResult`].
    Invoke {
        /// For this poller.
        poller: PollerId,
        /// With these messages.
        batch: Vec<M>,
    },
    /// Delete these messages from the queue: they were handled.
    Delete {
        /// Which.
        messages: Vec<M>,
    },
    /// Leave these messages: the queue shows them again after their visibility timeout.
    LeaveForRetry {
        /// Which.
        messages: Vec<M>,
    },
    /// Send [`Input::Timer`] at this moment or soon after. An earlier one that is still awaited stays valid.
    WakeAt(Timestamp),
}
