//! The queues, as those who send see them.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::MessageAttributeValue;
use domain::trip::TripEvent;
use domain::{Region, Round, TripId};
use services::ports::{
    Doorbell, MarketSide, MarketSnapshot, MarketSnapshots, PortError, TripEvents,
};
use trace::TRACEPARENT;
use wire::messages::{Ring, Snapshot, SnapshotSide, encode_event};

use crate::error::port_error;
use crate::limits::QUEUE_DELAY_MAX;
use crate::stack::{Queue, Stack};

#[derive(Debug, Clone)]
struct Sender {
    stack: Stack,
    queue: Queue,
    url: String,
    port: &'static str,
}

impl Sender {
    fn new(stack: &Stack, queue: Queue, port: &'static str) -> Self {
        Self {
            stack: stack.clone(),
            queue,
            url: stack.resources.queue_url(queue),
            port,
        }
    }

    /// Sends a message, in the trace of a trip's ride if it is about one.
    async fn send(
        &self,
        body: String,
        delay: Option<Duration>,
        trip: Option<TripId>,
    ) -> Result<(), PortError> {
        self.stack.meter.queue_called(self.queue);
        let sending = self
            .stack
            .clients
            .sqs
            .send_message()
            .queue_url(&self.url)
            .message_body(body)
            .set_delay_seconds(delay.map(whole_seconds))
            .set_message_attributes(traceparent(trip))
            .send();
        self.stack
            .calls
            .port("queue.send", sending)
            .await
            .map_err(|error| port_error(self.port, &error))?;
        self.stack.meter.sent(self.queue, 1);
        Ok(())
    }
}

/// The message attributes that carry the trace on; none where there is no trace.
fn traceparent(trip: Option<TripId>) -> Option<HashMap<String, MessageAttributeValue>> {
    let context = trace::carried(trip.map(|trip| trip.0))?;
    let value = MessageAttributeValue::builder()
        .data_type("String")
        .string_value(context.to_string())
        .build()
        .expect("its type is given");
    Some(HashMap::from([(TRACEPARENT.to_owned(), value)]))
}

/// Rounded up: a ring arrives no earlier than it was asked to.
fn whole_seconds(delay: Duration) -> i32 {
    let delay = delay.min(QUEUE_DELAY_MAX);
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    i32::try_from(seconds).expect("a delay has at most 900 seconds")
}

/// [`Doorbell`] on SQS: queue `ride-requests`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqsDoorbell(Sender);

/// [`TripEvents`] on SQS: queue `trip-events`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqsTripEvents(Sender);

/// [`MarketSnapshots`] on SQS: queue `market-snapshots`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SqsMarketSnapshots(Sender);

impl SqsDoorbell {
    /// The doorbell of a stack.
    #[must_use]
    pub fn new(stack: &Stack) -> Self {
        Self(Sender::new(stack, Queue::RideRequests, "the doorbell"))
    }
}

impl SqsTripEvents {
    /// The trip events of a stack.
    #[must_use]
    pub fn new(stack: &Stack) -> Self {
        Self(Sender::new(
            stack,
            Queue::TripEvents,
            "the queue of trip events",
        ))
    }
}

impl SqsMarketSnapshots {
    /// The snapshots of a stack.
    #[must_use]
    pub fn new(stack: &Stack) -> Self {
        Self(Sender::new(
            stack,
            Queue::MarketSnapshots,
            "the queue of market snapshots",
        ))
    }
}

impl Doorbell for SqsDoorbell {
    async fn ring(&self, region: &Region, round: Round, delay: Duration) -> Result<(), PortError> {
        let ring = Ring {
            region: region.clone(),
            round,
        };
        self.0.send(ring.encode(), Some(delay), None).await
    }
}

impl TripEvents for SqsTripEvents {
    async fn send(&self, event: &TripEvent) -> Result<(), PortError> {
        self.0
            .send(encode_event(event), None, Some(event.key.trip))
            .await
    }
}

impl MarketSnapshots for SqsMarketSnapshots {
    async fn publish(&self, snapshot: &MarketSnapshot) -> Result<(), PortError> {
        let message = Snapshot {
            region: snapshot.region.clone(),
            side: match &snapshot.side {
                MarketSide::Supply(supply) => SnapshotSide::Supply(supply.clone()),
                MarketSide::Demand(demand) => SnapshotSide::Demand(demand.clone()),
            },
            at: snapshot.at,
        };
        self.0.send(message.encode(), None, None).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_rounded_up_and_bounded() {
        assert_eq!(whole_seconds(Duration::ZERO), 0);
        assert_eq!(whole_seconds(Duration::from_millis(1_001)), 2);
        assert_eq!(whole_seconds(Duration::MAX), 900);
    }
}
