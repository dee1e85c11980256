//! Development tokens: signed with a secret that issuer and verifier share (HS256). Good for one machine and
//! for tests.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use domain::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{Caller, IdentityError, SecretError, Subject, check_secret, refusal};

/// The issuer named in development tokens, and the only one that their verifier takes.
pub const DEVELOPMENT_ISSUER: &str = "rushhour-development";

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
    /// If the secret is shorter than [`SECRET_BYTES_MIN`](crate::SECRET_BYTES_MIN).
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

/// The verifier's side of the secret.
pub(crate) struct DevelopmentKey {
    key: DecodingKey,
    validation: Validation,
}

impl DevelopmentKey {
    pub(crate) fn new(secret: &[u8]) -> Result<Self, SecretError> {
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

    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Caller, IdentityError> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .map_err(|error| refusal(&error, DEVELOPMENT_ISSUER))?
            .claims;
        // One machine has one clock: there is nothing to be lenient about.
        let until = Timestamp::from_millis(claims.exp.saturating_mul(1_000));
        if now >= until {
            return Err(IdentityError::Expired { at: until });
        }
        Ok(Caller {
            subject: claims.sub.parse()?,
            until,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TOKEN_BYTES_MAX, Verifier};

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
            let end = noon() + HOUR;
            let caller = Caller {
                subject,
                until: end,
            };
            assert_eq!(verifier.verify(&token, noon()), Ok(caller));
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
    fn a_token_issued_now_is_good_now() {
        let issued = Issuer::development(SECRET)
            .unwrap()
            .issue(Subject::Rider(1), HOUR);
        let now = Timestamp::ZERO + SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let caller = Verifier::development(SECRET).unwrap().verify(&issued, now);
        assert_eq!(caller.unwrap().subject, Subject::Rider(1));
        assert_eq!(
            Issuer::development(b"short").unwrap_err(),
            SecretError { found: 5 }
        );
    }
}
