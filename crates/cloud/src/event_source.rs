//! The event source mapping from an SQS queue to a Lambda function, as AWS runs it.
//!
//! Start at [`EventSource::step`]. Pollers each collect a batch of their own, invoke the function with it,
//! and hold it until the result is there. The host owns the queue and the function: it does what the
//! [`Action`]s say, and answers each [`Action::Poll`] and each [`Action::Invoke`] with exactly one
//! [`Input`]. Redrive to a dead-letter queue is the queue's business. `M` is the host's handle of a message.
//!
//! Not modelled: the 6 MB limit of a batch, filters, provisioned pollers, FIFO queues, and AWS's reduction
//! of concurrency after function errors.

mod config;
mod exchange;
mod poller;
mod scaling;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;

pub use config::*;
pub use exchange::{Action, Input, InvokeOutcome};
use poller::{Poller, Received, Work, messages, split_hidden, throttle_backoff};

/// One poller of a mapping. Numbers are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollerId(pub u64);

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSourceCounters {
    /// Receive calls asked for; each is billed.
    pub polls: u64,
    /// Receive calls that returned nothing.
    pub empty_polls: u64,
    /// Batches that were invoked, each counted once however often it was throttled.
    pub batches: u64,
    /// Messages in those batches.
    pub batch_messages: u64,
    /// Invocations that were throttled.
    pub throttles: u64,
    /// Messages to delete.
    pub deleted: u64,
    /// Messages left for another receive.
    pub left_for_retry: u64,
    /// Most pollers at one moment.
    pub pollers_max: usize,
    /// Invocations under way now, those that wait after a throttle included.
    pub concurrency: usize,
    /// Most of them at one moment.
    pub concurrency_max: usize,
}

/// One event source mapping.
#[derive(Debug, Clone)]
pub struct EventSource<M> {
    config: EventSourceConfig,
    now: Timestamp,
    pollers: BTreeMap<PollerId, Poller<M>>,
    next_poller: u64,
    started: bool,
    stopping: bool,
    /// Polls under way by the time they were sent.
    polling: BTreeSet<(Timestamp, PollerId)>,
    deadlines: BTreeSet<(Timestamp, PollerId)>,
    /// Since when messages were left waiting, and how many pollers were added for it.
    saturated: Option<(Timestamp, u64)>,
    /// The earliest wake-up that the host was asked for and has not delivered.
    awaited: Option<Timestamp>,
    counters: EventSourceCounters,
}

impl<M: Clone> EventSource<M> {
    /// A mapping that has not started; its first step starts it.
    ///
    /// # Errors
    /// If a setting is outside of AWS's bounds.
    pub fn new(config: EventSourceConfig) -> Result<Self, EventSourceConfigError> {
        config.check()?;
        Ok(Self {
            config,
            now: Timestamp::from_micros(i64::MIN),
            pollers: BTreeMap::new(),
            next_poller: 0,
            started: false,
            stopping: false,
            polling: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            saturated: None,
            awaited: None,
            counters: EventSourceCounters::default(),
        })
    }

    /// What the mapping is set to.
    #[must_use]
    pub fn config(&self) -> &EventSourceConfig {
        &self.config
    }

    /// What was counted.
    #[must_use]
    pub fn counters(&self) -> EventSourceCounters {
        self.counters
    }

    /// Pollers there are now.
    #[must_use]
    pub fn pollers(&self) -> usize {
        self.pollers.len()
    }

    /// Whether a stopped mapping has nothing under way any more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopping && self.pollers.is_empty()
    }

    /// Takes one input in and says what to do. A `now` before an earlier one is read as the earlier one.
    /// An answer that nobody waits for changes nothing, and its messages are left for retry.
    pub fn step(&mut self, now: Timestamp, input: Input<M>) -> Vec<Action<M>> {
        let mut actions = Vec::new();
        self.now = self.now.max(now);
        self.awaited = self.awaited.filter(|awaited| *awaited > self.now);
        if !self.started {
            self.started = true;
            self.grow_to(self.config.pollers.initial as usize, &mut actions);
        }
        match input {
            Input::Timer => {}
            Input::PollResult { poller, messages } => self.polled(poller, messages, &mut actions),
            Input::PollFailed { poller } => self.poll_failed(poller, &mut actions),
            Input::InvokeResult { poller, outcome } => self.invoked(poller, outcome, &mut actions),
            Input::Stop => self.stop(&mut actions),
        }
        while let Some(&(deadline, poller)) = self.deadlines.first() {
            if deadline > self.now {
                break;
            }
            self.drive(poller, &mut actions);
        }
        let scale_at = self.scale(&mut actions);
        self.ask_for_wake_up(scale_at, &mut actions);
        actions
    }

    fn polled(&mut self, id: PollerId, messages: Vec<M>, actions: &mut Vec<Action<M>>) {
        let poller = self.pollers.get_mut(&id);
        let asked = poller.and_then(|poller| Some((poller.polling_since.take()?, poller)));
        let Some((sent_at, poller)) = asked else {
            self.leave(messages, actions);
            return;
        };
        self.polling.remove(&(sent_at, id));
        let empty = messages.is_empty();
        if empty {
            poller.poll_not_before = sent_at + self.config.empty_poll_gap;
        }
        let surplus = poller.collect(messages, self.now, &self.config);
        let retire = empty && poller.is_idle();
        self.leave(surplus, actions);
        if empty {
            self.counters.empty_polls += 1;
            self.saturated = None;
        } else if self.saturated.is_none() && !self.has_slack() {
            self.saturated = Some((self.now, 0));
        }
        if retire && self.pollers.len() > self.config.pollers.idle_floor as usize {
            self.remove(id);
            return;
        }
        self.drive(id, actions);
    }

    fn poll_failed(&mut self, id: PollerId, actions: &mut Vec<Action<M>>) {
        let Some(poller) = self.pollers.get_mut(&id) else {
            return;
        };
        let Some(sent_at) = poller.polling_since.take() else {
            return;
        };
        poller.poll_not_before = self.now + POLL_FAILURE_PAUSE;
        self.polling.remove(&(sent_at, id));
        self.saturated = None;
        self.drive(id, actions);
    }

    fn invoked(&mut self, id: PollerId, outcome: InvokeOutcome, actions: &mut Vec<Action<M>>) {
        let Some(poller) = self.pollers.get_mut(&id) else {
            return;
        };
        let work = std::mem::replace(&mut poller.work, Work::Collecting);
        let Work::Invoking { batch, throttled } = work else {
            poller.work = work;
            return;
        };
        if outcome == InvokeOutcome::Throttled {
            self.counters.throttles += 1;
            self.back_off(id, batch, throttled + 1, actions);
        } else {
            self.counters.concurrency -= 1;
            let (handled, failed) = self.sort_out(batch, &outcome);
            self.counters.deleted += handled.len() as u64;
            if !handled.is_empty() {
                actions.push(Action::Delete { messages: handled });
            }
            self.leave(failed, actions);
        }
        self.drive(id, actions);
    }

    /// Handled and failed messages of a batch.
    fn sort_out(&self, batch: Vec<Received<M>>, outcome: &InvokeOutcome) -> (Vec<M>, Vec<M>) {
        let failed: BTreeSet<usize> = match outcome {
            InvokeOutcome::ItemFailures(failed) if self.config.report_batch_item_failures => {
                failed.iter().copied().collect()
            }
            InvokeOutcome::Success | InvokeOutcome::ItemFailures(_) => BTreeSet::new(),
            InvokeOutcome::FunctionError | InvokeOutcome::Throttled => (0..batch.len()).collect(),
        };
        if failed.last().is_some_and(|last| *last >= batch.len()) {
            return (Vec::new(), messages(batch));
        }
        let (mut handled, mut left) = (Vec::new(), Vec::new());
        for (index, message) in messages(batch).into_iter().enumerate() {
            if failed.contains(&index) {
                left.push(message);
            } else {
                handled.push(message);
            }
        }
        (handled, left)
    }

    /// Keeps what will still be hidden at the next try, and leaves the rest.
    fn back_off(
        &mut self,
        id: PollerId,
        batch: Vec<Received<M>>,
        throttled: u32,
        actions: &mut Vec<Action<M>>,
    ) {
        let retry_at = self.now + throttle_backoff(throttled);
        let (batch, given_up) = split_hidden(batch, retry_at);
        self.leave(messages(given_up), actions);
        if batch.is_empty() {
            self.counters.concurrency -= 1;
        } else if let Some(poller) = self.pollers.get_mut(&id) {
            poller.work = Work::BackingOff {
                batch,
                throttled,
                retry_at,
            };
        }
    }

    fn stop(&mut self, actions: &mut Vec<Action<M>>) {
        self.stopping = true;
        let pollers: Vec<PollerId> = self.pollers.keys().copied().collect();
        for poller in pollers {
            self.drive(poller, actions);
        }
    }

    /// Lets one poller do what is due: try again, invoke, poll; and sets its timer.
    fn drive(&mut self, id: PollerId, actions: &mut Vec<Action<M>>) {
        let (now, stopping) = (self.now, self.stopping);
        let Some(poller) = self.pollers.get_mut(&id) else {
            return;
        };
        let mut given_up = Vec::new();
        poller.work = match std::mem::replace(&mut poller.work, Work::Collecting) {
            Work::BackingOff {
                batch,
                throttled,
                retry_at,
            } if retry_at <= now => {
                let (batch, late) = split_hidden(batch, now);
                given_up = late;
                if batch.is_empty() {
                    self.counters.concurrency -= 1;
                    Work::Collecting
                } else {
                    actions.push(invoke(id, &batch));
                    Work::Invoking { batch, throttled }
                }
            }
            other => other,
        };
        let full = poller.open.len() >= self.config.batch_size;
        let over = stopping || full || poller.window_end(&self.config) <= now;
        if matches!(poller.work, Work::Collecting) && !poller.open.is_empty() && over {
            let (batch, late) = split_hidden(std::mem::take(&mut poller.open), now);
            given_up.extend(late);
            if !batch.is_empty() {
                actions.push(invoke(id, &batch));
                self.counters.batches += 1;
                self.counters.batch_messages += batch.len() as u64;
                self.counters.concurrency += 1;
                self.counters.concurrency_max =
                    self.counters.concurrency_max.max(self.counters.concurrency);
                poller.work = Work::Invoking {
                    batch,
                    throttled: 0,
                };
            }
        }
        if !stopping && let Some((max_messages, wait)) = poller.next_poll(now, &self.config) {
            poller.polling_since = Some(now);
            self.polling.insert((now, id));
            self.counters.polls += 1;
            actions.push(Action::Poll {
                poller: id,
                max_messages,
                wait,
            });
        }
        self.set_timer(id);
        self.leave(messages(given_up), actions);
    }

    fn set_timer(&mut self, id: PollerId) {
        let Some(poller) = self.pollers.get_mut(&id) else {
            return;
        };
        if self.stopping && poller.is_idle() {
            self.remove(id);
            return;
        }
        let mut next = poller.next_deadline(&self.config);
        if self.stopping && matches!(poller.work, Work::Collecting) {
            next = None; // Only the poll's answer is awaited.
        }
        if next != poller.deadline {
            if let Some(old) = poller.deadline {
                self.deadlines.remove(&(old, id));
            }
            poller.deadline = next;
            self.deadlines.extend(next.map(|deadline| (deadline, id)));
        }
    }

    fn remove(&mut self, id: PollerId) {
        if let Some(poller) = self.pollers.remove(&id)
            && let Some(deadline) = poller.deadline
        {
            self.deadlines.remove(&(deadline, id));
        }
    }

    fn leave(&mut self, messages: Vec<M>, actions: &mut Vec<Action<M>>) {
        self.counters.left_for_retry += messages.len() as u64;
        if !messages.is_empty() {
            actions.push(Action::LeaveForRetry { messages });
        }
    }

    fn ask_for_wake_up(&mut self, scale_at: Option<Timestamp>, actions: &mut Vec<Action<M>>) {
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        let Some(next) = [deadline, scale_at].into_iter().flatten().min() else {
            return;
        };
        if self.awaited.is_none_or(|awaited| next < awaited) {
            self.awaited = Some(next);
            actions.push(Action::WakeAt(next));
        }
    }
}

fn invoke<M: Clone>(poller: PollerId, batch: &[Received<M>]) -> Action<M> {
    Action::Invoke {
        poller,
        batch: batch
            .iter()
            .map(|received| received.message.clone())
            .collect(),
    }
}
