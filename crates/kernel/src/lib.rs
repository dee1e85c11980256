//! Virtual time, and what a seed decides.
//!
//! Start at [`executor::Executor`], which runs tasks in virtual time, and at [`random::Streams`],
//! independent streams of random numbers, one for each agent and purpose. There is no clock here, no
//! entropy and no global state, so the same seed gives the same run on every machine.

pub mod channel;
pub mod executor;
pub mod local;
pub mod random;
mod timers;

pub use channel::Inbox;
pub use executor::{Executor, Time};
pub use local::Local;
pub use random::{Stream, Streams};
