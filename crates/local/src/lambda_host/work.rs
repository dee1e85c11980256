//! What an invocation works at, by its event: the name of a service time, such as `trips.read`.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What is looked at of an event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    raw_path: Option<&'a str>,
    source: Option<&'a str>,
    request_context: Option<Context<'a>>,
    #[serde(rename = "Records")]
    records: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Context<'a> {
    #[serde(borrow)]
    http: Option<Http<'a>>,
}

#[derive(Deserialize)]
struct Http<'a> {
    method: &'a str,
}

/// The work of a function's event; none if it cannot be told. The first call of an environment is told
/// apart, for it opens the connections.
pub(super) fn of(function: &str, cold: bool, payload: &Bytes) -> Option<String> {
    let event: Event<'_> = serde_json::from_slice(payload).ok()?;
    let name = match (function, event.records) {
        ("pricing", _) => "pricing.quote",
        ("surge", _) => "surge.update",
        ("matching", _) => "matching.round",
        ("trips", Some(_)) => "trips.event",
        ("trips", None) if event.source == Some("aws.events") => "trips.sweep",
        ("trips", None) => {
            let method = event.request_context?.http.map(|http| http.method);
            match (method, event.raw_path) {
                (Some("GET"), _) => "trips.read",
                (Some(_), Some("/trips")) => "trips.request",
                (Some(_), _) => "trips.cancel",
                (None, _) => return None,
            }
        }
        _ => return None,
    };
    Some(if cold {
        format!("{name}#cold")
    } else {
        name.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_told_by_the_event() {
        let http = |method: &str, path: &str| {
            format!(r#"{{"rawPath":"{path}","requestContext":{{"http":{{"method":"{method}"}}}}}}"#)
        };
        for (function, event, expected) in [
            ("pricing", http("POST", "/quotes"), Some("pricing.quote")),
            ("trips", http("POST", "/trips"), Some("trips.request")),
            ("trips", http("GET", "/trips/1"), Some("trips.read")),
            (
                "trips",
                http("POST", "/trips/1/cancel"),
                Some("trips.cancel"),
            ),
            (
                "trips",
                r#"{"Records":[{}]}"#.to_owned(),
                Some("trips.event"),
            ),
            (
                "matching",
                r#"{"Records":[{}]}"#.to_owned(),
                Some("matching.round"),
            ),
            (
                "trips",
                r#"{"source":"aws.events"}"#.to_owned(),
                Some("trips.sweep"),
            ),
            ("others", "{}".to_owned(), None),
            ("trips", "no event".to_owned(), None),
        ] {
            let found = of(function, false, &Bytes::from(event));
            assert_eq!(found.as_deref(), expected, "{function}");
        }
        let cold = of("surge", true, &Bytes::from_static(b"{}"));
        assert_eq!(cold.as_deref(), Some("surge.update#cold"));
    }
}
