//! Tokens of an OIDC issuer: signed with one of its keys (RS256 or ES256), which it publishes as a JSON web key
//! set. What is asked of a token is what HTTP API's JWT authorizer asks
//! (docs: apigateway/latest/developerguide/http-api-jwt-authorizer), so that whoever gets into the API gets into
//! the tracker.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use domain::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;

use crate::{Caller, IdentityError, Subject, brief, refusal};

/// How far the issuer's clock and ours may differ.
pub const LEEWAY: Duration = Duration::from_secs(30);
/// Keys of an issuer that are looked at.
pub const KEYS_MAX: usize = 64;

/// Why an issuer's keys are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no JSON web key set.
    #[error("found something else ({detail}), expected a JSON web key set")]
    Malformed {
        /// Where it went wrong.
        detail: String,
    },
    /// There is none in it that we can use.
    #[error("found no key for RS256 or ES256 with a `kid` among {found}, expected one at least")]
    NoneUsable {
        /// How many there were.
        found: usize,
    },
}

#[derive(Deserialize)]
struct Document {
    /// One by one, so that a key of a kind that nobody knows spoils none of the others.
    keys: Vec<Value>,
}

struct Key {
    key: DecodingKey,
    algorithm: Algorithm,
}

/// Whom a token is for: one, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn has(&self, expected: &str) -> bool {
        match self {
            Self::One(name) => name == expected,
            Self::Several(names) => names.iter().any(|name| name == expected),
        }
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    aud: Option<Audience>,
    /// Instead of `aud`, in access tokens of some identity providers (Amazon Cognito's among them).
    client_id: Option<String>,
    /// Seconds since the Unix epoch, as all below; fractions are allowed (RFC 7519, section 2).
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
}

struct Inner {
    issuer: String,
    audience: String,
    keys: RwLock<BTreeMap<String, Key>>,
}

/// The keys by which an issuer's tokens are known. All clones share them; whoever fetches them replaces them.
#[derive(Clone)]
pub struct IssuerKeys(Arc<Inner>);

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerKeys")
            .field("issuer", &self.0.issuer)
            .field("audience", &self.0.audience)
            .finish_non_exhaustive()
    }
}

impl IssuerKeys {
    /// No keys yet, for tokens of `issuer` that are for `audience`.
    #[must_use]
    pub fn new(issuer: &str, audience: &str) -> Self {
        Self(Arc::new(Inner {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            keys: RwLock::default(),
        }))
    }

    /// Takes a JSON web key set instead of what was known: how many keys are known now.
    ///
    /// # Errors
    /// If it is none, or has no key that we can use: then what was known is kept.
    pub fn replace(&self, key_set: &[u8]) -> Result<usize, KeysError> {
        let document: Document =
            serde_json::from_slice(key_set).map_err(|error| KeysError::Malformed {
                detail: error.to_string(),
            })?;
        let found = document.keys.len();
        let keys = document.keys.into_iter().take(KEYS_MAX);
        let keys: BTreeMap<String, Key> = keys.filter_map(usable).collect();
        if keys.is_empty() {
            return Err(KeysError::NoneUsable { found });
        }
        let known = keys.len();
        *self
            .0
            .keys
            .write()
            .expect("no one panics while holding the keys") = keys;
        Ok(known)
    }

    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, IdentityError> {
        let claims = self.claims(token)?;
        let for_us = match (&claims.aud, &claims.client_id) {
            (Some(audience), _) => audience.has(&self.0.audience),
            (None, Some(client)) => *client == self.0.audience,
            (None, None) => false,
        };
        if !for_us {
            return Err(IdentityError::WrongAudience {
                expected: self.0.audience.clone(),
            });
        }
        for from in [claims.nbf, claims.iat].into_iter().flatten() {
            let from = seconds(from);
            if now + LEEWAY < from {
                return Err(IdentityError::NotYet { from });
            }
        }
        let at = seconds(claims.exp);
        let until = at + LEEWAY;
        if now >= until {
            return Err(IdentityError::Expired { at });
        }
        match claims.sub.parse()? {
            // An issuer's users do not speak for the system, whatever they may call themselves.
            Subject::Service => Err(IdentityError::UnknownSubject { found: claims.sub }),
            subject => Ok(Caller { subject, until }),
        }
    }

    fn claims(&self, token: &str) -> Result<Claims, IdentityError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| IdentityError::Malformed)?;
        let found = header.kid.unwrap_or_default();
        let keys = self
            .0
            .keys
            .read()
            .expect("no one panics while holding the keys");
        let Some(Key { key, algorithm }) = keys.get(&found) else {
            let found = brief(&found);
            return Err(IdentityError::UnknownKey { found });
        };
        // The key says which algorithm it is for. What the token says would let a forger choose.
        let mut validation = Validation::new(*algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.set_issuer(&[&self.0.issuer]);
        let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation);
        Ok(decoded
            .map_err(|error| refusal(&error, &self.0.issuer))?
            .claims)
    }
}

/// A claim's time, in whole milliseconds.
fn seconds(claim: f64) -> Timestamp {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "what is out of range saturates, which is the time furthest away"
    )]
    Timestamp::from_millis((claim.clamp(0.0, 1e12) * 1_000.0) as i64)
}

/// A key by its id, if it is one for RS256 or ES256 signatures.
fn usable(key: Value) -> Option<(String, Key)> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let signs = matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    if !signs || jwk.common.key_algorithm.is_some_and(|alg| alg != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let id = jwk.common.key_id.filter(|id| !id.is_empty())?;
    Some((id, Key { key, algorithm }))
}

#[cfg(test)]
mod tests;
