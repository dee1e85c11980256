//! The queues, as an event source mapping sees them: receive, delete, hide again, and how deep they are.

use std::time::{Duration, SystemTime};

use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use domain::Timestamp;
use services::ports::PortError;

use crate::error::port_error;
use crate::limits::{QUEUE_BATCH_MAX, RECEIVE_WAIT_MAX};
use crate::stack::{Queue, Stack};

const PORT: &str = "the queue's consumer";

/// A message as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// Its id, the same at every receive.
    pub message_id: String,
    /// By what this receive of it is deleted or hidden.
    pub receipt_handle: String,
    /// What was sent.
    pub body: String,
    /// MD5 of the body, as SQS states it.
    pub body_md5: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
    /// When it was sent; a delay counts from then.
    pub sent_at: Timestamp,
    /// The system attributes as they came, for those who hand the message on.
    pub attributes: Vec<(String, String)>,
    /// The sender's own attributes, as far as they are texts.
    pub message_attributes: Vec<(String, String)>,
}

/// How many messages a queue has, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// That can be received.
    pub visible: u64,
    /// That were received and are hidden.
    pub in_flight: u64,
    /// That are not due yet.
    pub delayed: u64,
}

/// A consumer of one queue, or of its dead-letter queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct QueueConsumer {
    stack: Stack,
    queue: Queue,
    url: String,
    /// Whether its messages have been counted before, alive.
    dead_letters: bool,
}

impl QueueConsumer {
    /// A consumer of a queue.
    #[must_use]
    pub fn new(stack: &Stack, queue: Queue) -> Self {
        let url = stack.resources.queue_url(queue);
        Self {
            stack: stack.clone(),
            queue,
            url,
            dead_letters: false,
        }
    }

    /// A consumer of a queue's dead letters. Its calls are counted as the queue's, its messages are not.
    #[must_use]
    pub fn of_dead_letters(stack: &Stack, queue: Queue) -> Self {
        let url = stack.resources.dead_letter_url(queue);
        Self {
            stack: stack.clone(),
            queue,
            url,
            dead_letters: true,
        }
    }

    /// Receives at most `messages_max` messages (10 at most), waiting for the first of them up to `wait`
    /// (whole seconds, 20 at most). They stay hidden for `visibility`, or for the queue's own time.
    ///
    /// # Errors
    /// If SQS cannot be reached or refuses.
    pub async fn receive(
        &self,
        messages_max: usize,
        wait: Duration,
        visibility: Option<Duration>,
    ) -> Result<Vec<ReceivedMessage>, PortError> {
        let messages_max = messages_max.clamp(1, QUEUE_BATCH_MAX);
        self.stack.meter.queue_called(self.queue);
        let polled_at = now();
        let answer = self
            .stack
            .clients
            .sqs_receiver
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(messages_max).expect("at most 10"))
            .wait_time_seconds(seconds(wait.min(RECEIVE_WAIT_MAX)))
            .set_visibility_timeout(visibility.map(seconds))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await
            .map_err(|error| port_error(PORT, &error))?;
        let messages: Vec<_> = answer
            .messages
            .unwrap_or_default()
            .into_iter()
            .map(read)
            .collect();
        if self.dead_letters {
            return Ok(messages);
        }
        self.tell_ages(polled_at, &messages);
        let again = messages
            .iter()
            .filter(|message| message.receive_count > 1)
            .count();
        self.stack
            .meter
            .received(self.queue, messages.len() as u64, again as u64);
        Ok(messages)
    }

    /// Tells how old messages were that were waited for. Those of the doorbell have been delayed: their age is
    /// told apart.
    fn tell_ages(&self, polled_at: Timestamp, messages: &[ReceivedMessage]) {
        let received_at = now();
        let age = match self.queue {
            Queue::RideRequests => "queue.ring_age",
            Queue::TripEvents | Queue::MarketSnapshots => "queue.age",
        };
        let waited_for =
            |message: &&ReceivedMessage| message.receive_count == 1 && message.sent_at >= polled_at;
        for message in messages.iter().filter(waited_for) {
            let age_of = received_at.since(message.sent_at);
            self.stack.calls.took(age, age_of);
        }
    }

    /// Deletes messages by their receipt handles; returns the handles that could not be deleted.
    ///
    /// # Errors
    /// If SQS cannot be reached or refuses a batch as a whole.
    pub async fn delete(&self, receipt_handles: &[String]) -> Result<Vec<String>, PortError> {
        let mut failed = Vec::new();
        for batch in receipt_handles.chunks(QUEUE_BATCH_MAX) {
            let entries = batch.iter().enumerate().map(|(index, handle)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .build()
                    .expect("id and handle are given")
            });
            self.stack.meter.queue_called(self.queue);
            let deleting = self
                .stack
                .clients
                .sqs
                .delete_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries.collect()))
                .send();
            let answer = self
                .stack
                .calls
                .port("queue.delete", deleting)
                .await
                .map_err(|error| port_error(PORT, &error))?;
            self.stack
                .meter
                .deleted(self.queue, answer.successful().len() as u64);
            let indices = answer
                .failed()
                .iter()
                .filter_map(|entry| entry.id().parse().ok());
            failed.extend(indices.filter_map(|index: usize| batch.get(index).cloned()));
        }
        Ok(failed)
    }

    /// Hides a received message for `visibility` from now (whole seconds); zero shows it at once.
    ///
    /// # Errors
    /// If SQS cannot be reached, or the message is not hidden any more.
    pub async fn change_visibility(
        &self,
        receipt_handle: &str,
        visibility: Duration,
    ) -> Result<(), PortError> {
        self.stack.meter.queue_called(self.queue);
        self.stack
            .clients
            .sqs
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt_handle)
            .visibility_timeout(seconds(visibility))
            .send()
            .await
            .map_err(|error| port_error(PORT, &error))?;
        Ok(())
    }

    /// How many dead letters a queue has, about. Not counted as a call of the system under test.
    ///
    /// # Errors
    /// If SQS cannot be reached or refuses.
    pub async fn dead_letters(stack: &Stack, queue: Queue) -> Result<u64, PortError> {
        let depth = Self::of_dead_letters(stack, queue).depth().await?;
        Ok(depth.visible + depth.in_flight)
    }

    /// How many messages the queue has, about. Not counted as a call of the system under test.
    ///
    /// # Errors
    /// If SQS cannot be reached or refuses.
    pub async fn depth(&self) -> Result<QueueDepth, PortError> {
        use QueueAttributeName as Name;
        let [visible, in_flight, delayed] = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ];
        let answer = self
            .stack
            .clients
            .sqs
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(visible.clone())
            .attribute_names(in_flight.clone())
            .attribute_names(delayed.clone())
            .send()
            .await
            .map_err(|error| port_error(PORT, &error))?;
        let count = |name: &Name| {
            answer
                .attributes()
                .and_then(|all| all.get(name))
                .and_then(|n| n.parse().ok())
        };
        Ok(QueueDepth {
            visible: count(&visible).unwrap_or(0),
            in_flight: count(&in_flight).unwrap_or(0),
            delayed: count(&delayed).unwrap_or(0),
        })
    }
}

/// The clock that queues stamp messages by: the embedded ones have this machine's.
fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}

fn read(message: Message) -> ReceivedMessage {
    let attributes = message.attributes.unwrap_or_default();
    let number = |name: MessageSystemAttributeName| {
        attributes
            .get(&name)
            .and_then(|text| text.parse::<i64>().ok())
    };
    let receive_count = number(MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
    let sent_at_ms = number(MessageSystemAttributeName::SentTimestamp).unwrap_or(0);
    let mut named: Vec<_> = attributes
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.clone()))
        .collect();
    named.sort_unstable();
    let own = message.message_attributes.unwrap_or_default();
    let mut own: Vec<_> = own
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.string_value?)))
        .collect();
    own.sort_unstable();
    ReceivedMessage {
        message_id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        body_md5: message.md5_of_body.unwrap_or_default(),
        receive_count: u32::try_from(receive_count).unwrap_or(1),
        sent_at: Timestamp::from_millis(sent_at_ms),
        attributes: named,
        message_attributes: own,
    }
}
