//! The pings of a driver on the move without a ride, told from the way and not one by one.

use domain::{Place, Space, Timestamp};

use crate::leg::Leg;

/// The pings of a driver on the move, from the next to the first at rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    pub(super) leg: Leg,
    /// When the next ping is due: [`Timestamp::MAX`] for never.
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
    /// When the next ping is due; never once the car was found at rest.
    #[must_use]
    pub fn next_at(&self) -> Timestamp {
        self.next_at
    }

    /// Goes on past the pings that are due until `now`, and tells the last of them, which is all that matters of
    /// them. None if none is due yet.
    pub fn advance(&mut self, space: &Space, now: Timestamp) -> Option<Passed> {
        if now < self.next_at {
            return None;
        }
        let from_next = |at: Timestamp| at.as_micros().saturating_sub(self.next_at.as_micros());
        let until_rest = from_next(self.leg.arrives_at).max(0);
        // The first at rest, rounded up without overflow.
        let at_rest = until_rest / self.every_us + i64::from(until_rest % self.every_us > 0);
        let passed = (from_next(now) / self.every_us).min(at_rest);
        let later = |periods: i64| {
            let offset_us = periods.saturating_mul(self.every_us);
            Timestamp::from_micros(self.next_at.as_micros().saturating_add(offset_us))
        };
        let due_at = later(passed);
        let last = Passed {
            sequence: self.next + passed.unsigned_abs(),
            place: self.leg.place_at(space, due_at),
            due_at,
        };
        self.next = last.sequence + 1;
        self.next_at = if passed < at_rest {
            later(passed + 1)
        } else {
            Timestamp::MAX
        };
        Some(last)
    }
}
