//! From a queue to what handles its messages: the event source mapping of Lambda, or a service's own
//! consumer, which is the same machine with a fixed number of pollers.

use std::fmt::Display;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use cloud::event_source::{
    Action, EventSource, EventSourceConfig, EventSourceConfigError, Input, InvokeOutcome, PollerId,
};
use cloud::queue::Delivery;
use cloud::timed::TimedQueue;
use domain::Timestamp;
use futures_util::stream::{self, StreamExt};
use kernel::{Inbox, Local, Time};

use crate::host::{CallError, Host, Work};

/// What handles one message; the words of the error are for the log alone.
pub(crate) type Handled = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What handles messages.
pub(crate) type Handler<M> = Arc<dyn Fn(M) -> Handled + Send + Sync>;

/// Boxes a handler's future and its error.
pub(crate) fn handled<E: Display>(
    work: impl Future<Output = Result<(), E>> + Send + 'static,
) -> Handled {
    Box::pin(async move { work.await.map_err(|error| error.to_string()) })
}

/// How a batch is worked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batches {
    /// As what.
    pub(crate) work: Work,
    /// Messages of a batch that are handled at once.
    pub(crate) in_flight: usize,
    /// By what its processor time grows.
    pub(crate) items: Items,
}

/// What a call's processor time grows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Items {
    /// The messages of its batch.
    Messages,
    /// Something that the handler counts itself.
    Others,
}

/// A mapping that runs.
pub(crate) struct Mapping<M> {
    time: Time,
    queue: TimedQueue<M>,
    host: Host,
    batches: Batches,
    handler: Handler<M>,
    source: Local<EventSource<Delivery<M>>>,
    /// When the machine is to be woken, if it asked for it.
    wake_at_us: Local<Option<i64>>,
    /// Told when that is to be earlier.
    called: Inbox<()>,
}

impl<M: Clone + PartialEq + Send + Sync + 'static> Mapping<M> {
    /// Starts a mapping.
    pub(crate) fn start(
        config: EventSourceConfig,
        queue: &TimedQueue<M>,
        host: &Host,
        batches: Batches,
        time: &Time,
        handler: Handler<M>,
    ) -> Result<(), EventSourceConfigError> {
        let source = EventSource::new(config)?;
        let mapping = Arc::new(Self {
            time: time.clone(),
            queue: queue.clone(),
            host: host.clone(),
            batches,
            handler,
            source: Local::new(source),
            wake_at_us: Local::default(),
            called: Inbox::default(),
        });
        time.spawn(mapping.keep_time());
        Ok(())
    }

    /// Starts the machine, and wakes it when it asked for it.
    async fn keep_time(self: Arc<Self>) {
        self.turn(Input::Timer);
        loop {
            let until_us = *self.wake_at_us.lock();
            let called = self.called.next_until(&self.time, until_us).await;
            if called.is_none() {
                *self.wake_at_us.lock() = None;
                self.turn(Input::Timer);
            }
        }
    }

    /// Turns the machine's crank: an input in, actions out. Whoever has an input does so, where it stands.
    fn turn(self: &Arc<Self>, input: Input<Delivery<M>>) {
        let now = Timestamp::from_micros(self.time.now_us());
        let actions = self.source.lock().step(now, input);
        for action in actions {
            self.act(action);
        }
    }

    fn wake_by(&self, at: Timestamp) {
        let at_us = at.as_micros();
        let asked = &mut *self.wake_at_us.lock();
        if asked.is_none_or(|asked_us| at_us < asked_us) {
            *asked = Some(at_us);
            self.called.put(());
        }
    }

    fn act(self: &Arc<Self>, action: Action<Delivery<M>>) {
        let mapping = Arc::clone(self);
        match action {
            Action::Poll {
                poller,
                max_messages,
                wait,
            } => self.time.spawn(async move {
                let input = match mapping.queue.poll(max_messages, wait).await {
                    Ok(messages) => Input::PollResult { poller, messages },
                    Err(_) => Input::PollFailed { poller },
                };
                mapping.turn(input);
            }),
            Action::Invoke { poller, batch } => {
                self.time.spawn(mapping.invoke(poller, batch));
            }
            Action::Delete { messages } => self.queue.delete(&messages),
            // The queue shows them again by itself.
            Action::LeaveForRetry { .. } => {}
            Action::WakeAt(at) => self.wake_by(at),
        }
    }

    async fn invoke(self: Arc<Self>, poller: PollerId, batch: Vec<Delivery<M>>) {
        let bodies: Vec<M> = batch.into_iter().map(|delivery| delivery.body).collect();
        let handling = pin!(self.handle(bodies));
        let outcome = match self.host.call(self.batches.work, handling).await {
            Ok(failed) if failed.is_empty() => InvokeOutcome::Success,
            Ok(failed) => InvokeOutcome::ItemFailures(failed),
            Err(CallError::Throttled) => InvokeOutcome::Throttled,
            Err(CallError::TimedOut) => InvokeOutcome::FunctionError,
        };
        self.turn(Input::InvokeResult { poller, outcome });
    }

    /// Handles each message once, equal ones together; names the places of those that failed.
    async fn handle(&self, bodies: Vec<M>) -> Vec<usize> {
        if self.batches.items == Items::Messages {
            self.host.per_item(self.batches.work, bodies.len()).await;
        }
        if let [only] = &bodies[..] {
            // The common case, without the machinery of many.
            let handled = (self.handler)(only.clone()).await;
            return handled.err().map(|_| 0).into_iter().collect();
        }
        let mut groups: Vec<(M, Vec<usize>)> = Vec::new();
        for (place, body) in bodies.into_iter().enumerate() {
            match groups.iter_mut().find(|(known, _)| *known == body) {
                Some((_, places)) => places.push(place),
                None => groups.push((body, vec![place])),
            }
        }
        let mut failed: Vec<usize> = stream::iter(groups)
            .map(|(body, places)| async move {
                let handled = (self.handler)(body).await;
                if handled.is_ok() { Vec::new() } else { places }
            })
            .buffered(self.batches.in_flight.max(1))
            .flat_map(stream::iter)
            .collect()
            .await;
        failed.sort_unstable();
        failed
    }
}
