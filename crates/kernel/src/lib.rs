//! What a seed decides: independent streams of random numbers, one for each agent and purpose.
//!
//! Start at [`random::Streams`]. There is no clock here, no entropy and no global state, so the same
//! seed gives the same numbers on every machine.

pub mod random;

pub use random::{Stream, Streams};
