//! A standard SQS queue: delays, visibility timeouts, receipts, redrive to a dead-letter queue.
//!
//! Start at [`Queue::send`], [`Queue::receive`] and [`Queue::delete`]. A long poll is the host's: it asks
//! [`Queue::next_visible_at`] and receives again then. Messages come in the order in which they became
//! visible; [`Faults`] make the queue deliver twice or out of order, as a standard queue may. Not
//! modelled: the retention period and sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Timestamp;

/// Longest delay of a message (docs: SQS `SendMessage`, `DelaySeconds`).
pub const DELAY_MAX: Duration = Duration::from_secs(900);
/// Longest visibility timeout (docs: SQS `ChangeMessageVisibility`).
pub const VISIBILITY_TIMEOUT_MAX: Duration = Duration::from_secs(12 * 3_600);
/// Visibility timeout of a queue that names none (docs: SQS `CreateQueue`).
pub const VISIBILITY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);
/// Messages that may be in flight at once; beyond it a receive returns nothing (docs: SQS message quotas).
pub const IN_FLIGHT_MAX: usize = 120_000;
/// Most messages of one receive (docs: SQS `ReceiveMessage`).
pub const RECEIVE_MAX: usize = 10;
/// How many of the visible messages a receive out of order draws from.
pub const REORDER_AMONG: usize = 10;

/// How often the queue does what a standard queue may but seldom does. All zero by default.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Probability that a message received is delivered once more, even if it is deleted meanwhile.
    pub duplicate_probability: f64,
    /// Probability that a message is not the first in line but any of the first [`REORDER_AMONG`].
    pub reorder_probability: f64,
}

/// The draw for a host without [`Faults`]: never below a probability.
#[must_use]
pub fn no_draw() -> f64 {
    1.0
}

/// What a queue is set to.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueConfig {
    /// Visibility timeout of a receive that names none.
    pub visibility_timeout: Duration,
    /// Receives after which a message goes to the dead-letter queue instead; none: it never does.
    pub max_receive_count: Option<u32>,
    /// Whole ticks, counted from the epoch, at which a receive that already waits is shown messages whose
    /// delay or visibility timeout has ended; a new receive sees them at once. Zero: both do. The embedded
    /// SQS has such ticks, of one second.
    pub visibility_tick: Duration,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            visibility_timeout: VISIBILITY_TIMEOUT_DEFAULT,
            max_receive_count: None,
            visibility_tick: Duration::ZERO,
            faults: Faults::default(),
        }
    }
}

/// A message as the sender knows it. A duplicate has the number of its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

/// The right to delete one delivery of a message, until the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    slot: u64,
    receive: u32,
}

/// One delivery of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery<B> {
    /// Which message.
    pub id: MessageId,
    /// By which it is deleted.
    pub receipt: Receipt,
    /// What was sent.
    pub body: B,
    /// How often it was received, this one included.
    pub receive_count: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// A request that SQS would refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// The delay is too long.
    #[error("found a delay of {0:?}, expected at most 900 s")]
    Delay(Duration),
    /// The visibility timeout is too long.
    #[error("found a visibility timeout of {0:?}, expected at most 12 h")]
    VisibilityTimeout(Duration),
    /// Too many or no messages were asked for.
    #[error("found a receive of {0} messages, expected 1 to 10")]
    ReceiveCount(usize),
    /// The message is not in flight under this receipt.
    #[error("found a receipt of a message that is not in flight, expected the latest receipt")]
    NotInFlight,
}

/// What was counted, as `queues` in summary.json names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueCounters {
    /// Messages sent.
    pub sent: u64,
    /// Deliveries.
    pub received: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Deliveries of what was delivered before.
    pub redelivered: u64,
    /// Messages that went to the dead-letter queue.
    pub dead_lettered: u64,
    /// Extra copies that [`Faults`] made.
    pub duplicated: u64,
    /// Greatest age of a message that was not deleted.
    pub age_max: Duration,
    /// Most messages visible at one moment.
    pub depth_max: usize,
}

#[derive(Debug, Clone)]
struct Stored<B> {
    id: MessageId,
    body: B,
    receive_count: u32,
    sent_at: Timestamp,
    /// When it is or was to be seen: its place in `ready` or `hidden`.
    visible_at: Timestamp,
    /// When a receive that waits is shown it: its place in `shown`.
    shown_at: Timestamp,
    in_flight: bool,
}

/// One queue. `B` is what a message carries.
#[derive(Debug, Clone)]
pub struct Queue<B> {
    config: QueueConfig,
    now: Timestamp,
    next_slot: u64,
    stored: BTreeMap<u64, Stored<B>>,
    ready: BTreeSet<(Timestamp, u64)>,
    hidden: BTreeSet<(Timestamp, u64)>,
    /// All of `ready` and `hidden` by when a receive that waits is shown them; empty without ticks.
    shown: BTreeSet<(Timestamp, u64)>,
    in_flight: usize,
    dead: Vec<(MessageId, B)>,
    counters: QueueCounters,
}

impl<B: Clone> Queue<B> {
    /// An empty queue.
    #[must_use]
    pub fn new(config: QueueConfig) -> Self {
        Self {
            config,
            now: Timestamp::from_micros(i64::MIN),
            next_slot: 0,
            stored: BTreeMap::new(),
            ready: BTreeSet::new(),
            hidden: BTreeSet::new(),
            shown: BTreeSet::new(),
            in_flight: 0,
            dead: Vec::new(),
            counters: QueueCounters::default(),
        }
    }

    /// Sends a message that is seen after `delay`.
    ///
    /// # Errors
    /// If the delay is over [`DELAY_MAX`].
    pub fn send(
        &mut self,
        now: Timestamp,
        body: B,
        delay: Duration,
    ) -> Result<MessageId, QueueError> {
        if delay > DELAY_MAX {
            return Err(QueueError::Delay(delay));
        }
        self.promote(now);
        let id = MessageId(self.next_slot);
        let sent_at = self.now;
        self.counters.sent += 1;
        let visible_at = sent_at + delay;
        self.put(Stored {
            id,
            body,
            receive_count: 0,
            sent_at,
            visible_at,
            shown_at: self.shown_at(visible_at),
            in_flight: false,
        });
        self.promote(now);
        Ok(id)
    }

    /// Receives up to `max` messages and hides them for `visibility`, or for the queue's own timeout.
    /// `draw` gives numbers evenly from 0 to 1; it is asked only where [`Faults`] are set.
    ///
    /// # Errors
    /// If `max` is not 1 to [`RECEIVE_MAX`], or the visibility timeout over [`VISIBILITY_TIMEOUT_MAX`].
    pub fn receive(
        &mut self,
        now: Timestamp,
        max: usize,
        visibility: Option<Duration>,
        draw: &mut dyn FnMut() -> f64,
    ) -> Result<Vec<Delivery<B>>, QueueError> {
        let visibility = checked_visibility(visibility.unwrap_or(self.config.visibility_timeout))?;
        if !(1..=RECEIVE_MAX).contains(&max) {
            return Err(QueueError::ReceiveCount(max));
        }
        self.promote(now);
        let mut deliveries = Vec::new();
        let mut taken = Vec::new();
        let hidden_until = self.now + visibility;
        let shown_at = self.shown_at(hidden_until);
        while deliveries.len() < max && self.in_flight < IN_FLIGHT_MAX {
            let Some(slot) = self.next_in_line(draw) else {
                break;
            };
            let stored = self
                .stored
                .get_mut(&slot)
                .expect("a visible message is stored");
            self.ready.remove(&(stored.visible_at, slot));
            self.shown.remove(&(stored.shown_at, slot));
            if self
                .config
                .max_receive_count
                .is_some_and(|max| stored.receive_count >= max)
            {
                self.bury(slot);
                continue;
            }
            stored.receive_count += 1;
            stored.in_flight = true;
            (stored.visible_at, stored.shown_at) = (hidden_until, shown_at);
            self.in_flight += 1;
            self.counters.received += 1;
            self.counters.redelivered += u64::from(stored.receive_count > 1);
            deliveries.push(Delivery {
                id: stored.id,
                receipt: Receipt {
                    slot,
                    receive: stored.receive_count,
                },
                body: stored.body.clone(),
                receive_count: stored.receive_count,
                sent_at: stored.sent_at,
            });
            taken.push(slot);
        }
        // Hidden only now, so that one receive does not return a message twice.
        for slot in taken {
            self.hide(slot, hidden_until, shown_at);
            self.maybe_duplicate(slot, draw);
        }
        self.promote(now);
        Ok(deliveries)
    }

    /// Deletes a message by its latest receipt, even after its visibility timeout. False if the message is
    /// gone or was received again since: SQS reports success and deletes nothing.
    pub fn delete(&mut self, now: Timestamp, receipt: Receipt) -> bool {
        self.promote(now);
        let current = self
            .stored
            .get(&receipt.slot)
            .is_some_and(|stored| stored.receive_count == receipt.receive);
        if current {
            self.take_out(receipt.slot);
            self.counters.deleted += 1;
        }
        current
    }

    /// Hides a message in flight until `visibility` from now; zero shows it at once.
    ///
    /// # Errors
    /// If it is not in flight under this receipt, or the timeout is over [`VISIBILITY_TIMEOUT_MAX`].
    pub fn change_visibility(
        &mut self,
        now: Timestamp,
        receipt: Receipt,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        let visibility = checked_visibility(visibility)?;
        self.promote(now);
        let stored = self
            .stored
            .get_mut(&receipt.slot)
            .filter(|stored| stored.in_flight && stored.receive_count == receipt.receive)
            .ok_or(QueueError::NotInFlight)?;
        self.hidden.remove(&(stored.visible_at, receipt.slot));
        self.shown.remove(&(stored.shown_at, receipt.slot));
        let visible_at = self.now + visibility;
        stored.visible_at = visible_at;
        let shown_at = shown_at(visible_at, self.now, self.config.visibility_tick);
        stored.shown_at = shown_at;
        self.hide(receipt.slot, visible_at, shown_at);
        self.promote(now);
        Ok(())
    }

    /// Messages that went to the dead-letter queue since the last call of this, for the host to send there.
    pub fn take_dead_letters(&mut self) -> Vec<(MessageId, B)> {
        std::mem::take(&mut self.dead)
    }

    /// Messages that can be received now.
    #[must_use]
    pub fn visible(&mut self, now: Timestamp) -> usize {
        self.promote(now);
        self.ready.len()
    }

    /// Messages received and not deleted.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// When a receive that waits can next find a message: not after `now` if one is visible, none if there
    /// are none.
    #[must_use]
    pub fn next_visible_at(&self) -> Option<Timestamp> {
        if !self.config.visibility_tick.is_zero() {
            return self.shown.first().map(|(shown_at, _)| *shown_at);
        }
        let next = self.ready.first().or_else(|| self.hidden.first());
        next.map(|(visible_at, _)| *visible_at)
    }

    /// Messages there are: visible, delayed and in flight.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// What was counted until now.
    #[must_use]
    pub fn counters(&self, now: Timestamp) -> QueueCounters {
        let oldest = self
            .stored
            .values()
            .map(|stored| now.since(stored.sent_at))
            .max();
        let age_max = self.counters.age_max.max(oldest.unwrap_or_default());
        QueueCounters {
            age_max,
            ..self.counters
        }
    }

    /// Has maxima begin anew, as at the end of a warm-up; messages stay, and count as they are.
    pub fn reset_maxima(&mut self, now: Timestamp) {
        self.promote(now);
        self.counters.age_max = Duration::ZERO;
        self.counters.depth_max = self.ready.len();
    }

    fn shown_at(&self, visible_at: Timestamp) -> Timestamp {
        shown_at(visible_at, self.now, self.config.visibility_tick)
    }

    fn hide(&mut self, slot: u64, visible_at: Timestamp, shown_at: Timestamp) {
        self.hidden.insert((visible_at, slot));
        self.show_at(slot, shown_at);
    }

    fn show_at(&mut self, slot: u64, shown_at: Timestamp) {
        if !self.config.visibility_tick.is_zero() {
            self.shown.insert((shown_at, slot));
        }
    }

    fn put(&mut self, stored: Stored<B>) {
        if stored.visible_at <= self.now {
            self.ready.insert((stored.visible_at, self.next_slot));
            self.show_at(self.next_slot, stored.shown_at);
        } else {
            self.hide(self.next_slot, stored.visible_at, stored.shown_at);
        }
        self.stored.insert(self.next_slot, stored);
        self.next_slot += 1;
    }

    /// Moves time on and shows what is due.
    fn promote(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some(&(visible_at, slot)) = self.hidden.first() {
            if visible_at > self.now {
                break;
            }
            self.hidden.pop_first();
            self.ready.insert((visible_at, slot));
            let stored = self
                .stored
                .get_mut(&slot)
                .expect("a hidden message is stored");
            self.in_flight -= usize::from(stored.in_flight);
            stored.in_flight = false;
        }
        self.counters.depth_max = self.counters.depth_max.max(self.ready.len());
    }

    fn next_in_line(&self, draw: &mut dyn FnMut() -> f64) -> Option<u64> {
        let probability = self.config.faults.reorder_probability;
        let mut index = 0;
        if probability > 0.0 && self.ready.len() > 1 && draw() < probability {
            let among = self.ready.len().min(REORDER_AMONG);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a draw of 0 to 1 times at most REORDER_AMONG"
            )]
            let drawn = (draw() * among as f64) as usize;
            index = drawn.min(among - 1);
        }
        self.ready.iter().nth(index).map(|(_, slot)| *slot)
    }

    fn maybe_duplicate(&mut self, slot: u64, draw: &mut dyn FnMut() -> f64) {
        let probability = self.config.faults.duplicate_probability;
        if probability <= 0.0 || draw() >= probability {
            return;
        }
        if let Some(stored) = self.stored.get(&slot) {
            let copy = Stored {
                visible_at: self.now,
                shown_at: self.now,
                in_flight: false,
                ..stored.clone()
            };
            self.counters.duplicated += 1;
            self.put(copy);
        }
    }

    fn bury(&mut self, slot: u64) {
        if let Some(stored) = self.take_out(slot) {
            self.counters.dead_lettered += 1;
            self.dead.push((stored.id, stored.body));
        }
    }

    fn take_out(&mut self, slot: u64) -> Option<Stored<B>> {
        let stored = self.stored.remove(&slot)?;
        self.ready.remove(&(stored.visible_at, slot));
        self.hidden.remove(&(stored.visible_at, slot));
        self.shown.remove(&(stored.shown_at, slot));
        self.in_flight -= usize::from(stored.in_flight);
        self.counters.age_max = self.counters.age_max.max(self.now.since(stored.sent_at));
        Some(stored)
    }
}

/// The next whole tick, unless the message is there at once.
fn shown_at(visible_at: Timestamp, now: Timestamp, tick: Duration) -> Timestamp {
    let tick_us = i64::try_from(tick.as_micros()).unwrap_or(i64::MAX);
    if tick_us == 0 || visible_at <= now {
        return visible_at;
    }
    let over = visible_at.as_micros().rem_euclid(tick_us);
    let wait = if over == 0 { 0 } else { tick_us - over };
    Timestamp::from_micros(visible_at.as_micros().saturating_add(wait))
}

fn checked_visibility(visibility: Duration) -> Result<Duration, QueueError> {
    if visibility > VISIBILITY_TIMEOUT_MAX {
        return Err(QueueError::VisibilityTimeout(visibility));
    }
    Ok(visibility)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
