//! Where things are: a grid of cells over a [`Space`], with exact nearest neighbours.
//!
//! Drivers are known by dense numbers (slots) that the caller gives out. A cell holds the places of those in it, ten in
//! two lines of memory, so that a search touches nothing else. Cells are sized to density: where drivers crowd, or thin
//! out, the grid is laid anew, seldom enough that it costs nothing beside the moves between. Cells stand in blocks, and
//! only blocks with an occupied cell are stored, each with a bit per occupied cell: a search steps over empty country a
//! block at a time.

use domain::{DriverId, Place, Space, VehicleClass, VehicleClasses};

use crate::grid::{BLOCK_SIDE, Grid};
use crate::limits::{CELL_M_MAX, CELL_M_MIN, MOVES_BETWEEN_LOOKS_MIN};
use crate::slot_table::{SlotTable, hash_of};

use chunk::{Chunks, Located, NO_CHUNK};

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

/// The candidates of several queries, one query's after the other's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CandidateLists {
    all: Vec<Candidate>,
    /// Where each query's end.
    ends: Vec<usize>,
}

impl CandidateLists {
    /// None yet, and room for the lists of so many queries.
    #[must_use]
    pub fn with_room(queries: usize, candidates: usize) -> Self {
        Self {
            all: Vec::with_capacity(queries * candidates),
            ends: Vec::with_capacity(queries),
        }
    }

    /// Those of each query.
    pub fn iter(&self) -> impl Iterator<Item = &[Candidate]> {
        let mut first = 0;
        self.ends.iter().map(move |end| {
            let list = &self.all[first..*end];
            first = *end;
            list
        })
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

/// What is asked of [`Index::nearest`].
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
    /// Slots to leave out, ascending.
    pub excluded: &'a [u32],
}

const BLOCK_SIDE_BITS: u32 = BLOCK_SIDE.trailing_zeros();
const CELL_BITS: u32 = 2 * BLOCK_SIDE_BITS;
const BLOCK_CELLS: u32 = 1 << CELL_BITS;

/// Neighbouring cells, side by side in memory: a search meets most of its cells in one or two blocks.
#[derive(Debug, Clone)]
struct Block {
    key: u64,
    /// A bit per cell with an entry, row by row.
    occupied: u64,
    /// Each cell's first chunk.
    cells: [u32; BLOCK_CELLS as usize],
}

const _: () = assert!(BLOCK_CELLS == u64::BITS);

impl Block {
    /// The first chunks of cells with an entry.
    fn occupied_cells(&self) -> impl Iterator<Item = u32> {
        // Those of a free block are empty, as are most of any block's.
        bits(self.occupied).map(|cell| self.cells[cell as usize])
    }
}

/// A cell of a block: the block's number, and the cell's in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CellNumber(u32);

impl CellNumber {
    #[inline]
    fn new(block: u32, cell: u32) -> Self {
        Self((block << CELL_BITS) | cell)
    }

    #[inline]
    fn block(self) -> usize {
        (self.0 >> CELL_BITS) as usize
    }

    #[inline]
    fn cell(self) -> u32 {
        self.0 & (BLOCK_CELLS - 1)
    }
}

/// Where the entry of a slot is: in which cell, and where among that cell's. A driver who stays in the cell is put
/// elsewhere without a look at what the cell holds.
#[derive(Debug, Clone, Copy)]
struct Entry {
    cell: CellNumber,
    at: Located,
}

impl Entry {
    /// Of a slot that is not in the index.
    const NONE: Self = Self {
        cell: CellNumber(u32::MAX),
        at: Located::NOWHERE,
    };
}

/// The numbers of the bits that are set, lowest first.
fn bits(mut set: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = (set != 0).then(|| set.trailing_zeros())?;
        set &= set - 1;
        Some(lowest)
    })
}

/// The index.
#[derive(Debug, Clone)]
pub struct Index {
    grid: Grid,
    blocks: Vec<Block>,
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
            chunks: Chunks::new(),
            entries: Vec::new(),
            drivers: Vec::new(),
            classes: Vec::new(),
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

    /// Where the entry of a slot is, if it is in the index.
    #[inline]
    fn find(&self, slot: u32) -> Option<Entry> {
        let entry = self.entries.get(slot as usize).copied();
        entry.filter(|entry| entry.at != Located::NOWHERE)
    }

    /// The slots that are in it, and their places, in an order that the same history repeats.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u32, Place)> + '_ {
        let cells = self.blocks.iter().flat_map(Block::occupied_cells);
        cells
            .flat_map(|first| self.chunks.of(first))
            .flat_map(|chunk| {
                let chunk = self.chunks.get(chunk);
                let all = chunk.slots().iter().zip(chunk.places());
                all.map(|(slot, place)| (*slot, *place)).take(chunk.len())
            })
    }

    /// Puts a driver's slot at a place, whether or not it was somewhere before. A slot has the same driver for as long
    /// as it is in.
    pub fn put(&mut self, slot: u32, driver: DriverId, place: Place) {
        let (key, cell) = block_of(self.grid.cell_of(place));
        match self.find(slot) {
            None => {
                if self.entries.len() <= slot as usize {
                    self.entries.resize(slot as usize + 1, Entry::NONE);
                    self.drivers.resize(slot as usize + 1, DriverId(0));
                }
                self.drivers[slot as usize] = driver;
            }
            Some(entry) => {
                debug_assert_eq!(self.drivers[slot as usize], driver);
                if entry.cell.cell() == cell && self.blocks[entry.cell.block()].key == key {
                    self.chunks.set_place(entry.at, place);
                    return;
                }
                self.take_out(entry);
            }
        }
        self.put_in((key, cell), slot, place);
        self.count_a_move();
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

    fn class(&self, slot: u32) -> VehicleClass {
        let class = self.classes.get(slot as usize).copied();
        class.unwrap_or_default()
    }

    /// Reads where the entries of these slots are, so that the puts that follow find it in the cache: the reads do not wait
    /// for each other, as puts do. For who has a batch of them.
    pub fn touch(&self, slots: &[u32]) {
        let entries = slots.iter().filter_map(|slot| self.find(*slot));
        std::hint::black_box(entries.fold(0, |read, entry| read ^ entry.cell.0));
    }

    /// Puts a slot in that is not, by the key of a block and the number of a cell in it.
    fn put_in(&mut self, (key, cell): (u64, u32), slot: u32, place: Place) {
        let number = self.block_for(key);
        let block = &mut self.blocks[number as usize];
        let first = &mut block.cells[cell as usize];
        self.occupied_cells += usize::from(*first == NO_CHUNK);
        self.entries[slot as usize] = Entry {
            at: self.chunks.push(first, slot, place),
            cell: CellNumber::new(number, cell),
        };
        block.occupied |= 1 << cell;
        self.len += 1;
    }

    /// Takes a slot out; false if it was not in.
    pub fn remove(&mut self, slot: u32) -> bool {
        let Some(entry) = self.find(slot) else {
            return false;
        };
        self.take_out(entry);
        self.entries[slot as usize] = Entry::NONE;
        self.count_a_move();
        true
    }

    fn take_out(&mut self, entry: Entry) {
        let block = &mut self.blocks[entry.cell.block()];
        let cell = entry.cell.cell();
        let first = &mut block.cells[cell as usize];
        self.len -= 1;
        if let Some(moved) = self.chunks.remove(first, entry.at) {
            self.entries[moved as usize].at = entry.at;
        }
        if *first == NO_CHUNK {
            self.occupied_cells -= 1;
            block.occupied &= !(1 << cell);
            if block.occupied == 0 {
                let number = entry.cell.block() as u32;
                self.by_key.remove(hash_of(block.key), number);
                self.free.push(number);
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
        anew.entries = vec![Entry::NONE; self.entries.len()];
        anew.moves_until_look = self.moves_until_look;
        for (slot, place) in self.places() {
            anew.put_in(block_of(anew.grid.cell_of(place)), slot, place);
        }
        anew.drivers = std::mem::take(&mut self.drivers);
        anew.classes = std::mem::take(&mut self.classes);
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
                cells: [NO_CHUNK; BLOCK_CELLS as usize],
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

pub(crate) mod chunk;
mod search;
#[cfg(test)]
mod tests;
