//! The use cases, and the small ports they need.
//!
//! Everything here is generic over [`ports`], so the same code runs in Lambda functions, in the
//! embedded host and in virtual time. Start at [`request`] for how a ride begins, [`matching`] for how it
//! finds a driver, [`track`] for the fleet's side, and [`events`] for how it goes on.

pub mod config;
pub mod error;
pub mod events;
pub mod limits;
pub mod market;
pub mod matching;
pub mod ports;
pub mod products;
pub mod quote;
pub mod request;
mod ring;
mod swap;
pub mod sweep;
pub mod token;
pub mod track;
