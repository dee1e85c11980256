//! The ports that send messages, on modelled queues.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::trip::TripEvent;
use domain::{Region, Round, Timestamp};
use services::ports::{Clock, Doorbell, MarketSnapshot, MarketSnapshots, PortError, TripEvents};
use wire::messages::Ring;

use super::lock;
use crate::queue::{
    Delivery, MessageId, Queue, QueueConfig, QueueCounters, QueueError, Receipt, no_draw,
};

/// A modelled queue of one kind of message, and the clock by which it shows them.
///
/// It is a [`Doorbell`] if it carries [`Ring`], a [`TripEvents`] if it carries [`TripEvent`], and a
/// [`MarketSnapshots`] if it carries [`MarketSnapshot`].
pub struct MemoryQueue<M, C> {
    inner: Arc<Inner<M, C>>,
}

struct Inner<M, C> {
    clock: C,
    state: Mutex<State<M>>,
}

struct State<M> {
    queue: Queue<M>,
    draw: Box<dyn FnMut() -> f64 + Send>,
}

impl<M, C> Clone for MemoryQueue<M, C> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<M, C> fmt::Debug for MemoryQueue<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryQueue").finish_non_exhaustive()
    }
}

impl<M: Clone, C: Clock> MemoryQueue<M, C> {
    /// An empty queue. Its faults, if any are set, never happen: see [`Self::with_draws`].
    #[must_use]
    pub fn new(config: QueueConfig, clock: C) -> Self {
        Self::with_draws(config, clock, no_draw)
    }

    /// An empty queue whose faults happen by these numbers, drawn evenly from 0 to 1.
    #[must_use]
    pub fn with_draws(
        config: QueueConfig,
        clock: C,
        draw: impl FnMut() -> f64 + Send + 'static,
    ) -> Self {
        let state = State {
            queue: Queue::new(config),
            draw: Box::new(draw),
        };
        Self {
            inner: Arc::new(Inner {
                clock,
                state: Mutex::new(state),
            }),
        }
    }

    /// Sends a message that is seen after `delay`.
    ///
    /// # Errors
    /// If the delay is too long.
    pub fn push(&self, message: M, delay: Duration) -> Result<MessageId, QueueError> {
        lock(&self.inner.state)
            .queue
            .send(self.inner.clock.now(), message, delay)
    }

    /// Receives up to `max` messages, hidden for the queue's visibility timeout.
    ///
    /// # Errors
    /// If `max` is not 1 to 10.
    pub fn receive(&self, max: usize) -> Result<Vec<Delivery<M>>, QueueError> {
        let state = &mut *lock(&self.inner.state);
        state
            .queue
            .receive(self.inner.clock.now(), max, None, &mut state.draw)
    }

    /// Deletes a message by its latest receipt; false if that deleted nothing.
    pub fn delete(&self, receipt: Receipt) -> bool {
        lock(&self.inner.state)
            .queue
            .delete(self.inner.clock.now(), receipt)
    }

    /// Messages that went to the dead-letter queue since the last call of this.
    pub fn take_dead_letters(&self) -> Vec<(MessageId, M)> {
        lock(&self.inner.state).queue.take_dead_letters()
    }

    /// When a receive can next find a message; none if there are none.
    #[must_use]
    pub fn next_visible_at(&self) -> Option<Timestamp> {
        lock(&self.inner.state).queue.next_visible_at()
    }

    /// Messages that can be received now, and messages received and not deleted.
    #[must_use]
    pub fn depth(&self) -> (usize, usize) {
        let state = &mut *lock(&self.inner.state);
        (
            state.queue.visible(self.inner.clock.now()),
            state.queue.in_flight(),
        )
    }

    /// What was counted until now.
    #[must_use]
    pub fn counters(&self) -> QueueCounters {
        lock(&self.inner.state)
            .queue
            .counters(self.inner.clock.now())
    }

    /// Has maxima begin anew, as at the end of a warm-up.
    pub fn reset_maxima(&self) {
        lock(&self.inner.state)
            .queue
            .reset_maxima(self.inner.clock.now());
    }

    fn post(&self, port: &'static str, message: M, delay: Duration) -> Result<(), PortError> {
        match self.push(message, delay) {
            Ok(_) => Ok(()),
            Err(error) => Err(PortError::Unavailable {
                port,
                detail: error.to_string(),
            }),
        }
    }
}

impl<C: Clock> Doorbell for MemoryQueue<Ring, C> {
    async fn ring(&self, region: &Region, round: Round, delay: Duration) -> Result<(), PortError> {
        let ring = Ring {
            region: region.clone(),
            round,
        };
        self.post("doorbell", ring, crate::timed::whole_seconds(delay))
    }
}

impl<C: Clock> TripEvents for MemoryQueue<TripEvent, C> {
    async fn send(&self, event: &TripEvent) -> Result<(), PortError> {
        self.post("trip events", *event, Duration::ZERO)
    }
}

impl<C: Clock> MarketSnapshots for MemoryQueue<MarketSnapshot, C> {
    async fn publish(&self, snapshot: &MarketSnapshot) -> Result<(), PortError> {
        self.post("market snapshots", snapshot.clone(), Duration::ZERO)
    }
}
