//! A driver, from the beginning of the shift to its end, as a state machine: [`Driver::step`] takes what
//! happened and says what the driver's app does next.
//!
//! Three things go on at once and are kept apart: the stream to the tracker (`Link`), the ride (`Work`)
//! and the offer that is being looked at (`Pending`). The ride is physical: it goes on while
//! the stream is down, and its milestones happen at their own times however late the host wakes the
//! driver. What was reported and not acknowledged is sent again.
//!
//! The host carries out each action and passes on what the tracker says. After each step it asks
//! [`Driver::wake_at`] when to wake the driver; a wake that comes early, late or for nothing does no harm.

mod account;
mod course;
mod outbox;
mod pings;
mod ride;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::hold::{HoldKey, Offer};
use domain::trip::{Stamps, TripEvent};
use domain::{DriverId, Place, Timestamp, VehicleClass};

pub use account::{Activity, DriverAccount, DriverCounts};
pub use course::{Course, Passed};
pub use pings::look_every;

use crate::leg::Leg;
use crate::supply::DriverPlan;
use crate::world::{Idle, World};
use account::Ledger;
use outbox::Outbox;
use pings::Pings;

/// How long an answer or report stays unacknowledged before it is sent again. Run time, as all of these:
/// the app is part of the system.
pub const RESEND_EVERY: Duration = Duration::from_secs(5);
/// The wait after the tracker said "try again".
pub const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Times an answer or report is sent again before it is given up.
pub const RESENDS_MAX: u32 = 100;
/// The wait before a lost stream is opened again; each further failure doubles it.
pub const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// The longest wait before a lost stream is opened again.
pub const RECONNECT_AFTER_MAX: Duration = Duration::from_secs(10);

/// What happens to a driver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DriverEvent {
    /// The time of [`Driver::wake_at`] has come.
    Wake,
    /// The stream is open.
    Connected,
    /// The stream ended, whoever ended it, or could not be opened.
    StreamLost,
    /// A ride is offered.
    Offered {
        /// Which.
        key: HoldKey,
        /// What is told of it.
        offer: Offer,
        /// Until when it may be answered.
        deadline: Timestamp,
    },
    /// The tracker took an answer.
    Answered {
        /// To which offer.
        key: HoldKey,
        /// How.
        outcome: AnswerOutcome,
    },
    /// The tracker took a report.
    Reported {
        /// On which ride.
        key: HoldKey,
        /// Which report.
        sequence: u32,
        /// How.
        outcome: ReportOutcome,
    },
    /// An offer or a ride is off.
    Released {
        /// Which.
        key: HoldKey,
    },
    /// Surge is high there: heeded by an idle driver who drives to where surge is.
    SurgeAt(Place),
}

/// How the tracker took an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The ride is the driver's.
    Accepted {
        /// Since when.
        at: Timestamp,
    },
    /// The decline is noted.
    Declined,
    /// The deadline had passed.
    Late,
    /// There is no such offer to this driver.
    NotOffered,
    /// It cannot be decided now: answer again.
    TryAgain,
}

/// How the tracker took a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportOutcome {
    /// It is recorded.
    Recorded,
    /// The driver does not have this ride any more.
    NotYours,
    /// It cannot be recorded now: report again.
    TryAgain,
}

/// What a driver does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DriverAction {
    /// Opens the stream. Answered by [`DriverEvent::Connected`] or [`DriverEvent::StreamLost`].
    Connect,
    /// Says where the driver is, in what, and that the stream is new.
    GoOnline {
        /// The place.
        place: Place,
        /// The class of what the driver drives.
        vehicle: VehicleClass,
    },
    /// Reports the place.
    Ping {
        /// Counts this driver's pings.
        sequence: u64,
        /// The place now.
        place: Place,
        /// When the ping was due: where its latency is counted from.
        scheduled_at: Timestamp,
    },
    /// Looks at the heat map. Answered by [`DriverEvent::SurgeAt`] where surge draws the driver somewhere.
    LookForSurge,
    /// Answers an offer. Answered by [`DriverEvent::Answered`].
    Answer {
        /// Which.
        key: HoldKey,
        /// Yes or no.
        accept: bool,
    },
    /// Reports progress of the ride. Answered by [`DriverEvent::Reported`].
    Report(TripEvent),
    /// Says good-bye.
    GoOffline,
    /// Is gone: nothing follows. Close the stream.
    Leave,
}

/// How the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Will be opened at a time.
    Until(Timestamp),
    /// Is being opened.
    Opening,
    /// Is open.
    Up,
    /// The shift is over.
    Gone,
}

/// A ride that the driver has.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ride {
    key: HoldKey,
    offer: Offer,
    /// Of the last report; the accept is 1.
    sequence: u32,
    stamps: Stamps,
}

/// What the driver works at. The way is the driver's leg.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Idle,
    ToPickup(Ride),
    /// The rider boards until a time.
    Boarding(Ride, Timestamp),
    OnTrip(Ride),
}

/// An offer that is being looked at, or whose answer is not yet taken.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pending {
    key: HoldKey,
    offer: Offer,
    accept: bool,
    /// When the answer is sent, or sent again.
    answer_at: Timestamp,
    /// How often it was sent.
    sent: u32,
}

/// A driver.
#[derive(Debug, Clone)]
pub struct Driver {
    id: DriverId,
    vehicle: VehicleClass,
    shift_ends_at: Timestamp,
    link: Link,
    failures: u32,
    pings: Pings,
    leg: Leg,
    work: Work,
    pending: Option<Pending>,
    outbox: Outbox,
    ledger: Ledger,
}

impl Driver {
    /// A driver who comes on shift when the plan says, without a ride.
    #[must_use]
    pub fn new(world: &World, plan: &DriverPlan) -> Self {
        let pace = &world.pace;
        let rules = &world.drivers;
        let connects_at = if plan.shift_starts == Duration::ZERO {
            pace.started_at() - rules.lead.mul_f64(1.0 - plan.ping_phase)
        } else {
            pace.run_time(plan.shift_starts)
        };
        let place = world.city.travel().kerb(plan.place);
        let ping_anchor = pace.started_at() + rules.ping_every.mul_f64(plan.ping_phase);
        Self {
            id: plan.driver,
            vehicle: plan.vehicle,
            shift_ends_at: plan
                .shift_ends
                .map_or(Timestamp::MAX, |offset| pace.run_time(offset)),
            link: Link::Until(connects_at),
            failures: 0,
            pings: Pings::new(world, plan.driver, ping_anchor, (connects_at, place)),
            leg: Leg::parked(place, connects_at),
            work: Work::Idle,
            pending: None,
            outbox: Outbox::default(),
            ledger: Ledger::new(pace.started_at()),
        }
    }

    /// Who.
    #[must_use]
    pub fn id(&self) -> DriverId {
        self.id
    }

    /// Where the driver is.
    #[must_use]
    pub fn place(&self, world: &World, now: Timestamp) -> Place {
        self.leg.place_at(world.city.space(), now)
    }

    /// What the driver is at; none before the shift and after it.
    #[must_use]
    pub fn activity(&self) -> Option<Activity> {
        self.ledger.activity()
    }

    /// The ride that the driver has accepted and not ended.
    #[must_use]
    pub fn riding(&self) -> Option<HoldKey> {
        self.ride().map(|ride| ride.key)
    }

    /// Whether the shift is over and the driver gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.link == Link::Gone
    }

    /// What time, way and work come to by a time since the last step, if nothing else is heard before it. Milestones
    /// of the ride between the two count, whether or not the driver was woken for them.
    #[must_use]
    pub fn account(&self, world: &World, at: Timestamp) -> DriverAccount {
        let mut then = self.clone();
        // What happens at that very moment belongs to what follows it, as in a span of time.
        let before = at - Duration::from_micros(1);
        then.go_on(world, before, &mut Vec::new());
        let mut account = then.ledger.account(&world.pace, at, &then.leg);
        account.counts.pings_due = self.pings_due(at);
        account
    }

    /// When the driver next does something unasked, but look at the heat map where pings are spared; none once gone.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let physical = match self.work {
            Work::ToPickup(_) | Work::OnTrip(_) => Some(self.leg.arrives_at),
            Work::Boarding(_, until) => Some(until),
            Work::Idle if self.pending.is_none() && self.outbox.is_empty() => {
                Some(self.shift_ends_at)
            }
            Work::Idle => None,
        };
        let linked = match self.link {
            Link::Gone => return None,
            Link::Until(at) => Some(at),
            Link::Opening => None,
            Link::Up => [
                self.next_ping_at(),
                self.pending.map(|pending| pending.answer_at),
                self.outbox.resend_at(),
            ]
            .into_iter()
            .flatten()
            .min(),
        };
        physical
            .into_iter()
            .chain(linked)
            .min()
            .filter(|at| *at < Timestamp::MAX)
    }

    /// Takes what happened; what the driver does about it is added to `actions`.
    pub fn step(
        &mut self,
        world: &World,
        event: DriverEvent,
        now: Timestamp,
        actions: &mut Vec<DriverAction>,
    ) {
        if self.link == Link::Gone {
            return;
        }
        self.pass_over_pings(world, now);
        self.go_on(world, now, actions);
        match event {
            DriverEvent::Wake => {}
            DriverEvent::Connected => self.connected(world, now, actions),
            DriverEvent::StreamLost => self.lose_stream(world, now),
            DriverEvent::Offered {
                key,
                offer,
                deadline,
            } => self.offered(world, key, offer, deadline, now, actions),
            DriverEvent::Answered { key, outcome } => self.answered(world, key, outcome, now),
            DriverEvent::Reported {
                key,
                sequence,
                outcome,
            } => self.reported(world, key, sequence, outcome, now, actions),
            DriverEvent::Released { key } => self.released(world, key, now, actions),
            DriverEvent::SurgeAt(place) => {
                if matches!(world.drivers.idle, Idle::Surge { .. }) && self.is_free() {
                    self.cruise_to(world, place, now);
                }
            }
        }
        // An answer may have begun a ride of no length.
        self.go_on(world, now, actions);
        self.keep_up(world, now, actions);
    }

    fn is_free(&self) -> bool {
        self.work == Work::Idle && self.pending.is_none()
    }

    fn ride(&self) -> Option<&Ride> {
        match &self.work {
            Work::Idle => None,
            Work::ToPickup(ride) | Work::Boarding(ride, _) | Work::OnTrip(ride) => Some(ride),
        }
    }

    fn connected(&mut self, world: &World, now: Timestamp, actions: &mut Vec<DriverAction>) {
        if self.link == Link::Up {
            return;
        }
        self.link = Link::Up;
        self.failures = 0;
        if !self.ledger.is_open() {
            self.ledger.switch(Some(Activity::Idle), now, &self.leg);
            self.cruise_if_idle(world, now);
        }
        let place = self.place(world, now);
        let vehicle = self.vehicle;
        actions.push(DriverAction::GoOnline { place, vehicle });
        self.begin_pings(place, now);
        let send = |event| actions.push(DriverAction::Report(event));
        self.ledger.counts.given_up += self.outbox.resend(true, now, send);
        if let Some(pending) = &mut self.pending {
            // What was sent on the old stream may be lost.
            if pending.sent > 0 {
                pending.answer_at = now;
            }
        }
    }

    fn lose_stream(&mut self, world: &World, now: Timestamp) {
        self.end_pings(now);
        self.ledger.counts.streams_lost += 1;
        let wait = (RECONNECT_AFTER * 2u32.pow(self.failures.min(8))).min(RECONNECT_AFTER_MAX);
        self.failures += 1;
        let lost = u64::from(self.ledger.counts.streams_lost);
        let mut stream = world.streams.between("reconnect", self.id.0, lost);
        self.link = Link::Until(now + wait.mul_f64(stream.uniform_in(0.5, 1.0)));
    }

    /// Does whatever the app owes by now: connects, answers, pings, sends again, leaves.
    fn keep_up(&mut self, world: &World, now: Timestamp, actions: &mut Vec<DriverAction>) {
        if now >= self.shift_ends_at && self.is_free() && self.outbox.is_empty() {
            self.leave(now, actions);
        }
        match self.link {
            Link::Until(at) if at <= now => {
                self.link = Link::Opening;
                actions.push(DriverAction::Connect);
            }
            Link::Up => {
                self.answer_if_due(now, actions);
                let send = |event| actions.push(DriverAction::Report(event));
                self.ledger.counts.given_up += self.outbox.resend(false, now, send);
                self.ping_if_due(world, now, actions);
            }
            _ => {}
        }
    }

    fn leave(&mut self, now: Timestamp, actions: &mut Vec<DriverAction>) {
        self.ledger.switch(None, now, &self.leg);
        self.end_pings(now);
        if self.link == Link::Up {
            actions.push(DriverAction::GoOffline);
        }
        self.link = Link::Gone;
        actions.push(DriverAction::Leave);
    }
}
