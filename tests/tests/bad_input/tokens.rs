//! Tokens that are forged, expired or another's: who a caller is, and what was quoted.

use std::collections::BTreeSet;
use std::time::Duration;

use identity::{Issuer, Subject};
use local::stack::Stack;
use rushhour_tests::sockets::{Answer, Rider, TOKEN_TTL, bounded, config, now, token};
use serde_json::{Value, json};
use services::token::{Keyring, Quote};
use wire::api::QuoteView;

use super::stored;

async fn ask(rider: &Rider, quote_token: &str) -> Answer {
    let mut wish = Rider::wish(&rider.quote().await);
    wish["quote_token"] = json!(quote_token);
    rider.call("POST", "/trips", Some("tokens"), &wish).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quote_tokens() {
    bounded(async || {
        let config = config();
        let keys = config.quote_keys.clone();
        let stack = Stack::start(config).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let quote = rider.quote().await;
        let signed = keys.verify(&quote.quote_token).unwrap();
        let expired = Quote {
            expires_at: now(),
            ..signed
        };
        let strange = [("strange".to_owned(), vec![7; 32])];
        let strange = Keyring::new("strange", strange.into()).unwrap();
        let impostor = [("development".to_owned(), vec![7; 32])];
        let impostor = Keyring::new("development", impostor.into()).unwrap();
        let another = Rider::of(&stack, 18).quote().await.quote_token;
        for (what, token, expected) in [
            ("expired", keys.sign(&expired), (410, "quote_expired")),
            (
                "of an unknown key",
                strange.sign(&signed),
                (403, "quote_token_unknown_key"),
            ),
            (
                "of an impostor's key",
                impostor.sign(&signed),
                (403, "quote_token_forged"),
            ),
            ("another rider's", another, (403, "quote_of_another_rider")),
            ("empty", String::new(), (400, "quote_token_malformed")),
            (
                "too long",
                "x".repeat(5_000),
                (400, "quote_token_malformed"),
            ),
            (
                "cut short",
                quote.quote_token[..40].to_owned(),
                (400, "quote_token_malformed"),
            ),
        ] {
            let answer = ask(&rider, &token).await;
            assert_eq!((answer.status, answer.code()), expected, "{what}");
        }
        changed_at_every_byte(&rider, &quote).await;
        assert_eq!(stored(&stack).await, (vec![], vec![]), "nothing was stored");
        let answer = ask(&rider, &quote.quote_token).await;
        assert_eq!(answer.status, 202, "the token itself is good: {answer:?}");
        stack.stop().await;
    })
    .await;
}

async fn changed_at_every_byte(rider: &Rider, quote: &QuoteView) {
    let wish = Rider::wish(quote);
    let mut codes = BTreeSet::new();
    for at in 0..quote.quote_token.len() {
        let mut bytes = quote.quote_token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let mut wish = wish.clone();
        wish["quote_token"] = json!(String::from_utf8(bytes).unwrap());
        let answer = rider.call("POST", "/trips", Some("tokens"), &wish).await;
        assert!([400, 403].contains(&answer.status), "byte {at}: {answer:?}");
        codes.insert(answer.code().to_owned());
    }
    let expected = [
        "quote_token_forged",
        "quote_token_malformed",
        "quote_token_unknown_key",
    ];
    assert_eq!(codes, expected.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_tokens() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let ride = rider.request("own").await;
        let before = stored(&stack).await;
        let forger = Issuer::development(b"another secret of at least 32 bytes").unwrap();
        let forged = forger.issue(Subject::Rider(17), TOKEN_TTL);
        let long_ago = now() - Duration::from_secs(7_200);
        let expired = stack
            .issuer()
            .issue_at(Subject::Rider(17), long_ago, TOKEN_TTL);
        let mut changed = rider.token.clone();
        changed.replace_range(
            40..41,
            if changed.as_bytes()[40] == b'A' {
                "B"
            } else {
                "A"
            },
        );
        let unauthorized = (401, "Unauthorized");
        let not_a_rider = (403, "not_a_rider");
        let no_trip = (404, "no_such_trip");
        for (what, token, quotes, trip) in [
            ("empty", String::new(), unauthorized, unauthorized),
            (
                "no token at all",
                "x".repeat(5_000),
                unauthorized,
                unauthorized,
            ),
            ("forged", forged, unauthorized, unauthorized),
            ("expired", expired, unauthorized, unauthorized),
            ("changed", changed, unauthorized, unauthorized),
            (
                "a driver's",
                token(&stack, Subject::Driver(17)),
                not_a_rider,
                not_a_rider,
            ),
            (
                "the service's",
                token(&stack, Subject::Service),
                not_a_rider,
                not_a_rider,
            ),
            (
                "another rider's",
                token(&stack, Subject::Rider(18)),
                (400, "malformed_body"),
                no_trip,
            ),
        ] {
            let caller = Rider::with_token(&stack, 17, token);
            let path = format!("/trips/{}", ride.trip);
            let cancel = format!("{path}/cancel");
            for (method, path, expected) in [
                ("POST", "/quotes", quotes),
                ("GET", path.as_str(), trip),
                ("POST", cancel.as_str(), trip),
            ] {
                let answer = caller.call(method, path, None, &Value::Null).await;
                let found = (answer.status, answer.code());
                assert_eq!(
                    found, expected,
                    "{method} {path} with a token that is {what}"
                );
            }
        }
        let request = http::Request::get(format!("{}/trips/{}", stack.http_url(), ride.trip));
        let answer = rider.send(request.body(Default::default()).unwrap()).await;
        assert_eq!((answer.status, answer.code()), unauthorized, "no header");
        assert_eq!(stored(&stack).await, before, "nothing was stored");
        assert_eq!(rider.read(ride.trip).await.state, "requested");
        stack.stop().await;
    })
    .await;
}
