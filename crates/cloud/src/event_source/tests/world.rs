//! A queue, a function and virtual time around a mapping.

use super::super::*;

/// A queue and a function in virtual time around a mapping, which hears of time only when it asked to.
pub(super) struct World {
    pub(super) source: EventSource<u32>,
    now_us: i64,
    events: BTreeSet<(i64, u64)>,
    inputs: BTreeMap<u64, Input<u32>>,
    pub(super) waiting: Vec<u32>,
    /// Polls under way that found nothing yet: poller, how many, until when.
    polls: BTreeMap<PollerId, (usize, i64)>,
    invoking: BTreeMap<PollerId, usize>,
    /// When each message was received, until it is deleted or left.
    pub(super) held: BTreeMap<u32, i64>,
    free_since: BTreeMap<PollerId, i64>,
    pub(super) deleted: usize,
    pub(super) left: usize,
    service_us: i64,
    outcome: fn(usize, u64) -> InvokeOutcome,
    /// Times the mapping was told something.
    pub(super) steps: usize,
}

impl World {
    pub(super) fn new(
        config: EventSourceConfig,
        service_us: i64,
        outcome: fn(usize, u64) -> InvokeOutcome,
    ) -> Self {
        let mut world = Self {
            source: EventSource::new(config).unwrap(),
            now_us: 0,
            events: BTreeSet::new(),
            inputs: BTreeMap::new(),
            waiting: Vec::new(),
            polls: BTreeMap::new(),
            invoking: BTreeMap::new(),
            held: BTreeMap::new(),
            free_since: BTreeMap::new(),
            deleted: 0,
            left: 0,
            service_us,
            outcome,
            steps: 0,
        };
        world.step(Input::Timer);
        world
    }

    fn schedule(&mut self, us: i64, input: Input<u32>) {
        let number = self
            .inputs
            .last_key_value()
            .map_or(0, |(number, _)| number + 1);
        self.inputs.insert(number, input);
        self.events.insert((us, number));
    }

    pub(super) fn step(&mut self, input: Input<u32>) {
        self.steps += 1;
        if let Input::PollResult { messages, .. } = &input {
            self.held
                .extend(messages.iter().map(|message| (*message, self.now_us)));
        }
        for action in self.source.step(Timestamp::from_micros(self.now_us), input) {
            self.act(action);
        }
        let due = self.source.deadlines.first().map(|(deadline, _)| *deadline);
        assert!(
            due.is_none_or(|due| self.source.awaited.is_some_and(|at| at <= due)),
            "lost wake-up"
        );
    }

    fn act(&mut self, action: Action<u32>) {
        match action {
            Action::Poll {
                poller,
                max_messages,
                wait,
            } => {
                assert!((1..=RECEIVE_MESSAGES_MAX).contains(&max_messages));
                assert!(
                    !self.invoking.contains_key(&poller),
                    "polls while it invokes"
                );
                let until = self.now_us + i64::try_from(wait.as_micros()).unwrap();
                let before = self.polls.insert(poller, (max_messages, until));
                assert!(before.is_none(), "two polls of one poller");
            }
            Action::Invoke { poller, batch } => self.invoke(poller, &batch),
            Action::Delete { messages } => {
                self.deleted += messages.len();
                self.let_go(&messages);
            }
            Action::LeaveForRetry { messages } => {
                self.left += messages.len();
                self.let_go(&messages);
            }
            Action::WakeAt(when) => self.schedule(when.as_micros(), Input::Timer),
        }
    }

    fn let_go(&mut self, messages: &[u32]) {
        for message in messages {
            assert!(self.held.remove(message).is_some(), "let go twice");
        }
    }

    fn invoke(&mut self, poller: PollerId, batch: &[u32]) {
        let config = self.source.config();
        assert!(
            (1..=config.batch_size).contains(&batch.len()),
            "batch of {}",
            batch.len()
        );
        assert!(
            self.invoking.insert(poller, batch.len()).is_none(),
            "two batches of one poller"
        );
        assert!(self.invoking.len() <= config.pollers_max());
        let first = batch
            .iter()
            .map(|message| self.held[message])
            .min()
            .unwrap();
        let window = i64::try_from(config.batch_window.as_micros()).unwrap();
        let free = self.free_since.get(&poller).copied().unwrap_or(0);
        let retried = self.source.pollers[&poller].work_is_retry();
        assert!(
            retried || self.now_us <= (first + window).max(free),
            "held beyond its window"
        );
        let draw = u64::from(batch[0]) * 7 + self.now_us as u64 / 1_000;
        let outcome = (self.outcome)(batch.len(), draw);
        let takes = if outcome == InvokeOutcome::Throttled {
            0
        } else {
            self.service_us
        };
        self.schedule(self.now_us + takes, Input::InvokeResult { poller, outcome });
    }

    /// Serves polls from the queue, the longest waiting first.
    fn serve(&mut self) {
        loop {
            let oldest = self
                .polls
                .iter()
                .min_by_key(|(id, (_, until))| (*until, **id));
            let Some((&poller, &(max, until))) = oldest else {
                return;
            };
            if self.waiting.is_empty() && until > self.now_us {
                return;
            }
            self.polls.remove(&poller);
            let rest = self.waiting.split_off(max.min(self.waiting.len()));
            let messages = std::mem::replace(&mut self.waiting, rest);
            self.step(Input::PollResult { poller, messages });
        }
    }

    /// Runs until `until_us`; false if nothing is left to happen before.
    pub(super) fn run(&mut self, until_us: i64) -> bool {
        loop {
            self.serve();
            let event = self.events.first().map(|(us, _)| *us);
            let poll_end = self.polls.values().map(|(_, until)| *until).min();
            let Some(next) = [event, poll_end].into_iter().flatten().min() else {
                return false;
            };
            if next > until_us {
                self.now_us = until_us;
                return true;
            }
            self.now_us = next;
            if event == Some(next)
                && let Some((_, number)) = self.events.pop_first()
            {
                let input = self.inputs.remove(&number).unwrap();
                if let Input::InvokeResult { poller, .. } = &input {
                    self.invoking.remove(poller);
                    self.free_since.insert(*poller, self.now_us);
                }
                self.step(input);
            }
        }
    }
}

impl<M> Poller<M> {
    fn work_is_retry(&self) -> bool {
        matches!(self.work, Work::Invoking { throttled: 1.., .. })
    }
}
