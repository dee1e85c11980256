//! HTTP API events, payload format 2.0: what a handler may ask of a request, and how it answers.
//!
//! Start at [`answer`]. Who calls is what the API's JWT authorizer found: the functions trust
//! `requestContext.authorizer.jwt.claims`, which nobody but the gateway can write.

mod error;
#[cfg(test)]
mod tests;

use std::future::Future;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::{RiderId, TripId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trace::{Kind, Scope, Span, TRACEPARENT, TraceContext};

pub use error::HttpError;

use crate::account::{self, Outcome};
use crate::function::FunctionError;
use crate::limits::{BODY_BYTES_MAX, RETRY_AFTER_S};

/// A request, as the gateway passed it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The `sub` of the caller's token; none where the route has no authorizer.
    pub caller: Option<String>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decoded.
    pub body: Vec<u8>,
}

/// A request as it came, readable or not.
struct Arrival {
    /// The method and the path as the API's routes have it.
    route: String,
    /// Who asks for it, if the caller says so.
    parent: Option<TraceContext>,
    request: Result<HttpRequest, HttpError>,
}

impl Arrival {
    fn read(payload: &[u8]) -> Result<Self, FunctionError> {
        let event: ApiGatewayV2httpRequest =
            serde_json::from_slice(payload).map_err(|error| FunctionError::UnreadableEvent {
                expected: "an HTTP API request, payload format 2.0",
                detail: error.to_string(),
            })?;
        let context = event.request_context;
        let method = context.http.method;
        let key = event.route_key.unwrap_or_default();
        let route = format!("{method} {}", key.rsplit(' ').next().unwrap_or_default());
        let parent = event.headers.get(TRACEPARENT);
        let parent = parent.and_then(|value| value.to_str().ok()?.parse().ok());
        let claims = context.authorizer.and_then(|authorizer| authorizer.jwt);
        let body = decode_body(event.body.unwrap_or_default(), event.is_base64_encoded);
        let request = body.map(|body| HttpRequest {
            method,
            path: event.raw_path.unwrap_or_default(),
            caller: claims.and_then(|jwt| jwt.claims.get("sub").cloned()),
            headers: event.headers,
            body,
        });
        Ok(Self {
            route,
            parent,
            request,
        })
    }
}

impl HttpRequest {
    /// The trip that the path names, if it does.
    fn trip(&self) -> Option<TripId> {
        match self.segments()[..] {
            ["trips", id, ..] => id.parse().ok(),
            _ => None,
        }
    }

    /// The parts of the path, without empty ones.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// The rider who calls.
    ///
    /// # Errors
    /// If nobody was authenticated, or the caller is no rider.
    pub fn rider(&self) -> Result<RiderId, HttpError> {
        let caller = self.caller.as_deref().ok_or(HttpError::Unauthenticated)?;
        caller.parse().map_err(|_| HttpError::NotARider {
            found: caller.chars().take(64).collect(),
        })
    }

    /// A header's text; empty where it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body as JSON of a shape.
    ///
    /// # Errors
    /// If it is not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        serde_json::from_slice(&self.body).map_err(|error| HttpError::MalformedBody {
            detail: error.to_string(),
        })
    }

    /// No such path here.
    #[must_use]
    pub fn unknown_route(&self) -> HttpError {
        HttpError::UnknownRoute {
            path: self.path.chars().take(128).collect(),
        }
    }

    /// The path is known, but not with this method.
    #[must_use]
    pub fn method_not_allowed(&self, allowed: &'static str) -> HttpError {
        HttpError::MethodNotAllowed {
            found: self.method.to_string(),
            allowed,
        }
    }
}

fn decode_body(body: String, is_base64: bool) -> Result<Vec<u8>, HttpError> {
    // Four characters of base64 are three bytes: what is longer than this cannot decode to the limit.
    let text_max = if is_base64 {
        BODY_BYTES_MAX.div_ceil(3) * 4
    } else {
        BODY_BYTES_MAX
    };
    if body.len() > text_max {
        return Err(HttpError::BodyTooLarge);
    }
    if !is_base64 {
        return Ok(body.into_bytes());
    }
    STANDARD
        .decode(body)
        .map_err(|error| HttpError::MalformedBody {
            detail: error.to_string(),
        })
}

/// A response that is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    status: u16,
    /// The error's code, where it is one.
    code: Option<&'static str>,
    /// The trip that it is about.
    trip: Option<TripId>,
    body: String,
    headers: HeaderMap,
}

impl HttpAnswer {
    /// A status and its body.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body)
            .expect("answers have text keys and no field that fails to serialise");
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Self {
            status,
            code: None,
            trip: None,
            body,
            headers,
        }
    }

    /// The same answer, which is about a trip: for the log.
    #[must_use]
    pub fn about(self, trip: TripId) -> Self {
        Self {
            trip: Some(trip),
            ..self
        }
    }

    fn of_error(error: &HttpError) -> Self {
        let (status, code) = error.status_and_code();
        let mut answer = Self::json(status, &error.body());
        answer.code = Some(code);
        if matches!(status, 429 | 503) {
            answer = answer.with(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        if let HttpError::MethodNotAllowed { allowed, .. } = error {
            answer = answer.with(header::ALLOW, HeaderValue::from_static(allowed));
        }
        answer
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    fn encode(self) -> Bytes {
        let mut response = ApiGatewayV2httpResponse::default();
        response.status_code = self.status.into();
        response.headers = self.headers;
        response.body = Some(Body::Text(self.body));
        serde_json::to_vec(&response)
            .expect("a response has text keys")
            .into()
    }
}

/// Reads a request, has it handled, and turns the result, error or not, into the response.
///
/// # Errors
/// If the payload is not an HTTP API request.
pub async fn answer<F>(
    payload: &[u8],
    handle: impl FnOnce(HttpRequest) -> F,
) -> Result<Bytes, FunctionError>
where
    F: Future<Output = Result<HttpAnswer, HttpError>>,
{
    let Arrival {
        route,
        parent,
        request,
    } = Arrival::read(payload)?;
    account::began(&route);
    let mut span = Span::new(&route, Kind::Server, parent);
    let named = request.as_ref().ok().and_then(HttpRequest::trip);
    let work = async {
        match request {
            Ok(request) => handle(request).await,
            Err(error) => Err(error),
        }
    };
    let handled = trace::within(Scope::of(span.context()), work).await;
    let answer = handled.unwrap_or_else(|error| {
        let answer = HttpAnswer::of_error(&error);
        if answer.status >= 500 {
            let trace_id = span.context().trace();
            tracing::error!(route, code = answer.code, trace_id, %error, "request failed");
        }
        answer
    });
    tell(&route, &mut span, answer.trip.or(named), &answer);
    Ok(answer.encode())
}

/// Says what became of a request, once: to the invocation's account, to the trace and to the log.
fn tell(route: &str, span: &mut Span, trip: Option<TripId>, answer: &HttpAnswer) {
    let HttpAnswer { status, code, .. } = *answer;
    let outcome = Outcome::of_status(status);
    let trace_id = span.context().trace();
    let trip_id = trip.map(|trip| trip.to_string());
    tracing::debug!(
        route,
        status,
        code,
        trace_id,
        trip_id,
        outcome = outcome.as_str(),
        "request"
    );
    span.say("http.response.status_code", i64::from(status));
    if outcome == Outcome::Failed {
        span.fail();
    }
    if let Some(trip_id) = trip_id {
        span.say("rushhour.trip", trip_id.clone());
        account::note("trip_id", trip_id);
    }
    account::ended(outcome);
    account::note("status", status);
    account::note("code", code);
    account::note("trace_id", trace_id);
}
