//! When a driver's app reports the place, and when a host may spare itself the reports.
//!
//! The times are fixed by the driver's own phase, so that drivers who connect together do not ping together.
//! In virtual time most pings change nothing: a parked car is where it was, nobody looks for one that has a
//! ride, and where one on the move is can be told from its [`Course`]. [`Driver::sparing_pings`] leaves those
//! out; [`Driver::pings_due`] still counts them.

use std::time::Duration;

use domain::{DriverId, Place, Timestamp};

use super::{Course, Driver, DriverAction, Link, Work};
use crate::world::{Idle, World};

/// About how often a driver without a ride looks at the heat map, where drivers follow surge: with each ping
/// that is nearest to it. An assumption.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// From one look of a driver at the heat map to the next, where drivers follow surge.
#[must_use]
pub fn look_every(world: &World) -> Option<Duration> {
    let every = world.drivers.ping_every;
    let pings = u32::try_from(looks_one_in(world)).unwrap_or(u32::MAX);
    matches!(world.drivers.idle, Idle::Surge { .. }).then(|| every.saturating_mul(pings))
}

/// With one ping in so many comes a look.
fn looks_one_in(world: &World) -> i64 {
    let one_in = LOOK_EVERY.as_micros() / world.drivers.ping_every.as_micros().max(1);
    i64::try_from(one_in).unwrap_or(i64::MAX).max(1)
}

/// The pings of a driver.
#[derive(Debug, Clone)]
pub(super) struct Pings {
    /// One of the times at which a ping is due; the others lie whole periods apart from it.
    anchor: Timestamp,
    /// When the next is due.
    at: Timestamp,
    sent: u64,
    /// Whether those that can be done without are left out.
    sparing: bool,
    /// From one to the next.
    every_us: i64,
    /// When a driver without a ride looks at the heat map, if drivers follow surge.
    looks: Option<Looks>,
    /// The place that the tracker was last told.
    told: Place,
    /// When the driver is to come on shift.
    comes_at: Timestamp,
    /// Since when pings are due from the driver, with a stream or without.
    wanted_since: Option<Timestamp>,
    /// Since when the present stream is open.
    open_since: Option<Timestamp>,
    /// How many were due on the streams before it.
    due_before: u32,
}

/// With which pings a driver looks at the heat map: one in so many, not all drivers with the same.
#[derive(Debug, Clone, Copy)]
struct Looks {
    one_in: i64,
    offset: i64,
}

impl Looks {
    fn new(world: &World, driver: DriverId) -> Option<Self> {
        let one_in = looks_one_in(world);
        let offset = driver.0 % one_in.unsigned_abs();
        matches!(world.drivers.idle, Idle::Surge { .. }).then(|| Self {
            one_in,
            offset: i64::try_from(offset).expect("below a number that fits"),
        })
    }

    /// How many pings after the one of a period the next look is; none if it is with that.
    fn after(self, period: i64) -> i64 {
        (self.offset - period).rem_euclid(self.one_in)
    }
}

impl Pings {
    /// Pings of a driver who comes on shift at a time and is at a place then.
    pub(super) fn new(
        world: &World,
        driver: DriverId,
        anchor: Timestamp,
        (comes_at, place): (Timestamp, Place),
    ) -> Self {
        let every_us = i64::try_from(world.drivers.ping_every.as_micros());
        Self {
            anchor,
            at: anchor,
            sent: 0,
            sparing: false,
            every_us: every_us.unwrap_or(i64::MAX).max(1),
            looks: Looks::new(world, driver),
            told: place,
            comes_at,
            wanted_since: None,
            open_since: None,
            due_before: 0,
        }
    }

    /// Whole periods from the anchor to a time; below zero before it.
    fn periods(&self, now: Timestamp) -> i64 {
        (now.as_micros() - self.anchor.as_micros()).div_euclid(self.every_us)
    }

    fn later(&self, at: Timestamp, periods: i64) -> Timestamp {
        let offset_us = periods.saturating_mul(self.every_us);
        Timestamp::from_micros(at.as_micros().saturating_add(offset_us))
    }

    /// Whether a ping is due at a time.
    fn is_due(&self, at: Timestamp) -> bool {
        self.later(self.anchor, self.periods(at)) == at
    }

    /// Whether the driver looks at the heat map with the ping of that time.
    fn has_look(&self, due_at: Timestamp) -> bool {
        let looks = self.looks;
        looks.is_some_and(|looks| looks.after(self.periods(due_at)) == 0)
    }

    /// The first time after `now` at which a ping is due.
    fn next_after(&self, now: Timestamp) -> Timestamp {
        self.later(self.anchor, self.periods(now).saturating_add(1))
    }

    /// How many were due until a time, those that were left out included.
    fn due(&self, now: Timestamp) -> u32 {
        let on_this_stream = self.open_since.map_or(0, |since| {
            self.periods(now.max(since)) - self.periods(since)
        });
        let on_this_stream = u32::try_from(on_this_stream).unwrap_or(u32::MAX);
        self.due_before.saturating_add(on_this_stream)
    }
}

impl Driver {
    /// The same driver, whose app leaves out the pings that can be done without. Those of a free driver on the
    /// move are for the host to make up from [`Driver::course`] when somebody asks where the driver is. What
    /// is left: one with the end of each ride, just before its report, because the place of a car with a ride
    /// is not followed; and, where drivers follow surge, those with which the driver looks at the heat map, if the
    /// host wakes the driver for that ([`Driver::look_at`]).
    ///
    /// The tracker that such a driver talks to must not take silence for absence.
    #[must_use]
    pub fn sparing_pings(mut self) -> Self {
        self.pings.sparing = true;
        self
    }

    /// The pings that are left out of what a driver on the move would tell from now on; none if there are none.
    /// To be asked after each step, as [`Driver::wake_at`] is: it holds until the next.
    #[must_use]
    pub fn course(&self) -> Option<Course> {
        let pings = &self.pings;
        let is_followed = pings.sparing && self.link == Link::Up && self.work == Work::Idle;
        (is_followed && pings.told != self.leg.to).then(|| Course {
            leg: self.leg.clone(),
            next_at: pings.at,
            next: pings.sent + 1,
            every_us: pings.every_us,
        })
    }

    /// How many pings were due from the driver until `now` while the stream was open, whether they were sent,
    /// missed or spared.
    #[must_use]
    pub fn pings_due(&self, now: Timestamp) -> u32 {
        self.pings.due(now)
    }

    /// When pings were due from the driver after a time and until another, whether or not there was a stream to
    /// send them on. They are due from the time that the first stream opened; if it could not be opened, from the time
    /// at which it was to be. Up to the driver's leaving: who is gone is not to be asked.
    pub fn ping_times(
        &self,
        after: Timestamp,
        until: Timestamp,
    ) -> impl Iterator<Item = Timestamp> + '_ {
        let pings = &self.pings;
        let due = pings.wanted_since.map(|since| {
            let (first, last) = (pings.periods(after.max(since)), pings.periods(until));
            (first + 1..=last).map(|period| pings.later(pings.anchor, period))
        });
        due.into_iter().flatten()
    }

    /// When a driver whose pings are spared looks at the heat map next, if woken then: a host leaves that out while
    /// there is nothing to see. None for who does not look. To be asked after each step.
    #[must_use]
    pub fn look_at(&self) -> Option<Timestamp> {
        let pings = &self.pings;
        let looks = pings.looks.filter(|_| pings.sparing)?;
        let is_idle = self.link == Link::Up && self.is_free();
        is_idle.then(|| pings.later(pings.at, looks.after(pings.periods(pings.at))))
    }

    /// When the next ping is to be sent, while the stream is open, by a driver who does not spare them.
    pub(super) fn next_ping_at(&self) -> Option<Timestamp> {
        (!self.pings.sparing).then_some(self.pings.at)
    }

    /// Leaves behind the pings that are not sent: what they would have told is told by the driver's course.
    pub(super) fn pass_over_pings(&mut self, world: &World, now: Timestamp) {
        if !self.pings.sparing || self.pings.at > now {
            return;
        }
        let looks_now = self.look_at().is_some() && self.pings.has_look(now);
        let next = if looks_now && self.pings.is_due(now) {
            now
        } else {
            self.pings.next_after(now)
        };
        let before = Timestamp::from_micros(next.as_micros() - 1);
        let course = self.course();
        if let Some(last) = course.and_then(|mut it| it.advance(world.city.space(), before)) {
            self.pings.sent = last.sequence;
            self.pings.told = last.place;
        }
        self.pings.at = next;
    }

    /// The stream is open, and the tracker has been told the place.
    pub(super) fn begin_pings(&mut self, told: Place, now: Timestamp) {
        self.pings.told = told;
        self.pings.wanted_since.get_or_insert(now);
        self.pings.open_since = Some(now);
        self.pings.at = self.pings.next_after(now);
    }

    /// The stream is no longer open, or could not be opened.
    pub(super) fn end_pings(&mut self, now: Timestamp) {
        self.pings.wanted_since.get_or_insert(self.pings.comes_at);
        self.pings.due_before = self.pings.due(now);
        self.pings.open_since = None;
    }

    /// Where pings are spared, tells the place at which a ride has ended.
    pub(super) fn tell_place(
        &mut self,
        world: &World,
        now: Timestamp,
        actions: &mut Vec<DriverAction>,
    ) {
        let place = self.place(world, now);
        if self.pings.sparing && self.link == Link::Up && self.pings.told != place {
            self.ping(place, now, actions);
        }
    }

    pub(super) fn ping_if_due(
        &mut self,
        world: &World,
        now: Timestamp,
        actions: &mut Vec<DriverAction>,
    ) {
        let look = self.look_at().filter(|at| *at == now);
        let ping = self.next_ping_at().filter(|at| *at <= now);
        let Some(due_at) = look.or(ping) else {
            return;
        };
        self.ping(self.place(world, now), due_at, actions);
        if self.is_free() && self.pings.has_look(due_at) {
            actions.push(DriverAction::LookForSurge);
        }
        let every = world.drivers.ping_every;
        let next = due_at + every;
        if next > now {
            self.pings.at = next;
        } else {
            let missed = now.since(next).as_micros() / every.as_micros().max(1);
            self.ledger.counts.pings_missed += u32::try_from(missed + 1).unwrap_or(u32::MAX);
            self.pings.at = self.pings.next_after(now);
        }
    }

    fn ping(&mut self, place: Place, due_at: Timestamp, actions: &mut Vec<DriverAction>) {
        self.pings.sent += 1;
        self.pings.told = place;
        actions.push(DriverAction::Ping {
            sequence: self.pings.sent,
            place,
            scheduled_at: due_at,
        });
    }
}
