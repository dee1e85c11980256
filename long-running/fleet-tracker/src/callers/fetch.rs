//! Where an issuer's keys come from: its discovery document (OpenID Connect Discovery 1.0, section 4) and the key
//! set that this names.

use std::fmt;
use std::net::IpAddr;

use axum::body::Bytes;
use axum::http::{StatusCode, Uri};
use host::https::{self, HttpsClient};
use http_body_util::{BodyExt, Empty, Limited};
use serde::Deserialize;

use super::IssuerError;
use crate::limits::{KEY_DOCUMENT_BYTES_MAX, KEY_FETCH_MAX};

/// Where a discovery document lies below its issuer.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// Fetches the keys of one issuer.
pub(super) struct Fetcher {
    issuer: String,
    jwks_url: Option<Uri>,
    client: HttpsClient<Empty<Bytes>>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("issuer", &self.issuer)
            .field("jwks_url", &self.jwks_url)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    pub(super) fn new(issuer: &str, jwks_url: Option<&str>) -> Result<Self, IssuerError> {
        let jwks_url = jwks_url.map(trusted).transpose()?;
        trusted(issuer)?;
        Ok(Self {
            issuer: issuer.to_owned(),
            jwks_url,
            client: https::client().map_err(IssuerError::Trust)?,
        })
    }

    /// The issuer's key set, and where it was found.
    pub(super) async fn key_set(&self) -> Result<(String, Bytes), IssuerError> {
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let document = self.get(url.clone()).await?;
        Ok((url.to_string(), document))
    }

    async fn discover(&self) -> Result<Uri, IssuerError> {
        let url = format!("{}{DISCOVERY_PATH}", self.issuer.trim_end_matches('/'));
        let document = self.get(trusted(&url)?).await?;
        let strange = |found: String| IssuerError::Discovery {
            url: url.clone(),
            found,
            expected: self.issuer.clone(),
        };
        let discovery: Discovery = serde_json::from_slice(&document)
            .map_err(|error| strange(format!("something else ({error})")))?;
        if discovery.issuer != self.issuer {
            return Err(strange(format!("that of {}", discovery.issuer)));
        }
        trusted(&discovery.jwks_uri)
    }

    async fn get(&self, url: Uri) -> Result<Bytes, IssuerError> {
        let failed = |detail: String| IssuerError::Fetch {
            url: url.to_string(),
            detail,
        };
        let fetching = async {
            let answer = self.client.get(url.clone()).await;
            let answer = answer.map_err(|error| failed(chain(&error)))?;
            let status = answer.status();
            if status != StatusCode::OK {
                return Err(failed(format!("found status {status}, expected 200")));
            }
            let body = Limited::new(answer.into_body(), KEY_DOCUMENT_BYTES_MAX);
            let body = body.collect().await;
            Ok(body.map_err(|error| failed(error.to_string()))?.to_bytes())
        };
        tokio::time::timeout(KEY_FETCH_MAX, fetching)
            .await
            .unwrap_or_else(|_| Err(failed(format!("found no answer within {KEY_FETCH_MAX:?}"))))
    }
}

/// An error with what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A URL that nobody between can answer for: with TLS, or on this machine.
fn trusted(url: &str) -> Result<Uri, IssuerError> {
    let refused = || IssuerError::Url {
        found: url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| refused())?;
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(uri),
        Some("http") if here => Ok(uri),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        for url in [
            "https://login.example/pool",
            "http://127.0.0.1:9/keys",
            "http://[::1]:9/keys",
            "http://localhost/keys",
        ] {
            assert!(trusted(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "login.example",
            "http://login.example",
            "http://127.0.0.1.example/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
        ] {
            assert!(trusted(url).is_err(), "{url}");
        }
    }
}
