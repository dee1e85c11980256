//! What the tracker knows of each driver, in dense slots.

use domain::{DriverId, Place, Timestamp, VehicleClass};

use crate::seats::Seat;
use crate::slot_table::{SlotTable, hash_of};

/// Whether a driver is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Went off on purpose: pings do not bring the driver back.
    Offline,
    /// No ping for too long: the next brings the driver back.
    Silent,
    /// There.
    Online,
}

/// One driver, in one cache line: a ping reads hardly more than this.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Driver {
    pub(crate) id: DriverId,
    pub(crate) place: Place,
    /// When the tracker last heard of the driver, by its own clock.
    pub(crate) seen_at: Timestamp,
    /// When the driver was at the place, by the driver's clock.
    pub(crate) sent_at: Timestamp,
    /// The last ping's number; none since the driver went online.
    pub(crate) sequence: Option<u64>,
    pub(crate) presence: Presence,
    /// In the index; none unless online and kept by no hold when that was told last.
    pub(crate) seat: Seat,
    pub(crate) vehicle: VehicleClass,
    /// Kept by a hold, settled or under way.
    pub(crate) held: bool,
    /// Has its one entry in the queue of drivers who may fall silent.
    pub(crate) watched: bool,
    /// Has its one entry in the queue of drivers who may be forgotten.
    pub(crate) fading: bool,
}

const _: () = assert!(size_of::<Driver>() == 64);

/// All drivers.
#[derive(Debug, Clone)]
pub(crate) struct Drivers {
    slots: Vec<Driver>,
    free: Vec<u32>,
    by_id: SlotTable,
}

impl Drivers {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: SlotTable::new(),
        }
    }

    pub(crate) fn find(&self, id: DriverId) -> Option<u32> {
        self.by_id
            .find(hash_of(id.0), |slot| self.slots[slot as usize].id == id)
    }

    pub(crate) fn get(&self, slot: u32) -> &Driver {
        &self.slots[slot as usize]
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut Driver {
        &mut self.slots[slot as usize]
    }

    /// Adds a driver who is not there yet.
    pub(crate) fn add(&mut self, driver: Driver) -> u32 {
        debug_assert!(self.find(driver.id).is_none());
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = driver;
            slot
        } else {
            self.slots.push(driver);
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 drivers")
        };
        self.by_id.insert(hash_of(driver.id.0), slot);
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        let id = self.slots[slot as usize].id;
        self.by_id.remove(hash_of(id.0), slot);
        self.free.push(slot);
        // What remains in a freed slot is never available.
        self.slots[slot as usize].presence = Presence::Offline;
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Driver> {
        self.slots.iter()
    }
}
