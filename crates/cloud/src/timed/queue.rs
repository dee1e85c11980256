//! A standard queue as its senders and pollers feel it: latency, long polls, billed requests.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use domain::trip::TripEvent;
use domain::{Region, Round};
use kernel::{Inbox, Local, Stream, Time};
use services::ports::{Doorbell, MarketSnapshot, MarketSnapshots, PortError, TripEvents};
use wire::messages::Ring;

use super::{Draws, VirtualClock};
use crate::memory::MemoryQueue;
use crate::profile::QueueProfile;
use crate::queue::{Delivery, QueueConfig, QueueCounters};

/// What a queue has been used for, beside its own counters.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QueueUse {
    /// Calls of any kind, empty receives included: what SQS bills.
    pub requests: u64,
    /// The oldest message at its receive, from its sending on; a delay is part of it.
    pub age_max: Duration,
}

/// A queue in virtual time.
#[derive(Debug)]
pub struct TimedQueue<M> {
    inner: MemoryQueue<M, VirtualClock>,
    shared: Arc<Shared>,
    time: Time,
}

#[derive(Debug)]
struct Shared {
    laws: QueueProfile,
    draws: Draws,
    state: Local<State>,
}

#[derive(Debug, Default)]
struct State {
    used: QueueUse,
    /// Polls that wait for a message, longest waiting first.
    polls: VecDeque<Inbox<()>>,
    /// The earliest look for messages that were hidden, if one is set.
    look_us: Option<i64>,
}

impl<M> Clone for TimedQueue<M> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
            time: self.time.clone(),
        }
    }
}

impl<M: Clone + Send + 'static> TimedQueue<M> {
    /// An empty queue. `faults` gives the numbers by which messages are doubled and come out of order.
    #[must_use]
    pub fn new(
        config: QueueConfig,
        profile: &QueueProfile,
        stream: Stream,
        mut faults: Stream,
        time: &Time,
    ) -> Self {
        let clock = VirtualClock(time.clone());
        Self {
            inner: MemoryQueue::with_draws(config, clock, move || faults.uniform()),
            shared: Arc::new(Shared {
                laws: profile.clone(),
                draws: Draws::new(stream),
                state: Local::default(),
            }),
            time: time.clone(),
        }
    }

    /// What it was used for so far.
    #[must_use]
    pub fn used(&self) -> QueueUse {
        self.shared.state.lock().used
    }

    /// The queue's own counters so far.
    #[must_use]
    pub fn counters(&self) -> QueueCounters {
        self.inner.counters()
    }

    /// Has maxima begin anew, as at the end of a warm-up.
    pub fn reset_maxima(&self) {
        self.shared.state.lock().used.age_max = Duration::ZERO;
        self.inner.reset_maxima();
    }

    /// Messages waiting and in flight.
    #[must_use]
    pub fn depth(&self) -> (usize, usize) {
        self.inner.depth()
    }

    fn count_request(&self) {
        self.shared.state.lock().used.requests += 1;
    }

    async fn post(&self, port: &'static str, message: M, delay: Duration) -> Result<(), PortError> {
        self.count_request();
        let latency = self.shared.draws.span(&self.shared.laws.send);
        self.time.sleep(latency).await;
        self.inner
            .push(message, delay)
            .map_err(|error| PortError::Unavailable {
                port,
                detail: error.to_string(),
            })?;
        self.call_a_poll();
        Ok(())
    }

    /// Lets the poll that waits longest look for a message when the next one is to be seen.
    fn call_a_poll(&self) {
        let Some(seen_at) = self.inner.next_visible_at() else {
            return;
        };
        let seen_us = seen_at.as_micros();
        if seen_us <= self.time.now_us() {
            self.wake_a_poll();
            return;
        }
        {
            let state = &mut *self.shared.state.lock();
            // A look that is set for earlier sets the next one itself.
            if state.look_us.is_some_and(|look_us| look_us <= seen_us) {
                return;
            }
            state.look_us = Some(seen_us);
        }
        let queue = self.clone();
        self.time.spawn(async move {
            queue.time.sleep_until_us(seen_us).await;
            {
                let state = &mut *queue.shared.state.lock();
                if state.look_us == Some(seen_us) {
                    state.look_us = None;
                }
            }
            queue.call_a_poll();
        });
    }

    fn wake_a_poll(&self) {
        if let Some(poll) = self.shared.state.lock().polls.pop_front() {
            poll.put(());
        }
    }

    /// Receives up to `max` messages, waiting at most so long for the first: a long poll.
    ///
    /// # Errors
    /// If `max` is not 1 to 10.
    pub async fn poll(&self, max: usize, wait: Duration) -> Result<Vec<Delivery<M>>, PortError> {
        self.count_request();
        let give_up_us = self.time.now_us() + micros(wait);
        loop {
            let found = self
                .inner
                .receive(max)
                .map_err(|error| PortError::Unavailable {
                    port: "a poll",
                    detail: error.to_string(),
                })?;
            if !found.is_empty() {
                return Ok(self.delivered(found).await);
            }
            if self.time.now_us() >= give_up_us {
                return Ok(found);
            }
            let called = Inbox::default();
            self.shared.state.lock().polls.push_back(called.clone());
            if called
                .next_until(&self.time, Some(give_up_us))
                .await
                .is_none()
            {
                self.wait_no_more(&called);
            }
        }
    }

    fn wait_no_more(&self, poll: &Inbox<()>) {
        let polls = &mut self.shared.state.lock().polls;
        polls.retain(|other| !other.is(poll));
    }

    async fn delivered(&self, found: Vec<Delivery<M>>) -> Vec<Delivery<M>> {
        let now_us = self.time.now_us();
        let oldest_us = found
            .iter()
            .map(|delivery| now_us - delivery.sent_at.as_micros())
            .max()
            .unwrap_or_default();
        {
            let used = &mut self.shared.state.lock().used;
            let age = Duration::from_micros(oldest_us.unsigned_abs());
            used.age_max = used.age_max.max(age);
        }
        // More may be there for another poll.
        self.call_a_poll();
        self.time
            .sleep(self.shared.draws.span(&self.shared.laws.receive))
            .await;
        found
    }

    /// Deletes messages by their receipts: one call for each ten. Nobody waits for it, so it takes no time.
    pub fn delete(&self, deliveries: &[Delivery<M>]) {
        for ten in deliveries.chunks(crate::queue::RECEIVE_MAX) {
            self.count_request();
            for delivery in ten {
                self.inner.delete(delivery.receipt);
            }
        }
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}

impl Doorbell for TimedQueue<Ring> {
    async fn ring(&self, region: &Region, round: Round, delay: Duration) -> Result<(), PortError> {
        let ring = Ring {
            region: region.clone(),
            round,
        };
        self.post("the doorbell", ring, whole_seconds(delay)).await
    }
}

/// The queue counts whole seconds; a ring arrives no earlier than it was meant to.
pub(crate) fn whole_seconds(delay: Duration) -> Duration {
    Duration::from_secs(delay.as_secs() + u64::from(delay.subsec_nanos() > 0))
}

impl TripEvents for TimedQueue<TripEvent> {
    async fn send(&self, event: &TripEvent) -> Result<(), PortError> {
        self.post("trip events", *event, Duration::ZERO).await
    }
}

impl MarketSnapshots for TimedQueue<MarketSnapshot> {
    async fn publish(&self, snapshot: &MarketSnapshot) -> Result<(), PortError> {
        self.post("market snapshots", snapshot.clone(), Duration::ZERO)
            .await
    }
}
