//! HTTP to and from the events of an HTTP API, payload format 2.0
//! (docs: apigateway/latest/developerguide/http-api-develop-integrations-lambda).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use domain::Timestamp;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use identity::Subject;
use serde::{Deserialize, Serialize};

use super::Route;

/// What the event says beside the request itself.
pub(super) struct Context<'a> {
    pub(super) route: &'a Route,
    pub(super) caller: Subject,
    pub(super) peer: SocketAddr,
    pub(super) number: u64,
    pub(super) now: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'static str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<&'a str>,
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: BTreeMap<&'static str, &'a str>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'static str,
    api_id: &'static str,
    authorizer: Authorizer,
    domain_name: &'a str,
    domain_prefix: &'static str,
    http: Http<'a>,
    request_id: String,
    route_key: &'a str,
    stage: &'static str,
    time_epoch: i64,
}

#[derive(Serialize)]
struct Authorizer {
    jwt: Jwt,
}

#[derive(Serialize)]
struct Jwt {
    claims: BTreeMap<&'static str, String>,
    scopes: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'static str,
    source_ip: String,
    user_agent: &'a str,
}

/// A request as the event that a function gets.
pub(super) fn encode(head: &http::request::Parts, body: &Bytes, context: &Context<'_>) -> Bytes {
    let path = head.uri.path();
    let route_key = format!("ANY {}", context.route.path);
    let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (body, is_base64_encoded) = encode_body(body);
    let below = context
        .route
        .path
        .strip_suffix("{proxy+}")
        .and_then(|start| path.strip_prefix(start));
    let event = Event {
        version: "2.0",
        route_key: &route_key,
        raw_path: path,
        raw_query_string: head.uri.query().unwrap_or_default(),
        cookies: text(header::COOKIE)
            .map(|all| all.split("; ").collect())
            .unwrap_or_default(),
        headers: headers(head),
        path_parameters: below.map(|rest| ("proxy", rest)).into_iter().collect(),
        request_context: RequestContext {
            account_id: "000000000000",
            api_id: "embedded",
            authorizer: Authorizer {
                jwt: Jwt {
                    claims: BTreeMap::from([("sub", context.caller.to_string())]),
                    scopes: None,
                },
            },
            domain_name: text(header::HOST).unwrap_or_default(),
            domain_prefix: "embedded",
            http: Http {
                method: head.method.as_str(),
                path,
                protocol: "HTTP/1.1",
                source_ip: context.peer.ip().to_string(),
                user_agent: text(header::USER_AGENT).unwrap_or_default(),
            },
            request_id: format!("embedded-{}", context.number),
            route_key: &route_key,
            stage: "$default",
            time_epoch: context.now.as_millis(),
        },
        body,
        is_base64_encoded,
    };
    serde_json::to_vec(&event)
        .expect("an event has text keys")
        .into()
}

fn encode_body(body: &Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match std::str::from_utf8(body) {
        Ok(text) => (Some(text.to_owned()), false),
        Err(_) => (Some(STANDARD.encode(body)), true),
    }
}

/// Headers of the same name are joined with commas; cookies stand on their own.
fn headers(head: &http::request::Parts) -> BTreeMap<&str, String> {
    let mut headers: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in &head.headers {
        if name == header::COOKIE {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str())
            .and_modify(|all| {
                all.push(',');
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// A function's response as an answer; none if it is no response of an HTTP API's function.
pub(super) fn decode(response: &[u8]) -> Option<Response<Full<Bytes>>> {
    let parsed: FunctionResponse = serde_json::from_slice(response).ok()?;
    let text = parsed.body.unwrap_or_default();
    let body = if parsed.is_base64_encoded {
        STANDARD.decode(text).ok()?
    } else {
        text.into_bytes()
    };
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = StatusCode::from_u16(parsed.status_code).ok()?;
    for (name, value) in parsed.headers {
        let (name, value) = (
            name.parse::<HeaderName>().ok()?,
            HeaderValue::from_str(&value).ok()?,
        );
        answer.headers_mut().insert(name, value);
    }
    for cookie in parsed.cookies {
        answer
            .headers_mut()
            .append(header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    }
    Some(answer)
}
