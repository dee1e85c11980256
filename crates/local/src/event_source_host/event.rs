//! Batches to and from the events of an SQS event source mapping
//! (docs: lambda/latest/dg/with-sqs, example event).

use std::collections::BTreeMap;
use std::sync::Arc;

use aws::ReceivedMessage;
use bytes::Bytes;
use cloud::event_source::InvokeOutcome;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "Records")]
    records: Vec<Record<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    message_id: &'a str,
    receipt_handle: &'a str,
    body: &'a str,
    attributes: BTreeMap<&'a str, &'a str>,
    message_attributes: BTreeMap<&'a str, Text<'a>>,
    md5_of_body: &'a str,
    event_source: &'static str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'a str,
    aws_region: &'static str,
}

/// A message attribute that is a text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    string_value: &'a str,
    string_list_values: [(); 0],
    binary_list_values: [(); 0],
    data_type: &'static str,
}

impl<'a> Text<'a> {
    fn new(string_value: &'a str) -> Self {
        Self {
            string_value,
            string_list_values: [],
            binary_list_values: [],
            data_type: "String",
        }
    }
}

/// A batch as the event that a function gets.
pub(super) fn encode(queue: &str, batch: &[Arc<ReceivedMessage>]) -> Bytes {
    let region = aws::clients::EMBEDDED_REGION;
    let arn = format!("arn:aws:sqs:{region}:000000000000:{queue}");
    let records = batch
        .iter()
        .map(|message| Record {
            message_id: &message.message_id,
            receipt_handle: &message.receipt_handle,
            body: &message.body,
            attributes: message
                .attributes
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            message_attributes: message
                .message_attributes
                .iter()
                .map(|(name, value)| (name.as_str(), Text::new(value)))
                .collect(),
            md5_of_body: &message.body_md5,
            event_source: "aws:sqs",
            event_source_arn: &arn,
            aws_region: region,
        })
        .collect();
    serde_json::to_vec(&Event { records })
        .expect("an event has text keys")
        .into()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchResponse {
    batch_item_failures: Option<Vec<ItemFailure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: String,
}

/// What a function's response says of its batch; none if it says nothing that can be read. `null`, an
/// empty object and an empty list are success; an unknown identifier fails the batch whole
/// (docs: lambda/latest/dg/services-sqs-errorhandling).
pub(super) fn outcome(response: &[u8], batch: &[Arc<ReceivedMessage>]) -> Option<InvokeOutcome> {
    let parsed: Option<BatchResponse> = serde_json::from_slice(response).ok()?;
    let failures = parsed
        .and_then(|response| response.batch_item_failures)
        .unwrap_or_default();
    if failures.is_empty() {
        return Some(InvokeOutcome::Success);
    }
    let index = |failure: &ItemFailure| {
        let found = batch
            .iter()
            .position(|message| message.message_id == failure.item_identifier);
        found.unwrap_or(batch.len())
    };
    Some(InvokeOutcome::ItemFailures(
        failures.iter().map(index).collect(),
    ))
}
