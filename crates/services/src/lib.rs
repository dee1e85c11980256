//! The use cases, and the small ports they need.
//!
//! Everything here is generic over [`ports`], so the same code runs in Lambda functions, in the
//! embedded host and in virtual time. Start at [`request`] for how a ride begins, [`matching`] for how it
//! finds a driver, and [`track`] for the fleet's side.

pub mod ports;
