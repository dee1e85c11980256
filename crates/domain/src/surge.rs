//! Surge: the price multiplier of each cell, from supply and demand.

/// A price multiplier in hundredths: 100 is no surge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Multiplier(u32);

impl Multiplier {
    /// No surge.
    pub const NONE: Self = Self(100);

    /// From hundredths; below 100 becomes 100, for surge never makes a ride cheaper.
    #[must_use]
    pub const fn from_hundredths(hundredths: u32) -> Self {
        Self(if hundredths < 100 { 100 } else { hundredths })
    }

    /// The multiplier in hundredths.
    #[must_use]
    pub const fn hundredths(self) -> u32 {
        self.0
    }
}

impl Default for Multiplier {
    fn default() -> Self {
        Self::NONE
    }
}
