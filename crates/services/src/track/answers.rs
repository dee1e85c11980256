//! What drivers answer and report. Nothing is acknowledged before its event is sent.

use domain::hold::{Hold, HoldKey, HoldStage, Refusal};
use domain::trip::{Stamps, TripEvent, TripEventKind};
use domain::{DriverId, Timestamp};

use super::{DriverLinks, Tracker};
use crate::ports::{Clock, HoldEnd, HoldStore, MarketSnapshots, TripEvents};

/// What became of a driver's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The ride is the driver's, since then.
    Accepted(Timestamp),
    /// The driver is free again.
    Declined,
    /// The deadline had passed.
    Late,
    /// No such offer was made to this driver, or it was withdrawn.
    NotOffered,
    /// Could not be decided now: answer again.
    TryAgain,
}

/// A report of a driver under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressReport {
    /// Of which ride.
    pub key: HoldKey,
    /// The driver's own count of reports on this attempt.
    pub sequence: u32,
    /// What happened.
    pub kind: TripEventKind,
    /// When, by the driver.
    pub at: Timestamp,
    /// All stamps so far, by the driver.
    pub stamps: Stamps,
}

/// What became of a driver's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressOutcome {
    /// Its event is sent.
    Recorded,
    /// The driver does not have this ride (any more).
    NotYours,
    /// Could not be recorded now: report again.
    TryAgain,
}

impl<H, E, S, L, C> Tracker<H, E, S, L, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    L: DriverLinks,
    C: Clock,
{
    /// Takes a driver's yes or no. The same again has the same outcome.
    pub async fn answer(&self, driver: DriverId, key: HoldKey, accept: bool) -> AnswerOutcome {
        if key.driver != driver {
            return AnswerOutcome::NotOffered;
        }
        if accept {
            self.accept(key).await
        } else {
            self.decline(key).await
        }
    }

    async fn accept(&self, key: HoldKey) -> AnswerOutcome {
        let hold = match self.holds.accept(key, self.clock.now()).await {
            Ok(Ok(hold)) => hold,
            Ok(Err(Refusal::Late)) => return AnswerOutcome::Late,
            Ok(Err(Refusal::NotOffered)) => {
                self.forget_if_accepted(key);
                return AnswerOutcome::NotOffered;
            }
            Err(error) => {
                tracing::warn!(trip = %key.trip, %error, "accept was not decided");
                return AnswerOutcome::TryAgain;
            }
        };
        if !self.remember_accepted(hold) {
            // Released between the table's answer and here, unless it is another tracker's: a release
            // writes the table first, so a second look tells.
            match self.holds.accept(key, self.clock.now()).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) => {
                    self.forget_if_accepted(key);
                    return AnswerOutcome::NotOffered;
                }
                Err(error) => {
                    tracing::warn!(trip = %key.trip, %error, "accept was not decided");
                    return AnswerOutcome::TryAgain;
                }
            }
        }
        let event = accepted_event(&hold, self.clock.now());
        match self.events.send(&event).await {
            Ok(()) => AnswerOutcome::Accepted(event.at),
            Err(error) => {
                tracing::warn!(trip = %key.trip, %error, "accept was not reported");
                AnswerOutcome::TryAgain
            }
        }
    }

    /// Memory follows an accept. False if it did not know the hold.
    fn remember_accepted(&self, hold: Hold) -> bool {
        let mut fleet = self.fleet();
        let known = fleet.hold_of_driver(hold.key.driver);
        let was_known = known.is_some_and(|known| known.key == hold.key);
        if let Err(conflict) = fleet.set_hold(hold) {
            // The table decides: whatever stands in memory is void there.
            tracing::error!(trip = %hold.key.trip, %conflict, "memory did not follow an accept");
        }
        was_known
    }

    /// The table no longer has a hold: memory that has it as accepted follows. Earlier stages run out.
    fn forget_if_accepted(&self, key: HoldKey) {
        let mut fleet = self.fleet();
        let known = fleet.hold_of_driver(key.driver);
        if known.is_some_and(|known| known.key == key && known.stage == HoldStage::Accepted) {
            fleet.end_hold(&key);
        }
    }

    /// A hold that ran out here was accepted: through another tracker, or the table's answer was lost.
    /// Perhaps nobody has reported it. Until that is done the hold comes up again.
    pub(super) async fn follow_accept(&self, key: HoldKey) {
        let now = self.clock.now();
        let Ok(Ok(hold)) = self.holds.accept(key, now).await else {
            return;
        };
        if let Err(error) = self.events.send(&accepted_event(&hold, now)).await {
            tracing::warn!(trip = %key.trip, %error, "accept was not reported");
            return;
        }
        let mut fleet = self.fleet();
        let known = fleet.hold_of_driver(key.driver);
        // Released meanwhile: the table has it so.
        if known.is_some_and(|known| known.key == key) {
            let followed = fleet.set_hold(hold);
            debug_assert!(followed.is_ok(), "a hold moves on to its next stage");
        }
    }

    async fn decline(&self, key: HoldKey) -> AnswerOutcome {
        let stage = self.held(key).map(|hold| hold.stage);
        if stage != Some(HoldStage::Offered) {
            return AnswerOutcome::NotOffered;
        }
        match self.end_and_report(key, TripEventKind::Declined).await {
            Ok(Ended::Reported) => AnswerOutcome::Declined,
            Ok(Ended::WasAccepted) => AnswerOutcome::NotOffered,
            Err(NotEnded) => AnswerOutcome::TryAgain,
        }
    }

    /// Ends a hold that was not accepted, reports why, and only then forgets it: if the report fails,
    /// the next try finds it again.
    pub(super) async fn end_and_report(
        &self,
        key: HoldKey,
        kind: TripEventKind,
    ) -> Result<Ended, NotEnded> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::warn!(trip = %key.trip, %error, ?kind, "hold could not be ended for now");
        };
        match self.holds.end(key, HoldEnd::Expired).await {
            Ok(true) => {}
            // Accepted meanwhile: the ride goes on.
            Ok(false) => return Ok(Ended::WasAccepted),
            Err(error) => {
                failed(&error);
                return Err(NotEnded);
            }
        }
        let at = self.clock.now();
        let event = TripEvent {
            key,
            sequence: 0,
            kind,
            at,
            stamps: Stamps::default(),
        };
        if let Err(error) = self.events.send(&event).await {
            failed(&error);
            return Err(NotEnded);
        }
        self.fleet().end_hold(&key);
        Ok(Ended::Reported)
    }

    /// Takes a driver's report of a ride under way. A drop-off frees the driver.
    pub async fn progress(&self, driver: DriverId, report: &ProgressReport) -> ProgressOutcome {
        let key = report.key;
        let held = self.held(key).filter(|hold| {
            key.driver == driver
                && hold.stage == HoldStage::Accepted
                && report.kind.follows_accept()
        });
        let Some(hold) = held else {
            return ProgressOutcome::NotYours;
        };
        let event = self.progress_event(&hold, report);
        if let Err(error) = self.events.send(&event).await {
            tracing::warn!(trip = %key.trip, %error, "progress was not reported");
            return ProgressOutcome::TryAgain;
        }
        if report.kind.ends_hold() {
            if let Err(error) = self.holds.end(key, HoldEnd::Released).await {
                tracing::warn!(trip = %key.trip, %error, "hold of an ended ride stands for now");
                return ProgressOutcome::TryAgain;
            }
            self.fleet().end_hold(&key);
        }
        ProgressOutcome::Recorded
    }

    /// The driver's clock is not trusted beyond ours, and the time of the accept is ours to say.
    fn progress_event(&self, hold: &Hold, report: &ProgressReport) -> TripEvent {
        let now = self.clock.now();
        let earliest = hold.accepted_at.unwrap_or(now).min(now);
        let clamp = |at: Timestamp| at.clamp(earliest, now);
        let stamps = Stamps {
            accepted_at: hold.accepted_at,
            arrived_at: report.stamps.arrived_at.map(clamp),
            picked_up_at: report.stamps.picked_up_at.map(clamp),
            dropped_off_at: report.stamps.dropped_off_at.map(clamp),
        };
        TripEvent {
            key: report.key,
            sequence: report.sequence,
            kind: report.kind,
            at: clamp(report.at),
            stamps,
        }
    }

    fn held(&self, key: HoldKey) -> Option<Hold> {
        self.fleet()
            .hold_of_driver(key.driver)
            .copied()
            .filter(|hold| hold.key == key)
    }
}

/// How an end that was meant for a hold not accepted came out.
pub(super) enum Ended {
    /// It has ended, and that is reported.
    Reported,
    /// It was accepted, and stands.
    WasAccepted,
}

/// The hold could not be ended, or its end not reported: it is tried again.
pub(super) struct NotEnded;

/// The event of an accepted hold; sent again after a restart, for the first may never have left.
pub(super) fn accepted_event(hold: &Hold, now: Timestamp) -> TripEvent {
    let at = hold.accepted_at.unwrap_or(now);
    let stamps = Stamps {
        accepted_at: Some(at),
        ..Stamps::default()
    };
    TripEvent {
        key: hold.key,
        sequence: 1,
        kind: TripEventKind::Accepted,
        at,
        stamps,
    }
}
