//! Where things are: a grid of buckets over a [`Space`], with exact nearest neighbours.
//!
//! Drivers are known by dense numbers (slots) that the caller gives out. A bucket holds the places of those
//! in its cell, so that a search touches nothing else; only blocks with an occupied cell are stored. A search
//! walks rings of cells outwards and stops when no cell further out can hold anything nearer than the
//! `k`-th found, across the seam of a torus and the antimeridian alike. Where rings would meet more empty
//! cells than there are occupied ones (few drivers, far away, or near a pole) it scans those instead.

use domain::{DriverId, Place, Space};

use crate::grid::{Grid, Spot, Standing};
use crate::limits::SPARE_CELLS_PER_SEARCH;
use crate::metric::{Flat, Globe, Metric, slackened};
use crate::shortlist::Shortlist;
use crate::slot_table::{SlotTable, hash_of};

/// The side of a cell where a policy does not say, in metres.
pub const CELL_M_DEFAULT: f64 = 250.0;

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

/// Blocks are squares of 2^2 by 2^2 cells.
const BLOCK_SIDE_BITS: u32 = 2;
const BLOCK_CELLS: u32 = 1 << (2 * BLOCK_SIDE_BITS);

/// Neighbouring cells, side by side in memory: a search meets most of its cells in one or two blocks.
#[derive(Debug, Clone)]
struct Block {
    key: u64,
    /// Entries in all of its buckets.
    entries: usize,
    buckets: [Vec<Entry>; BLOCK_CELLS as usize],
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
}

impl Index {
    /// An empty index with cells of about `cell_m` metres.
    ///
    /// # Panics
    /// If `cell_m`, or an extent of the torus, is not a number above zero.
    #[must_use]
    pub fn new(space: Space, cell_m: f64) -> Self {
        Self {
            grid: Grid::new(space, cell_m),
            blocks: Vec::new(),
            free: Vec::new(),
            by_key: SlotTable::new(),
            located: Vec::new(),
            len: 0,
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
        let number = self.block_for(key);
        let block = &mut self.blocks[number as usize];
        let bucket = &mut block.buckets[cell as usize];
        let position = u32::try_from(bucket.len()).expect("fewer entries than slots");
        bucket.push(entry);
        block.entries += 1;
        self.located[slot as usize] = Located {
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
        let block = &mut blocks[number as usize];
        let bucket = &mut block.buckets[(at.bucket % BLOCK_CELLS) as usize];
        bucket.swap_remove(at.position as usize);
        if let Some(moved) = bucket.get(at.position as usize) {
            located[moved.slot as usize] = at;
        }
        block.entries -= 1;
        self.len -= 1;
        if block.entries == 0 {
            let hash = hash_of(block.key);
            by_key.remove(hash, number, |held| hash_of(blocks[held as usize].key));
            free.push(number);
        }
    }

    fn find_block(&self, key: u64) -> Option<u32> {
        self.by_key
            .find(hash_of(key), |held| self.blocks[held as usize].key == key)
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
                entries: 0,
                buckets: Default::default(),
            });
            // The last numbers would not leave room for the cell's number beside them.
            let number = u32::try_from(self.blocks.len() - 1).ok();
            number
                .filter(|it| *it < u32::MAX / BLOCK_CELLS)
                .expect("fewer than 2^28 blocks")
        };
        let blocks = &self.blocks;
        self.by_key.insert(hash_of(key), number, |held| {
            hash_of(blocks[held as usize].key)
        });
        number
    }

    /// The nearest drivers, nearest first and of equally near ones the lower id first.
    #[must_use]
    pub fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        let radius_m = nearby.radius_m.unwrap_or(f64::INFINITY);
        if nearby.k == 0 || self.is_empty() || radius_m.is_nan() || radius_m < 0.0 {
            return Vec::new();
        }
        let from = self.grid.spot(nearby.place);
        let shortlist = match self.grid.space() {
            Space::Sphere => {
                let globe = Globe::new(from, self.grid.rows.cell_extent());
                self.search(&globe, from, nearby, radius_m)
            }
            Space::Plane { .. } => {
                let plane = Flat {
                    from,
                    width_m: f64::INFINITY,
                    height_m: f64::INFINITY,
                };
                self.search(&plane, from, nearby, radius_m)
            }
            Space::Torus { width_m, height_m } => self.search(
                &Flat {
                    from,
                    width_m,
                    height_m,
                },
                from,
                nearby,
                radius_m,
            ),
        };
        let space = self.grid.space();
        let mut candidates: Vec<Candidate> = shortlist
            .into_entries()
            .map(|&Entry { driver, place, .. }| {
                let distance_m = space.distance_m(nearby.place, place);
                Candidate {
                    driver,
                    place,
                    distance_m,
                }
            })
            .filter(|candidate| candidate.distance_m <= radius_m)
            .collect();
        candidates.sort_unstable_by(|a, b| {
            a.distance_m
                .total_cmp(&b.distance_m)
                .then(a.driver.cmp(&b.driver))
        });
        candidates.truncate(nearby.k);
        candidates
    }

    fn search<M: Metric>(
        &self,
        metric: &M,
        from: Spot,
        nearby: Nearby<'_>,
        radius_m: f64,
    ) -> Shortlist<'_> {
        let k = nearby.k.min(self.len);
        let mut shortlist = Shortlist::new(k, slackened(metric.rank_of(radius_m)));
        let (column, row) = self.grid.standings(from);
        let budget = self.by_key.len() * BLOCK_CELLS as usize + SPARE_CELLS_PER_SEARCH;
        let mut looked_at = 0;
        let mut ring = 0;
        while looked_at <= budget {
            looked_at += self.visit_ring(
                metric,
                (&column, &row),
                ring,
                nearby.excluded,
                &mut shortlist,
            );
            shortlist.narrow();
            let beyond_x = self.grid.columns.gap_beyond(&column, ring);
            let beyond_y = self.grid.rows.gap_beyond(&row, ring);
            let floor_x = beyond_x.map_or(f64::INFINITY, |gap| metric.floor_beyond_x(gap));
            let floor_y = beyond_y.map_or(f64::INFINITY, |gap| metric.floor_beyond_y(gap));
            // Infinite once every cell was visited, which is above no limit, not even none.
            let floor = floor_x.min(floor_y);
            if floor.is_infinite() || floor > shortlist.limit() {
                return shortlist;
            }
            ring += 1;
        }
        shortlist.restart();
        for bucket in self.blocks.iter().flat_map(|block| &block.buckets) {
            self.visit(metric, bucket, nearby.excluded, &mut shortlist);
        }
        shortlist
    }

    /// Visits the cells `ring` columns or rows away, and says how many they are.
    fn visit_ring<'a, M: Metric>(
        &'a self,
        metric: &M,
        (column, row): (&Standing, &Standing),
        ring: i32,
        excluded: &[u32],
        shortlist: &mut Shortlist<'a>,
    ) -> usize {
        let mut cells = 0;
        let (mut block_key, mut block) = (None, None);
        let mut visit_cell = |dx: i32, dy: i32, gap_y: f64| {
            cells += 1;
            let gap_x = self.grid.columns.gap(column, dx);
            if metric.floor_of_cell(gap_x, gap_y) > shortlist.limit() {
                return;
            }
            let x = self.grid.columns.cell_at(column, dx);
            let y = self.grid.rows.cell_at(row, dy);
            let (key, cell) = block_of((x, y));
            if block_key != Some(key) {
                block_key = Some(key);
                block = self
                    .find_block(key)
                    .map(|number| &self.blocks[number as usize]);
            }
            if let Some(block) = block {
                self.visit(metric, &block.buckets[cell as usize], excluded, shortlist);
            }
        };
        for dy in row.lowest.max(-ring)..=row.highest.min(ring) {
            let gap_y = self.grid.rows.gap(row, dy);
            if dy.abs() == ring {
                // The first and the last row of a ring are visited whole, of the others the two ends.
                for dx in column.lowest.max(-ring)..=column.highest.min(ring) {
                    visit_cell(dx, dy, gap_y);
                }
                continue;
            }
            if -ring >= column.lowest {
                visit_cell(-ring, dy, gap_y);
            }
            if ring <= column.highest {
                visit_cell(ring, dy, gap_y);
            }
        }
        cells
    }

    fn visit<'a, M: Metric>(
        &self,
        metric: &M,
        bucket: &'a [Entry],
        excluded: &[u32],
        shortlist: &mut Shortlist<'a>,
    ) {
        let rank = |entry: &Entry| metric.rank(self.grid.spot(entry.place));
        if excluded.is_empty() {
            shortlist.add_all(bucket, rank);
        } else {
            let kept = |entry: &&Entry| excluded.binary_search(&entry.slot).is_err();
            shortlist.add_all(bucket.iter().filter(kept), rank);
        }
    }
}

/// The key of the block that holds a cell, and the cell's number in it.
#[expect(clippy::cast_sign_loss, reason = "cells count from 0")]
fn block_of((column, row): (i32, i32)) -> (u64, u32) {
    let (column, row) = (column as u32, row as u32);
    let key = (u64::from(row >> BLOCK_SIDE_BITS) << 32) | u64::from(column >> BLOCK_SIDE_BITS);
    let in_block = (1 << BLOCK_SIDE_BITS) - 1;
    (
        key,
        ((row & in_block) << BLOCK_SIDE_BITS) | (column & in_block),
    )
}

#[cfg(test)]
mod tests;
