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
use kernel::{Inbox, Time};

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

/// A mapping that runs.
pub(crate) struct Mapping<M> {
    time: Time,
    queue: TimedQueue<M>,
    host: Host,
    work: Work,
    /// Messages of a batch that are handled at once.
    in_flight: usize,
    handler: Handler<M>,
    inputs: Inbox<Input<Delivery<M>>>,
}

impl<M: Clone + PartialEq + Send + Sync + 'static> Mapping<M> {
    /// Starts a mapping.
    pub(crate) fn start(
        config: EventSourceConfig,
        queue: &TimedQueue<M>,
        host: &Host,
        (work, in_flight): (Work, usize),
        time: &Time,
        handler: Handler<M>,
    ) -> Result<(), EventSourceConfigError> {
        let source = EventSource::new(config)?;
        let mapping = Arc::new(Self {
            time: time.clone(),
            queue: queue.clone(),
            host: host.clone(),
            work,
            in_flight,
            handler,
            inputs: Inbox::default(),
        });
        time.spawn(mapping.turn(source));
        Ok(())
    }

    /// Turns the machine's crank: inputs in, actions out, timers between.
    async fn turn(self: Arc<Self>, mut source: EventSource<Delivery<M>>) {
        let mut wake_at: Option<Timestamp> = None;
        let mut input = Input::Timer;
        loop {
            let now = Timestamp::from_micros(self.time.now_us());
            for action in source.step(now, input) {
                match action {
                    Action::WakeAt(at) => wake_at = Some(wake_at.map_or(at, |asked| asked.min(at))),
                    other => self.act(other),
                }
            }
            let until_us = wake_at.map(Timestamp::as_micros);
            input = match self.inputs.next_until(&self.time, until_us).await {
                Some(input) => input,
                None => {
                    wake_at = None;
                    Input::Timer
                }
            };
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
                mapping.inputs.put(input);
            }),
            Action::Invoke { poller, batch } => {
                self.time
                    .spawn(async move { mapping.invoke(poller, batch).await });
            }
            Action::Delete { messages } => self.queue.delete(&messages),
            // The queue shows them again by itself. Wake-ups are the crank's.
            Action::LeaveForRetry { .. } | Action::WakeAt(_) => {}
        }
    }

    async fn invoke(&self, poller: PollerId, batch: Vec<Delivery<M>>) {
        let bodies: Vec<M> = batch.into_iter().map(|delivery| delivery.body).collect();
        let handling = pin!(self.handle(bodies));
        let outcome = match self.host.call(self.work, handling).await {
            Ok(failed) if failed.is_empty() => InvokeOutcome::Success,
            Ok(failed) => InvokeOutcome::ItemFailures(failed),
            Err(CallError::Throttled) => InvokeOutcome::Throttled,
            Err(CallError::TimedOut) => InvokeOutcome::FunctionError,
        };
        self.inputs.put(Input::InvokeResult { poller, outcome });
    }

    /// Handles each message once, equal ones together; names the places of those that failed.
    async fn handle(&self, bodies: Vec<M>) -> Vec<usize> {
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
            .buffered(self.in_flight.max(1))
            .flat_map(stream::iter)
            .collect()
            .await;
        failed.sort_unstable();
        failed
    }
}
