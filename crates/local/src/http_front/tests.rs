use http::Method;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use identity::Issuer;
use lambda::http::{HttpAnswer, HttpError};
use lambda::{BoxFunction, Function, FunctionError};
use serde_json::{Value, json};

use super::*;
use crate::lambda_host::{EnvironmentFactory, FunctionSpec};

const SECRET: &[u8] = b"a secret that only this test knows";

/// Answers with what it was asked, or misbehaves by the path.
struct Mirror;

impl Function for Mirror {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        let event: Value = serde_json::from_slice(&payload).unwrap();
        match event["rawPath"].as_str().unwrap() {
            "/trips/fail" => Err(FunctionError::Failed("as told".into())),
            "/trips/nonsense" => Ok(Bytes::from_static(b"[1]")),
            "/trips/hang" => std::future::pending().await,
            "/trips/event" => Ok(Bytes::from(
                json!({ "statusCode": 200, "body": event.to_string(), "cookies": ["a=b"] })
                    .to_string(),
            )),
            _ => {
                lambda::http::answer(&payload, |request| async move {
                    let body: Value = request.json()?;
                    let rider = request.rider().map_err(|_| HttpError::Unauthenticated)?;
                    Ok(HttpAnswer::json(
                        202,
                        &json!({ "rider": rider.0, "body": body }),
                    ))
                })
                .await
            }
        }
    }
}

struct Fixture {
    front: HttpFront,
    client: Client<HttpConnector, Full<Bytes>>,
    token: String,
}

async fn fixture(reserved_concurrency: u32) -> Fixture {
    let factory: EnvironmentFactory =
        Arc::new(|| Box::pin(async { Ok(Box::new(Mirror) as BoxFunction) }));
    let spec = |name: &str| FunctionSpec {
        name: name.into(),
        pool: cloud::lambda_pool::LambdaConfig {
            reserved_concurrency: Some(reserved_concurrency),
            ..Default::default()
        },
        timeout: Duration::from_millis(200),
        added_latency: Duration::ZERO,
        factory: Arc::clone(&factory),
    };
    let host = Arc::new(LambdaHost::new(vec![spec("trips"), spec("pricing")], None));
    let config = HttpFrontConfig {
        address: "127.0.0.1:0".parse().unwrap(),
        routes: ROUTES.to_vec(),
        verifier: Verifier::development(SECRET).unwrap(),
        calls: calls::Calls::default(),
        integration_timeout: INTEGRATION_TIMEOUT_MAX,
    };
    let front = HttpFront::start(config, host).await.unwrap();
    let token = Issuer::development(SECRET)
        .unwrap()
        .issue(Subject::Rider(17), Duration::from_secs(60));
    let client = Client::builder(TokioExecutor::new()).build_http();
    Fixture {
        front,
        client,
        token,
    }
}

impl Fixture {
    async fn send(&self, method: Method, path: &str, token: &str, body: Vec<u8>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.front.address()))
            .header("authorization", format!("Bearer {token}"))
            .header("x-two", "1")
            .header("x-two", "2")
            .header("cookie", "c=d; e=f")
            .body(Full::from(body))
            .unwrap();
        let response = self.client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(Method::GET, path, &self.token, Vec::new()).await
    }
}

#[tokio::test]
async fn a_request_reaches_its_function_and_comes_back() {
    let world = fixture(10).await;
    let (status, body) = world
        .send(Method::POST, "/trips", &world.token, b"{\"a\":1}".to_vec())
        .await;
    assert_eq!(
        (status, body),
        (202, json!({ "rider": 17, "body": { "a": 1 } }))
    );
    let (status, event) = world.get("/trips/event?x=1").await;
    assert_eq!(status, 200);
    assert_eq!(event["rawQueryString"], "x=1");
    assert_eq!(event["headers"]["x-two"], "1,2");
    assert_eq!(event["cookies"], json!(["c=d", "e=f"]));
    assert_eq!(event["pathParameters"], json!({ "proxy": "event" }));
    assert_eq!(
        event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"],
        "rider-17"
    );
    assert_eq!(event["requestContext"]["http"]["method"], "GET");
    assert_eq!(
        lambda::event::EventKind::of(event.to_string().as_bytes()),
        Ok(lambda::event::EventKind::Http)
    );
    assert_eq!(world.front.counters().requests, 2);
    tokio::time::timeout(Duration::from_secs(2), world.front.stop())
        .await
        .unwrap();
}

#[tokio::test]
async fn without_a_good_token_nothing_is_invoked() {
    let world = fixture(10).await;
    let other = Issuer::development(b"another secret of at least 32 bytes").unwrap();
    let expired = Issuer::development(SECRET).unwrap().issue_at(
        Subject::Rider(17),
        domain::Timestamp::ZERO,
        Duration::from_secs(60),
    );
    for token in [
        "",
        "x",
        &other.issue(Subject::Rider(17), Duration::from_secs(60)),
        &expired,
    ] {
        let refused = world
            .send(Method::GET, "/trips/event", token, Vec::new())
            .await;
        assert_eq!(
            refused,
            (401, json!({ "message": "Unauthorized" })),
            "{token}"
        );
    }
    assert_eq!(world.front.counters().client_errors, 4);
    assert_eq!(world.front.shared.host.counters()["trips"].invocations, 0);
}

#[tokio::test]
async fn what_functions_do_wrong_answers_as_an_http_api_does() {
    let world = fixture(10).await;
    let unavailable = (503, json!({ "message": "Service Unavailable" }));
    let internal = (500, json!({ "message": "Internal Server Error" }));
    assert_eq!(world.get("/trips/fail").await, internal);
    assert_eq!(world.get("/trips/nonsense").await, internal);
    assert_eq!(world.get("/trips/hang").await, unavailable);
    assert_eq!(
        world.get("/nowhere").await,
        (404, json!({ "message": "Not Found" }))
    );
    assert_eq!(world.get("/trips/").await.0, 404);
    let large = vec![b'x'; HTTP_BODY_BYTES_MAX + 1];
    assert_eq!(
        world
            .send(Method::POST, "/trips", &world.token, large)
            .await
            .0,
        413
    );
    let not_json = world
        .send(Method::POST, "/trips", &world.token, vec![0xff, 0xfe])
        .await;
    assert_eq!(
        (not_json.0, &not_json.1["error"]["code"]),
        (400, &json!("malformed_body"))
    );
    assert_eq!(world.front.counters().server_errors, 3);
}

#[tokio::test]
async fn a_throttle_is_503() {
    let world = fixture(0).await;
    assert_eq!(
        world.get("/trips/event").await,
        (503, json!({ "message": "Service Unavailable" }))
    );
}
