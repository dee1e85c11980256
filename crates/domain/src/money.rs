//! Money in integer minor units, so that sums are exact.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub};

/// An amount in minor units (cents for USD). Negative where something is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From minor units.
    #[must_use]
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// `rate` per unit times `units`, rounded half away from zero to a whole minor unit.
    /// `rate_micros` is in millionths of a minor unit, so that rates such as $1.360 a mile are exact.
    #[must_use]
    pub fn from_rate(rate_micros: i64, units: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "rounded; `as` saturates")]
        Self((rate_micros as f64 * units / 1e6).round() as i64)
    }

    /// This amount scaled by `hundredths` / 100, rounded half away from zero.
    #[must_use]
    pub fn scale_hundredths(self, hundredths: u32) -> Self {
        let scaled = i128::from(self.0) * i128::from(hundredths);
        let rounded = (scaled + 50 * scaled.signum()) / 100;
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Currencies whose minor unit is not a hundredth, by its digits after the point (ISO 4217, list one as SIX publishes it
/// for the ISO, January 2025). All others of the list that have a minor unit at all have two.
const OTHER_DIGITS: [(&str, u8); 26] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// Why a market cannot have a currency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// It is no code.
    #[error("found {0:?}, expected three capitals such as USD")]
    Code(String),
    /// Its amounts are not in hundredths.
    #[error(
        "found {code}, whose amounts have {digits} digits after the point, expected a currency of hundredths, such as USD"
    )]
    Digits {
        /// The code.
        code: String,
        /// Digits after the point.
        digits: u8,
    },
}

/// A currency by its three-letter ISO 4217 code. Two minor digits are assumed throughout: see [`Currency::of_market`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");

    /// Reads a code of three upper-case letters.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        bytes
            .iter()
            .all(u8::is_ascii_uppercase)
            .then_some(Self(bytes))
    }

    /// Reads the code of a currency that a market may have: one whose minor unit is a hundredth.
    ///
    /// # Errors
    /// If it is no code, or of a currency with more or fewer digits.
    pub fn of_market(code: &str) -> Result<Self, CurrencyError> {
        let currency = Self::new(code).ok_or_else(|| CurrencyError::Code(code.to_owned()))?;
        match OTHER_DIGITS.iter().find(|(other, _)| *other == code) {
            None => Ok(currency),
            Some((_, digits)) => Err(CurrencyError::Digits {
                code: code.to_owned(),
                digits: *digits,
            }),
        }
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency holds three ASCII letters")
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_away_from_zero() {
        assert_eq!(
            Money::from_minor(5).scale_hundredths(150),
            Money::from_minor(8)
        );
        assert_eq!(
            Money::from_minor(-5).scale_hundredths(150),
            Money::from_minor(-8)
        );
        assert_eq!(Money::from_rate(136_000_000, 2.5), Money::from_minor(340));
    }

    #[test]
    fn currencies_are_three_capitals() {
        assert_eq!(
            Currency::new("EUR").map(|c| c.to_string()),
            Some("EUR".into())
        );
        assert_eq!(Currency::new("eur"), None);
        assert_eq!(Currency::new("EURO"), None);
    }

    #[test]
    fn markets_are_of_hundredths() {
        assert_eq!(Currency::of_market("INR"), Ok(Currency(*b"INR")));
        for (code, said) in [
            ("usd", "found \"usd\", expected three capitals"),
            ("JPY", "found JPY, whose amounts have 0 digits after"),
            ("KWD", "found KWD, whose amounts have 3 digits after"),
        ] {
            let error = Currency::of_market(code).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
        assert!(OTHER_DIGITS.is_sorted());
    }
}
