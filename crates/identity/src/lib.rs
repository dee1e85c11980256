//! Who is calling: JSON web tokens of riders, drivers and services, issued and verified.
//!
//! A token's `sub` names the caller: `rider-17`, `driver-17` or `service`. Start at [`Verifier`], which is all
//! that hosts name. It knows callers in one of two ways: by a development secret that it shares with an
//! [`Issuer`] ([`Verifier::development`]), good for one machine and for tests; or by the public keys of an OIDC
//! issuer ([`Verifier::of_issuer`]), which someone else fetches and hands to [`IssuerKeys`]. Functions, which
//! call without an identity provider, may show a secret of their own instead ([`Verifier::with_service_token`]).
//!
//! Nothing here needs a network, and only [`Issuer::issue`] a clock.

mod development;
mod issuer_keys;
mod signing_key;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use domain::{DriverId, RiderId, Timestamp};
use sha2::{Digest, Sha256};

pub use development::{DEVELOPMENT_ISSUER, Issuer};
pub use issuer_keys::{IssuerKeys, KEYS_MAX, KeysError, LEEWAY};
pub use signing_key::{SigningKey, SigningKeyError};

use development::DevelopmentKey;

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
            .map_err(|_| IdentityError::UnknownSubject { found: brief(text) })
    }
}

/// As much of a foreign text as an error repeats.
fn brief(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Who calls, and for how long the word of the token is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Who it is.
    pub subject: Subject,
    /// From when on the token is refused. A stream that was opened with it ends then, unless it is renewed.
    pub until: Timestamp,
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
    /// It names a key that is not among the issuer's, as far as they are known here.
    #[error("found a token signed with the key {found:?}, expected one of the issuer's keys")]
    UnknownKey {
        /// Which, as far as it is repeated.
        found: String,
    },
    /// It names another issuer.
    #[error("found a token of another issuer, expected one of {expected}")]
    WrongIssuer {
        /// Whose tokens are taken.
        expected: String,
    },
    /// It is meant for somebody else.
    #[error("found a token for another audience, expected one for {expected}")]
    WrongAudience {
        /// Whom tokens must be for.
        expected: String,
    },
    /// Its time has not come.
    #[error("found a token that is good from {from} on, expected one that is good now")]
    NotYet {
        /// From when on it is.
        from: Timestamp,
    },
    /// Its time is over.
    #[error("found a token that expired at {at}, expected one that is still good")]
    Expired {
        /// When it did.
        at: Timestamp,
    },
    /// Its subject is nobody we know.
    #[error("found subject {found:?}, expected one such as rider-17, driver-17 or service")]
    UnknownSubject {
        /// What the token says.
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

fn check_secret(secret: &[u8]) -> Result<(), SecretError> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(SecretError {
            found: secret.len(),
        });
    }
    Ok(())
}

/// By what tokens are known.
#[derive(Clone)]
enum Known {
    Development(Arc<DevelopmentKey>),
    Issuer(IssuerKeys),
}

/// Verifies tokens. Cheap to clone, and needs neither network nor clock.
#[derive(Clone)]
pub struct Verifier {
    known: Known,
    /// The digest of the secret that the system's own parts show.
    service: Option<[u8; 32]>,
}

impl Verifier {
    /// A verifier that shares `secret` with its issuer.
    ///
    /// # Errors
    /// If the secret is shorter than [`SECRET_BYTES_MIN`].
    pub fn development(secret: &[u8]) -> Result<Self, SecretError> {
        Ok(Self {
            known: Known::Development(Arc::new(DevelopmentKey::new(secret)?)),
            service: None,
        })
    }

    /// A verifier of an issuer's tokens. They speak for riders and drivers, never for the system itself.
    #[must_use]
    pub fn of_issuer(keys: IssuerKeys) -> Self {
        Self {
            known: Known::Issuer(keys),
            service: None,
        }
    }

    /// The same verifier, which also takes `token` for the system's own.
    ///
    /// # Errors
    /// If it is shorter than [`SECRET_BYTES_MIN`].
    pub fn with_service_token(self, token: &str) -> Result<Self, SecretError> {
        check_secret(token.as_bytes())?;
        Ok(Self {
            service: Some(digest(token)),
            ..self
        })
    }

    /// Who a token speaks for, at `now`.
    ///
    /// # Errors
    /// If it is malformed, forged, another issuer's, for another audience, not good yet, expired, signed with a
    /// key that is not known, or speaks for nobody we know.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, IdentityError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(IdentityError::Malformed);
        }
        // Digests are compared, so that how long it takes tells nothing of the secret.
        if self.service.is_some_and(|service| service == digest(token)) {
            return Ok(Caller {
                subject: Subject::Service,
                until: Timestamp::MAX,
            });
        }
        match &self.known {
            Known::Development(key) => key.verify(token, now),
            Known::Issuer(keys) => keys.verify(token, now),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// What a signature that does not verify, or claims that cannot be read, say of a token.
fn refusal(error: &jsonwebtoken::errors::Error, issuer: &str) -> IdentityError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature | ErrorKind::InvalidAlgorithm => IdentityError::Forged,
        ErrorKind::InvalidIssuer => IdentityError::WrongIssuer {
            expected: issuer.to_owned(),
        },
        _ => IdentityError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn subjects_are_riders_drivers_or_the_service() {
        assert_eq!("driver-9".parse(), Ok(Subject::Driver(9)));
        assert!(matches!(
            "admin".parse::<Subject>(),
            Err(IdentityError::UnknownSubject { .. })
        ));
    }

    #[test]
    fn the_system_s_own_secret_is_taken_beside_tokens() {
        let secret = "0123456789 0123456789 0123456789";
        let verifier = Verifier::development(secret.as_bytes()).unwrap();
        let now = Timestamp::from_millis(1_700_000_000_000);
        assert_eq!(
            verifier.clone().with_service_token("short").unwrap_err(),
            SecretError { found: 5 }
        );
        let own = "what functions show, 32 bytes of it";
        assert_eq!(verifier.verify(own, now), Err(IdentityError::Malformed));
        let verifier = verifier.with_service_token(own).unwrap();
        assert_eq!(verifier.verify(own, now).unwrap().subject, Subject::Service);
        assert!(verifier.verify(&own[1..], now).is_err());
        let rider = Issuer::development(secret.as_bytes()).unwrap().issue_at(
            Subject::Rider(1),
            now,
            Duration::from_secs(60),
        );
        assert_eq!(
            verifier.verify(&rider, now).unwrap().subject,
            Subject::Rider(1)
        );
    }
}
