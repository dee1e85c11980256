//! SQS batches with partial batch responses: each message succeeds or fails on its own.
//!
//! A message that cannot be read fails like one that could not be handled: the queue shows it again, and
//! after `maxReceiveCount` receives it lies in the dead-letter queue, where someone can look at it.

use std::fmt::Display;
use std::future::Future;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use crate::function::FunctionError;

/// Messages of the same words, and the ids of all of them.
struct Group<M> {
    message: M,
    ids: Vec<String>,
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
    let mut failed = Vec::new();
    let mut groups: Vec<Group<M>> = Vec::new();
    for SqsMessage {
        message_id, body, ..
    } in event.records
    {
        let id = message_id.ok_or_else(|| unreadable("a record without messageId".to_owned()))?;
        match decode(body.as_deref().unwrap_or_default()) {
            Ok(message) => match groups.iter_mut().find(|group| group.message == message) {
                Some(group) => group.ids.push(id),
                None => groups.push(Group {
                    message,
                    ids: vec![id],
                }),
            },
            Err(error) => {
                tracing::error!(message_id = id, %error, "message cannot be read");
                failed.push(id);
            }
        }
    }
    let handle = &handle;
    let mut results = stream::iter(groups)
        .map(|Group { message, ids }| async move { (handle(message).await, ids) })
        .buffer_unordered(in_flight.max(1));
    while let Some((result, ids)) = results.next().await {
        if let Err(error) = result {
            tracing::warn!(message_ids = ?ids, %error, "message was not handled");
            failed.extend(ids);
        }
    }
    drop(results);
    Ok(respond(failed))
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

    #[test]
    fn what_is_no_batch_fails_whole() {
        for payload in ["{}", r#"{"Records":[{"body":"1"}]}"#] {
            let handled = handle_batch(payload.as_bytes(), 1, str::parse::<u32>, async |_| {
                Ok::<(), &str>(())
            });
            assert!(handled.now_or_never().unwrap().is_err(), "{payload}");
        }
    }
}
