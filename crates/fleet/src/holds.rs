//! Holds as the tracker remembers them, and when each is to be reported as void.
//!
//! The durable table decides; this memory follows it. A driver has at most one hold here and a trip at
//! most one, whatever their stage, from before the durable write begins until after the durable end.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::hold::{Hold, HoldKey, HoldStage};
use domain::{DriverId, Timestamp, TripId};

use crate::limits::HOLD_REPORT_RETRY;
use crate::slot_table::{SlotTable, hash_of};

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
#[derive(Debug, Clone)]
pub(crate) struct Holds {
    /// In slots of their own; one that is free has none.
    records: Vec<Option<Record>>,
    free: Vec<u32>,
    by_driver: SlotTable,
    by_trip: SlotTable,
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

/// Ids of trips are hashes; it takes their lower half.
fn hash_of_trip(trip: TripId) -> u64 {
    hash_of(trip.0 as u64)
}

impl Holds {
    pub(crate) fn new() -> Self {
        Self {
            records: Vec::new(),
            free: Vec::new(),
            by_driver: SlotTable::new(),
            by_trip: SlotTable::new(),
            due: BTreeSet::new(),
            by_stage: [0; 3],
        }
    }

    fn in_slot(&self, slot: u32) -> &Record {
        let record = self.records[slot as usize].as_ref();
        record.expect("a slot that is named has a hold")
    }

    fn slot_of_driver(&self, driver: DriverId) -> Option<u32> {
        let is_it = |slot| self.in_slot(slot).hold.key.driver == driver;
        self.by_driver.find(hash_of(driver.0), is_it)
    }

    fn slot_of_trip(&self, trip: TripId) -> Option<u32> {
        let is_it = |slot| self.in_slot(slot).hold.key.trip == trip;
        self.by_trip.find(hash_of_trip(trip), is_it)
    }

    /// The slot of just that hold.
    fn slot_of(&self, key: &HoldKey) -> Option<u32> {
        let slot = self.slot_of_driver(key.driver)?;
        (self.in_slot(slot).hold.key == *key).then_some(slot)
    }

    fn in_slot_mut(&mut self, slot: u32) -> &mut Record {
        let record = self.records[slot as usize].as_mut();
        record.expect("a slot that is named has a hold")
    }

    pub(crate) fn in_the_way(&self, key: &HoldKey) -> Option<InTheWay> {
        let of_driver = self.slot_of_driver(key.driver);
        let of_driver = of_driver.map(|slot| self.in_slot(slot));
        if let Some(record) = of_driver.filter(|record| record.hold.key == *key) {
            return Some(InTheWay::Same {
                hold: record.hold,
                pending: record.pending,
            });
        }
        if let Some(slot) = self.slot_of_trip(key.trip) {
            return Some(InTheWay::Trip(self.in_slot(slot).hold.key));
        }
        of_driver.map(|record| InTheWay::Driver(record.hold.key))
    }

    /// Adds a hold that nothing is in the way of.
    pub(crate) fn add(&mut self, hold: Hold, pending: bool) {
        let HoldKey { driver, trip, .. } = hold.key;
        assert!(!self.keeps(driver), "{driver} had no hold");
        assert!(self.slot_of_trip(trip).is_none(), "trip {trip} had no hold");
        let report_at = first_report(&hold);
        let record = Some(Record {
            hold,
            pending,
            report_at,
        });
        let slot = if let Some(slot) = self.free.pop() {
            self.records[slot as usize] = record;
            slot
        } else {
            self.records.push(record);
            u32::try_from(self.records.len() - 1).expect("fewer than 2^32 holds")
        };
        self.by_driver.insert(hash_of(driver.0), slot);
        self.by_trip.insert(hash_of_trip(trip), slot);
        self.due.extend(report_at.map(|at| (at, driver)));
        self.by_stage[hold.stage as usize] += 1;
    }

    pub(crate) fn remove(&mut self, key: &HoldKey) -> Option<Hold> {
        let slot = self.slot_of(key)?;
        self.by_driver.remove(hash_of(key.driver.0), slot);
        self.by_trip.remove(hash_of_trip(key.trip), slot);
        self.free.push(slot);
        let record = self.records[slot as usize].take()?;
        if let Some(at) = record.report_at {
            let was_due = self.due.remove(&(at, key.driver));
            assert!(was_due, "a hold with a time to report is in the queue");
        }
        self.by_stage[record.hold.stage as usize] -= 1;
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
        let Some(slot) = self.slot_of(key) else {
            return false;
        };
        let record = self.in_slot_mut(slot);
        if record.pending && !won {
            self.remove(key);
            return false;
        }
        record.pending = false;
        true
    }

    pub(crate) fn keeps(&self, driver: DriverId) -> bool {
        self.slot_of_driver(driver).is_some()
    }

    pub(crate) fn of_driver(&self, driver: DriverId) -> Option<&Hold> {
        self.settled(self.slot_of_driver(driver)?)
    }

    pub(crate) fn of_trip(&self, trip: TripId) -> Option<&Hold> {
        self.settled(self.slot_of_trip(trip)?)
    }

    fn settled(&self, slot: u32) -> Option<&Hold> {
        let record = self.in_slot(slot);
        (!record.pending).then_some(&record.hold)
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
        let slot = self.slot_of_driver(driver);
        let slot = slot.expect("the queue names drivers with a hold");
        let record = self.in_slot_mut(slot);
        let again = now + HOLD_REPORT_RETRY;
        record.report_at = Some(again);
        let hold = record.hold;
        self.due.insert((again, driver));
        Some(hold)
    }
}

/// A hold is live at its deadline and void right after it.
fn first_report(hold: &Hold) -> Option<Timestamp> {
    (hold.stage != HoldStage::Accepted).then(|| hold.deadline + Duration::from_micros(1))
}
