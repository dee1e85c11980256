//! The tracker's core without I/O: driver status, holds, expiry, and a spatial index beside them.
//!
//! Start at [`Fleet`]: a plain struct that is told of pings and of the results of durable writes. It reads no clock; every
//! call that needs the time is told it, and [`Fleet::next_deadline`] says when to call [`Fleet::expire`] next.
//! [`index::Index`] finds the nearest of those who are available. It follows what changes in the fleet, batch by batch,
//! and knows nothing of status. [`SharedFleet`] puts both behind locks of their own: who searches is in nobody's way who
//! tells the fleet something.

mod deadlines;
mod drivers;
mod exchange;
mod grid;
mod holds;
pub mod index;
pub mod limits;
mod metric;
mod seats;
mod shared;
mod shortlist;
mod slot_table;
mod status;
mod zones;

pub use exchange::{Counts, Expired, FleetPolicy, Ping, PingOutcome, ReserveStart};
pub use holds::HoldConflict;
pub use index::{Candidate, Nearby};
pub use shared::{FleetGuard, SharedFleet};
pub use status::Fleet;
