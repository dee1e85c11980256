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

/// A currency by its three-letter ISO 4217 code. Two minor digits are assumed throughout.
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
}
