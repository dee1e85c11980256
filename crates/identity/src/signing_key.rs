//! The private key of an OIDC issuer, for one who is the issuer: of a load test against a deployment.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pem::Pem;

use crate::Issuer;

/// How a PEM file names a private key of any kind (RFC 7468, section 10).
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found no RSA private key ({0}), expected one as PEM: -----BEGIN PRIVATE KEY-----")]
pub struct SigningKeyError(String);

/// An RSA key that signs tokens (RS256).
#[derive(Clone)]
pub struct SigningKey {
    key: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    /// A new key of 2,048 bits, as PEM. Keep it to yourself.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub fn generate() -> Result<String, SigningKeyError> {
        let failed = |_| SigningKeyError("none could be made".to_owned());
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let der = pair.as_der().map_err(failed)?;
        Ok(pem::encode(&Pem::new(PRIVATE_KEY, der.as_ref())))
    }

    /// The key in a PEM file.
    ///
    /// # Errors
    /// If there is none.
    pub fn from_pem(text: &str) -> Result<Self, SigningKeyError> {
        let failed = |error: jsonwebtoken::errors::Error| SigningKeyError(error.to_string());
        let key = EncodingKey::from_rsa_pem(text.as_bytes()).map_err(failed)?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(failed)?;
        public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256).map_err(failed)?);
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key, public })
    }

    /// The public half as a key set (RFC 7517): what the issuer serves at its `jwks_uri`.
    #[must_use]
    pub fn key_set(&self) -> String {
        let set = serde_json::json!({ "keys": [self.public] });
        format!("{set:#}\n")
    }

    /// The issuer's metadata (OpenID Connect Discovery 1.0, section 3), whose key set is beside it.
    #[must_use]
    pub fn metadata(issuer: &str) -> String {
        let issuer = issuer.trim_end_matches('/');
        let metadata = serde_json::json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        format!("{metadata:#}\n")
    }

    /// An issuer of this name whose tokens are for `audience`.
    #[must_use]
    pub fn issuer(&self, name: &str, audience: &str) -> Issuer {
        let header = Header {
            kid: self.public.common.key_id.clone(),
            ..Header::new(Algorithm::RS256)
        };
        Issuer::signing(self.key.clone(), header, name, Some(audience))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::Timestamp;
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;
    use crate::Subject;

    #[test]
    fn what_is_signed_verifies_by_the_key_set() {
        let pem = SigningKey::generate().unwrap();
        let key = SigningKey::from_pem(&pem).unwrap();
        let issuer = key.issuer("https://issuer.example", "rushhour");
        let now = Timestamp::from_millis(4_000_000_000_000);
        let token = issuer.issue_at(Subject::Rider(17), now, Duration::from_secs(60));
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        let set: JwkSet = serde_json::from_str(&key.key_set()).unwrap();
        let public = DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&["https://issuer.example"]);
        validation.set_audience(&["rushhour"]);
        let claims = jsonwebtoken::decode::<serde_json::Value>(&token, &public, &validation);
        assert_eq!(claims.unwrap().claims["sub"], "rider-17");
        let other = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
        assert_ne!(other.key_set(), key.key_set());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert!(SigningKey::from_pem(text).is_err());
        }
        let metadata = SigningKey::metadata("https://issuer.example/");
        assert!(metadata.contains("\"https://issuer.example/.well-known/jwks.json\""));
    }
}
