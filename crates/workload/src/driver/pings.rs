//! When a driver's app reports the place, and when a host may spare itself the reports.
//!
//! The times are fixed by the driver's own phase, so that drivers who connect together do not ping together.
//! In virtual time most pings change nothing: a parked car is where it was, and nobody looks for one that has
//! a ride. [`Driver::sparing_pings`] leaves those out; [`Driver::pings_due`] still counts them.

use domain::{Place, Timestamp};

use super::{Driver, DriverAction, Link, Work};
use crate::world::{Idle, World};

/// The pings of a driver.
#[derive(Debug, Clone)]
pub(super) struct Pings {
    /// One of the times at which a ping is due; the others lie whole periods apart from it.
    anchor: Timestamp,
    /// When the next is due.
    at: Timestamp,
    sent: u64,
    /// Whether those that change nothing are left out.
    sparing: bool,
    /// Whether a driver without a ride looks at the heat map with each.
    surge: bool,
    /// The place that the tracker was last told.
    told: Place,
    /// Since when the present stream is open.
    open_since: Option<Timestamp>,
    /// How many were due on the streams before it.
    due_before: u32,
}

impl Pings {
    pub(super) fn new(world: &World, anchor: Timestamp, place: Place) -> Self {
        Self {
            anchor,
            at: anchor,
            sent: 0,
            sparing: false,
            surge: world.drivers.idle == Idle::Surge,
            told: place,
            open_since: None,
            due_before: 0,
        }
    }

    /// Whole periods from the anchor to a time; below zero before it.
    fn periods(&self, world: &World, now: Timestamp) -> i64 {
        (now.as_micros() - self.anchor.as_micros()).div_euclid(every_us(world))
    }

    /// The first time after `now` at which a ping is due.
    fn next_after(&self, world: &World, now: Timestamp) -> Timestamp {
        let periods = self.periods(world, now).saturating_add(1);
        let offset_us = periods.saturating_mul(every_us(world));
        Timestamp::from_micros(self.anchor.as_micros().saturating_add(offset_us))
    }

    /// How many were due until a time, those that were left out included.
    fn due(&self, world: &World, now: Timestamp) -> u32 {
        let on_this_stream = self.open_since.map_or(0, |since| {
            self.periods(world, now.max(since)) - self.periods(world, since)
        });
        let on_this_stream = u32::try_from(on_this_stream).unwrap_or(u32::MAX);
        self.due_before.saturating_add(on_this_stream)
    }
}

fn every_us(world: &World) -> i64 {
    let every_us = world.drivers.ping_every.as_micros();
    i64::try_from(every_us).unwrap_or(i64::MAX).max(1)
}

impl Driver {
    /// The same driver, whose app leaves out the pings that change nothing. What is left: those of a free
    /// driver on the move, up to the first after coming to rest; one with the end of each ride, just before
    /// its report, because the place of a car with a ride is not followed; and, where drivers follow surge,
    /// all of a driver without a ride, because the app looks at the heat map with each.
    ///
    /// The tracker that such a driver talks to must not take silence for absence.
    #[must_use]
    pub fn sparing_pings(mut self) -> Self {
        self.pings.sparing = true;
        self
    }

    /// How many pings were due from the driver until `now` while the stream was open, whether they were sent,
    /// missed or spared.
    #[must_use]
    pub fn pings_due(&self, world: &World, now: Timestamp) -> u32 {
        self.pings.due(world, now)
    }

    /// Whether the next time at which a ping is due matters.
    fn wants_to_ping(&self) -> bool {
        let pings = &self.pings;
        let without_ride = self.work == Work::Idle;
        !pings.sparing || without_ride && (pings.surge || pings.told != self.leg.to)
    }

    /// When a ping is to be sent, while the stream is open.
    pub(super) fn next_ping_at(&self) -> Option<Timestamp> {
        self.wants_to_ping().then_some(self.pings.at)
    }

    /// Leaves behind the times at which nobody needed to be told anything.
    pub(super) fn pass_over_pings(&mut self, world: &World, now: Timestamp) {
        if self.pings.at <= now && !self.wants_to_ping() {
            self.pings.at = self.pings.next_after(world, now);
        }
    }

    /// The stream is open, and the tracker has been told the place.
    pub(super) fn begin_pings(&mut self, world: &World, told: Place, now: Timestamp) {
        self.pings.told = told;
        self.pings.open_since = Some(now);
        self.pings.at = self.pings.next_after(world, now);
    }

    /// The stream is no longer open.
    pub(super) fn end_pings(&mut self, world: &World, now: Timestamp) {
        self.pings.due_before = self.pings.due(world, now);
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
        let Some(due_at) = self.next_ping_at().filter(|at| *at <= now) else {
            return;
        };
        self.ping(self.place(world, now), due_at, actions);
        let every = world.drivers.ping_every;
        let next = due_at + every;
        if next > now {
            self.pings.at = next;
        } else {
            let missed = now.since(next).as_micros() / every.as_micros().max(1);
            self.ledger.counts.pings_missed += u32::try_from(missed + 1).unwrap_or(u32::MAX);
            self.pings.at = self.pings.next_after(world, now);
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
