use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::{SigningKey, Verifier};

const ISSUER: &str = "https://login.example/pool";
const NOW_S: i64 = 1_700_000_000;

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_S * 1_000)
}

/// A private key of the issuer's.
struct Private {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Private {
    fn elliptic(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            id,
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
        }
    }

    fn rsa(id: &'static str) -> Self {
        let pem = SigningKey::generate().unwrap();
        Self {
            id,
            algorithm: Algorithm::RS256,
            key: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
        }
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.to_owned());
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

fn claims() -> Value {
    json!({ "sub": "driver-9", "iss": ISSUER, "aud": "rushhour", "exp": NOW_S + 600, "iat": NOW_S })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(key);
    } else {
        claims[key] = value;
    }
    claims
}

fn set(keys: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({ "keys": keys })).unwrap()
}

fn known(keys: &[&Private]) -> IssuerKeys {
    let issuer = IssuerKeys::new(ISSUER, "rushhour");
    let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
    assert_eq!(issuer.replace(&set(&keys)), Ok(keys.len()));
    issuer
}

#[test]
fn tokens_of_both_algorithms_speak_for_their_subject_until_they_expire() {
    let (rsa, elliptic) = (Private::rsa("r"), Private::elliptic("e"));
    let verifier = Verifier::of_issuer(known(&[&rsa, &elliptic]));
    let until = now() + Duration::from_secs(600) + LEEWAY;
    for key in [&rsa, &elliptic] {
        let token = key.sign(&claims());
        let caller = Caller {
            subject: Subject::Driver(9),
            until,
        };
        assert_eq!(verifier.verify(&token, now()), Ok(caller));
        let at = now() + Duration::from_secs(600);
        assert_eq!(
            verifier.verify(&token, until),
            Err(IdentityError::Expired { at })
        );
        let mut changed = token.into_bytes();
        let last = changed.len() - 10;
        changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(verifier.verify(&changed, now()), Err(IdentityError::Forged));
    }
}

#[test]
fn claims_are_what_the_authorizer_of_the_api_asks_for() {
    let key = Private::elliptic("e");
    let verifier = Verifier::of_issuer(known(&[&key]));
    let wrong_audience = Err(IdentityError::WrongAudience {
        expected: "rushhour".into(),
    });
    let wrong_issuer = Err(IdentityError::WrongIssuer {
        expected: ISSUER.into(),
    });
    let not_yet = |from_s: i64| {
        let from = Timestamp::from_millis(from_s * 1_000);
        Err(IdentityError::NotYet { from })
    };
    let leeway = i64::try_from(LEEWAY.as_secs()).unwrap();
    let good = verifier.verify(&key.sign(&claims()), now());
    assert!(good.is_ok());
    let malformed = Err(IdentityError::Malformed);
    let mut client = with("aud", Value::Null);
    client["client_id"] = json!("rushhour");
    let mut both = with("aud", json!("another"));
    both["client_id"] = json!("rushhour");
    for (claims, expected) in [
        (with("aud", json!(["another", "rushhour"])), &good),
        (client, &good),
        (with("nbf", json!(NOW_S + leeway)), &good),
        (both, &wrong_audience),
        (with("aud", json!("another")), &wrong_audience),
        (with("aud", Value::Null), &wrong_audience),
        (with("iss", json!("https://login.example")), &wrong_issuer),
        (with("iss", Value::Null), &malformed),
        (with("sub", Value::Null), &malformed),
        (with("exp", Value::Null), &malformed),
        (
            with("nbf", json!(NOW_S + leeway + 1)),
            &not_yet(NOW_S + leeway + 1),
        ),
        (with("iat", json!(NOW_S + 3_600)), &not_yet(NOW_S + 3_600)),
    ] {
        let found = verifier.verify(&key.sign(&claims), now());
        assert_eq!(&found, expected, "{claims}");
    }
    for subject in ["service", "0a1b2c", "admin"] {
        let found = verifier.verify(&key.sign(&with("sub", json!(subject))), now());
        let found = found.unwrap_err();
        assert!(
            matches!(found, IdentityError::UnknownSubject { .. }),
            "{subject}: {found}"
        );
    }
}

#[test]
fn a_forger_may_not_choose_the_algorithm() {
    let (rsa, elliptic) = (Private::rsa("r"), Private::elliptic("e"));
    let verifier = Verifier::of_issuer(known(&[&rsa, &elliptic]));
    // What everybody knows of the key serves as the secret of a symmetric signature.
    let modulus = rsa.public()["n"].as_str().unwrap().to_owned();
    for secret in [modulus.as_bytes(), rsa.public().to_string().as_bytes()] {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("r".into());
        let key = EncodingKey::from_secret(secret);
        let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
        assert_eq!(verifier.verify(&token, now()), Err(IdentityError::Forged));
    }
    // The other key's signature under this key's name.
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("r".into());
    let token = jsonwebtoken::encode(&header, &claims(), &elliptic.key).unwrap();
    assert_eq!(verifier.verify(&token, now()), Err(IdentityError::Forged));
    // {"alg":"none","kid":"r"} and no signature.
    let good = rsa.sign(&claims());
    let payload = good.split('.').nth(1).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIiwia2lkIjoiciJ9.{payload}.");
    assert!(verifier.verify(&unsigned, now()).is_err());
}

#[test]
fn keys_are_replaced_whole_and_kept_where_there_is_nothing_better() {
    let (old, new) = (Private::elliptic("old"), Private::elliptic("new"));
    let issuer = known(&[&old]);
    let verifier = Verifier::of_issuer(issuer.clone());
    let unknown = IdentityError::UnknownKey {
        found: "new".into(),
    };
    assert_eq!(verifier.verify(&new.sign(&claims()), now()), Err(unknown));
    for (document, expected) in [
        (b"<html>".to_vec(), "JSON web key set"),
        (b"{}".to_vec(), "JSON web key set"),
        (set(&[]), "among 0"),
        (
            set(&[json!({"kty": "oct", "k": "AA", "kid": "o"})]),
            "among 1",
        ),
    ] {
        let error = issuer.replace(&document).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(verifier.verify(&old.sign(&claims()), now()).is_ok());

    let mut encrypts = old.public();
    encrypts["use"] = json!("enc");
    let mut nameless = old.public();
    nameless.as_object_mut().unwrap().remove("kid");
    let strange = json!({"kty": "lattice", "kid": "old"});
    let keys = set(&[strange, encrypts, nameless, new.public()]);
    assert_eq!(issuer.replace(&keys), Ok(1));
    assert!(verifier.verify(&new.sign(&claims()), now()).is_ok());
    assert!(verifier.verify(&old.sign(&claims()), now()).is_err());
    let mut header = Header::new(Algorithm::ES256);
    header.kid = None;
    let token = jsonwebtoken::encode(&header, &claims(), &new.key).unwrap();
    assert!(verifier.verify(&token, now()).is_err(), "no key id");
}

#[test]
fn who_signs_as_an_issuer_is_known_by_the_key_set() {
    let key = SigningKey::from_pem(&SigningKey::generate().unwrap()).unwrap();
    let issuer = IssuerKeys::new(ISSUER, "rushhour");
    assert_eq!(issuer.replace(key.key_set().as_bytes()), Ok(1));
    let token = key.issuer(ISSUER, "rushhour");
    let token = token.issue_at(Subject::Rider(17), now(), Duration::from_secs(60));
    let caller = Verifier::of_issuer(issuer).verify(&token, now()).unwrap();
    assert_eq!(caller.subject, Subject::Rider(17));
}
