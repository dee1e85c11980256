use std::collections::BTreeMap;

use cloud::memory::MemoryMarket;
use domain::Timestamp;
use host::market::MarketDocument;
use serde_json::{Value, json};

use super::*;

const QUOTE: &str = include_str!("../events/quote.json");

#[derive(Debug, Clone, Copy)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_793_707_200_000)
    }
}

fn keyring() -> Arc<Keyring> {
    let keys = BTreeMap::from([("k1".to_owned(), vec![7; 32])]);
    Arc::new(Keyring::new("k1", keys).unwrap())
}

async fn call(event: &str) -> (u64, Value) {
    let market = "region = 'new-york'\n[travel]\nspeed_kmh = 20\n\
                  [service_area]\nsouth = 40\nwest = -75\nnorth = 41\neast = -73";
    let market = Arc::new(MarketDocument::parse(market).unwrap().market().unwrap());
    let quoting = Quoting::new(market, keyring(), MemoryMarket::new(), Noon);
    let response = Pricing::new(quoting)
        .invoke(Bytes::from(event.to_owned()))
        .await
        .unwrap();
    let response: Value = serde_json::from_slice(&response).unwrap();
    let body = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    (response["statusCode"].as_u64().unwrap(), body)
}

#[tokio::test]
async fn a_quote_adds_up_and_its_token_proves_it() {
    let (status, body) = call(QUOTE).await;
    assert_eq!(status, 200, "{body}");
    let view: QuoteView = serde_json::from_value(body).unwrap();
    assert_eq!(view.total_minor, view.ride_minor + view.booking_fee_minor);
    assert_eq!(view.expires_at_ms, Noon.now().as_millis() + 120_000);
    let quote = keyring().verify(&view.quote_token).unwrap();
    assert_eq!(quote.rider, domain::RiderId(17));
    assert_eq!(quote.fare.total().minor(), view.total_minor);
}

#[tokio::test]
async fn bad_requests_have_their_codes() {
    let changed = |path: &str, value: Value| {
        let mut event: Value = serde_json::from_str(QUOTE).unwrap();
        *event.pointer_mut(path).unwrap() = value;
        event.to_string()
    };
    let body = |lat: f64| {
        json!(
            json!({"pickup": {"lat": lat, "lon": -74}, "dropoff": {"lat": 40.5, "lon": -74}})
                .to_string()
        )
    };
    for (event, status, code) in [
        (
            changed("/body", json!("{\"pickup\":")),
            400,
            "malformed_body",
        ),
        (changed("/body", body(91.0)), 422, "no_such_place"),
        (changed("/body", body(50.0)), 422, "outside_service_area"),
        (changed("/rawPath", json!("/quote")), 404, "unknown_route"),
        (
            changed("/requestContext/http/method", json!("PUT")),
            405,
            "method_not_allowed",
        ),
        (
            changed("/requestContext/authorizer", Value::Null),
            401,
            "unauthenticated",
        ),
        (
            changed(
                "/requestContext/authorizer/jwt/claims/sub",
                json!("driver-1"),
            ),
            403,
            "not_a_rider",
        ),
    ] {
        let (found, body) = call(&event).await;
        assert_eq!(
            (found, body["error"]["code"].as_str()),
            (status, Some(code))
        );
    }
}
