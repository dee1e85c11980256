use serde_json::{Value, json};
use services::ports::PortError;

use super::*;

fn event(method: &str, body: Value) -> Vec<u8> {
    serde_json::to_vec(&json!({
        "version": "2.0", "routeKey": "ANY /trips", "rawPath": "/trips/7/cancel", "rawQueryString": "",
        "headers": { "idempotency-key": "k", "content-type": "application/json" },
        "requestContext": {
            "http": { "method": method, "path": "/trips/7/cancel", "protocol": "HTTP/1.1", "sourceIp": "::1" },
            "authorizer": { "jwt": { "claims": { "sub": "rider-17" }, "scopes": null } },
            "requestId": "r", "routeKey": "ANY /trips", "stage": "$default", "timeEpoch": 0
        },
        "body": body, "isBase64Encoded": false
    }))
    .unwrap()
}

fn run(payload: &[u8], result: Result<HttpAnswer, HttpError>) -> Value {
    let future = answer(payload, |_| std::future::ready(result));
    let bytes = futures_util::FutureExt::now_or_never(future)
        .unwrap()
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn code(response: &Value) -> String {
    let body: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    body["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_request_is_read_as_the_gateway_sends_it() {
    let arrival = Arrival::read(&event("POST", json!("{\"a\":1}"))).unwrap();
    assert_eq!(arrival.route, "POST /trips");
    let request = arrival.request.unwrap();
    assert_eq!(request.rider().unwrap(), RiderId(17));
    assert_eq!(request.segments(), ["trips", "7", "cancel"]);
    assert_eq!(request.header("Idempotency-Key"), "k");
    assert_eq!(request.json::<Value>().unwrap(), json!({"a": 1}));
    assert!(request.json::<[u8; 3]>().is_err());
}

#[test]
fn base64_bodies_are_decoded_and_long_ones_refused() {
    assert_eq!(decode_body("e30=".into(), true).unwrap(), b"{}");
    assert!(matches!(
        decode_body("%".into(), true),
        Err(HttpError::MalformedBody { .. })
    ));
    assert!(decode_body("x".repeat(BODY_BYTES_MAX), false).is_ok());
    let long = event("POST", json!("x".repeat(BODY_BYTES_MAX + 1)));
    let response = run(&long, Err(HttpError::Unauthenticated));
    assert_eq!(
        (response["statusCode"].as_i64(), code(&response)),
        (Some(413), "body_too_large".into())
    );
}

#[test]
fn errors_have_status_code_and_headers() {
    let refused = |error: HttpError| run(&event("GET", Value::Null), Err(error));
    let port = |error: PortError| HttpError::Ride(error.into());
    let throttled = refused(port(PortError::Throttled {
        port: "trips",
        detail: "secret".into(),
    }));
    assert_eq!(throttled["statusCode"], 429);
    assert_eq!(throttled["headers"]["retry-after"], "1");
    assert!(!throttled.to_string().contains("secret"));
    let down = refused(port(PortError::Unavailable {
        port: "trips",
        detail: "secret".into(),
    }));
    assert_eq!(
        (down["statusCode"].as_i64(), code(&down)),
        (Some(503), "unavailable".into())
    );
    assert_eq!(down["headers"]["retry-after"], "1");
    assert!(!down.to_string().contains("secret"));
    let method = refused(HttpError::MethodNotAllowed {
        found: "PUT".into(),
        allowed: "POST",
    });
    assert_eq!(method["headers"]["allow"], "POST");
    let place = domain::Place::new(f64::NAN, 0.0).unwrap_err();
    assert_eq!(code(&refused(place.into())), "no_such_place");
}

#[test]
fn what_is_no_request_fails_the_invocation() {
    let error = futures_util::FutureExt::now_or_never(answer(b"{}", |_| async {
        Ok(HttpAnswer::json(200, &()))
    }));
    assert!(matches!(
        error,
        Some(Err(FunctionError::UnreadableEvent { .. }))
    ));
}

#[tokio::test]
async fn a_request_goes_on_in_its_caller_s_trace_and_says_what_became_of_it() {
    let trace = TraceContext::root();
    let trip = TripId(7);
    let mut event: Value = serde_json::from_slice(&event("POST", Value::Null)).unwrap();
    event["headers"][TRACEPARENT] = json!(trace.to_string());
    event["rawPath"] = json!(format!("/trips/{trip}/cancel"));
    let payload = serde_json::to_vec(&event).unwrap();
    for (refused, status, outcome) in [(false, 200, "done"), (true, 401, "refused")] {
        let answering = answer(&payload, |_| async {
            let carried = trace::carried(None).unwrap();
            assert_eq!(carried.trace_id, trace.trace_id);
            assert_ne!(carried.span_id, trace.span_id);
            if refused {
                return Err(HttpError::Unauthenticated);
            }
            Ok(HttpAnswer::json(200, &()))
        });
        let (answered, line) = account::keep("trips", answering).await;
        answered.unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["Route"], "POST /trips");
        assert_eq!(line["Outcome"], outcome);
        assert_eq!(line["status"], status);
        assert_eq!(line["trip_id"], trip.to_string());
        assert_eq!(line["trace_id"], trace.trace());
    }
}
