//! A queue in front of a function: batches as [`EventSource`] collects them.
//!
//! The queue itself is ideal: a message can be received at the moment it comes, once, and in order. A poll
//! that finds nothing waits until a message comes or until the time it asked for is over; of several
//! waiting polls the longest gets the next message. Pollers are as many as the study says, from the
//! beginning to the end. The function takes every batch and fails none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cloud::event_source::{Action, EventSource, Input, InvokeOutcome, PollerId};
use domain::Timestamp;

use crate::distribution::{Coming, Taking};
use crate::ends::Ends;
use crate::estimate::BATCHES;
use crate::figures::{Figures, Kind};
use crate::window::{Counts, Sums, Waits, Window, mean};
use crate::{Draws, Queue};

/// The mapping counts microseconds.
const TICKS_PER_S: u64 = 1_000_000;

/// Work that comes over work that can be done, if every batch is full.
pub(crate) fn load(queue: &Queue) -> f64 {
    let at_once = queue.mapping.pollers_max() as f64 * queue.mapping.batch_size as f64;
    queue.arrivals.rate_per_s() * queue.service.mean_s() / at_once
}

pub(crate) fn run(queue: &Queue, draws: &Draws<'_>) -> Option<Figures> {
    let load = load(queue);
    if load >= 1.0 {
        return Some(Figures::unstable(Kind::Queue, load));
    }
    let window = Window::new(queue.span, TICKS_PER_S);
    let mut messages = Messages::new(queue, draws, window);
    for step in window.warm_up_steps() {
        draws.go_on()?;
        messages.run_until(step);
    }
    messages.waits = Waits::new(TICKS_PER_S);
    for batch in 0..BATCHES {
        messages.batch = batch;
        for step in window.steps(batch) {
            draws.go_on()?;
            messages.run_until(step);
        }
        messages.waits.end_batch();
    }
    messages.finish();
    Some(Figures {
        arrivals: window.total(&messages.arrivals),
        wait_probability: messages.waits.probability(),
        wait_s: messages.waits.figures(),
        busy_mean: window.over_time(&messages.busy),
        batch_mean: mean(&messages.handed.map(u128::from), &messages.batches),
        batches_per_s: window.per_second(&messages.batches),
        ..Figures::none(Kind::Queue)
    })
}

/// A poll that has found nothing yet.
#[derive(Clone, Copy)]
struct Waiting {
    poller: PollerId,
    gives_up_at: u64,
}

struct Messages<'a> {
    mapping: EventSource<u64>,
    coming: Coming<'a>,
    next_message: u64,
    taking: Taking<'a>,
    /// Messages that no poll has found, by the time at which they came.
    unseen: VecDeque<u64>,
    /// Polls that wait, by the order in which they were sent; and when each gives up.
    polls: BTreeMap<u64, Waiting>,
    give_ups: BTreeSet<(u64, u64)>,
    next_poll: u64,
    under_way: Ends,
    wake_at: Option<u64>,
    /// Answers for the mapping that are due now.
    answers: VecDeque<Input<u64>>,
    window: Window,
    batch: usize,
    arrivals: Counts,
    batches: Counts,
    handed: Counts,
    waits: Waits,
    busy: Sums,
    /// Messages that wait: how many, summed over time from the start, and until when; and the times that
    /// those waited who do so no more.
    waiting: u64,
    waiting_over_time: u128,
    waiting_until: u64,
    waited: u128,
    /// Of those who wait now, the sum of the times at which they came.
    waiting_since: u128,
}

impl<'a> Messages<'a> {
    fn new(queue: &'a Queue, draws: &Draws<'_>, window: Window) -> Self {
        let ticks_per_s = TICKS_PER_S as f64;
        let mapping = EventSource::new(queue.mapping.clone());
        let mut coming = Coming::new(&queue.arrivals, draws.stream("arrivals"), ticks_per_s);
        Self {
            mapping: mapping.expect("the mapping was checked when the study was read"),
            next_message: coming.next(),
            coming,
            taking: Taking::new(&queue.service, draws.stream("service"), ticks_per_s),
            unseen: VecDeque::new(),
            polls: BTreeMap::new(),
            give_ups: BTreeSet::new(),
            next_poll: 0,
            under_way: Ends::default(),
            wake_at: Some(0),
            answers: VecDeque::new(),
            window,
            batch: 0,
            arrivals: [0; BATCHES],
            batches: [0; BATCHES],
            handed: [0; BATCHES],
            waits: Waits::new(TICKS_PER_S),
            busy: [0; BATCHES],
            waiting: 0,
            waiting_over_time: 0,
            waiting_until: 0,
            waited: 0,
            waiting_since: 0,
        }
    }

    fn run_until(&mut self, end: u64) {
        loop {
            let gives_up_at = self.give_ups.first().map(|(at, _)| *at);
            let own = [self.under_way.next_at(), self.wake_at, gives_up_at];
            let now = own.into_iter().flatten().fold(self.next_message, u64::min);
            if now >= end {
                return;
            }
            self.happen(now);
        }
    }

    /// One thing that is due now: an end before a wake-up, a wake-up before an arrival.
    fn happen(&mut self, now: u64) {
        if let Some((_, poller)) = self.under_way.pop_until(now) {
            let (poller, outcome) = (PollerId(poller), InvokeOutcome::Success);
            self.tell(now, Input::InvokeResult { poller, outcome });
        } else if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = None;
            self.tell(now, Input::Timer);
        } else if self.next_message <= now {
            self.message(now);
        } else if let Some((_, poll)) = self.give_ups.pop_first() {
            let waiting = self
                .polls
                .remove(&poll)
                .expect("a poll that gives up waits");
            let messages = Vec::new();
            let poller = waiting.poller;
            self.tell(now, Input::PollResult { poller, messages });
        }
    }

    fn message(&mut self, now: u64) {
        self.next_message = self.coming.next();
        self.wait_until(now);
        self.waiting += 1;
        self.waiting_since += u128::from(now);
        self.arrivals[self.batch] += u64::from(now >= self.window.from());
        if let Some((poll, waiting)) = self.polls.pop_first() {
            self.give_ups.remove(&(waiting.gives_up_at, poll));
            let (poller, messages) = (waiting.poller, vec![now]);
            self.tell(now, Input::PollResult { poller, messages });
        } else {
            self.unseen.push_back(now);
        }
    }

    /// Tells the mapping, and does what it says until it says no more.
    fn tell(&mut self, now: u64, input: Input<u64>) {
        self.answers.push_back(input);
        while let Some(input) = self.answers.pop_front() {
            for action in self.mapping.step(timestamp(now), input) {
                self.act(now, action);
            }
        }
    }

    fn act(&mut self, now: u64, action: Action<u64>) {
        match action {
            Action::Poll {
                poller,
                max_messages,
                wait,
            } => {
                if self.unseen.is_empty() {
                    let wait_us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
                    let gives_up_at = now.saturating_add(wait_us);
                    self.give_ups.insert((gives_up_at, self.next_poll));
                    let waiting = Waiting {
                        poller,
                        gives_up_at,
                    };
                    self.polls.insert(self.next_poll, waiting);
                    self.next_poll += 1;
                } else {
                    let found = self.unseen.len().min(max_messages);
                    let messages = self.unseen.drain(..found).collect();
                    self.answers
                        .push_back(Input::PollResult { poller, messages });
                }
            }
            Action::Invoke { poller, batch } => self.invoke(now, poller, &batch),
            Action::WakeAt(at) => {
                let at = u64::try_from(at.as_micros()).unwrap_or(0);
                self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
            }
            // Handled messages are gone, and none is ever left: nothing fails.
            Action::Delete { .. } | Action::LeaveForRetry { .. } => {}
        }
    }

    fn invoke(&mut self, now: u64, poller: PollerId, batch: &[u64]) {
        self.wait_until(now);
        let counts = now >= self.window.from();
        self.batches[self.batch] += u64::from(counts);
        for came_at in batch {
            self.handed[self.batch] += u64::from(counts);
            self.waited += u128::from(now - came_at);
            self.waiting_since -= u128::from(*came_at);
            self.waits.record(now - came_at);
        }
        self.waiting -= batch.len() as u64;
        let end = now.saturating_add(self.taking.next());
        self.window.spread(now, end, &mut self.busy);
        self.under_way.push(end, poller.0);
    }

    fn wait_until(&mut self, now: u64) {
        let span = u128::from(now - self.waiting_until);
        self.waiting_over_time += span * u128::from(self.waiting);
        self.waiting_until = now;
    }

    fn finish(&mut self) {
        let end = self.window.until();
        self.wait_until(end);
        let still = u128::from(end) * u128::from(self.waiting) - self.waiting_since;
        assert_eq!(
            self.waiting_over_time,
            self.waited + still,
            "messages that wait over time are the times that they wait (Little's law)"
        );
    }
}

fn timestamp(us: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(us).unwrap_or(i64::MAX))
}
