//! Where things are: a grid of buckets over a [`Space`], with exact nearest neighbours.
//!
//! Drivers are known by dense numbers (slots) that the caller gives out. A bucket holds the places of those
//! in its cell, so that a search touches nothing else. Cells are sized to density: where drivers crowd, or
//! thin out, the grid is laid anew, seldom enough that it costs nothing beside the moves between. Cells
//! stand in blocks, and only blocks with an occupied cell are stored, each with a bit per occupied cell: a
//! search steps over empty country a block at a time.

use domain::{DriverId, Place, Space};

use crate::grid::{BLOCK_SIDE, Grid};
use crate::limits::{CELL_M_MAX, CELL_M_MIN, MOVES_BETWEEN_LOOKS_MIN};
use crate::slot_table::{SlotTable, hash_of};

/// The side of a cell in an index that knows of no drivers yet, in metres.
const CELL_M_AT_FIRST: f64 = 250.0;
/// Drivers per occupied cell, on average, above which cells are halved. More make searches rank drivers who
/// are too far; fewer make more pings move a driver from one cell to another.
const CROWDED: usize = 12;
/// Drivers per occupied cell, on average, below which cells are doubled: that makes them hold four times as
/// many, well below crowded.
const SPARSE: usize = 2;

/// A driver found near a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Who.
    pub driver: DriverId,
    /// Where the driver was last seen.
    pub place: Place,
    /// From there to the place asked about by [`Space::distance_m`], in metres.
    pub distance_m: f64,
}

/// What is asked of [`Index::nearest`].
#[derive(Debug, Clone, Copy)]
pub struct Nearby<'a> {
    /// Near what.
    pub place: Place,
    /// How many at most.
    pub k: usize,
    /// How far at most, in metres; none for no limit.
    pub radius_m: Option<f64>,
    /// Slots to leave out, ascending.
    pub excluded: &'a [u32],
}

/// All that a search needs to know: it looks nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    place: Place,
    driver: DriverId,
    slot: u32,
}

const BLOCK_SIDE_BITS: u32 = BLOCK_SIDE.trailing_zeros();
const BLOCK_CELLS: u32 = 1 << (2 * BLOCK_SIDE_BITS);

/// Neighbouring cells, side by side in memory: a search meets most of its cells in one or two blocks.
#[derive(Debug, Clone)]
struct Block {
    key: u64,
    /// A bit per cell with an entry, row by row.
    occupied: u64,
    buckets: [Vec<Entry>; BLOCK_CELLS as usize],
}

const _: () = assert!(BLOCK_CELLS == u64::BITS);

impl Block {
    /// The buckets with an entry.
    fn occupied_buckets(&self) -> impl Iterator<Item = &[Entry]> {
        // Those of a free block are empty, as are most of any block's.
        bits(self.occupied).map(|cell| &self.buckets[cell as usize][..])
    }
}

/// The numbers of the bits that are set, lowest first.
fn bits(mut set: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = (set != 0).then(|| set.trailing_zeros())?;
        set &= set - 1;
        Some(lowest)
    })
}

/// Where a slot's entry lies.
#[derive(Debug, Clone, Copy)]
struct Located {
    /// The block's number times [`BLOCK_CELLS`] and the cell's number in it.
    bucket: u32,
    position: u32,
}

const NOWHERE: Located = Located {
    bucket: u32::MAX,
    position: u32::MAX,
};

/// The index.
#[derive(Debug, Clone)]
pub struct Index {
    grid: Grid,
    blocks: Vec<Block>,
    free: Vec<u32>,
    by_key: SlotTable,
    located: Vec<Located>,
    len: usize,
    occupied_cells: usize,
    /// Moves between cells until the density is looked at again.
    moves_until_look: usize,
}

impl Index {
    /// An empty index.
    ///
    /// # Panics
    /// If an extent of the torus is not a number above zero.
    #[must_use]
    pub fn new(space: Space) -> Self {
        Self::with_cells(space, CELL_M_AT_FIRST)
    }

    /// One that has cells of about `cell_m` metres at first.
    fn with_cells(space: Space, cell_m: f64) -> Self {
        Self {
            grid: Grid::new(space, cell_m),
            blocks: Vec::new(),
            free: Vec::new(),
            by_key: SlotTable::new(),
            located: Vec::new(),
            len: 0,
            occupied_cells: 0,
            moves_until_look: MOVES_BETWEEN_LOOKS_MIN,
        }
    }

    /// The space it is over.
    #[must_use]
    pub fn space(&self) -> Space {
        self.grid.space()
    }

    /// How many slots are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a slot is in it.
    #[must_use]
    pub fn contains(&self, slot: u32) -> bool {
        self.located
            .get(slot as usize)
            .is_some_and(|at| at.bucket != NOWHERE.bucket)
    }

    /// The slots that are in it, and their places, in an order that the same history repeats.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, Place)> + '_ {
        let buckets = self.blocks.iter().flat_map(Block::occupied_buckets);
        buckets.flatten().map(|entry| (entry.slot, entry.place))
    }

    /// Puts a driver's slot at a place, whether or not it was somewhere before.
    pub fn put(&mut self, slot: u32, driver: DriverId, place: Place) {
        let (key, cell) = block_of(self.grid.cell_of(self.grid.spot(place)));
        let entry = Entry {
            place,
            driver,
            slot,
        };
        if self.located.len() <= slot as usize {
            self.located.resize(slot as usize + 1, NOWHERE);
        }
        let at = self.located[slot as usize];
        if at.bucket != NOWHERE.bucket {
            let block = &mut self.blocks[(at.bucket / BLOCK_CELLS) as usize];
            if block.key == key && at.bucket % BLOCK_CELLS == cell {
                block.buckets[cell as usize][at.position as usize] = entry;
                return;
            }
            self.take_out(at);
        }
        self.put_in(key, cell, entry);
        self.count_a_move();
    }

    /// Reads where these slots are, so that the puts that follow find it in the cache: the reads do not wait for each
    /// other, as puts do. For who has a batch of them.
    pub fn touch(&self, slots: &[u32]) {
        let mut seen = 0;
        for slot in slots {
            let at = self.located.get(*slot as usize);
            let Some(at) = at.filter(|at| at.bucket != NOWHERE.bucket) else {
                continue;
            };
            let block = &self.blocks[(at.bucket / BLOCK_CELLS) as usize];
            let entry = &block.buckets[(at.bucket % BLOCK_CELLS) as usize][at.position as usize];
            seen ^= entry.slot;
        }
        std::hint::black_box(seen);
    }

    fn put_in(&mut self, key: u64, cell: u32, entry: Entry) {
        let number = self.block_for(key);
        let block = &mut self.blocks[number as usize];
        let bucket = &mut block.buckets[cell as usize];
        let position = u32::try_from(bucket.len()).expect("fewer entries than slots");
        bucket.push(entry);
        block.occupied |= 1 << cell;
        self.occupied_cells += usize::from(position == 0);
        self.located[entry.slot as usize] = Located {
            bucket: number * BLOCK_CELLS + cell,
            position,
        };
        self.len += 1;
    }

    /// Takes a slot out; false if it was not in.
    pub fn remove(&mut self, slot: u32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let at = std::mem::replace(&mut self.located[slot as usize], NOWHERE);
        self.take_out(at);
        self.count_a_move();
        true
    }

    fn take_out(&mut self, at: Located) {
        let Self {
            blocks,
            located,
            by_key,
            free,
            ..
        } = self;
        let number = at.bucket / BLOCK_CELLS;
        let cell = at.bucket % BLOCK_CELLS;
        let block = &mut blocks[number as usize];
        let bucket = &mut block.buckets[cell as usize];
        bucket.swap_remove(at.position as usize);
        if let Some(moved) = bucket.get(at.position as usize) {
            located[moved.slot as usize] = at;
        }
        self.len -= 1;
        if bucket.is_empty() {
            self.occupied_cells -= 1;
            block.occupied &= !(1 << cell);
            if block.occupied == 0 {
                let hash = hash_of(block.key);
                by_key.remove(hash, number);
                free.push(number);
            }
        }
    }

    /// Looks at the density after as many moves as there are drivers, so that laying the grid anew adds
    /// no more than a constant to each.
    fn count_a_move(&mut self) {
        self.moves_until_look -= 1;
        if self.moves_until_look > 0 {
            return;
        }
        self.moves_until_look = self.len.max(MOVES_BETWEEN_LOOKS_MIN);
        let cell_m = self.grid.cell_m();
        if self.len > CROWDED * self.occupied_cells && cell_m > CELL_M_MIN {
            self.lay_anew(cell_m / 2.0);
        } else if self.len < SPARSE * self.occupied_cells && cell_m < CELL_M_MAX {
            self.lay_anew(cell_m * 2.0);
        }
    }

    fn lay_anew(&mut self, cell_m: f64) {
        let mut anew = Self::with_cells(self.grid.space(), cell_m);
        anew.located = vec![NOWHERE; self.located.len()];
        anew.moves_until_look = self.moves_until_look;
        for entry in self
            .blocks
            .iter()
            .flat_map(Block::occupied_buckets)
            .flatten()
        {
            let (key, cell) = block_of(anew.grid.cell_of(anew.grid.spot(entry.place)));
            anew.put_in(key, cell, *entry);
        }
        *self = anew;
    }

    fn find_block(&self, key: u64) -> Option<u32> {
        self.by_key
            .find(hash_of(key), |held| self.blocks[held as usize].key == key)
    }

    fn block(&self, key: u64) -> Option<&Block> {
        self.find_block(key)
            .map(|number| &self.blocks[number as usize])
    }

    fn block_for(&mut self, key: u64) -> u32 {
        if let Some(number) = self.find_block(key) {
            return number;
        }
        let number = if let Some(number) = self.free.pop() {
            self.blocks[number as usize].key = key;
            number
        } else {
            self.blocks.push(Block {
                key,
                occupied: 0,
                buckets: std::array::from_fn(|_| Vec::new()),
            });
            // The last numbers would not leave room for the cell's number beside them.
            let number = u32::try_from(self.blocks.len() - 1).ok();
            number
                .filter(|it| *it < u32::MAX / BLOCK_CELLS)
                .expect("fewer than 2^26 blocks")
        };
        self.by_key.insert(hash_of(key), number);
        number
    }
}

/// The key of a block by its column and row among blocks.
#[expect(clippy::cast_sign_loss, reason = "blocks count from 0")]
fn key_of((column, row): (i32, i32)) -> u64 {
    (u64::from(row as u32) << 32) | u64::from(column as u32)
}

/// The key of the block that holds a cell, and the cell's number in it.
#[inline]
#[expect(clippy::cast_sign_loss, reason = "cells count from 0")]
fn block_of((column, row): (i32, i32)) -> (u64, u32) {
    let key = key_of((column >> BLOCK_SIDE_BITS, row >> BLOCK_SIDE_BITS));
    let in_block = BLOCK_SIDE - 1;
    let cell = ((row & in_block) << BLOCK_SIDE_BITS) | (column & in_block);
    (key, cell as u32)
}

mod search;
#[cfg(test)]
mod tests;
