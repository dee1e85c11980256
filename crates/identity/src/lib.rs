//! Who is calling: JSON web tokens of riders, drivers and services, issued and verified.
//!
//! A token's `sub` names the caller: `rider-17`, `driver-17` or `service`. [`Issuer`] and [`Verifier`]
//! share a development secret (HS256): good for one machine and for tests, not for an identity provider's
//! users, whose tokens are checked in front of the functions. Hosts name [`Verifier`] alone, so that a
//! verifier with other keys can take its place.

mod signing_key;

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::{DriverId, RiderId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

pub use signing_key::{SigningKey, SigningKeyError};

/// The issuer named in development tokens, and the only one that their verifier takes.
pub const DEVELOPMENT_ISSUER: &str = "rushhour-development";
/// The fewest bytes a secret may have: the length of an HS256 tag (RFC 7518, section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;
/// The longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 4_096;

/// Who a token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A rider, by number.
    Rider(u64),
    /// A driver, by number.
    Driver(u64),
    /// A part of the system itself, such as matching calling the tracker.
    Service,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rider(id) => RiderId(*id).fmt(f),
            Self::Driver(id) => DriverId(*id).fmt(f),
            Self::Service => f.write_str("service"),
        }
    }
}

impl FromStr for Subject {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        if text == "service" {
            return Ok(Self::Service);
        }
        let rider = text.parse::<RiderId>().map(|id| Self::Rider(id.0));
        rider
            .or_else(|_| text.parse::<DriverId>().map(|id| Self::Driver(id.0)))
            .map_err(|_| IdentityError::UnknownSubject {
                found: text.chars().take(64).collect(),
            })
    }
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It does not have the form of a token, or lacks a claim.
    #[error("found something else, expected a token with sub, iss and exp")]
    Malformed,
    /// It is signed by another algorithm or key, or was changed since.
    #[error("found a signature that does not match, expected one of our issuer's")]
    Forged,
    /// It names another issuer.
    #[error("found a token of another issuer, expected one of {DEVELOPMENT_ISSUER}")]
    WrongIssuer,
    /// Its time is over.
    #[error("found a token that expired at {at}, expected one that is still good")]
    Expired {
        /// When it did.
        at: Timestamp,
    },
    /// Its subject is neither a rider, a driver nor the service.
    #[error("found subject {found:?}, expected rider-17, driver-17 or service")]
    UnknownSubject {
        /// The beginning of what it was.
        found: String,
    },
}

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found a secret of {found} bytes, expected at least {SECRET_BYTES_MIN}")]
pub struct SecretError {
    /// Its length in bytes.
    pub found: usize,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    iss: String,
    /// Seconds since the Unix epoch.
    iat: i64,
    /// Seconds since the Unix epoch.
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    aud: Option<String>,
}

/// Issues tokens.
#[derive(Clone)]
pub struct Issuer {
    key: EncodingKey,
    header: Header,
    name: String,
    audience: Option<String>,
}

impl Issuer {
    /// An issuer that shares `secret` with its verifier.
    ///
    /// # Errors
    /// If the secret is shorter than [`SECRET_BYTES_MIN`].
    pub fn development(secret: &[u8]) -> Result<Self, SecretError> {
        check_secret(secret)?;
        let key = EncodingKey::from_secret(secret);
        let header = Header::new(Algorithm::HS256);
        Ok(Self::signing(key, header, DEVELOPMENT_ISSUER, None))
    }

    pub(crate) fn signing(
        key: EncodingKey,
        header: Header,
        name: &str,
        audience: Option<&str>,
    ) -> Self {
        Self {
            key,
            header,
            name: name.to_owned(),
            audience: audience.map(str::to_owned),
        }
    }

    /// A token for `subject`, good for `ttl` from now by the system's clock.
    #[must_use]
    pub fn issue(&self, subject: Subject, ttl: Duration) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.issue_at(subject, Timestamp::ZERO + now, ttl)
    }

    /// A token for `subject`, good for `ttl` from `now`. Whole seconds.
    #[must_use]
    pub fn issue_at(&self, subject: Subject, now: Timestamp, ttl: Duration) -> String {
        let claims = Claims {
            sub: subject.to_string(),
            iss: self.name.clone(),
            iat: now.as_secs(),
            exp: (now + ttl).as_secs(),
            aud: self.audience.clone(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key).expect("a key signs any claims")
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}

/// Verifies tokens. Cheap to clone, and needs neither network nor clock.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    /// A verifier that shares `secret` with its issuer.
    ///
    /// # Errors
    /// If the secret is shorter than [`SECRET_BYTES_MIN`].
    pub fn development(secret: &[u8]) -> Result<Self, SecretError> {
        check_secret(secret)?;
        let mut validation = Validation::new(Algorithm::HS256);
        // The library would ask the system for the time; the caller says it.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        validation.set_issuer(&[DEVELOPMENT_ISSUER]);
        Ok(Self {
            key: DecodingKey::from_secret(secret),
            validation,
        })
    }

    /// Who a token speaks for, at `now`.
    ///
    /// # Errors
    /// If it is malformed, forged, another issuer's, expired, or speaks for nobody we know.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Subject, IdentityError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(IdentityError::Malformed);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| refusal(&error))?
            .claims;
        let expires_at = Timestamp::from_millis(claims.exp.saturating_mul(1_000));
        if now >= expires_at {
            return Err(IdentityError::Expired { at: expires_at });
        }
        claims.sub.parse()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

fn check_secret(secret: &[u8]) -> Result<(), SecretError> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(SecretError {
            found: secret.len(),
        });
    }
    Ok(())
}

fn refusal(error: &jsonwebtoken::errors::Error) -> IdentityError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => IdentityError::Forged,
        ErrorKind::InvalidIssuer => IdentityError::WrongIssuer,
        _ => IdentityError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret that only this test knows";
    const HOUR: Duration = Duration::from_secs(3_600);

    fn noon() -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000)
    }

    #[test]
    fn a_token_speaks_for_its_subject_until_it_expires() {
        let issuer = Issuer::development(SECRET).unwrap();
        let verifier = Verifier::development(SECRET).unwrap();
        for subject in [
            Subject::Rider(17),
            Subject::Driver(u64::MAX),
            Subject::Service,
        ] {
            let token = issuer.issue_at(subject, noon(), HOUR);
            assert_eq!(verifier.verify(&token, noon()), Ok(subject));
            let end = noon() + HOUR;
            assert_eq!(
                verifier.verify(&token, end),
                Err(IdentityError::Expired { at: end })
            );
        }
    }

    #[test]
    fn a_token_of_another_key_or_changed_is_refused() {
        let verifier = Verifier::development(SECRET).unwrap();
        let other = Issuer::development(b"another secret of at least 32 bytes").unwrap();
        let forged = other.issue_at(Subject::Rider(1), noon(), HOUR);
        assert_eq!(verifier.verify(&forged, noon()), Err(IdentityError::Forged));
        let good = Issuer::development(SECRET)
            .unwrap()
            .issue_at(Subject::Rider(1), noon(), HOUR);
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verifier.verify(&changed, noon()).is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        // {"alg":"none"} . {"sub":"rider-1","iss":"rushhour-development","exp":9999999999}
        let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyaWRlci0xIiwiaXNzIjoicnVzaGhvdXItZGV2ZWxvcG1lbnQiLCJleHAiOjk5OTk5OTk5OTl9.";
        let verifier = Verifier::development(SECRET).unwrap();
        assert!(verifier.verify(token, noon()).is_err());
        for text in ["", "a", "a.b.c", &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert_eq!(verifier.verify(text, noon()), Err(IdentityError::Malformed));
        }
    }

    #[test]
    fn subjects_are_riders_drivers_or_the_service() {
        assert_eq!("driver-9".parse(), Ok(Subject::Driver(9)));
        assert!(matches!(
            "admin".parse::<Subject>(),
            Err(IdentityError::UnknownSubject { .. })
        ));
        assert_eq!(
            Issuer::development(b"short").unwrap_err(),
            SecretError { found: 5 }
        );
    }

    #[test]
    fn a_token_issued_now_is_good_now() {
        let issued = Issuer::development(SECRET)
            .unwrap()
            .issue(Subject::Rider(1), HOUR);
        let now = Timestamp::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert_eq!(
            Verifier::development(SECRET).unwrap().verify(&issued, now),
            Ok(Subject::Rider(1))
        );
    }
}
