//! Holds as the tracker remembers them, and when each is to be reported as void.
//!
//! The durable table decides; this memory follows it. A driver has at most one hold here and a trip at
//! most one, whatever their stage, from before the durable write begins until after the durable end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::hold::{Hold, HoldKey, HoldStage};
use domain::{DriverId, Timestamp, TripId};

use crate::limits::HOLD_REPORT_RETRY;

/// Two holds that cannot both be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "found {} kept for trip {} (attempt {}), expected room for {} on trip {} (attempt {})",
    held.driver, held.trip, held.attempt, wanted.driver, wanted.trip, wanted.attempt
)]
pub struct HoldConflict {
    /// The hold that was to be set.
    pub wanted: HoldKey,
    /// The one that stands.
    pub held: HoldKey,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    hold: Hold,
    /// The durable write is under way.
    pending: bool,
    /// When to report it next; none once accepted.
    report_at: Option<Timestamp>,
}

/// The holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds {
    /// Apart from the tree, which moves what it holds at each insertion.
    by_driver: BTreeMap<DriverId, Box<Record>>,
    by_trip: BTreeMap<TripId, DriverId>,
    due: BTreeSet<(Timestamp, DriverId)>,
    /// Holds by stage, in the order of [`HoldStage`].
    by_stage: [usize; 3],
}

/// What stands in the way of a new hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum InTheWay {
    /// The same hold, and whether its durable write is still under way.
    Same { hold: Hold, pending: bool },
    /// Another hold of the trip.
    Trip(HoldKey),
    /// Another hold of the driver.
    Driver(HoldKey),
}

impl Holds {
    pub(crate) fn in_the_way(&self, key: &HoldKey) -> Option<InTheWay> {
        let of_driver = self.by_driver.get(&key.driver);
        if let Some(record) = of_driver.filter(|record| record.hold.key == *key) {
            return Some(InTheWay::Same {
                hold: record.hold,
                pending: record.pending,
            });
        }
        if let Some(driver) = self.by_trip.get(&key.trip) {
            return Some(InTheWay::Trip(self.by_driver[driver].hold.key));
        }
        of_driver.map(|record| InTheWay::Driver(record.hold.key))
    }

    /// Adds a hold that nothing is in the way of.
    pub(crate) fn add(&mut self, hold: Hold, pending: bool) {
        let HoldKey { driver, trip, .. } = hold.key;
        let report_at = first_report(&hold);
        let record = Record {
            hold,
            pending,
            report_at,
        };
        let previous = self.by_driver.insert(driver, Box::new(record));
        assert!(previous.is_none(), "{driver} had no hold");
        let previous = self.by_trip.insert(trip, driver);
        assert!(previous.is_none(), "trip {trip} had no hold");
        self.due.extend(report_at.map(|at| (at, driver)));
        self.by_stage[hold.stage as usize] += 1;
        debug_assert_eq!(self.by_driver.len(), self.by_trip.len());
    }

    pub(crate) fn remove(&mut self, key: &HoldKey) -> Option<Hold> {
        self.by_driver
            .get(&key.driver)
            .filter(|record| record.hold.key == *key)?;
        let record = self.by_driver.remove(&key.driver)?;
        let driver = self.by_trip.remove(&key.trip);
        assert_eq!(
            driver,
            Some(key.driver),
            "trip {} was kept by its hold's driver",
            key.trip
        );
        if let Some(at) = record.report_at {
            let was_due = self.due.remove(&(at, key.driver));
            assert!(was_due, "a hold with a time to report is in the queue");
        }
        self.by_stage[record.hold.stage as usize] -= 1;
        debug_assert_eq!(self.by_driver.len(), self.by_trip.len());
        Some(record.hold)
    }

    /// Follows a durable write: adds the hold or moves it on, never back to an earlier stage.
    pub(crate) fn set(&mut self, hold: Hold) -> Result<(), HoldConflict> {
        match self.in_the_way(&hold.key) {
            Some(InTheWay::Trip(held) | InTheWay::Driver(held)) => {
                return Err(HoldConflict {
                    wanted: hold.key,
                    held,
                });
            }
            Some(InTheWay::Same { hold: held, .. }) => {
                self.remove(&hold.key);
                self.add(if held.stage > hold.stage { held } else { hold }, false);
            }
            None => self.add(hold, false),
        }
        Ok(())
    }

    /// Settles a hold whose durable write was under way; whether it stands now.
    pub(crate) fn settle(&mut self, key: &HoldKey, won: bool) -> bool {
        let Some(record) = self
            .by_driver
            .get_mut(&key.driver)
            .filter(|r| r.hold.key == *key)
        else {
            return false;
        };
        if record.pending && !won {
            self.remove(key);
            return false;
        }
        record.pending = false;
        true
    }

    pub(crate) fn keeps(&self, driver: DriverId) -> bool {
        self.by_driver.contains_key(&driver)
    }

    pub(crate) fn of_driver(&self, driver: DriverId) -> Option<&Hold> {
        let record = self.by_driver.get(&driver)?;
        (!record.pending).then_some(&record.hold)
    }

    pub(crate) fn of_trip(&self, trip: TripId) -> Option<&Hold> {
        self.of_driver(*self.by_trip.get(&trip)?)
    }

    /// Settled holds, by driver.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.by_driver
            .values()
            .filter(|record| !record.pending)
            .map(|record| &record.hold)
    }

    pub(crate) fn by_stage(&self) -> [usize; 3] {
        self.by_stage
    }

    pub(crate) fn next_report(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// The next void hold, which comes up again after [`HOLD_REPORT_RETRY`] unless it is ended.
    pub(crate) fn pop_void(&mut self, now: Timestamp) -> Option<Hold> {
        let (at, driver) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, driver));
        let record = self
            .by_driver
            .get_mut(&driver)
            .expect("the queue names drivers with a hold");
        let again = now + HOLD_REPORT_RETRY;
        record.report_at = Some(again);
        self.due.insert((again, driver));
        Some(record.hold)
    }
}

/// A hold is live at its deadline and void right after it.
fn first_report(hold: &Hold) -> Option<Timestamp> {
    (hold.stage != HoldStage::Accepted).then(|| hold.deadline + Duration::from_micros(1))
}
