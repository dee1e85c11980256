//! Drivers on the move without a ride. Where they are matters when somebody asks the tracker: then it is told
//! of each the last ping that was due, as if all had come at their times.

use domain::{DriverId, Space, Timestamp};
use fleet::Ping;
use kernel::Local;
use workload::driver::{Course, Passed};

/// When a seat without a car has something to tell.
const NEVER: Timestamp = Timestamp::MAX;

/// A driver's place in the convoy.
#[derive(Debug)]
pub(crate) struct Seat(usize);

/// All drivers on the move.
#[derive(Debug)]
pub(crate) struct Convoy {
    space: Space,
    seats: Local<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    /// When the next ping of each is due: apart from the rest, because most have none yet.
    due_at: Vec<Timestamp>,
    cars: Vec<(DriverId, Course)>,
    free: Vec<usize>,
}

impl Convoy {
    pub(crate) fn new(space: Space) -> Self {
        Self {
            space,
            seats: Local::default(),
        }
    }

    /// A driver sets out, or goes on another way.
    pub(crate) fn join(&self, driver: DriverId, course: Course) -> Seat {
        let seats = &mut *self.seats.lock();
        let (due_at, car) = (course.next_at(), (driver, course));
        Seat(if let Some(seat) = seats.free.pop() {
            (seats.due_at[seat], seats.cars[seat]) = (due_at, car);
            seat
        } else {
            seats.due_at.push(due_at);
            seats.cars.push(car);
            seats.cars.len() - 1
        })
    }

    /// A driver is no longer on that way. Returns the last ping that was due on it, unless it is told.
    pub(crate) fn leave(&self, seat: Seat, now: Timestamp) -> Option<(DriverId, Ping)> {
        let Seat(seat) = seat;
        let seats = &mut *self.seats.lock();
        let untold = seats.tell(seat, &self.space, now);
        seats.due_at[seat] = NEVER;
        seats.free.push(seat);
        untold
    }

    /// Hands over the last ping that was due of each driver, unless it is told: all that the tracker has to know.
    pub(crate) fn tell_all(
        &self,
        now: Timestamp,
        to: impl FnOnce(&mut dyn Iterator<Item = (DriverId, Ping)>),
    ) {
        let seats = &mut *self.seats.lock();
        to(&mut (0..seats.cars.len()).filter_map(|seat| seats.tell(seat, &self.space, now)));
    }
}

impl Seats {
    fn tell(&mut self, seat: usize, space: &Space, now: Timestamp) -> Option<(DriverId, Ping)> {
        let due_at = &mut self.due_at[seat];
        if *due_at > now {
            return None;
        }
        let (driver, course) = &mut self.cars[seat];
        let last = course.advance(space, now)?;
        *due_at = course.next_at();
        let Passed {
            sequence,
            place,
            due_at: sent_at,
        } = last;
        let ping = Ping {
            sequence,
            place,
            sent_at,
        };
        Some((*driver, ping))
    }
}

#[cfg(test)]
mod tests;
