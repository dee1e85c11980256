//! Which kind of event a payload is, for a function that takes several.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::function::FunctionError;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An HTTP API request, payload format 2.0.
    Http,
    /// A batch of SQS messages.
    Sqs,
    /// A tick of an EventBridge schedule.
    Schedule,
}

/// The fields by which the kinds differ. Each is in AWS's own example events.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "requestContext")]
    request_context: Option<IgnoredAny>,
    #[serde(rename = "Records")]
    records: Option<IgnoredAny>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
}

impl EventKind {
    /// The kind of a payload, by its shape.
    ///
    /// # Errors
    /// If it is of none of the kinds.
    pub fn of(payload: &[u8]) -> Result<Self, FunctionError> {
        const EXPECTED: &str = "an HTTP API request, an SQS batch or a scheduled event";
        let unreadable = |detail: String| FunctionError::UnreadableEvent {
            expected: EXPECTED,
            detail,
        };
        let shape: Shape =
            serde_json::from_slice(payload).map_err(|error| unreadable(error.to_string()))?;
        match shape {
            Shape {
                request_context: Some(_),
                ..
            } => Ok(Self::Http),
            Shape {
                records: Some(_), ..
            } => Ok(Self::Sqs),
            Shape {
                detail_type: Some(name),
                ..
            } if name == "Scheduled Event" => Ok(Self::Schedule),
            Shape {
                detail_type: Some(name),
                ..
            } => Err(unreadable(format!("detail-type {name:?}"))),
            _ => Err(unreadable(
                "no requestContext, Records or detail-type".to_owned(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_shape() {
        let kind = |text: &str| EventKind::of(text.as_bytes());
        assert_eq!(
            kind(r#"{"requestContext":{"http":{}}}"#),
            Ok(EventKind::Http)
        );
        assert_eq!(kind(r#"{"Records":[]}"#), Ok(EventKind::Sqs));
        assert_eq!(
            kind(r#"{"detail-type":"Scheduled Event"}"#),
            Ok(EventKind::Schedule)
        );
        for other in [r#"{"detail-type":"EC2 Spot"}"#, "{}", "[]", ""] {
            assert!(kind(other).is_err(), "{other}");
        }
    }
}
