//! HTTP requests that are wrong in every way there is.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use local::stack::Stack;
use rushhour_tests::sockets::{Rider, bounded, config, in_time};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stored;

/// A body that no function of ours reads, and one that no function is given.
const TOO_LARGE_FOR_US: usize = 70 * 1024;
const TOO_LARGE_FOR_LAMBDA: usize = 7 * 1024 * 1024;

/// A wrong request, and what it is answered with.
struct Wrong {
    what: String,
    request: Request<Full<Bytes>>,
    expected: (u16, &'static str),
}

fn wrong(
    what: &str,
    request: http::request::Builder,
    body: impl Into<Bytes>,
    expected: (u16, &'static str),
) -> Wrong {
    Wrong {
        what: what.to_owned(),
        request: request.body(Full::from(body.into())).unwrap(),
        expected,
    }
}

/// Sends each, and sees that nothing but the answer came of it.
async fn expect_refusals(stack: &Stack, rider: &Rider, wrongs: Vec<Wrong>) {
    let before = stored(stack).await;
    for Wrong {
        what,
        request,
        expected,
    } in wrongs
    {
        let answer = rider.send(request).await;
        assert_eq!((answer.status, answer.code()), expected, "{what}");
        let said = answer.body["error"]["message"].as_str();
        let said = said.or(answer.body["message"].as_str());
        assert!(said.is_some_and(|said| said.len() < 500), "{what}");
        match answer.status {
            401 => assert_eq!(answer.headers["www-authenticate"], "Bearer"),
            405 => assert!(answer.headers.contains_key("allow"), "{what}"),
            _ => {}
        }
    }
    assert_eq!(stored(stack).await, before, "nothing was stored");
    assert_eq!(stack.http_counters().server_errors, 0);
    let errors = |used: &cloud::lambda_pool::LambdaCounters| used.errors;
    assert_eq!(
        stack.function_counters().values().map(errors).sum::<u64>(),
        0
    );
    rider.quote().await;
}

fn places(pickup: Value, dropoff: Value) -> Value {
    json!({ "pickup": pickup, "dropoff": dropoff })
}

fn here() -> Value {
    json!({ "lat": 40.758, "lon": -73.9855 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quotes() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let malformed = (400, "malformed_body");
        let no_place = (422, "no_such_place");
        let outside = (422, "outside_service_area");
        let mut wrongs = Vec::new();
        let mut quote = |what: &str, body: Bytes, expected| {
            wrongs.push(wrong(what, rider.asking("POST", "/quotes"), body, expected));
        };
        for (what, body) in [
            ("no body", ""),
            ("half of JSON", r#"{"pickup": {"lat": 40.7"#),
            ("an array", "[]"),
            ("null", "null"),
            ("a missing field", r#"{"pickup": {"lat": 40.7, "lon": -73.9}}"#),
            ("text for a number", r#"{"pickup": {"lat": "40.7", "lon": -73.9}, "dropoff": {"lat": 40.7, "lon": -73.9}}"#),
            ("NaN", r#"{"pickup": {"lat": NaN, "lon": -73.9}, "dropoff": {"lat": 40.7, "lon": -73.9}}"#),
            ("a number beyond all", r#"{"pickup": {"lat": 1e999, "lon": -73.9}, "dropoff": {"lat": 40.7, "lon": -73.9}}"#),
            ("something after the end", r#"{"pickup": {"lat": 40.7, "lon": -73.9}, "dropoff": {"lat": 40.7, "lon": -73.9}} again"#),
        ] {
            quote(what, Bytes::from(body), malformed);
        }
        let mut unknown = places(here(), here());
        unknown["tip"] = json!(5);
        quote("an unknown field", unknown.to_string().into(), malformed);
        quote("bytes that are no text", Bytes::from_static(&[0xff, 0xfe, 0]), malformed);
        quote("deep nesting", "[".repeat(20_000).into(), malformed);
        quote("too large for us", " ".repeat(TOO_LARGE_FOR_US).into(), (413, "body_too_large"));
        let too_large = (413, "Request Entity Too Large");
        quote("too large for Lambda", " ".repeat(TOO_LARGE_FOR_LAMBDA).into(), too_large);
        for (what, lat, lon, expected) in [
            ("latitude 500", 500.0, -73.9, no_place),
            ("latitude -90.1", -90.1, -73.9, no_place),
            ("longitude 1e300", 40.7, 1e300, no_place),
            ("Paris", 48.85, 2.35, outside),
            ("null island", 0.0, 0.0, outside),
            ("the pole", 90.0, 180.0, outside),
        ] {
            let there = json!({ "lat": lat, "lon": lon });
            let (from, to) = (places(there.clone(), here()), places(here(), there));
            quote(&format!("from {what}"), from.to_string().into(), expected);
            quote(&format!("to {what}"), to.to_string().into(), expected);
        }
        expect_refusals(&stack, &rider, wrongs).await;
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_and_paths() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let not_allowed = (405, "method_not_allowed");
        let unknown_route = (404, "unknown_route");
        let not_found = (404, "Not Found");
        let no_trip = (404, "no_such_trip");
        let cases = [
            ("GET", "/quotes", not_allowed),
            ("PUT", "/quotes", not_allowed),
            ("GET", "/trips", not_allowed),
            (
                "DELETE",
                "/trips/0123456789abcdef0123456789abcdef",
                not_allowed,
            ),
            (
                "GET",
                "/trips/0123456789abcdef0123456789abcdef/cancel",
                not_allowed,
            ),
            ("GET", "/trips/a/b/c", unknown_route),
            (
                "POST",
                "/trips/0123456789abcdef0123456789abcdef/refund",
                unknown_route,
            ),
            ("GET", "/", not_found),
            ("POST", "/quote", not_found),
            ("POST", "/quotes/again", not_found),
            ("GET", "/../../etc/passwd", not_found),
            ("GET", "/trips/0123456789abcdef0123456789abcdef", no_trip),
            ("GET", "/trips/no-such-name", no_trip),
            ("GET", "/trips/%00", no_trip),
            (
                "POST",
                "/trips/0123456789abcdef0123456789abcdef/cancel",
                no_trip,
            ),
            ("POST", "/trips/no-such-name/cancel", no_trip),
        ];
        let wrongs = cases.map(|(method, path, expected)| {
            let what = format!("{method} {path}");
            wrong(&what, rider.asking(method, path), "", expected)
        });
        expect_refusals(&stack, &rider, wrongs.into()).await;
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let ride = rider.request("taken").await;
        let wish = Rider::wish(&ride.quote);
        let changed = |key: &str, value: Value| {
            let mut changed = wish.clone();
            changed[key] = value;
            changed.to_string()
        };
        let other_places = (422, "quote_for_other_places");
        let mut wrongs = Vec::new();
        let mut request = |what: &str, key: Option<&str>, body: String, expected| {
            let mut request = rider.asking("POST", "/trips");
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            wrongs.push(wrong(what, request, body, expected));
        };
        let bad_key = (400, "bad_idempotency_key");
        request("no key", None, wish.to_string(), bad_key);
        request("an empty key", Some(""), wish.to_string(), bad_key);
        let long = "k".repeat(129);
        request("a long key", Some(&long), wish.to_string(), bad_key);
        request(
            "a key that is no text",
            Some("ключ"),
            wish.to_string(),
            bad_key,
        );
        let reused = (409, "idempotency_key_reused");
        let patience = changed("patience_ms", json!(1_000));
        request("another body", Some("taken"), patience, reused);
        let near = json!({ "lat": 40.7581, "lon": -73.9855 });
        request(
            "another pick-up",
            Some("new"),
            changed("pickup", near.clone()),
            other_places,
        );
        request(
            "another destination",
            Some("new"),
            changed("dropoff", near),
            other_places,
        );
        let bad_patience = (422, "bad_patience");
        request(
            "no patience",
            Some("new"),
            changed("patience_ms", json!(0)),
            bad_patience,
        );
        request(
            "endless patience",
            Some("new"),
            changed("patience_ms", json!(u64::MAX)),
            bad_patience,
        );
        let malformed = (400, "malformed_body");
        request(
            "negative patience",
            Some("new"),
            changed("patience_ms", json!(-1)),
            malformed,
        );
        request(
            "an unknown field",
            Some("new"),
            changed("discount", json!(1)),
            malformed,
        );
        request("no body", Some("new"), String::new(), malformed);
        let absurd = json!({ "lat": 500, "lon": 0 });
        request(
            "an absurd place",
            Some("new"),
            changed("pickup", absurd),
            (422, "no_such_place"),
        );
        request(
            "too large",
            Some("new"),
            " ".repeat(TOO_LARGE_FOR_US),
            (413, "body_too_large"),
        );
        expect_refusals(&stack, &rider, wrongs).await;
        // The same again is the same ride.
        let again = rider.call("POST", "/trips", Some("taken"), &wish).await;
        assert_eq!(
            (again.status, &again.body["trip_id"]),
            (202, &json!(ride.trip.to_string()))
        );
        assert_eq!(stored(&stack).await.0.len(), 1);
        stack.stop().await;
    })
    .await;
}

/// What is not HTTP at all, and a client that never finishes, disturb nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_http_at_all() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let address = stack.http_url();
        let address = address.trim_start_matches("http://");
        let mut unfinished = tokio::net::TcpStream::connect(address).await.unwrap();
        unfinished
            .write_all(b"POST /quotes HTTP/1.1\r\nHos")
            .await
            .unwrap();
        for garbage in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
            b"GARBAGE\r\n\r\n",
            b"\r\n\0\0\0\0\r\n\r\n",
        ] {
            let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
            socket.write_all(garbage).await.unwrap();
            let mut answer = Vec::new();
            // Closed with or without a word, but closed.
            drop(in_time("the end", socket.read_to_end(&mut answer)).await);
            let text = String::from_utf8_lossy(&answer);
            assert!(
                text.is_empty() || text.starts_with("HTTP/1.1 400"),
                "{text}"
            );
        }
        rider.quote().await;
        drop(unfinished);
        stack.stop().await;
    })
    .await;
}
