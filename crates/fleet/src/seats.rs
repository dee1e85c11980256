//! Where available drivers are in the index: each has a seat in the shard that has the driver's place. What becomes of
//! seats is put down shard by shard, for the writers of these.

use domain::{DriverId, Place, Space, VehicleClass};

use crate::index::Change;
use crate::index::sharding::{ShardSet, Sharding};
use crate::limits::SHARDS;

/// A shard, and a slot there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat(u32);

const SLOT_BITS: u32 = u32::BITS - SHARDS.trailing_zeros();
const SLOT: u32 = (1 << SLOT_BITS) - 1;

impl Seat {
    /// That of who is not available.
    pub(crate) const NONE: Self = Self(u32::MAX);

    fn new(shard: usize, slot: u32) -> Self {
        Self(((shard as u32) << SLOT_BITS) | slot)
    }

    fn shard(self) -> usize {
        (self.0 >> SLOT_BITS) as usize
    }

    fn slot(self) -> u32 {
        self.0 & SLOT
    }
}

/// Those of a shard.
#[derive(Debug, Clone, Default)]
struct Row {
    /// Slots that were somebody's.
    free: Vec<u32>,
    /// The first that was nobody's yet.
    next: u32,
    /// What nobody has taken yet, in the order in which it happened.
    changes: Vec<Change>,
}

/// All seats.
#[derive(Debug, Clone)]
pub(crate) struct Seats {
    sharding: Sharding,
    rows: [Row; SHARDS],
    /// The shards with changes that nobody has taken yet.
    changed: ShardSet,
}

impl Seats {
    pub(crate) fn new(space: Space) -> Self {
        Self {
            sharding: Sharding::new(space),
            rows: Default::default(),
            changed: ShardSet::default(),
        }
    }

    /// An available driver is at a place, and has that seat from now on; `seat` is the one before.
    #[inline]
    pub(crate) fn put(
        &mut self,
        seat: Seat,
        driver: DriverId,
        class: VehicleClass,
        place: Place,
    ) -> Seat {
        let shard = self.sharding.shard_of(place);
        let stays = seat != Seat::NONE && seat.shard() == shard;
        let slot = if stays { seat.slot() } else { self.take(shard) };
        self.note(
            shard,
            Change::Put {
                slot,
                driver,
                place,
            },
        );
        if stays {
            return seat;
        }
        // The slot may have been another's.
        self.note(shard, Change::Class { slot, class });
        self.leave(seat);
        Seat::new(shard, slot)
    }

    fn take(&mut self, shard: usize) -> u32 {
        let row = &mut self.rows[shard];
        row.free.pop().unwrap_or_else(|| {
            let slot = row.next;
            assert!(slot < SLOT, "fewer than 2^29 drivers in a shard");
            row.next += 1;
            slot
        })
    }

    /// Who had a seat is not available any more, or elsewhere.
    pub(crate) fn leave(&mut self, seat: Seat) {
        if seat != Seat::NONE {
            let slot = seat.slot();
            self.note(seat.shard(), Change::Remove { slot });
            self.rows[seat.shard()].free.push(slot);
        }
    }

    /// Who has a seat drives that from now on.
    pub(crate) fn set_class(&mut self, seat: Seat, class: VehicleClass) {
        if seat != Seat::NONE {
            let slot = seat.slot();
            self.note(seat.shard(), Change::Class { slot, class });
        }
    }

    #[inline]
    fn note(&mut self, shard: usize, change: Change) {
        self.rows[shard].changes.push(change);
        self.changed = self.changed.with(shard);
    }

    /// The shards with changes that nobody has taken.
    pub(crate) fn changed(&self) -> ShardSet {
        self.changed
    }

    /// Adds a shard's changes that nobody has taken.
    #[inline]
    pub(crate) fn take_changes(&mut self, shard: usize, into: &mut Vec<Change>) {
        move_all(&mut self.rows[shard].changes, into);
        self.changed = self.changed.without(ShardSet::of(shard));
    }
}

/// Moves what is in one after what is in the other: mostly there is nothing there, and nothing is copied.
#[inline]
pub(crate) fn move_all(changes: &mut Vec<Change>, after: &mut Vec<Change>) {
    if after.is_empty() {
        std::mem::swap(changes, after);
    } else {
        after.append(changes);
    }
}
