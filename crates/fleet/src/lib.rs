//! The tracker's core without I/O: spatial index, driver status, holds, expiry.
//!
//! Start at [`Fleet`]: a plain struct that its host wraps in a lock, feeds with pings and the results of
//! durable writes, and asks for the nearest available drivers. It reads no clock; every call that needs
//! the time is told it, and [`Fleet::next_deadline`] says when to call [`Fleet::expire`] next.
//! [`index::Index`] finds neighbours and knows nothing of drivers' status, so that it can be replaced.

mod drivers;
mod exchange;
mod grid;
mod holds;
pub mod index;
pub mod limits;
mod metric;
mod shortlist;
mod slot_table;
mod status;
mod zones;

pub use exchange::{Counts, Expired, FleetPolicy, Ping, PingOutcome, Query, ReserveStart};
pub use holds::HoldConflict;
pub use index::Candidate;
pub use status::Fleet;
