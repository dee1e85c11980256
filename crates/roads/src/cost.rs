//! What a way costs: its time, and where times are equal its length. One number, so that sums and comparisons are
//! those of integers, exact and the same on every machine.

use std::fmt;
use std::ops::Add;

/// Bits that hold the length: up to 214,748 km in decimetres. The rest holds up to 99 days in milliseconds.
const LENGTH_BITS: u32 = 31;
/// The longest way that can be told, in decimetres.
pub(crate) const DECIMETRES_MAX: u64 = (1 << LENGTH_BITS) - 1;
/// The longest time that can be told, in milliseconds. One less than fits, as the last stands for "never".
pub(crate) const MILLIS_MAX: u64 = (1 << (64 - LENGTH_BITS)) - 2;

/// Milliseconds first, decimetres second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(u64);

impl Cost {
    /// Of a way of no length.
    pub const ZERO: Self = Self(0);
    /// More than any way costs: there is none. Nothing is ever added to it.
    pub const NEVER: Self = Self(u64::MAX);

    /// A cost of milliseconds and decimetres, each no more than fits.
    #[must_use]
    pub fn new(millis: u64, decimetres: u64) -> Self {
        Self(millis.min(MILLIS_MAX) << LENGTH_BITS | decimetres.min(DECIMETRES_MAX))
    }

    /// The time in milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0 >> LENGTH_BITS
    }

    /// The length in decimetres.
    #[must_use]
    pub fn decimetres(self) -> u64 {
        self.0 & DECIMETRES_MAX
    }

    /// The sum, if it can be told.
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        let millis = self.millis() + other.millis();
        let decimetres = self.decimetres() + other.decimetres();
        let fits = millis <= MILLIS_MAX && decimetres <= DECIMETRES_MAX;
        fits.then(|| Self::new(millis, decimetres))
    }

    pub(crate) fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(crate) fn from_le_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    /// Of the first part of a street, given as a share of it: rounded.
    #[must_use]
    pub fn part(self, share: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of what fits; `as` saturates"
        )]
        let part = |whole: u64| ((whole as f64 * share).round() as u64).min(whole);
        Self::new(part(self.millis()), part(self.decimetres()))
    }

    /// Of what is left of this after a part of it.
    #[must_use]
    pub fn less(self, part: Self) -> Self {
        Self::new(
            self.millis().saturating_sub(part.millis()),
            self.decimetres().saturating_sub(part.decimetres()),
        )
    }
}

impl Add for Cost {
    type Output = Self;

    /// A network is no larger than what fits ([`Graph::new`](crate::graph::Graph::new)), so no way is.
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("never");
        }
        write!(f, "{} ms, {} dm", self.millis(), self.decimetres())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_first_and_length_breaks_ties() {
        let quick = Cost::new(1_000, 90_000);
        let slow = Cost::new(1_001, 10);
        assert!(quick < slow && slow < Cost::NEVER);
        assert!(Cost::new(1_000, 89_999) < quick);
        let sum = quick + slow;
        assert_eq!((sum.millis(), sum.decimetres()), (2_001, 90_010));
        assert!(Cost::new(u64::MAX, u64::MAX) < Cost::NEVER);
    }

    #[test]
    fn parts_add_up() {
        let whole = Cost::new(1_001, 333);
        for share in [0.0, 0.3, 0.5, 1.0] {
            let part = whole.part(share);
            assert_eq!(part + whole.less(part), whole);
        }
    }
}
