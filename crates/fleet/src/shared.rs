//! A fleet and the index of who is available in it, for many at once.
//!
//! Who tells the fleet something waits for others who do, and never for who searches: what has changed is put down, and
//! the index follows at once if nobody searches. Who searches waits for other searches, and first has the index follow
//! what was put down meanwhile: so a search knows of whatever was told before it began.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use domain::{Cell, Resolution, Space};
use parking_lot::{Mutex, MutexGuard};

use crate::exchange::FleetPolicy;
use crate::index::{Candidate, CandidateLists, Change, Index, Nearby};
use crate::status::Fleet;
use crate::zones::Zones;

/// A fleet for many at once.
#[derive(Debug)]
pub struct SharedFleet {
    fleet: Mutex<Fleet>,
    /// What the index has yet to follow, in the order in which it happened. Locked for as long as copying it takes.
    ahead: Mutex<Vec<Change>>,
    searched: Mutex<Searched>,
}

/// What searches look at.
#[derive(Debug)]
struct Searched {
    index: Index,
    zones: Zones,
    /// Those that it followed last, and room for what is ahead.
    changes: Vec<Change>,
}

impl Searched {
    /// Takes what is ahead, to be followed next.
    fn take(&mut self, ahead: &mut Vec<Change>) {
        self.changes.clear();
        std::mem::swap(&mut self.changes, ahead);
    }

    fn follow(&mut self) {
        self.index.follow(&self.changes);
    }
}

impl SharedFleet {
    /// A fleet without drivers.
    ///
    /// # Panics
    /// If an extent of the torus is not a number above zero.
    #[must_use]
    pub fn new(space: Space, policy: FleetPolicy) -> Self {
        Self {
            fleet: Mutex::new(Fleet::new(policy)),
            ahead: Mutex::default(),
            searched: Mutex::new(Searched {
                index: Index::new(space),
                zones: Zones::default(),
                changes: Vec::new(),
            }),
        }
    }

    /// The fleet, to be told or asked something.
    pub fn lock(&self) -> FleetGuard<'_> {
        FleetGuard {
            fleet: Some(self.fleet.lock()),
            is_handed_over: false,
            shared: self,
        }
    }

    /// Adds the nearest available drivers of each query, nearest first and of equally near ones the lower id first.
    /// Whoever waits to search is next. Where vehicles that will do are few, all others are looked at too. Queries are drawn
    /// while nobody else can search.
    pub fn nearest_of_each<'a>(
        &self,
        queries: impl IntoIterator<Item = Nearby<'a>>,
        found: &mut CandidateLists,
    ) {
        let searched = self.up_to_date();
        searched.index.nearest_of_each(queries, found);
        MutexGuard::unlock_fair(searched);
    }

    /// The same of one query.
    #[must_use]
    pub fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        let mut found = CandidateLists::default();
        self.nearest_of_each([nearby], &mut found);
        found.to_vecs().pop().expect("one list for one query")
    }

    /// How many available drivers are in each zone of a size. Zones without any are left out.
    #[must_use]
    pub fn available_by_cell(&self, resolution: Resolution) -> BTreeMap<Cell, u32> {
        let mut searched = self.up_to_date();
        let Searched { index, zones, .. } = &mut *searched;
        let counted = zones.available(resolution, index);
        MutexGuard::unlock_fair(searched);
        counted
    }

    /// What searches look at, with all in it that was told before.
    fn up_to_date(&self) -> MutexGuard<'_, Searched> {
        let mut searched = self.searched.lock();
        searched.take(&mut self.ahead.lock());
        searched.follow();
        searched
    }
}

/// The fleet, nobody else's until this is dropped.
#[derive(Debug)]
pub struct FleetGuard<'a> {
    /// There until it is dropped.
    fleet: Option<MutexGuard<'a, Fleet>>,
    is_handed_over: bool,
    shared: &'a SharedFleet,
}

const NOT_DROPPED: &str = "a guard that is in use has its lock";

impl FleetGuard<'_> {
    /// Whoever waits for the fleet has it next: for who will want it again soon. Others do better to drop it, for to wake
    /// who waits takes longer than most that the fleet is told.
    pub fn hand_over(mut self) {
        self.is_handed_over = true;
    }
}

impl Deref for FleetGuard<'_> {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        self.fleet.as_ref().expect(NOT_DROPPED)
    }
}

impl DerefMut for FleetGuard<'_> {
    fn deref_mut(&mut self) -> &mut Fleet {
        self.fleet.as_mut().expect(NOT_DROPPED)
    }
}

impl Drop for FleetGuard<'_> {
    fn drop(&mut self) {
        let mut fleet = self.fleet.take().expect(NOT_DROPPED);
        // Changes are put down while nobody else has the fleet, so that they come in the order in which they happened.
        // Whoever searches now has the index follow before the next search.
        let searched = if fleet.has_changed() {
            let mut searched = self.shared.searched.try_lock();
            let mut ahead = self.shared.ahead.lock();
            fleet.take_changes(&mut ahead);
            if let Some(searched) = &mut searched {
                searched.take(&mut ahead);
            }
            searched
        } else {
            None
        };
        if self.is_handed_over {
            MutexGuard::unlock_fair(fleet);
        } else {
            drop(fleet);
        }
        if let Some(mut searched) = searched {
            searched.follow();
            MutexGuard::unlock_fair(searched);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use domain::{DriverId, Place, Timestamp};

    use super::*;

    const PLANE: Space = Space::Plane {
        width_m: 10_000.0,
        height_m: 10_000.0,
    };

    fn spot(east_m: f64) -> Place {
        Place::from_metres(east_m, 0.0)
    }

    fn who_is_near(shared: &SharedFleet, east_m: f64) -> Vec<u64> {
        let found = shared.nearest(Nearby::any(spot(east_m), 10));
        found.iter().map(|it| it.driver.0).collect()
    }

    #[test]
    fn a_search_knows_of_what_was_told_while_another_went_on() {
        let shared = SharedFleet::new(PLANE, FleetPolicy::default());
        shared
            .lock()
            .go_online(DriverId(1), spot(10.0), Timestamp::ZERO);
        let (searching, told) = (shared.searched.lock(), mpsc::channel());
        thread::scope(|scope| {
            scope.spawn(|| {
                // Comes to its end though the search does not.
                let mut fleet = shared.lock();
                fleet.go_offline(DriverId(1), Timestamp::ZERO);
                fleet.go_online(DriverId(2), spot(20.0), Timestamp::ZERO);
                drop(fleet);
                told.0.send(shared.lock().counts().available)
            });
            assert_eq!(told.1.recv(), Ok(1));
        });
        assert_eq!(searching.index.len(), 1, "as it was when the search began");
        assert_eq!(shared.ahead.lock().len(), 3);
        drop(searching);
        assert_eq!(who_is_near(&shared, 0.0), [2]);
        assert!(shared.ahead.lock().is_empty());
    }

    #[test]
    fn what_many_told_at_once_is_found_by_those_who_searched_meanwhile() {
        const DRIVERS: u64 = 200;
        const MOVES: u64 = 50;
        let shared = SharedFleet::new(PLANE, FleetPolicy::default());
        // Far enough apart that each stays the nearest to where it is.
        let at = |driver: u64, moved: u64| spot((driver * 50) as f64 + moved as f64 / 10.0);
        thread::scope(|scope| {
            for half in 0..2 {
                let shared = &shared;
                scope.spawn(move || {
                    for moved in 0..=MOVES {
                        for driver in (half..DRIVERS).step_by(2) {
                            let id = DriverId(driver);
                            shared
                                .lock()
                                .go_online(id, at(driver, moved), Timestamp::ZERO);
                            let found = shared.nearest(Nearby::any(at(driver, moved), 1));
                            assert_eq!(found[0].driver, id, "told before it was asked");
                        }
                    }
                });
            }
        });
        for driver in 0..DRIVERS {
            let found = shared.nearest(Nearby::any(at(driver, MOVES), 1));
            assert_eq!((found[0].driver.0, found[0].distance_m), (driver, 0.0));
        }
        assert_eq!(shared.lock().counts().available, DRIVERS as usize);
    }
}
