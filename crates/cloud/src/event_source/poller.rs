//! One poller: the batch it collects, and the batch it waits for.

use std::time::Duration;

use domain::Timestamp;

use super::config::{
    EventSourceConfig, RECEIVE_MESSAGES_MAX, THROTTLE_BACKOFF_FIRST, THROTTLE_BACKOFF_MAX,
};

/// A message, and until when the queue hides it from others.
#[derive(Debug, Clone)]
pub(super) struct Received<M> {
    pub(super) message: M,
    pub(super) hidden_until: Timestamp,
}

/// What a poller does with the batch it has closed.
#[derive(Debug, Clone)]
pub(super) enum Work<M> {
    /// Nothing: it collects the next one.
    Collecting,
    /// It waits for the function.
    Invoking {
        batch: Vec<Received<M>>,
        throttled: u32,
    },
    /// The function was throttled; it tries again at `retry_at`.
    BackingOff {
        batch: Vec<Received<M>>,
        throttled: u32,
        retry_at: Timestamp,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Poller<M> {
    pub(super) work: Work<M>,
    /// The batch being collected. It can gain messages while another is invoked, from a poll that was
    /// under way when the window closed.
    pub(super) open: Vec<Received<M>>,
    /// When `open` got its first message.
    pub(super) opened_at: Timestamp,
    /// Polls that gave messages to `open`.
    pub(super) open_polls: u32,
    /// When the poll under way was sent.
    pub(super) polling_since: Option<Timestamp>,
    pub(super) poll_not_before: Timestamp,
    /// The timer set for this poller.
    pub(super) deadline: Option<Timestamp>,
}

impl<M> Poller<M> {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            work: Work::Collecting,
            open: Vec::new(),
            opened_at: now,
            open_polls: 0,
            polling_since: None,
            poll_not_before: now,
            deadline: None,
        }
    }

    /// When the open batch closes though it is not full.
    pub(super) fn window_end(&self, config: &EventSourceConfig) -> Timestamp {
        let quiet = self.open_polls <= 1 && !config.batch_window.is_zero();
        let hold = if quiet {
            config.batch_window.max(config.quiet_queue_delay)
        } else {
            config.batch_window
        };
        self.opened_at + hold
    }

    /// Adds what a poll returned; gives back what does not fit.
    pub(super) fn collect(
        &mut self,
        messages: Vec<M>,
        now: Timestamp,
        config: &EventSourceConfig,
    ) -> Vec<M> {
        if messages.is_empty() {
            return messages;
        }
        if self.open.is_empty() {
            self.opened_at = now;
            self.open_polls = 0;
        }
        self.open_polls += 1;
        let room = config.batch_size.saturating_sub(self.open.len());
        let mut messages = messages.into_iter();
        let hidden_until = now + config.visibility_timeout;
        let fits = messages.by_ref().take(room).map(|message| Received {
            message,
            hidden_until,
        });
        self.open.extend(fits);
        messages.collect()
    }

    /// How many messages to ask for and how long to wait, if a poll is to be sent now.
    pub(super) fn next_poll(
        &self,
        now: Timestamp,
        config: &EventSourceConfig,
    ) -> Option<(usize, Duration)> {
        let free = matches!(self.work, Work::Collecting) && self.polling_since.is_none();
        let room = config.batch_size.saturating_sub(self.open.len());
        if !free || room == 0 || now < self.poll_not_before {
            return None;
        }
        let wait = if self.open.is_empty() {
            config.long_poll_wait
        } else {
            config
                .long_poll_wait
                .min(self.window_end(config).since(now))
        };
        Some((room.min(RECEIVE_MESSAGES_MAX), wait))
    }

    /// The next moment at which this poller must act by itself.
    pub(super) fn next_deadline(&self, config: &EventSourceConfig) -> Option<Timestamp> {
        match &self.work {
            Work::Invoking { .. } => None,
            Work::BackingOff { retry_at, .. } => Some(*retry_at),
            Work::Collecting => {
                let window = (!self.open.is_empty()).then(|| self.window_end(config));
                let poll = self.polling_since.is_none().then_some(self.poll_not_before);
                [window, poll].into_iter().flatten().min()
            }
        }
    }

    /// Nothing collected, nothing under way.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.work, Work::Collecting)
            && self.open.is_empty()
            && self.polling_since.is_none()
    }
}

/// The pause before the next try of an invocation that was throttled so many times.
pub(super) fn throttle_backoff(throttled: u32) -> Duration {
    let doubled = 1_u32
        .checked_shl(throttled.saturating_sub(1))
        .unwrap_or(u32::MAX);
    THROTTLE_BACKOFF_FIRST
        .saturating_mul(doubled)
        .min(THROTTLE_BACKOFF_MAX)
}

/// Splits off what stays hidden beyond `moment`; the rest is given up.
pub(super) fn split_hidden<M>(
    batch: Vec<Received<M>>,
    moment: Timestamp,
) -> (Vec<Received<M>>, Vec<Received<M>>) {
    batch
        .into_iter()
        .partition(|received| received.hidden_until > moment)
}

/// The messages alone.
pub(super) fn messages<M>(batch: Vec<Received<M>>) -> Vec<M> {
    batch.into_iter().map(|received| received.message).collect()
}
