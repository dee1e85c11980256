//! Drivers' status: who is online, who is kept, who is available.
//!
//! A driver is available while online, heard of recently, and kept by no hold; exactly the available are found in an index
//! whose [shards](crate::index::Index) follow the fleet's changes. Falling silent and holds becoming void happen in
//! [`Fleet::expire`] alone, so that every other call sees the fleet as of the last one.

use std::cmp::Reverse;

use domain::hold::{Hold, HoldKey, HoldStage};
use domain::{DriverId, Place, Space, Timestamp, TripId, VehicleClass};

use crate::deadlines::Deadlines;
use crate::drivers::{Driver, Drivers, Presence};
use crate::exchange::{Counts, Expired, FleetPolicy, Ping, PingOutcome, ReserveStart};
use crate::holds::{HoldConflict, Holds, InTheWay};
use crate::index::Change;
use crate::index::sharding::ShardSet;
use crate::limits::{EXPIRED_PER_CALL_MAX, FORGET_AFTER, PINGS_AT_ONCE};
use crate::seats::{Seat, Seats};

/// The drivers of one market: where they are, who is available, and who is kept for what. Whoever searches among those who
/// are available does so in an index beside it, whose shards have to follow what changes here.
#[derive(Debug, Clone)]
pub struct Fleet {
    policy: FleetPolicy,
    drivers: Drivers,
    holds: Holds,
    online: usize,
    available: usize,
    /// Of those who are available.
    seats: Seats,
    /// When each watched driver may fall silent; no later than the truth, which the driver's own record has.
    silence: Deadlines,
    /// When each fading driver may be forgotten; likewise.
    oblivion: Deadlines,
    /// Room for [`PINGS_AT_ONCE`], empty between calls.
    batch: Vec<(DriverId, Ping)>,
}

impl Fleet {
    /// A fleet without drivers.
    #[must_use]
    pub(crate) fn new(space: Space, policy: FleetPolicy) -> Self {
        Self {
            policy,
            drivers: Drivers::new(),
            holds: Holds::new(),
            online: 0,
            available: 0,
            seats: Seats::new(space),
            silence: Deadlines::new(),
            oblivion: Deadlines::new(),
            batch: Vec::new(),
        }
    }

    /// The shards of an index that have yet to be told what has changed of those who are available.
    pub(crate) fn changed(&self) -> ShardSet {
        self.seats.changed()
    }

    /// Adds what a shard has yet to be told, in the order in which it happened. It is kept until it is taken.
    #[inline]
    pub(crate) fn take_changes(&mut self, shard: usize, into: &mut Vec<Change>) {
        self.seats.take_changes(shard, into);
    }

    /// A driver comes online at a place, or says so again; the numbering of pings starts anew.
    pub fn go_online(&mut self, driver: DriverId, place: Place, now: Timestamp) {
        let slot = self.slot_of(driver, place, now);
        self.begin(slot, place, now);
    }

    fn begin(&mut self, slot: u32, place: Place, now: Timestamp) {
        self.drivers.get_mut(slot).sequence = None;
        self.see(slot, place, now, now);
    }

    /// The same of many, what they need of memory being fetched together.
    pub fn all_go_online(&mut self, drivers: &[(DriverId, Place)], now: Timestamp) {
        for drivers in drivers.chunks(PINGS_AT_ONCE) {
            let slots = self.find_all(drivers.iter().map(|(id, _)| *id));
            for (slot, (driver, place)) in slots.into_iter().zip(drivers) {
                let slot = slot.unwrap_or_else(|| self.slot_of(*driver, *place, now));
                self.begin(slot, *place, now);
            }
        }
    }

    /// What a driver drives from now on, if the driver is known. Until it is said it is the first class.
    pub fn set_vehicle(&mut self, driver: DriverId, class: VehicleClass) {
        if let Some(slot) = self.drivers.find(driver) {
            let driver = self.drivers.get_mut(slot);
            if driver.vehicle != class {
                driver.vehicle = class;
                self.seats.set_class(driver.seat, class);
            }
        }
    }

    /// A driver goes off, and was online if that is answered. A hold stays until it is ended.
    pub fn go_offline(&mut self, driver: DriverId, now: Timestamp) -> bool {
        let Some(slot) = self.drivers.find(driver) else {
            return false;
        };
        let record = self.drivers.get_mut(slot);
        record.seen_at = record.seen_at.max(now);
        let before = std::mem::replace(&mut record.presence, Presence::Offline);
        let was_online = before == Presence::Online;
        self.online -= usize::from(was_online);
        self.settle(slot);
        was_online
    }

    /// A driver's sign of life. One who is not known comes online: after a restart the fleet is rebuilt
    /// from pings. One who fell silent is back.
    pub fn ping(&mut self, driver: DriverId, ping: Ping, now: Timestamp) -> PingOutcome {
        self.ping_of(self.drivers.find(driver), driver, ping, now)
    }

    /// The same of a driver whose slot is known, or who has none.
    fn ping_of(
        &mut self,
        slot: Option<u32>,
        driver: DriverId,
        ping: Ping,
        now: Timestamp,
    ) -> PingOutcome {
        if ping.sent_at > now + self.policy.future_tolerance {
            return PingOutcome::FromTheFuture;
        }
        let slot = match slot {
            None => self.slot_of(driver, ping.place, now),
            Some(slot) => {
                let record = self.drivers.get(slot);
                if record.presence == Presence::Offline {
                    return PingOutcome::NotOnline;
                }
                let was_counted = record.sequence.is_some_and(|last| ping.sequence <= last);
                // Nothing older of who fell silent is on its way any more: an app that began again counts anew.
                let counts_anew =
                    record.presence == Presence::Silent && ping.sent_at > record.sent_at;
                if was_counted && !counts_anew {
                    return PingOutcome::Stale;
                }
                slot
            }
        };
        self.drivers.get_mut(slot).sequence = Some(ping.sequence);
        self.see(slot, ping.place, ping.sent_at, now);
        PingOutcome::Moved
    }

    /// Takes the pings of many, in their order; tells what became of each. Cheaper by far than one by one: what they
    /// need of memory is fetched for [`PINGS_AT_ONCE`] together.
    pub fn pings(
        &mut self,
        pings: impl IntoIterator<Item = (DriverId, Ping)>,
        now: Timestamp,
        mut became: impl FnMut(PingOutcome),
    ) {
        let mut pings = pings.into_iter();
        let mut batch = std::mem::take(&mut self.batch);
        loop {
            batch.clear();
            batch.extend(pings.by_ref().take(PINGS_AT_ONCE));
            if batch.is_empty() {
                break;
            }
            let slots = self.find_all(batch.iter().map(|(id, _)| *id));
            for (slot, (driver, ping)) in slots.into_iter().zip(&batch) {
                // Who was not known may have come since.
                let slot = slot.or_else(|| self.drivers.find(*driver));
                became(self.ping_of(slot, *driver, *ping, now));
            }
        }
        self.batch = batch;
    }

    /// The slots of the first [`PINGS_AT_ONCE`] drivers, of those who are known: what is read of memory for them is under
    /// way for all at once.
    fn find_all(&self, drivers: impl Iterator<Item = DriverId>) -> [Option<u32>; PINGS_AT_ONCE] {
        let mut slots = [None; PINGS_AT_ONCE];
        for (slot, id) in slots.iter_mut().zip(drivers) {
            *slot = self.drivers.find(id);
        }
        slots
    }

    /// The slot of a driver, who is added as silent if not known.
    fn slot_of(&mut self, id: DriverId, place: Place, now: Timestamp) -> u32 {
        if let Some(slot) = self.drivers.find(id) {
            return slot;
        }
        self.drivers.add(Driver {
            id,
            place,
            seen_at: now,
            sent_at: now,
            sequence: None,
            presence: Presence::Silent,
            seat: Seat::NONE,
            vehicle: VehicleClass::default(),
            held: self.holds.keeps(id),
            watched: false,
            fading: false,
        })
    }

    fn see(&mut self, slot: u32, place: Place, sent_at: Timestamp, now: Timestamp) {
        let driver = self.drivers.get_mut(slot);
        driver.place = place;
        driver.sent_at = sent_at;
        driver.seen_at = driver.seen_at.max(now);
        if driver.presence != Presence::Online {
            driver.presence = Presence::Online;
            self.online += 1;
        }
        if !driver.watched {
            driver.watched = true;
            let silent_at = driver.seen_at + self.policy.ping_expiry;
            self.silence.put(silent_at, driver.id);
        }
        self.settle(slot);
    }

    /// Brings what is told of who is available in line with a driver's status: every change of status ends here.
    fn settle(&mut self, slot: u32) {
        let driver = self.drivers.get_mut(slot);
        let is_available = driver.presence == Presence::Online && !driver.held;
        let was_available = driver.seat != Seat::NONE;
        if is_available {
            self.available += usize::from(!was_available);
            let Driver {
                seat,
                id,
                vehicle,
                place,
                ..
            } = *driver;
            driver.seat = self.seats.put(seat, id, vehicle, place);
        } else if was_available {
            self.available -= 1;
            self.seats.leave(driver.seat);
            driver.seat = Seat::NONE;
        }
        debug_assert_eq!(driver.held, self.holds.keeps(driver.id));
    }

    /// Brings a driver's record in line with the holds.
    fn settle_hold(&mut self, driver: DriverId) {
        if let Some(slot) = self.drivers.find(driver) {
            self.drivers.get_mut(slot).held = self.holds.keeps(driver);
            self.settle(slot);
        }
    }

    /// Keeps a driver in memory, as reserved, while the caller writes the hold durably.
    pub fn begin_reserve(&mut self, hold: Hold, now: Timestamp) -> ReserveStart {
        let hold = Hold {
            stage: HoldStage::Reserved,
            accepted_at: None,
            ..hold
        };
        match self.holds.in_the_way(&hold.key) {
            Some(InTheWay::Same { hold, .. }) if !hold.is_live(now) => ReserveStart::PastDeadline,
            Some(InTheWay::Same { pending: true, .. }) => ReserveStart::UnderWay,
            Some(InTheWay::Same { pending: false, .. }) => ReserveStart::AlreadyHeld,
            _ if !hold.is_live(now) => ReserveStart::PastDeadline,
            Some(InTheWay::Trip(held)) => ReserveStart::TripHeldBy(held.driver),
            Some(InTheWay::Driver(_)) => ReserveStart::DriverTaken,
            None if !self.is_fresh(hold.key.driver, now) => ReserveStart::Unavailable,
            None => {
                self.holds.add(hold, true);
                self.settle_hold(hold.key.driver);
                ReserveStart::Started
            }
        }
    }

    fn is_fresh(&self, driver: DriverId, now: Timestamp) -> bool {
        self.drivers.find(driver).is_some_and(|slot| {
            let driver = self.drivers.get(slot);
            driver.presence == Presence::Online && now < driver.seen_at + self.policy.ping_expiry
        })
    }

    /// Ends what [`Fleet::begin_reserve`] began, and says whether the hold stands now. After a win that
    /// does not stand (it was ended, or reported and ended, meanwhile) the caller releases what it wrote.
    /// A write whose outcome is unknown counts as lost only once it was durably released.
    #[must_use = "a durable hold that does not stand here must be released"]
    pub fn finish_reserve(&mut self, key: &HoldKey, won: bool) -> bool {
        let stands = self.holds.settle(key, won);
        self.settle_hold(key.driver);
        stands
    }

    /// The hold of a driver, void ones until they are ended, but not one whose write is under way.
    #[must_use]
    pub fn hold_of_driver(&self, driver: DriverId) -> Option<&Hold> {
        self.holds.of_driver(driver)
    }

    /// The hold of a trip; likewise.
    #[must_use]
    pub fn hold_of_trip(&self, trip: TripId) -> Option<&Hold> {
        self.holds.of_trip(trip)
    }

    /// Follows a durable change of a hold's stage. A stage earlier than the one known changes nothing.
    ///
    /// # Errors
    /// If the driver or the trip has another hold: then nothing changes.
    pub fn set_hold(&mut self, hold: Hold) -> Result<(), HoldConflict> {
        self.holds.set(hold)?;
        self.settle_hold(hold.key.driver);
        Ok(())
    }

    /// Forgets a hold after its durable end; none if there was none. Its driver is available again if
    /// online and heard of recently.
    pub fn end_hold(&mut self, key: &HoldKey) -> Option<Hold> {
        let hold = self.holds.remove(key)?;
        self.settle_hold(key.driver);
        Some(hold)
    }

    /// Takes over the durable holds after a restart. Where two of them share a driver or a trip the
    /// accepted one stands, else the later attempt; the others come back and are to be released durably.
    #[must_use = "holds that could not stand must be released"]
    pub fn restore(&mut self, holds: impl IntoIterator<Item = Hold>) -> Vec<Hold> {
        let mut holds: Vec<Hold> = holds.into_iter().collect();
        holds.sort_by_key(|hold| {
            (
                hold.stage != HoldStage::Accepted,
                Reverse(hold.key.attempt),
                hold.key,
            )
        });
        holds.retain(|hold| self.set_hold(*hold).is_err());
        holds
    }

    /// Does what time has made due: drivers fall silent, void holds are reported, and drivers not heard
    /// of for [`FORGET_AFTER`] longer are forgotten. Looks at no more than [`EXPIRED_PER_CALL_MAX`] of
    /// each; if that was not all, [`Fleet::next_deadline`] is not after `now`.
    pub fn expire(&mut self, now: Timestamp) -> Expired {
        let mut expired = Expired::default();
        for _ in 0..EXPIRED_PER_CALL_MAX {
            match self.holds.pop_void(now) {
                Some(hold) => expired.holds.push(hold),
                None => break,
            }
        }
        for _ in 0..EXPIRED_PER_CALL_MAX {
            match self.silence.pop_due(now) {
                Some((at, driver)) => expired.silent.extend(self.fall_silent(driver, at)),
                // Only with nobody left to fall silent: a driver to be forgotten is then in no other queue.
                None => match self.oblivion.pop_due(now) {
                    Some((_, driver)) => self.forget(driver, now),
                    None => break,
                },
            }
        }
        expired
    }

    /// Handles the entry of a watched driver that was due `at` a time.
    fn fall_silent(&mut self, id: DriverId, at: Timestamp) -> Option<DriverId> {
        let slot = self.drivers.find(id).expect("a watched driver is known");
        let driver = self.drivers.get_mut(slot);
        let silent_at = driver.seen_at + self.policy.ping_expiry;
        let was_online = driver.presence == Presence::Online;
        if was_online && at < silent_at {
            // Back into the queue even if that is due as well: so the longest silent come first.
            self.silence.put(silent_at, id);
            return None;
        }
        driver.watched = false;
        if !std::mem::replace(&mut driver.fading, true) {
            self.oblivion.put(silent_at + FORGET_AFTER, id);
        }
        if !was_online {
            return None;
        }
        driver.presence = Presence::Silent;
        self.online -= 1;
        self.settle(slot);
        Some(id)
    }

    fn forget(&mut self, id: DriverId, now: Timestamp) {
        let slot = self.drivers.find(id).expect("a fading driver is known");
        let driver = self.drivers.get_mut(slot);
        let forget_at = driver.seen_at + self.policy.ping_expiry + FORGET_AFTER;
        if driver.presence == Presence::Online {
            driver.fading = false;
        } else if now < forget_at {
            self.oblivion.put(forget_at, id);
        } else {
            assert!(
                !driver.watched,
                "who was seen that long ago is watched no more"
            );
            self.drivers.remove(slot);
        }
    }

    /// When [`Fleet::expire`] has something to look at next, if nothing else happens before; none if never. Of a driver who
    /// was heard of since that is earlier than there is something to do.
    #[must_use]
    pub fn next_deadline(&mut self) -> Option<Timestamp> {
        [
            self.silence.first(),
            self.oblivion.first(),
            self.holds.next_report(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Where a driver was last seen, and when by the driver's clock; none if not known.
    #[must_use]
    pub fn position(&self, driver: DriverId) -> Option<(Place, Timestamp)> {
        let driver = self.drivers.get(self.drivers.find(driver)?);
        Some((driver.place, driver.sent_at))
    }

    /// When a driver was last heard of, by our clock; none if not known.
    #[must_use]
    pub fn last_ping_at(&self, driver: DriverId) -> Option<Timestamp> {
        Some(self.drivers.get(self.drivers.find(driver)?).seen_at)
    }

    /// Drivers by status.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let [reserved, offered, accepted] = self.holds.by_stage();
        Counts {
            online: self.online,
            available: self.available,
            reserved,
            offered,
            accepted,
        }
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
