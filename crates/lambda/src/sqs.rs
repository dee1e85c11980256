//! SQS batches with partial batch responses: each message succeeds or fails on its own.
//!
//! A message that cannot be read fails like one that could not be handled: the queue shows it again, and
//! after `maxReceiveCount` receives it lies in the dead-letter queue, where someone can look at it.

use std::fmt::Display;
use std::future::Future;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde_json::json;
use trace::{Kind, Scope, Span, TRACEPARENT, TraceContext};

use crate::account::{self, Outcome};
use crate::function::FunctionError;

/// Messages of the same words, the ids of all of them, and who asks for it: the first who does.
struct Group<M> {
    message: M,
    ids: Vec<String>,
    parent: Option<TraceContext>,
}

/// Reads a batch, has each message handled, at most `in_flight` at once, and names those that failed.
///
/// Equal messages of a batch are handled once: every consumer is idempotent, so doing it again would
/// change nothing.
///
/// # Errors
/// If the payload is not an SQS batch, or a message has no id: then none is known to be handled.
pub async fn handle_batch<M, D, H, F, E, R>(
    payload: &[u8],
    in_flight: usize,
    decode: D,
    handle: H,
) -> Result<Bytes, FunctionError>
where
    M: PartialEq,
    D: Fn(&str) -> Result<M, R>,
    R: Display,
    H: Fn(M) -> F,
    F: Future<Output = Result<(), E>>,
    E: Display,
{
    let unreadable = |detail| FunctionError::UnreadableEvent {
        expected: "an SQS batch",
        detail,
    };
    let event: SqsEvent =
        serde_json::from_slice(payload).map_err(|error| unreadable(error.to_string()))?;
    let route = queue(&event);
    account::began(&route);
    let messages = event.records.len();
    let mut failed = Vec::new();
    let mut groups: Vec<Group<M>> = Vec::new();
    for record in event.records {
        let parent = parent(&record);
        let SqsMessage {
            message_id, body, ..
        } = record;
        let id = message_id.ok_or_else(|| unreadable("a record without messageId".to_owned()))?;
        match decode(body.as_deref().unwrap_or_default()) {
            Ok(message) => match groups.iter_mut().find(|group| group.message == message) {
                Some(group) => {
                    group.ids.push(id);
                    group.parent = group.parent.or(parent);
                }
                None => groups.push(Group {
                    message,
                    ids: vec![id],
                    parent,
                }),
            },
            Err(error) => {
                tracing::error!(message_id = id, %error, "message cannot be read");
                failed.push(id);
            }
        }
    }
    let (handle, route) = (&handle, route.as_str());
    let mut results = stream::iter(groups)
        .map(|group| async move {
            let Group {
                message,
                ids,
                parent,
            } = group;
            let mut span = Span::new(route, Kind::Consumer, parent);
            let handled = trace::within(Scope::of(span.context()), handle(message)).await;
            if handled.is_err() {
                span.fail();
            }
            (handled, ids, span.context().trace())
        })
        .buffer_unordered(in_flight.max(1));
    let mut told = Vec::new();
    while let Some((result, ids, trace_id)) = results.next().await {
        if let Err(error) = &result {
            tracing::warn!(message_ids = ?ids, trace_id, %error, "message was not handled");
        }
        told.push(json!({ "trace_id": trace_id, "handled": result.is_ok(), "alike": ids.len() }));
        if result.is_err() {
            failed.extend(ids);
        }
    }
    drop(results);
    let outcome = if failed.is_empty() {
        Outcome::Done
    } else {
        Outcome::Failed
    };
    account::ended(outcome);
    account::count("Messages", messages);
    account::count("MessagesFailed", failed.len());
    account::note("messages", told);
    Ok(respond(failed))
}

/// The name of the queue that a batch is from.
fn queue(event: &SqsEvent) -> String {
    let first = event.records.first();
    let arn = first.and_then(|record| record.event_source_arn.as_deref());
    let name = arn.and_then(|arn| arn.rsplit(':').next());
    let name = name.filter(|name| !name.is_empty());
    name.unwrap_or(account::UNKNOWN_ROUTE).to_owned()
}

fn parent(record: &SqsMessage) -> Option<TraceContext> {
    let attribute = record.message_attributes.get(TRACEPARENT)?;
    attribute.string_value.as_deref()?.parse().ok()
}

fn respond(failed: Vec<String>) -> Bytes {
    let mut response = SqsBatchResponse::default();
    for id in failed {
        response.add_failure(id);
    }
    serde_json::to_vec(&response)
        .expect("a batch response has text keys")
        .into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;
    use serde_json::json;

    use super::*;

    fn batch(bodies: &[&str]) -> Vec<u8> {
        let records: Vec<_> = bodies
            .iter()
            .enumerate()
            .map(|(index, body)| json!({ "messageId": format!("m{index}"), "body": body }))
            .collect();
        serde_json::to_vec(&json!({ "Records": records })).unwrap()
    }

    #[test]
    fn each_message_fails_alone_and_equal_ones_are_handled_once() {
        let seen = Mutex::new(Vec::new());
        let payload = batch(&["1", "x", "2", "1", "3", "2"]);
        let response = handle_batch(&payload, 2, str::parse::<u32>, |number| {
            seen.lock().unwrap().push(number);
            async move { if number == 2 { Err("two") } else { Ok(()) } }
        });
        let response = response.now_or_never().unwrap().unwrap();
        let expected = json!({ "batchItemFailures": [
            { "itemIdentifier": "m1" }, { "itemIdentifier": "m2" }, { "itemIdentifier": "m5" }
        ] });
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&response).unwrap(),
            expected
        );
        assert_eq!(*seen.lock().unwrap(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn no_more_than_the_bound_is_under_way() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let bodies: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        handle_batch(&batch(&bodies), 3, str::parse::<u32>, async |_| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok::<(), &str>(())
        })
        .await
        .unwrap();
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_is_no_batch_fails_whole() {
        let arn = "arn:aws:sqs:us-east-1:0:dev-ride-requests";
        let without_id = json!({ "Records": [{ "body": "1", "eventSourceARN": arn }] }).to_string();
        for (payload, route) in [
            ("{}", "unknown"),
            (r#"{"Records":[{"body":"1"}]}"#, "unknown"),
            (without_id.as_str(), "dev-ride-requests"),
        ] {
            let handling = handle_batch(payload.as_bytes(), 1, str::parse::<u32>, async |_| {
                Ok::<(), &str>(())
            });
            let (handled, line) = account::keep("matching", handling).await;
            assert!(handled.is_err(), "{payload}");
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(
                (&line["Route"], &line["Outcome"]),
                (&json!(route), &json!("failed"))
            );
        }
    }

    #[tokio::test]
    async fn each_message_goes_on_in_the_trace_that_it_carries() {
        let traces = [TraceContext::root(), TraceContext::root()];
        let record = |index: usize, body: &str| {
            let carried = traces.get(index).map(ToString::to_string);
            let attribute = json!({ "stringValue": carried, "dataType": "String" });
            let attributes = match carried {
                Some(_) => json!({ TRACEPARENT: attribute }),
                None => json!({}),
            };
            json!({
                "messageId": format!("m{index}"), "body": body, "messageAttributes": attributes,
                "eventSourceARN": "arn:aws:sqs:us-east-1:0:dev-ride-requests"
            })
        };
        let records = [
            record(0, "1"),
            record(1, "2"),
            record(2, "1"),
            record(3, "3"),
        ];
        let payload = json!({ "Records": records }).to_string();
        let seen = Mutex::new(Vec::new());
        let handling = handle_batch(payload.as_bytes(), 1, str::parse::<u32>, async |number| {
            let trace_id = trace::carried(None).unwrap().trace_id;
            seen.lock().unwrap().push((number, trace_id));
            if number == 2 { Err("two") } else { Ok(()) }
        });
        let (response, line) = account::keep("matching", handling).await;
        assert!(response.is_ok());
        let seen = seen.into_inner().unwrap();
        assert_eq!(
            seen[..2],
            [(1, traces[0].trace_id), (2, traces[1].trace_id)]
        );
        assert!(traces.iter().all(|trace| trace.trace_id != seen[2].1));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["Route"], "dev-ride-requests");
        assert_eq!(line["Outcome"], "failed");
        assert_eq!(
            (&line["Messages"], &line["MessagesFailed"]),
            (&json!(4), &json!(1))
        );
        assert_eq!(line["messages"][0]["trace_id"], traces[0].trace());
        assert_eq!(line["messages"][0]["alike"], 2);
    }
}
