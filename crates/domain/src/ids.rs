//! Names of things: riders, drivers, trips, attempts, regions, rounds.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// What was found where an identifier was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, expected {expected}")]
pub struct IdError {
    /// The text that could not be read.
    pub found: String,
    /// The form it should have had.
    pub expected: &'static str,
}

pub(crate) fn id_error(found: &str, expected: &'static str) -> IdError {
    let found = found.chars().take(64).collect();
    IdError { found, expected }
}

/// A rider, as the identity provider numbers them. Written `rider-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RiderId(pub u64);

/// A driver, as the identity provider numbers them. Written `driver-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriverId(pub u64);

/// A trip. 128 bits derived from the rider and the idempotency key, so that the same request
/// names the same trip wherever it lands. Written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TripId(pub u128);

/// The how-manieth try to give a trip a driver; the first is 1, and 0 means none yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The try after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A match round of a region: the number of whole windows since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(pub i64);

/// A market that is matched on its own, usually a city. Lower-case letters, digits and dashes, at most 32.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

impl Region {
    /// Reads a region's name.
    ///
    /// # Errors
    /// If it is empty, longer than 32 characters, or holds anything but `a-z`, `0-9` and `-`.
    pub fn new(name: &str) -> Result<Self, IdError> {
        let fits = !name.is_empty()
            && name.len() <= 32
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(name.into()))
        } else {
            Err(id_error(
                name,
                "a region of 1 to 32 characters a-z, 0-9 and -",
            ))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RiderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rider-{}", self.0)
    }
}

impl FromStr for RiderId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        numbered(text, "rider-", "a rider such as rider-17").map(Self)
    }
}

impl fmt::Display for DriverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "driver-{}", self.0)
    }
}

impl FromStr for DriverId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        numbered(text, "driver-", "a driver such as driver-17").map(Self)
    }
}

fn numbered(text: &str, prefix: &str, expected: &'static str) -> Result<u64, IdError> {
    text.strip_prefix(prefix)
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| id_error(text, expected))
}

impl fmt::Display for TripId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for TripId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let fits = text.len() == 32
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        fits.then(|| u128::from_str_radix(text, 16).ok())
            .flatten()
            .map(Self)
            .ok_or_else(|| id_error(text, "a trip of 32 digits 0-9 a-f"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text() {
        assert_eq!("rider-7".parse(), Ok(RiderId(7)));
        assert_eq!(DriverId(9).to_string().parse(), Ok(DriverId(9)));
        let trip = TripId(u128::MAX - 5);
        assert_eq!(trip.to_string().parse(), Ok(trip));
    }

    #[test]
    fn malformed_ids_say_what_was_expected() {
        for text in [
            "",
            "rider-",
            "rider-+7",
            "driver-7",
            "rider-99999999999999999999999",
        ] {
            let error = text.parse::<RiderId>().unwrap_err();
            assert_eq!(error.expected, "a rider such as rider-17", "{text}");
        }
        assert!("00".parse::<TripId>().is_err());
        assert!(
            "G0000000000000000000000000000000"
                .parse::<TripId>()
                .is_err()
        );
        assert!(Region::new("New York").is_err());
    }
}
