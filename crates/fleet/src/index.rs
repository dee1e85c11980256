//! Where things are: a grid of cells over a [`Space`], with exact nearest neighbours.
//!
//! Drivers are known by dense numbers (slots) that the caller gives out. A cell holds the places of those in it, ten in
//! two lines of memory, so that a search touches nothing else. Cells stand in blocks, and only blocks with an occupied
//! cell are stored, each with a bit per occupied cell: a search steps over empty country a block at a time.
//!
//! Cells are sized to density, each block's to its own: where drivers crowd, a block is split into four with cells half
//! as wide, and where they thin out again the four are joined.

use std::f64::consts::PI;
use std::ops::Range;

use domain::{DriverId, Place, Space, VehicleClass, VehicleClasses};

use crate::grid::Grid;
use crate::limits::{CELL_M_MAX, CELL_M_MIN, CHANGES_AT_ONCE, LEVELS_MAX};
use crate::slot_table::{SlotTable, hash_of};

use block::{Block, CellNumber, Entry, block_number, block_of, level_of};
use chunk::{Chunks, Located, NO_CHUNK};
use sharding::COARSE_CELL_M2;

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

/// The candidates of several queries.
#[derive(Debug, Clone, Default)]
pub struct CandidateLists {
    all: Vec<Candidate>,
    /// Where each query's are.
    lists: Vec<Range<usize>>,
}

impl CandidateLists {
    /// None yet, and room for the lists of so many queries.
    #[must_use]
    pub fn with_room(queries: usize, candidates: usize) -> Self {
        Self {
            all: Vec::with_capacity(queries * candidates),
            lists: Vec::with_capacity(queries),
        }
    }

    /// Adds so many lists with nobody in them, and tells the number of the first.
    pub(crate) fn begin(&mut self, queries: usize) -> usize {
        let first = self.lists.len();
        self.lists.resize(first + queries, 0..0);
        first
    }

    /// Fills a list that was begun, by its number.
    fn fill(&mut self, number: usize, candidates: impl FnOnce(&mut Vec<Candidate>)) {
        let first = self.all.len();
        candidates(&mut self.all);
        self.lists[number] = first..self.all.len();
    }

    /// Those of the only query.
    pub(crate) fn into_only(self) -> Vec<Candidate> {
        debug_assert_eq!(self.lists.len(), 1);
        self.all
    }

    /// Those of each query.
    pub fn iter(&self) -> impl Iterator<Item = &[Candidate]> {
        self.lists.iter().map(|list| &self.all[list.clone()])
    }

    /// How many there are of all queries.
    #[must_use]
    pub fn total(&self) -> usize {
        self.all.len()
    }

    /// Each query's apart.
    #[must_use]
    pub fn to_vecs(&self) -> Vec<Vec<Candidate>> {
        self.iter().map(<[Candidate]>::to_vec).collect()
    }
}

/// A question for drivers near a place.
#[derive(Debug, Clone, Copy)]
pub struct Nearby<'a> {
    /// Near what.
    pub place: Place,
    /// How many at most.
    pub k: usize,
    /// How far at most, in metres; none for no limit.
    pub radius_m: Option<f64>,
    /// Whose vehicles count.
    pub classes: VehicleClasses,
    /// Who is not to be named: few.
    pub excluded: &'a [DriverId],
}

impl Nearby<'_> {
    /// For any driver, however far.
    #[must_use]
    pub fn any(place: Place, k: usize) -> Self {
        Self {
            place,
            k,
            radius_m: None,
            classes: VehicleClasses::ALL,
            excluded: &[],
        }
    }
}

/// What has become of a driver as far as searches mind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Is available, and there.
    Put {
        /// The driver's, until it is removed.
        slot: u32,
        /// Who.
        driver: DriverId,
        /// Where.
        place: Place,
    },
    /// Is not available any more, or in another shard.
    Remove {
        /// Whose.
        slot: u32,
    },
    /// Drives that.
    Class {
        /// Who.
        slot: u32,
        /// What.
        class: VehicleClass,
    },
}

impl Change {
    fn slot(&self) -> u32 {
        match self {
            Self::Put { slot, .. } | Self::Remove { slot } | Self::Class { slot, .. } => *slot,
        }
    }
}

/// The index.
#[derive(Debug, Clone)]
pub struct Index {
    /// By level: each has cells half as wide as the one before.
    grids: Vec<Grid>,
    blocks: Vec<Block>,
    /// Of these, those of the first level.
    coarse: usize,
    free: Vec<u32>,
    by_key: SlotTable,
    chunks: Chunks,
    /// By slot.
    entries: Vec<Entry>,
    /// Who a slot is, by slot.
    drivers: Vec<DriverId>,
    /// What a slot's driver drives, by slot as far as it was said: apart from the places, because few queries ask.
    classes: Vec<VehicleClass>,
    len: usize,
}

impl Index {
    /// An empty index.
    ///
    /// # Panics
    /// If an extent of the torus is not a number above zero.
    #[must_use]
    pub fn new(space: Space) -> Self {
        Self::of_shard(space, 0)
    }

    /// An empty shard of one, by its number.
    pub(crate) fn of_shard(space: Space, shard: usize) -> Self {
        Self::with_cells(space, CELL_M_MAX, shard)
    }

    /// One whose widest cells are of about `cell_m` metres.
    fn with_cells(space: Space, cell_m: f64, shard: usize) -> Self {
        let finer = |grid: &Grid| (grid.cell_m() > CELL_M_MIN).then(|| grid.halved());
        let grids = std::iter::successors(Some(Grid::new(space, cell_m)), finer);
        Self {
            grids: grids.take(LEVELS_MAX).collect(),
            blocks: Vec::new(),
            coarse: 0,
            free: Vec::new(),
            by_key: SlotTable::new(),
            chunks: Chunks::new(shard),
            entries: Vec::new(),
            drivers: Vec::new(),
            classes: Vec::new(),
            len: 0,
        }
    }

    /// The grid of the widest cells.
    fn base(&self) -> &Grid {
        &self.grids[0]
    }

    /// The space it is over.
    #[must_use]
    pub fn space(&self) -> Space {
        self.base().space()
    }

    /// How many slots are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The square of how far the nearest is from a place among the others, in metres, were they spread evenly over the
    /// coarse cells where some are; infinite without any.
    pub(crate) fn spread_m2(&self) -> f64 {
        if self.is_empty() {
            return f64::INFINITY;
        }
        self.coarse as f64 * COARSE_CELL_M2 / (PI * self.len as f64)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where the entry of a slot is, if it is in the index.
    #[inline]
    fn find(&self, slot: u32) -> Option<Entry> {
        let entry = self.entries.get(slot as usize).copied();
        entry.filter(|entry| entry.at != Located::NOWHERE)
    }

    /// The slots that are in it, and their places, in an order that the same history repeats.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, Place)> + '_ {
        self.blocks.iter().flat_map(|block| self.drivers_of(block))
    }

    /// Puts a driver's slot at a place, whether or not it was somewhere before. A slot has the same driver for as long
    /// as it is in.
    #[inline]
    pub fn put(&mut self, slot: u32, driver: DriverId, place: Place) {
        let Some(entry) = self.find(slot) else {
            self.put_anew(slot, driver, place);
            return;
        };
        debug_assert_eq!(self.drivers[slot as usize], driver);
        let number = entry.cell.block();
        let block = &self.blocks[number as usize];
        let level = block.level();
        let (key, cell) = block_of(level, self.grids[level].cell_of(place));
        if block.key != key {
            self.take_out(entry);
            self.put_in(slot, place, level);
        } else if entry.cell.cell() != cell {
            self.take_from_cell(entry);
            self.add_to_cell(CellNumber::new(number, cell), slot, place);
        } else {
            self.chunks.set_place(entry.at, place);
        }
    }

    /// Puts in a slot that is not, or never was.
    fn put_anew(&mut self, slot: u32, driver: DriverId, place: Place) {
        if self.entries.len() <= slot as usize {
            self.entries.resize(slot as usize + 1, Entry::NONE);
            self.drivers.resize(slot as usize + 1, DriverId(0));
        }
        self.drivers[slot as usize] = driver;
        self.put_in(slot, place, 0);
    }

    /// Says what the driver of a slot drives, in the index or not: it stays so until it is said anew. The first class
    /// is that of a slot of which nothing was said.
    pub fn set_class(&mut self, slot: u32, class: VehicleClass) {
        let slot = slot as usize;
        if self.classes.len() <= slot && class != VehicleClass::default() {
            self.classes.resize(slot + 1, VehicleClass::default());
        }
        if let Some(known) = self.classes.get_mut(slot) {
            *known = class;
        }
    }

    pub(crate) fn class(&self, slot: u32) -> VehicleClass {
        let class = self.classes.get(slot as usize).copied();
        class.unwrap_or_default()
    }

    /// Does what a fleet says has changed. Cheaper by far than one by one: what changes need of memory is fetched for
    /// [`CHANGES_AT_ONCE`] together, the reads not waiting for each other.
    pub fn follow(&mut self, changes: &[Change]) {
        for changes in changes.chunks(CHANGES_AT_ONCE) {
            let slots = changes.iter().map(|change| change.slot() as usize);
            let entries = slots.filter_map(|slot| self.entries.get(slot));
            std::hint::black_box(entries.fold(0, |read, entry| read ^ entry.at.to_bits()));
            for change in changes {
                match *change {
                    Change::Put {
                        slot,
                        driver,
                        place,
                    } => self.put(slot, driver, place),
                    Change::Remove { slot } => {
                        self.remove(slot);
                    }
                    Change::Class { slot, class } => self.set_class(slot, class),
                }
            }
        }
    }

    /// Puts a slot in that is not, likely in a cell of a level.
    fn put_in(&mut self, slot: u32, place: Place, likely: usize) {
        let number = self.add(slot, place, likely);
        self.split_if_crowded(number);
    }

    /// The same without a look at how crowded the block is, which is answered.
    fn add(&mut self, slot: u32, place: Place, likely: usize) -> u32 {
        let cell = self.cell_for(place, likely);
        self.len += 1;
        self.blocks[cell.block() as usize].len += 1;
        self.add_to_cell(cell, slot, place);
        cell.block()
    }

    /// Adds a slot to a cell whose block counts it already.
    fn add_to_cell(&mut self, number: CellNumber, slot: u32, place: Place) {
        let (block, cell) = (&mut self.blocks[number.block() as usize], number.cell());
        let at = self
            .chunks
            .push(&mut block.cells[cell as usize], slot, place);
        block.occupied |= 1 << cell;
        self.entries[slot as usize] = Entry { cell: number, at };
    }

    /// Takes a slot out; false if it was not in.
    pub fn remove(&mut self, slot: u32) -> bool {
        let Some(entry) = self.find(slot) else {
            return false;
        };
        self.take_out(entry);
        self.entries[slot as usize] = Entry::NONE;
        true
    }

    fn take_out(&mut self, entry: Entry) {
        self.take_from_cell(entry);
        self.len -= 1;
        let number = entry.cell.block();
        let block = &mut self.blocks[number as usize];
        block.len -= 1;
        if block.len == 0 {
            self.discard(number);
        } else {
            self.join_if_thinned_out(number);
        }
    }

    /// The same, the block still counting it.
    fn take_from_cell(&mut self, entry: Entry) {
        let block = &mut self.blocks[entry.cell.block() as usize];
        let cell = entry.cell.cell();
        let first = &mut block.cells[cell as usize];
        if let Some(moved) = self.chunks.remove(first, entry.at) {
            self.entries[moved as usize].at = entry.at;
        }
        if *first == NO_CHUNK {
            block.occupied &= !(1 << cell);
        }
    }

    /// Discards a block with nothing in it, and the one that it is a quarter of if it was the last.
    fn discard(&mut self, number: u32) {
        let parent = (self.blocks[number as usize].level() > 0).then(|| self.parent_of(number));
        self.blocks[number as usize].is_split = false;
        self.give_back(number);
        if let Some(parent) = parent {
            let block = &mut self.blocks[parent as usize];
            block.len -= 1;
            if block.len == 0 {
                self.discard(parent);
            } else {
                self.join_quarters_if_thin(parent);
            }
        }
    }

    /// The slots that are in a block, and their places.
    fn drivers_of<'a>(&'a self, block: &'a Block) -> impl Iterator<Item = (u32, Place)> + 'a {
        let chunks = block
            .occupied_cells()
            .flat_map(|first| self.chunks.of(first));
        chunks.flat_map(|chunk| {
            let chunk = self.chunks.get(chunk);
            let all = chunk.slots().iter().zip(chunk.places());
            all.map(|(slot, place)| (*slot, *place)).take(chunk.len())
        })
    }

    fn find_block(&self, key: u64) -> Option<u32> {
        self.by_key
            .find(hash_of(key), |held| self.blocks[held as usize].key == key)
    }

    fn block(&self, key: u64) -> Option<&Block> {
        self.find_block(key)
            .map(|number| &self.blocks[number as usize])
    }

    /// The level of the cells where a place is, and the block there if there is one. One level may be likelier than others.
    fn level_at(&self, place: Place, likely: usize) -> (usize, Option<u32>) {
        let number_at = |level: usize| {
            let (key, _) = block_of(level, self.grids[level].cell_of(place));
            self.find_block(key)
        };
        let first = number_at(likely);
        // Where there is none, it is not known who else has what lies there.
        let mut level = if first.is_some() { likely } else { 0 };
        let mut number = if level == likely { first } else { number_at(0) };
        while number.is_some_and(|number| self.blocks[number as usize].is_split) {
            level += 1;
            number = number_at(level);
        }
        (level, number)
    }

    /// The cell that is to hold a place. Its block is added if there is none.
    fn cell_for(&mut self, place: Place, likely: usize) -> CellNumber {
        let (level, number) = self.level_at(place, likely);
        let (key, cell) = block_of(level, self.grids[level].cell_of(place));
        let number = number.unwrap_or_else(|| {
            let number = self.add_block(key);
            if level > 0 {
                let parent = self.parent_of(number);
                self.blocks[parent as usize].len += 1;
            }
            number
        });
        CellNumber::new(number, cell)
    }

    /// Gives a block with nothing in it back, for another key.
    fn give_back(&mut self, number: u32) {
        let key = self.blocks[number as usize].key;
        self.coarse -= usize::from(level_of(key) == 0);
        self.by_key.remove(hash_of(key), number);
        self.free.push(number);
    }

    fn add_block(&mut self, key: u64) -> u32 {
        let number = if let Some(number) = self.free.pop() {
            self.blocks[number as usize].key = key;
            number
        } else {
            self.blocks.push(Block::new(key));
            block_number(self.blocks.len() - 1).expect("fewer than 2^26 blocks")
        };
        self.coarse += usize::from(level_of(key) == 0);
        self.by_key.insert(hash_of(key), number);
        number
    }
}

mod block;
pub(crate) mod chunk;
mod density;
pub(crate) mod parts;
pub(crate) mod search;
pub(crate) mod sharding;
#[cfg(test)]
pub(crate) mod tests;
