//! The last look: when all is quiet, every rider whose ride had not ended asks once more how it stands, so
//! that what riders saw can be held against the store, ride by ride. The host asks; this is what it found.

use domain::{RiderId, TripId};

/// What the last look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastLook {
    /// Trips that were confirmed and are not to be found now.
    pub missing: Vec<TripId>,
    /// Trips of others that were shown.
    pub foreign_shown: Vec<(RiderId, TripId)>,
    /// Trips of others that were refused, as they must be.
    pub foreign_refused: u64,
}
