//! The pings of a driver on the move without a ride, told from the way and not one by one.

use domain::{Place, Space, Timestamp};

use crate::leg::Leg;

/// The pings of a driver on the move, from the next to the first at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    pub(super) leg: Leg,
    /// When the next ping is due.
    pub(super) next_at: Timestamp,
    /// Its number.
    pub(super) next: u64,
    /// From one to the next.
    pub(super) every_us: i64,
}

/// A ping that was due on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passed {
    /// Its number, as of [`DriverAction::Ping`](super::DriverAction::Ping).
    pub sequence: u64,
    /// Where it found the car.
    pub place: Place,
    /// When it was due.
    pub due_at: Timestamp,
}

impl Course {
    /// When the next ping is due.
    #[must_use]
    pub fn next_at(&self) -> Timestamp {
        self.next_at
    }

    /// The last of the pings that are due until `now`, which is all that matters of them, and what is left of
    /// the course after it. None if none is due yet; nothing is left once the car was found at rest.
    #[must_use]
    pub fn advance(&self, space: &Space, now: Timestamp) -> Option<(Passed, Option<Self>)> {
        let from_next = |at: Timestamp| at.as_micros().saturating_sub(self.next_at.as_micros());
        let whole = from_next(now).div_euclid(self.every_us);
        if whole < 0 {
            return None;
        }
        let until_rest = from_next(self.leg.arrives_at).max(0);
        // The first at rest, rounded up without overflow.
        let at_rest = until_rest / self.every_us + i64::from(until_rest % self.every_us > 0);
        let passed = whole.min(at_rest);
        let later = |periods: i64| {
            let offset_us = periods.saturating_mul(self.every_us);
            Timestamp::from_micros(self.next_at.as_micros().saturating_add(offset_us))
        };
        let sequence = self.next + passed.unsigned_abs();
        let due_at = later(passed);
        let last = Passed {
            sequence,
            place: self.leg.place_at(space, due_at),
            due_at,
        };
        let rest = (passed < at_rest).then(|| Self {
            next_at: later(passed + 1),
            next: sequence + 1,
            ..self.clone()
        });
        Some((last, rest))
    }
}
