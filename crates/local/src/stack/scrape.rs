//! What a tracker in a process of its own has counted, asked for over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use fleet_tracker::MetricsSnapshot;
use http::Uri;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use services::ports::PortError;

/// How long an answer may take, to its last byte.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// So many bytes it may have: counters are some kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Asks for the counters of the tracker whose metrics listen there; none if nobody does.
///
/// # Errors
/// If who listens there does not answer in time, or with anything but counters.
pub(super) async fn ask(at: SocketAddr) -> Result<Option<MetricsSnapshot>, PortError> {
    let url = format!("http://{at}/metrics");
    let asked = fetch(url.parse().expect("an address makes a URL"));
    let answer = match tokio::time::timeout(ANSWER_MAX, asked).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {ANSWER_MAX:?}")),
    };
    answer.map_err(|found| PortError::Unavailable {
        port: "the fleet tracker",
        detail: format!("asked for {url}, found {found}, expected its counters"),
    })
}

async fn fetch(url: Uri) -> Result<Option<MetricsSnapshot>, String> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = match client.get(url).await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Ok(None),
        Err(error) => return Err(format!("no answer ({error})")),
    };
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("status {status}"));
    }
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
    let body = body.await.map_err(|error| {
        format!("no whole answer of at most {ANSWER_BYTES_MAX} bytes ({error})")
    })?;
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    Ok(Some(MetricsSnapshot::read(&text)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        (listener, at)
    }

    /// What is made of an answer.
    async fn of(answer: String) -> Result<Option<MetricsSnapshot>, String> {
        let (listener, at) = listener();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 512]).unwrap();
            // Who has read enough of it closes the connection.
            let _ = stream.write_all(answer.as_bytes());
        });
        let found = ask(at).await.map_err(|error| error.to_string());
        found.map_err(|error| error.replace(&at.to_string(), "HERE"))
    }

    fn well(body: &str) -> String {
        let bytes = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{body}")
    }

    #[tokio::test]
    async fn counters_are_read_and_who_is_down_has_none() {
        let counted = of(well("fleet_messages_total 3\n")).await.unwrap().unwrap();
        assert_eq!(counted.messages, 3);
        let (nobody, at) = listener();
        drop(nobody);
        assert_eq!(ask(at).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_was_asked_and_what_came_is_said() {
        let endless = well(&"x".repeat(ANSWER_BYTES_MAX + 1));
        for (answer, found) in [
            ("HTTP/1.1 503 Away\r\n\r\n".to_owned(), "status 503"),
            ("nothing of HTTP\r\n\r\n".to_owned(), "no answer ("),
            (endless, "no whole answer of at most 1048576 bytes ("),
        ] {
            let error = of(answer).await.unwrap_err();
            let said = format!("asked for http://HERE/metrics, found {found}");
            assert!(error.contains(&said), "{error}");
        }
    }

    #[tokio::test]
    async fn a_tracker_that_stands_still_is_waited_for_within_bounds() {
        // The connection is there, but nobody takes it.
        let (_still, at) = listener();
        let asked = tokio::time::timeout(Duration::from_secs(20), ask(at)).await;
        let error = asked.expect("an answer within bounds").unwrap_err();
        assert!(error.to_string().contains("no answer within 2s"), "{error}");
    }
}
