//! The quote token: what was quoted, to whom and until when, signed so that nothing need be stored.
//!
//! `v1.<key id>.<payload>.<mac>`: payload and mac are base64url without padding, the mac is
//! HMAC-SHA256 over all that stands before its dot. The key id names the key, so that keys rotate:
//! the newest signs, and older ones verify until the quotes they signed have expired.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::fare::Fare;
use domain::surge::Multiplier;
use domain::{Currency, Money, Place, ProductName, RiderId, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::limits::QUOTE_TOKEN_BYTES_MAX;

/// What a quote promises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quote {
    /// To whom.
    pub rider: RiderId,
    /// Which product; none where the market has none.
    pub product: Option<ProductName>,
    /// From where.
    pub pickup: Place,
    /// To where.
    pub dropoff: Place,
    /// For how much.
    pub fare: Fare,
    /// Length of the way in metres.
    pub distance_m: f64,
    /// Time of the way.
    pub duration: Duration,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why a token is not a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It does not have the form of a token.
    #[error("found something else, expected a token of the form v1.<key>.<payload>.<mac>")]
    Malformed,
    /// Its key is not one of ours.
    #[error("found a key id that is not in use, expected a current one")]
    UnknownKey,
    /// It was not signed by its key.
    #[error("found a signature that does not match, expected one over this very quote")]
    Forged,
}

/// Why keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The signing key is not among the keys.
    #[error("found no key named {0:?} to sign with, expected it among the keys")]
    NoSigningKey(String),
    /// A key is too short, or its name cannot stand in a token.
    #[error(
        "found key {0:?}, expected a name of letters, digits and dashes and at least 32 bytes of secret"
    )]
    UnusableKey(String),
}

/// The keys that sign and verify quotes.
#[derive(Clone)]
pub struct Keyring {
    signing: String,
    keys: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("signing", &self.signing)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Keys by id, and the id of the one that signs.
    ///
    /// # Errors
    /// If the signing key is not among them, or a key has an unusable name or under 32 bytes.
    pub fn new(signing: &str, keys: BTreeMap<String, Vec<u8>>) -> Result<Self, KeyringError> {
        let named =
            |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if let Some((id, _)) = keys.iter().find(|(id, key)| !named(id) || key.len() < 32) {
            return Err(KeyringError::UnusableKey(id.clone()));
        }
        if !keys.contains_key(signing) {
            return Err(KeyringError::NoSigningKey(signing.to_owned()));
        }
        Ok(Self {
            signing: signing.to_owned(),
            keys,
        })
    }

    /// Signs a quote.
    #[must_use]
    pub fn sign(&self, quote: &Quote) -> String {
        let signed = format!(
            "v1.{}.{}",
            self.signing,
            URL_SAFE_NO_PAD.encode(encode(quote))
        );
        let mac = mac(&self.keys[&self.signing], signed.as_bytes())
            .finalize()
            .into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Reads a token back. Whether it has expired is the caller's to judge.
    ///
    /// # Errors
    /// If it is malformed, of an unknown key, or was changed since it was signed.
    pub fn verify(&self, token: &str) -> Result<Quote, TokenError> {
        if token.len() > QUOTE_TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let (signed, mac_text) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let mut parts = signed.split('.');
        let (Some("v1"), Some(key_id), Some(payload), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Malformed);
        };
        let key = self.keys.get(key_id).ok_or(TokenError::UnknownKey)?;
        let tag = URL_SAFE_NO_PAD
            .decode(mac_text)
            .map_err(|_| TokenError::Malformed)?;
        mac(key, signed.as_bytes())
            .verify_slice(&tag)
            .map_err(|_| TokenError::Forged)?;
        let payload = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|_| TokenError::Malformed)?;
        decode(&payload).ok_or(TokenError::Malformed)
    }
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

fn encode(quote: &Quote) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(88);
    bytes.extend(quote.rider.0.to_be_bytes());
    for place in [quote.pickup, quote.dropoff] {
        let (lat, lon) = place.to_e7();
        bytes.extend(lat.to_be_bytes());
        bytes.extend(lon.to_be_bytes());
    }
    for amount in [
        quote.fare.ride,
        quote.fare.booking_fee,
        quote.fare.driver_pay,
    ] {
        bytes.extend(amount.minor().to_be_bytes());
    }
    bytes.extend(quote.fare.surge.hundredths().to_be_bytes());
    bytes.extend(quote.fare.currency.as_str().bytes());
    bytes.extend(quote.distance_m.to_be_bytes());
    bytes.extend(
        u64::try_from(quote.duration.as_micros())
            .unwrap_or(u64::MAX)
            .to_be_bytes(),
    );
    bytes.extend(quote.expires_at.as_micros().to_be_bytes());
    // Last, for it is as long as it is.
    bytes.extend(quote.product.iter().flat_map(|name| name.as_str().bytes()));
    bytes
}

fn decode(bytes: &[u8]) -> Option<Quote> {
    let mut rest = bytes;
    let rider = RiderId(u64::from_be_bytes(take(&mut rest)?));
    let mut place = || {
        let lat = i32::from_be_bytes(take(&mut rest)?);
        let lon = i32::from_be_bytes(take(&mut rest)?);
        Place::from_e7(lat, lon).ok()
    };
    let (pickup, dropoff) = (place()?, place()?);
    let mut money = || Some(Money::from_minor(i64::from_be_bytes(take(&mut rest)?)));
    let (ride, booking_fee, driver_pay) = (money()?, money()?, money()?);
    let surge = Multiplier::from_hundredths(u32::from_be_bytes(take(&mut rest)?));
    let currency = Currency::new(std::str::from_utf8(&take::<3>(&mut rest)?).ok()?)?;
    let distance_m = f64::from_be_bytes(take(&mut rest)?);
    let duration = Duration::from_micros(u64::from_be_bytes(take(&mut rest)?));
    let expires_at = Timestamp::from_micros(i64::from_be_bytes(take(&mut rest)?));
    let fare = Fare {
        currency,
        ride,
        booking_fee,
        driver_pay,
        surge,
    };
    let product = match rest {
        [] => None,
        name => Some(ProductName::new(std::str::from_utf8(name).ok()?).ok()?),
    };
    Some(Quote {
        rider,
        product,
        pickup,
        dropoff,
        fare,
        distance_m,
        duration,
        expires_at,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote() -> Quote {
        Quote {
            rider: RiderId(7),
            product: None,
            pickup: Place::from_e7(407_580_000, -739_855_000).unwrap(),
            dropoff: Place::from_e7(406_446_000, -737_822_000).unwrap(),
            fare: Fare {
                currency: Currency::USD,
                ride: Money::from_minor(5_210),
                booking_fee: Money::from_minor(275),
                driver_pay: Money::from_minor(3_900),
                surge: Multiplier::from_hundredths(120),
            },
            distance_m: 27_664.5,
            duration: Duration::from_secs(2_400),
            expires_at: Timestamp::from_millis(1_000),
        }
    }

    fn keyring(signing: &str, ids: &[&str]) -> Keyring {
        let keys = ids
            .iter()
            .map(|id| ((*id).to_owned(), id.repeat(32).into_bytes()))
            .collect();
        Keyring::new(signing, keys).unwrap()
    }

    #[test]
    fn a_signed_quote_comes_back_and_keys_rotate() {
        let product = Some(ProductName::new("xl").unwrap());
        for quote in [quote(), Quote { product, ..quote() }] {
            let token = keyring("a", &["a"]).sign(&quote);
            assert_eq!(keyring("b", &["a", "b"]).verify(&token), Ok(quote));
        }
        let token = keyring("a", &["a"]).sign(&quote());
        assert_eq!(
            keyring("b", &["b"]).verify(&token),
            Err(TokenError::UnknownKey)
        );
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let keys = keyring("a", &["a"]);
        let token = keys.sign(&quote());
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            // The last character of a base64 text may hold unused bits: refused as malformed.
            assert!(keys.verify(&changed).is_err(), "byte {at} of {token}");
        }
        for text in ["", "v1", "v1.a.b", "v2.a.b.c", "v1.a..", "v1.a.b.c.d"] {
            assert!(keys.verify(text).is_err(), "{text}");
        }
    }

    #[test]
    fn unusable_keys_are_named() {
        let short = BTreeMap::from([("a".to_owned(), vec![1; 31])]);
        assert_eq!(
            Keyring::new("a", short).unwrap_err(),
            KeyringError::UnusableKey("a".into())
        );
        assert!(Keyring::new("a", BTreeMap::new()).is_err());
    }
}
