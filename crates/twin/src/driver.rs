//! One driver in virtual time: carries out what the driver's behaviour says, and passes on what the tracker
//! says.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::Timestamp;
use domain::hold::{HoldKey, Offer};
use domain::trip::TripEvent;
use drive::agents::KeptAccounts;
use fleet::Ping;
use kernel::Inbox;
use services::track::{self, ProgressOutcome, ProgressReport};
use workload::driver::{AnswerOutcome, Driver, DriverAction, DriverEvent, ReportOutcome};
use workload::supply::DriverPlan;

use crate::convoy::Seat;
use crate::run::Shared;
use crate::streams::Heard;

struct Agent {
    shared: Arc<Shared>,
    driver: Driver,
    inbox: Inbox<Heard>,
    /// What was offered last, and how long the way to the pick-up is, in metres.
    offered: Option<(HoldKey, f64)>,
    accounts: KeptAccounts,
    /// Where the driver is among those on the move.
    seat: Option<Seat>,
    /// A time at which the driver looks at the heat map, while among those who wait for that.
    look_at: Option<Timestamp>,
}

/// What a step fills and empties: one for all drivers, who take their steps one after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    actions: Vec<DriverAction>,
    events: VecDeque<DriverEvent>,
}

/// Drives until the shift is over or the run is quiet.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    plan: DriverPlan,
    under_way: Option<(HoldKey, Offer)>,
    inbox: Inbox<Heard>,
) {
    let driver = match (&plan.under_way, under_way) {
        (Some(ride), Some((key, offer))) => {
            Driver::under_way(&shared.world, &plan, ride, key, offer)
        }
        _ => Driver::new(&shared.world, &plan),
    }
    .sparing_pings();
    let mut agent = Agent {
        driver,
        inbox,
        offered: under_way.map(|(key, offer)| (key, offer.pickup_distance_m)),
        accounts: KeptAccounts::default(),
        seat: None,
        look_at: None,
        shared,
    };
    agent.shared.recorder.turned(None, agent.driver.activity());
    while !agent.driver.is_gone() {
        let wake_at = agent.driver.wake_at().map(Timestamp::as_micros);
        let heard = agent.inbox.next_until(&agent.shared.time, wake_at).await;
        let event = match heard {
            Some(Heard::Quiet) => break,
            Some(Heard::Said { event, sent_at }) => {
                agent.hear(&event, sent_at);
                event
            }
            None => DriverEvent::Wake,
        };
        agent.step(event);
    }
    agent.finish();
}

impl Agent {
    /// Notes what the recorder wants to know of what the tracker says.
    fn hear(&mut self, event: &DriverEvent, sent_at: Timestamp) {
        let (recorder, now) = (&self.shared.recorder, self.shared.now());
        match event {
            DriverEvent::Offered { key, offer, .. } => {
                recorder.offer_received(key.trip, sent_at, now);
                self.offered = Some((*key, offer.pickup_distance_m));
            }
            DriverEvent::Answered {
                key,
                outcome: AnswerOutcome::Accepted { .. },
            } => {
                let way_m = self.offered.filter(|(known, _)| known == key);
                let way_m = way_m.map_or(0.0, |(_, way_m)| way_m);
                recorder.accepted(*key, way_m, now);
            }
            _ => {}
        }
    }

    /// Lets the behaviour decide, and carries out what it says, until it has nothing more to say.
    fn step(&mut self, event: DriverEvent) {
        let shared = self.shared.clone();
        if let Some(seat) = self.seat.take() {
            shared.tracker.leave_convoy(seat);
        }
        let mut scratch = shared.scratch.lock();
        let Scratch { actions, events } = &mut *scratch;
        events.push_back(event);
        while let Some(event) = events.pop_front() {
            let now = shared.now();
            let before = self.driver.activity();
            self.accounts
                .keep(&shared.recorder, &self.driver, &shared.world, now);
            self.driver.step(&shared.world, event, now, actions);
            shared.recorder.turned(before, self.driver.activity());
            for action in actions.drain(..) {
                events.extend(self.act(action, now));
            }
        }
        drop(scratch);
        let course = self.driver.course();
        self.seat = course.map(|course| shared.tracker.convoy.join(self.driver.id(), course));
        self.wait_to_look();
    }

    /// Has the driver woken to look at the heat map, or no longer.
    fn wait_to_look(&mut self) {
        let next = self.driver.look_at();
        let Some(lookout) = self.shared.lookout.as_ref() else {
            return;
        };
        match (self.look_at, next) {
            (None, Some(at)) => lookout.join(self.driver.id(), at, &self.inbox),
            (Some(at), None) => lookout.leave(self.driver.id(), at),
            // Looks of a driver are whole periods apart.
            _ => return,
        }
        self.look_at = next;
    }

    fn act(&mut self, action: DriverAction, now: Timestamp) -> Option<DriverEvent> {
        let shared = &self.shared;
        let driver = self.driver.id();
        match action {
            DriverAction::Connect => {
                shared.recorder.stream_opened();
                shared.tracker.streams.open(driver, &self.inbox);
                if let Some(notice) = shared.tracker.core.reconnected(driver) {
                    self.inbox.put(Heard::notice(notice, now));
                }
                return Some(DriverEvent::Connected);
            }
            DriverAction::LookForSurge => {
                let surging = shared.heat.surging(now);
                let drawn = self.driver.drawn_to(&shared.world, &surging, now);
                return drawn.map(DriverEvent::SurgeAt);
            }
            DriverAction::Leave => shared.tracker.streams.close(driver),
            DriverAction::GoOnline { place, vehicle } => {
                let mut open = None;
                shared.tracker.note(|tracker| {
                    open = tracker.go_online(driver, place, vehicle);
                });
                if let Some(notice) = open {
                    self.inbox.put(Heard::notice(notice, now));
                }
            }
            DriverAction::GoOffline => shared.tracker.note(|tracker| tracker.go_offline(driver)),
            DriverAction::Ping {
                sequence, place, ..
            } => {
                let ping = Ping {
                    sequence,
                    place,
                    sent_at: now,
                };
                // Counted with all that are not sent one by one.
                shared.tracker.core.ping(driver, ping);
            }
            DriverAction::Answer { key, accept } => self.answer(key, accept),
            DriverAction::Report(event) => self.report(event),
        }
        None
    }

    fn answer(&self, key: HoldKey, accept: bool) {
        let (shared, inbox, driver) = (self.shared.clone(), self.inbox.clone(), self.driver.id());
        self.shared.time.spawn(async move {
            let outcome = match shared.tracker.answer(driver, key, accept).await {
                track::AnswerOutcome::Accepted(at) => AnswerOutcome::Accepted { at },
                track::AnswerOutcome::Declined => AnswerOutcome::Declined,
                track::AnswerOutcome::Late => AnswerOutcome::Late,
                track::AnswerOutcome::NotOffered => AnswerOutcome::NotOffered,
                track::AnswerOutcome::TryAgain => AnswerOutcome::TryAgain,
            };
            inbox.put(shared.heard(DriverEvent::Answered { key, outcome }));
        });
    }

    fn report(&self, event: TripEvent) {
        let (shared, inbox, driver) = (self.shared.clone(), self.inbox.clone(), self.driver.id());
        let report = ProgressReport {
            key: event.key,
            sequence: event.sequence,
            kind: event.kind,
            at: event.at,
            stamps: event.stamps,
        };
        self.shared.time.spawn(async move {
            let outcome = match shared.tracker.progress(driver, &report).await {
                ProgressOutcome::Recorded => ReportOutcome::Recorded,
                ProgressOutcome::NotYours => ReportOutcome::NotYours,
                ProgressOutcome::TryAgain => ReportOutcome::TryAgain,
            };
            inbox.put(shared.heard(DriverEvent::Reported {
                key: report.key,
                sequence: report.sequence,
                outcome,
            }));
        });
    }

    fn finish(self) {
        let shared = &self.shared;
        self.accounts
            .hand_over(&shared.recorder, &self.driver, &shared.world, shared.now());
    }
}
