//! Hashes without a seed, for tables that are looked into and never listed: the same run has the same table.

use domain::TripId;

/// Of a number, which may be one of few small ones: Fibonacci hashing, Knuth's multiplicative method, with the high
/// bits brought down to where a table looks first.
pub(crate) fn number(number: u64) -> u64 {
    let product = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    product ^ product >> 32
}

/// Of a trip: ids are hashes already.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
pub(crate) fn trip(id: TripId) -> u64 {
    id.0 as u64
}
