//! Cells by blocks: squares of them side by side in memory, so that a search meets most of its cells in one or two.

use crate::grid::BLOCK_SIDE;
use crate::limits::CELL_M_MIN;

use super::chunk::{Located, NO_CHUNK};

/// As a power of two, how many cells a block has along either side.
pub(super) const BLOCK_SIDE_BITS: u32 = BLOCK_SIDE.trailing_zeros();
const CELL_BITS: u32 = 2 * BLOCK_SIDE_BITS;
const CELLS: u32 = 1 << CELL_BITS;

/// Neighbouring cells, or, once drivers crowd there, what says that four blocks of smaller cells are in their place.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) key: u64,
    /// A bit per cell with an entry, row by row.
    pub(super) occupied: u64,
    /// Each cell's first chunk.
    pub(super) cells: [u32; CELLS as usize],
    /// How many drivers are in it; once it is split, how many of the four blocks there are.
    pub(super) len: u32,
    /// Whether its drivers are in blocks of the next level.
    pub(super) is_split: bool,
}

const _: () = assert!(CELLS == u64::BITS);

impl Block {
    /// One with nothing in it.
    pub(super) fn new(key: u64) -> Self {
        Self {
            key,
            occupied: 0,
            cells: [NO_CHUNK; CELLS as usize],
            len: 0,
            is_split: false,
        }
    }

    /// How often cells were halved that are as small as its own.
    #[inline]
    pub(super) fn level(&self) -> usize {
        level_of(self.key)
    }

    /// Its column and row among the blocks of its level.
    pub(super) fn at(&self) -> (i32, i32) {
        place_of(self.key)
    }

    /// The first chunks of cells with an entry.
    pub(super) fn occupied_cells(&self) -> impl Iterator<Item = u32> {
        // Those of a free block are empty, as are most of any block's.
        bits(self.occupied).map(|cell| self.cells[cell as usize])
    }

    /// Whether there are more than `most` drivers to a cell that has some, on average.
    pub(super) fn has_more_to_a_cell_than(&self, most: u32) -> bool {
        self.len > most * self.occupied.count_ones()
    }
}

/// A cell of a block: the block's number, and the cell's in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellNumber(u32);

impl CellNumber {
    /// No cell's.
    pub(super) const NONE: Self = Self(u32::MAX);

    #[inline]
    pub(super) fn new(block: u32, cell: u32) -> Self {
        Self((block << CELL_BITS) | cell)
    }

    #[inline]
    pub(super) fn block(self) -> u32 {
        self.0 >> CELL_BITS
    }

    #[inline]
    pub(super) fn cell(self) -> u32 {
        self.0 & (CELLS - 1)
    }
}

/// A block's number, if there is room for a cell's number beside it.
pub(super) fn block_number(number: usize) -> Option<u32> {
    let number = u32::try_from(number).ok();
    number.filter(|number| *number < u32::MAX / CELLS)
}

/// Where the entry of a slot is: in which cell, and where among that cell's. A driver who stays in the cell is put
/// elsewhere without a look at what the cell holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) cell: CellNumber,
    pub(super) at: Located,
}

impl Entry {
    /// Of a slot that is not in the index.
    pub(super) const NONE: Self = Self {
        cell: CellNumber::NONE,
        at: Located::NOWHERE,
    };
}

/// The numbers of the bits that are set, lowest first.
pub(super) fn bits(mut set: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let lowest = (set != 0).then(|| set.trailing_zeros())?;
        set &= set - 1;
        Some(lowest)
    })
}

/// A key has the block's level above its row, and that above its column.
const LEVEL_SHIFT: u32 = 56;
const ROW_MASK: u32 = (1 << (LEVEL_SHIFT - u32::BITS)) - 1;
/// An axis is no longer than the way around the Earth, and cells are not halved below half of the least.
const _: () = assert!(40_076_000.0 / (CELL_M_MIN / 2.0) / (BLOCK_SIDE as f64) < ROW_MASK as f64);

/// The key of a block by its level, and its column and row among blocks of that level.
#[inline]
pub(super) fn key_of(level: usize, (column, row): (i32, i32)) -> u64 {
    let (column, row) = (column.cast_unsigned(), row.cast_unsigned());
    ((level as u64) << LEVEL_SHIFT) | (u64::from(row) << u32::BITS) | u64::from(column)
}

/// The level of a block by its key.
#[inline]
pub(super) fn level_of(key: u64) -> usize {
    (key >> LEVEL_SHIFT) as usize
}

/// The column and row of a block among those of its level, by its key.
#[inline]
pub(super) fn place_of(key: u64) -> (i32, i32) {
    let column = key as u32;
    let row = (key >> u32::BITS) as u32 & ROW_MASK;
    (column.cast_signed(), row.cast_signed())
}

/// The key of the block that holds a cell of a level, and the cell's number in it.
#[inline]
pub(super) fn block_of(level: usize, (column, row): (i32, i32)) -> (u64, u32) {
    let key = key_of(level, (column >> BLOCK_SIDE_BITS, row >> BLOCK_SIDE_BITS));
    let in_block = BLOCK_SIDE - 1;
    let cell = ((row & in_block) << BLOCK_SIDE_BITS) | (column & in_block);
    (key, cell.cast_unsigned())
}

/// The four pieces of the next level that cover one of a level.
pub(super) fn quarters((column, row): (i32, i32)) -> [(i32, i32); 4] {
    let (column, row) = (2 * column, 2 * row);
    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(x, y)| (column + x, row + y))
}
