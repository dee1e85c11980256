//! Event source mappings: from a queue to a function, over the real SQS protocol.
//!
//! When to poll, how to batch, what to delete is [`cloud::event_source`]'s; this host polls, invokes and
//! deletes as it is told, and keeps its time. A poll waits at the queue, not here: a quiet queue costs one
//! call in 20 s for each poller.

mod event;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::{QueueConsumer, ReceivedMessage};
use cloud::event_source::{
    Action, EventSource, EventSourceConfig, EventSourceConfigError, EventSourceCounters, Input,
    InvokeOutcome, PollerId,
};
use domain::Timestamp;
use host::WallClock;
use services::ports::Clock;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::lambda_host::{InvokeError, LambdaHost};
use crate::limits::MAPPING_INPUTS_MAX;
use crate::stop::{self, Stopped};

/// A mapping and what it joins.
#[derive(Debug, Clone)]
pub struct EventSourceSpec {
    /// The queue's name, for its ARN and the log.
    pub queue: String,
    /// The function's name.
    pub function: String,
    /// How it polls and batches.
    pub config: EventSourceConfig,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSourceUse {
    /// The mapping's own counters.
    pub counters: EventSourceCounters,
    /// The oldest message at its receive, from its sending on; a delay is part of it. Since the last
    /// [`EventSourceHost::reset_maxima`].
    pub age_max: Duration,
}

/// A mapping that runs.
#[derive(Debug)]
pub struct EventSourceHost {
    used: Arc<Mutex<EventSourceUse>>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

type Message = Arc<ReceivedMessage>;

impl EventSourceHost {
    /// Starts a mapping from `consumer`'s queue to a function of `host`.
    ///
    /// # Errors
    /// If its configuration is one that AWS would refuse.
    pub fn start(
        spec: EventSourceSpec,
        consumer: QueueConsumer,
        host: Arc<LambdaHost>,
    ) -> Result<Self, EventSourceConfigError> {
        let source = EventSource::new(spec.config.clone())?;
        let used = Arc::new(Mutex::new(EventSourceUse::default()));
        let (stop, stopped) = watch::channel(false);
        let (sender, inputs) = mpsc::channel(MAPPING_INPUTS_MAX);
        let hands = Hands {
            spec: Arc::new(spec),
            consumer,
            host,
            sender,
            stopped: stopped.clone(),
            used: Arc::clone(&used),
        };
        let running = tokio::spawn(drive(source, hands, inputs, stopped));
        Ok(Self {
            used,
            stop,
            running,
        })
    }

    /// What was counted so far.
    #[must_use]
    pub fn used(&self) -> EventSourceUse {
        *self.used.lock().expect("no one panics while counting")
    }

    /// Has the greatest age begin anew, as at the end of a warm-up.
    pub fn reset_maxima(&self) {
        let mut used = self.used.lock().expect("no one panics while counting");
        used.age_max = Duration::ZERO;
    }

    /// Polls no more, waits for the invocations under way, at most so long. True if all ended.
    pub async fn stop(&mut self, limit: Duration) -> bool {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(limit, &mut self.running).await.is_ok();
        self.running.abort();
        ended
    }
}

/// Turns the machine's crank: inputs in, actions out, timers between.
async fn drive(
    mut source: EventSource<Message>,
    hands: Hands,
    mut inputs: mpsc::Receiver<Input<Message>>,
    mut stopped: Stopped,
) {
    let mut wake_at: Option<Timestamp> = None;
    let mut stopping = false;
    let mut input = Input::Timer;
    loop {
        for action in source.step(WallClock.now(), input) {
            match action {
                // An earlier wake-up replaces a later one: its step asks for the later one again.
                Action::WakeAt(at) => wake_at = Some(wake_at.map_or(at, |asked| asked.min(at))),
                other => hands.act(other),
            }
        }
        hands.count(|used| used.counters = source.counters());
        if source.is_stopped() {
            return;
        }
        let sleep = wake_at.map_or(Duration::MAX, |at| at.since(WallClock.now()));
        input = tokio::select! {
            Some(input) = inputs.recv() => input,
            () = tokio::time::sleep(sleep), if wake_at.is_some() => {
                wake_at = None;
                Input::Timer
            }
            () = stop::wait(&mut stopped), if !stopping => {
                stopping = true;
                Input::Stop
            }
        };
    }
}

/// What the machine's actions are done with.
#[derive(Clone)]
struct Hands {
    spec: Arc<EventSourceSpec>,
    consumer: QueueConsumer,
    host: Arc<LambdaHost>,
    sender: mpsc::Sender<Input<Message>>,
    stopped: Stopped,
    used: Arc<Mutex<EventSourceUse>>,
}

impl Hands {
    fn count(&self, change: impl FnOnce(&mut EventSourceUse)) {
        change(&mut self.used.lock().expect("no one panics while counting"));
    }

    fn act(&self, action: Action<Message>) {
        let hands = self.clone();
        match action {
            Action::Poll {
                poller,
                max_messages,
                wait,
            } => {
                tokio::spawn(async move { hands.poll(poller, max_messages, wait).await });
            }
            Action::Invoke { poller, batch } => {
                tokio::spawn(async move { hands.invoke(poller, &batch).await });
            }
            Action::Delete { messages } => {
                tokio::spawn(async move { hands.delete(&messages).await });
            }
            // The queue shows them again by itself. Wake-ups are the driver's.
            Action::LeaveForRetry { .. } | Action::WakeAt(_) => {}
        }
    }

    async fn answer(&self, input: Input<Message>) {
        // Nobody listens any more: the mapping has ended.
        drop(self.sender.send(input).await);
    }

    async fn poll(self, poller: PollerId, max_messages: usize, wait: Duration) {
        let mut stopped = self.stopped.clone();
        let received = tokio::select! {
            received = self.consumer.receive(max_messages, wait, None) => received,
            // A poll may wait for 20 s. What it would have received is seen again later.
            () = stop::wait(&mut stopped) => Ok(Vec::new()),
        };
        let input = match received {
            Ok(messages) => {
                let now = WallClock.now();
                let age = messages
                    .iter()
                    .map(|message| now.since(message.sent_at))
                    .max();
                self.count(|used| used.age_max = used.age_max.max(age.unwrap_or_default()));
                let messages = messages.into_iter().map(Arc::new).collect();
                Input::PollResult { poller, messages }
            }
            Err(error) => {
                tracing::warn!(queue = self.spec.queue, %error, "a poll failed");
                Input::PollFailed { poller }
            }
        };
        self.answer(input).await;
    }

    async fn invoke(self, poller: PollerId, batch: &[Message]) {
        let payload = event::encode(&self.spec.queue, batch);
        let outcome = match self.host.invoke(&self.spec.function, payload).await {
            Ok(response) => event::outcome(&response, batch).unwrap_or_else(|| {
                let function = &self.spec.function;
                tracing::error!(function, "found a response that is no batch response's");
                InvokeOutcome::FunctionError
            }),
            Err(InvokeError::Throttled(_)) => InvokeOutcome::Throttled,
            Err(_) => InvokeOutcome::FunctionError,
        };
        self.answer(Input::InvokeResult { poller, outcome }).await;
    }

    async fn delete(self, messages: &[Message]) {
        let handles: Vec<String> = messages
            .iter()
            .map(|message| message.receipt_handle.clone())
            .collect();
        match self.consumer.delete(&handles).await {
            Ok(failed) if failed.is_empty() => {}
            Ok(failed) => {
                tracing::warn!(
                    queue = self.spec.queue,
                    failed = failed.len(),
                    "messages stay"
                );
            }
            Err(error) => tracing::warn!(queue = self.spec.queue, %error, "messages stay"),
        }
    }
}
