//! The bounds of the domain, in one place.

use std::time::Duration;

/// Tries to give one trip a driver before it becomes unserved.
pub const ATTEMPTS_MAX: usize = 32;
/// The longest a rider may be willing to wait for a driver.
pub const PATIENCE_MAX: Duration = Duration::from_secs(3_600);
/// The longest way a quote is given for, in metres.
pub const TRIP_DISTANCE_MAX_M: f64 = 300_000.0;
/// Open requests that one match round considers, oldest first.
pub const ROUND_REQUESTS_MAX: usize = 10_000;
/// Classes of vehicles that a market can tell apart.
pub const VEHICLE_CLASSES: u32 = 16;
/// Nearest drivers that one rider may be matched with in a round.
pub const CANDIDATES_MAX: usize = 100;
