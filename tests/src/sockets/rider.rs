//! A rider over HTTP, with a token.

use bytes::Bytes;
use domain::{Place, Timestamp, TripId};
use http::request::Builder;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use identity::Subject;
use local::stack::Stack;
use serde_json::Value;
use tonic::{Status, Streaming};
use wire::api::{QuoteBody, QuoteView, TripBody, TripView};
use wire::grpc::{trip_bytes, v1};

use super::{dropoff, in_time, now, pickup, shown, token, tracker};

/// How long a rider waits for a driver.
const PATIENCE_MS: u64 = 600_000;

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body, null if it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The error's code as ours have it, or the message of the gateway.
    #[must_use]
    pub fn code(&self) -> &str {
        let code = self.body["error"]["code"].as_str();
        code.or(self.body["message"].as_str()).unwrap_or_default()
    }
}

/// A ride that was requested.
#[derive(Debug, Clone)]
pub struct Requested {
    /// Its name.
    pub trip: TripId,
    /// Whose it is.
    pub rider: u64,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// What was quoted.
    pub quote: QuoteView,
}

/// A rider over HTTP.
#[derive(Debug, Clone)]
pub struct Rider {
    /// The rider's number.
    pub id: u64,
    /// What the rider shows.
    pub token: String,
    url: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Rider {
    /// A rider of a stack.
    #[must_use]
    pub fn of(stack: &Stack, id: u64) -> Self {
        Self::with_token(stack, id, token(stack, Subject::Rider(id)))
    }

    /// One who shows another token.
    #[must_use]
    pub fn with_token(stack: &Stack, id: u64, token: String) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let url = stack.http_url();
        Self {
            id,
            token,
            url,
            client,
        }
    }

    /// A request with the rider's token, to be changed at will.
    #[must_use]
    pub fn asking(&self, method: &str, path: &str) -> Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let exchange = async {
            let response = self.client.request(request).await.unwrap();
            let (head, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                text: String::from_utf8_lossy(&body).into_owned(),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            }
        };
        in_time("an HTTP answer", exchange).await
    }

    /// Calls with a body of JSON, and an idempotency key if there is one.
    pub async fn call(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Answer {
        let mut request = self.asking(method, path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let body = Full::from(body.to_string());
        self.send(request.body(body).unwrap()).await
    }

    /// Asks for a quote between two places.
    pub async fn quote_between(&self, pickup: Place, dropoff: Place) -> QuoteView {
        let body = QuoteBody {
            pickup: pickup.into(),
            dropoff: dropoff.into(),
            product: None,
        };
        let body = serde_json::to_value(body).unwrap();
        let answer = self.call("POST", "/quotes", None, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_value(answer.body).unwrap()
    }

    /// Asks for a quote.
    pub async fn quote(&self) -> QuoteView {
        self.quote_between(pickup(), dropoff()).await
    }

    /// What a request for a quoted ride says.
    #[must_use]
    pub fn wish(quote: &QuoteView) -> Value {
        let body = TripBody {
            quote_token: quote.quote_token.clone(),
            pickup: pickup().into(),
            dropoff: dropoff().into(),
            patience_ms: PATIENCE_MS,
        };
        serde_json::to_value(body).unwrap()
    }

    /// Asks for a quote and takes it.
    pub async fn request(&self, key: &str) -> Requested {
        let (asked_at, quote) = (now(), self.quote().await);
        let wish = Self::wish(&quote);
        let answer = self.call("POST", "/trips", Some(key), &wish).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let view: TripView = serde_json::from_value(answer.body).unwrap();
        Requested {
            trip: view.trip_id.parse().unwrap(),
            rider: self.id,
            asked_at,
            quote,
        }
    }

    /// How a ride stands.
    pub async fn read(&self, trip: TripId) -> TripView {
        let path = format!("/trips/{trip}");
        let answer = self.call("GET", &path, None, &Value::Null).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_value(answer.body).unwrap()
    }

    /// Asks until a ride stands so.
    pub async fn until(&self, trip: TripId, state: &str) -> TripView {
        let asking = async {
            loop {
                let view = self.read(trip).await;
                if view.state == state {
                    return view;
                }
                tokio::time::sleep(std::time::Duration::from_millis(25)).await;
            }
        };
        in_time(&format!("trip {trip} to be {state}"), asking).await
    }

    /// Follows the car.
    ///
    /// # Errors
    /// What the tracker says, if it refuses.
    pub async fn watch(
        &self,
        stack: &Stack,
        trip: TripId,
    ) -> Result<Streaming<v1::CarPosition>, Status> {
        let request = v1::WatchRequest {
            trip: trip_bytes(trip),
        };
        let mut client = tracker(stack).await;
        let watching = client.watch(shown(request, &self.token));
        in_time("the watch to open", watching)
            .await
            .map(tonic::Response::into_inner)
    }
}
