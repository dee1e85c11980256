//! The physical half of a driver: looks at offers, drives, waits, drives on.

use std::time::Duration;

use domain::hold::{HoldKey, Offer};
use domain::trip::{Stamps, TripEvent, TripEventKind};
use domain::{Place, Timestamp};

use super::{
    Activity, AnswerOutcome, Driver, DriverAction, Link, Pending, RESEND_EVERY, RESENDS_MAX,
    RETRY_AFTER, ReportOutcome, Ride, Work,
};
use crate::leg::Leg;
use crate::supply::{DriverPlan, RideUnderWay};
use crate::world::{Idle, World};

/// How long a driver expects to look for a rider where surge is. City time.
const SEARCH: Duration = Duration::from_secs(120);

impl Driver {
    /// A driver who has a ride when the scenario begins: the hold's key and the offer are what the stores
    /// were given for it.
    #[must_use]
    pub fn under_way(
        world: &World,
        plan: &DriverPlan,
        under_way: &RideUnderWay,
        key: HoldKey,
        offer: Offer,
    ) -> Self {
        let mut driver = Self::new(world, plan);
        let pace = &world.pace;
        let started_at = pace.started_at();
        let stamps = under_way.stamps(pace);
        let ride = |sequence| Ride {
            key,
            offer,
            sequence,
            stamps,
        };
        let ends_at = started_at + pace.in_run(under_way.remaining);
        let leg = |from: Place, to: Place, left_at: Option<Timestamp>| {
            let left_at = left_at.unwrap_or(started_at);
            let route = world.city.travel().route(from, to, pace.city_time(left_at));
            Leg::on(route, (from, to), left_at, ends_at)
        };
        let activity = if stamps.picked_up_at.is_some() {
            driver.leg = leg(offer.pickup, offer.dropoff, stamps.picked_up_at);
            driver.work = Work::OnTrip(ride(3));
            Activity::OnTrip
        } else if stamps.arrived_at.is_some() {
            driver.leg = parked(world, offer.pickup, started_at);
            driver.work = Work::Boarding(ride(2), ends_at);
            Activity::Waiting
        } else {
            driver.leg = leg(under_way.from, offer.pickup, stamps.accepted_at);
            driver.work = Work::ToPickup(ride(1));
            Activity::ToPickup
        };
        driver
            .ledger
            .switch(Some(activity), started_at, &driver.leg);
        driver
    }

    /// Passes the milestones of the ride that lie behind, each at its own time.
    pub(super) fn go_on(&mut self, world: &World, now: Timestamp, actions: &mut Vec<DriverAction>) {
        loop {
            let arrives_at = self.leg.arrives_at;
            match self.work {
                Work::ToPickup(ride) if arrives_at <= now => {
                    let ride = self.report(ride, TripEventKind::Arrived, arrives_at, now, actions);
                    let until = arrives_at + world.pace.in_run(world.rides.boarding);
                    self.turn_to(Work::Boarding(ride, until), arrives_at);
                    self.leg = parked(world, ride.offer.pickup, arrives_at);
                }
                Work::Boarding(ride, until) if until <= now => {
                    let ride = self.report(ride, TripEventKind::PickedUp, until, now, actions);
                    self.turn_to(Work::OnTrip(ride), until);
                    self.leg = self.way(world, ride.offer.pickup, ride.offer.dropoff, until);
                    let law = world.rides.duration_of(&world.streams, ride.offer.rider);
                    if let Some(city) = law {
                        self.leg.arrives_at = until + world.pace.in_run(city);
                    }
                }
                Work::OnTrip(ride) if arrives_at <= now => {
                    self.tell_place(world, now, actions);
                    self.report(ride, TripEventKind::DroppedOff, arrives_at, now, actions);
                    self.ledger.counts.completed += 1;
                    self.ledger.pay += ride.offer.driver_pay;
                    self.turn_to(Work::Idle, arrives_at);
                    self.leg = parked(world, ride.offer.dropoff, arrives_at);
                    self.cruise_if_idle(world, arrives_at);
                }
                _ => return,
            }
        }
    }

    /// Closes the account of what the driver was at, then is at something else. The leg must still be the old.
    fn turn_to(&mut self, work: Work, at: Timestamp) {
        let activity = match work {
            Work::Idle => Activity::Idle,
            Work::ToPickup(_) => Activity::ToPickup,
            Work::Boarding(..) => Activity::Waiting,
            Work::OnTrip(_) => Activity::OnTrip,
        };
        self.ledger.switch(Some(activity), at, &self.leg);
        self.work = work;
    }

    fn way(&self, world: &World, from: Place, to: Place, leaving: Timestamp) -> Leg {
        let city_time = world.pace.city_time(leaving);
        let route = world.city.travel().route(from, to, city_time);
        let arrives_at = leaving + world.pace.in_run(route.way.duration);
        Leg::on(route, (from, to), leaving, arrives_at)
    }

    /// Reports a milestone: now, or when the stream is back.
    fn report(
        &mut self,
        mut ride: Ride,
        kind: TripEventKind,
        at: Timestamp,
        now: Timestamp,
        actions: &mut Vec<DriverAction>,
    ) -> Ride {
        ride.sequence += 1;
        let stamps = &mut ride.stamps;
        // The accept was stamped by the tracker's clock, which may be ahead of this one.
        let at = stamps.accepted_at.map_or(at, |accepted| at.max(accepted));
        match kind {
            TripEventKind::Arrived => stamps.arrived_at = Some(at),
            TripEventKind::PickedUp => stamps.picked_up_at = Some(at),
            _ => stamps.dropped_off_at = Some(at),
        }
        let event = TripEvent {
            key: ride.key,
            sequence: ride.sequence,
            kind,
            at,
            stamps: ride.stamps,
        };
        self.outbox.push(event, now);
        if self.link == Link::Up {
            actions.push(DriverAction::Report(event));
        }
        ride
    }

    pub(super) fn offered(
        &mut self,
        world: &World,
        key: HoldKey,
        offer: Offer,
        deadline: Timestamp,
        now: Timestamp,
        actions: &mut Vec<DriverAction>,
    ) {
        if self.riding() == Some(key) {
            // The tracker did not hear, or forgot, that the offer was taken.
            actions.push(DriverAction::Answer { key, accept: true });
            return;
        }
        if let Some(pending) = self.pending.as_mut().filter(|p| p.key == key) {
            if pending.sent > 0 {
                pending.answer_at = now;
            }
            return;
        }
        self.ledger.counts.offers += 1;
        let busy = !self.is_free();
        if busy || now >= self.shift_ends_at {
            self.ledger.counts.offered_while_busy += u32::from(busy);
            self.ledger.counts.declined += 1;
            actions.push(DriverAction::Answer { key, accept: false });
            return;
        }
        // What a driver thinks of a rider depends on the two and the attempt, not on what came before.
        let mut stream = world.streams.between(
            "answer",
            self.id.0,
            offer.rider.0.rotate_left(8) ^ u64::from(key.attempt.0),
        );
        let city_time = world.pace.city_time(now);
        let way = world
            .city
            .travel()
            .way(self.place(world, now), offer.pickup, city_time);
        let willing = world
            .drivers
            .acceptance
            .probability(way.duration, offer.driver_pay);
        let accept = stream.chance(willing);
        let reaction = world
            .pace
            .in_run(world.drivers.reaction.sample(&mut stream));
        // An answer past the deadline is given all the same, and refused; there is no use in one much later.
        let latest = deadline.max(now) + RESEND_EVERY;
        self.pending = Some(Pending {
            key,
            offer,
            accept,
            answer_at: (now + reaction).min(latest),
            sent: 0,
        });
    }

    pub(super) fn answer_if_due(&mut self, now: Timestamp, actions: &mut Vec<DriverAction>) {
        let Some(pending) = self.pending.as_mut().filter(|p| p.answer_at <= now) else {
            return;
        };
        if pending.sent > RESENDS_MAX {
            self.ledger.counts.given_up += 1;
            self.pending = None;
            return;
        }
        pending.sent += 1;
        pending.answer_at = now + RESEND_EVERY;
        actions.push(DriverAction::Answer {
            key: pending.key,
            accept: pending.accept,
        });
    }

    pub(super) fn answered(
        &mut self,
        world: &World,
        key: HoldKey,
        outcome: AnswerOutcome,
        now: Timestamp,
    ) {
        let Some(pending) = self.pending.as_mut().filter(|p| p.key == key) else {
            return;
        };
        match outcome {
            AnswerOutcome::TryAgain => {
                pending.answer_at = now + RETRY_AFTER;
                return;
            }
            AnswerOutcome::Accepted { at } => {
                let offer = pending.offer;
                self.pending = None;
                self.ledger.counts.accepted += 1;
                self.set_out(world, key, offer, at, now);
                return;
            }
            AnswerOutcome::Declined => self.ledger.counts.declined += 1,
            AnswerOutcome::Late | AnswerOutcome::NotOffered => self.ledger.counts.refused += 1,
        }
        self.pending = None;
    }

    fn set_out(
        &mut self,
        world: &World,
        key: HoldKey,
        offer: Offer,
        accepted_at: Timestamp,
        now: Timestamp,
    ) {
        let here = self.place(world, now);
        let stamps = Stamps {
            accepted_at: Some(accepted_at),
            ..Stamps::default()
        };
        let ride = Ride {
            key,
            offer,
            sequence: 1,
            stamps,
        };
        self.turn_to(Work::ToPickup(ride), now);
        self.leg = self.way(world, here, offer.pickup, now);
    }

    pub(super) fn reported(
        &mut self,
        world: &World,
        key: HoldKey,
        sequence: u32,
        outcome: ReportOutcome,
        now: Timestamp,
        actions: &mut Vec<DriverAction>,
    ) {
        match outcome {
            ReportOutcome::Recorded => self.outbox.acknowledge(key, sequence),
            ReportOutcome::TryAgain => self.outbox.retry(key, sequence, now),
            ReportOutcome::NotYours => self.released(world, key, now, actions),
        }
    }

    /// The offer or the ride is off: the driver is free at the present place.
    pub(super) fn released(
        &mut self,
        world: &World,
        key: HoldKey,
        now: Timestamp,
        actions: &mut Vec<DriverAction>,
    ) {
        self.outbox.forget(key);
        if self.pending.is_some_and(|pending| pending.key == key) {
            self.pending = None;
            self.ledger.counts.released += 1;
        } else if self.riding() == Some(key) {
            self.tell_place(world, now, actions);
            let here = self.place(world, now);
            self.ledger.counts.released += 1;
            self.turn_to(Work::Idle, now);
            self.leg = Leg::parked(here, now);
            self.cruise_if_idle(world, now);
        }
    }

    /// Sets out to a hotspot, if that is what drivers do between rides.
    pub(super) fn cruise_if_idle(&mut self, world: &World, now: Timestamp) {
        if let Idle::Hotspots(hotspots) = &world.drivers.idle {
            let counts = &self.ledger.counts;
            let turn = u64::from(counts.completed) << 32 | u64::from(counts.released);
            let mut stream = world.streams.between("cruise", self.id.0, turn);
            let to = hotspots.draw(&world.city, &mut stream);
            self.cruise_to(world, to, now);
        }
    }

    /// Of some places where surge is, each with its multiplier, the one that draws this driver most: the
    /// driver's share of the surcharge for each minute of the way there, and the minutes until a rider is found. None if
    /// there is no surge, or drivers have no share of it. What a host passes on as [`DriverEvent::SurgeAt`](super::DriverEvent::SurgeAt).
    #[must_use]
    pub fn drawn_to(
        &self,
        world: &World,
        surging: &[(Place, f64)],
        now: Timestamp,
    ) -> Option<Place> {
        let Idle::Surge { share } = world.drivers.idle else {
            return None;
        };
        let here = self.place(world, now);
        let city_time = world.pace.city_time(now);
        let travel = world.city.travel();
        let pull = |(place, multiplier): &(Place, f64)| {
            // As one sees it on a map: nobody asks the way to each of a hundred cells.
            let metres = travel.space().distance_m(here, *place) * travel.circuity();
            let way = travel.way_of(metres, city_time).duration;
            share * (multiplier - 1.0) / (way + SEARCH).as_secs_f64()
        };
        surging
            .iter()
            .filter(|(_, multiplier)| share * (multiplier - 1.0) > 0.0)
            .max_by(|one, other| pull(one).total_cmp(&pull(other)))
            .map(|(place, _)| *place)
    }

    pub(super) fn cruise_to(&mut self, world: &World, to: Place, now: Timestamp) {
        let here = self.place(world, now);
        self.turn_to(Work::Idle, now);
        self.leg = self.way(world, here, to, now);
    }
}

/// A car that has come to a place.
fn parked(world: &World, place: Place, at: Timestamp) -> Leg {
    Leg::parked(world.city.travel().kerb(place), at)
}

impl RideUnderWay {
    /// When the driver did what so far, in the run's time.
    #[must_use]
    pub fn stamps(&self, pace: &crate::pace::Pace) -> Stamps {
        let at = |before: Duration| pace.started_at() - pace.in_run(before);
        Stamps {
            accepted_at: Some(at(self.accepted_before)),
            arrived_at: self.arrived_before.map(at),
            picked_up_at: self.picked_up_before.map(at),
            dropped_off_at: None,
        }
    }
}
