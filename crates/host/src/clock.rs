//! The wall clock, as functions read it.

use std::time::{SystemTime, UNIX_EPOCH};

use domain::Timestamp;
use services::ports::Clock;

/// The system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
            + SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
    }
}
