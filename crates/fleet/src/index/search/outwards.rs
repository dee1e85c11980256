//! What lies beyond the cells around, or among cells of other levels: the cells around those, then block by block.

use super::Search;
use crate::grid::{AROUND, Axis, BLOCK_SIDE, Standing, Step};
use crate::index::block::{bits, block_of, key_of, quarters};
use crate::index::chunk::NO_CHUNK;
use crate::index::parts::{Elsewhere, Looked};
use crate::limits::SPARE_BLOCKS_PER_SEARCH;
use crate::metric::Metric;

/// Which cells around are to be visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Those that are wider or narrower than the cells around the place that is asked about.
    OtherLevels,
}

/// The two lines of cells that are `ring` from a standing's, as far as there are such and what is as far away as they are
/// matters. On an axis that soon meets itself, what begins beyond one may end just beyond the other.
fn edges(
    axis: &Axis,
    standing: Standing,
    ring: i32,
    widest: i32,
    matters: impl Fn(f64) -> bool,
) -> [Option<i32>; 2] {
    let offsets = axis.offsets(standing, Step::Cell);
    let edges = [-ring, ring].map(|offset| {
        let cell = axis.piece_at(standing, Step::Cell, offset);
        offsets.contain(offset).then_some(cell)
    });
    let matter =
        edges.map(|cell| cell.is_some_and(|cell| matters(axis.gap(standing, Step::Cell, cell))));
    if axis.is_short_ring(widest) && matter.contains(&true) {
        return edges;
    }
    let [first, second] = edges;
    [first.filter(|_| matter[0]), second.filter(|_| matter[1])]
}

impl<'a, M: Metric> Search<'a, M> {
    /// Visits what is where the cells around would be if they were as wide as the place's own.
    pub(super) fn visit_around_of_other_levels(&mut self) {
        self.visit_cells(AROUND, Which::OtherLevels);
    }

    /// Visits what lies beyond the cells around, as far as there is a need.
    pub(super) fn look_on(&mut self) {
        if self.missed || self.is_done(self.beyond) {
            return;
        }
        self.visited = AROUND + 1;
        self.visit_cells(self.visited, Which::All);
        let grid = &self.home.grids[self.level];
        let beyond = |axis: &Axis, standing| axis.gap_beyond(standing, Step::Cell, self.visited);
        if self.is_done((
            beyond(&grid.columns, self.column),
            beyond(&grid.rows, self.row),
        )) {
            return;
        }
        // Where rings would meet more empty blocks than there are occupied ones (few drivers, far away, or
        // near a pole) those are looked at instead.
        let blocks = self.parts.iter().map(|index| index.by_key.len());
        let budget = blocks.sum::<usize>() + SPARE_BLOCKS_PER_SEARCH;
        let mut looked_at = 0;
        let mut ring = 0;
        while looked_at <= budget && !self.missed {
            looked_at += self.visit_ring(ring);
            let grid = self.home.base();
            let (column, row) = self.standings(0);
            let beyond_x = grid.columns.gap_beyond(column, Step::Block, ring);
            let beyond_y = grid.rows.gap_beyond(row, Step::Block, ring);
            if self.is_done((beyond_x, beyond_y)) {
                return;
            }
            ring += 1;
        }
        // Others may have blocks too, and how many is not known.
        self.missed |= !self.parts.are_all();
        if self.missed {
            return;
        }
        self.shortlist.restart();
        for block in self.parts.iter().flat_map(|index| &index.blocks) {
            for first in block.occupied_cells() {
                self.visit(first);
            }
        }
    }

    /// Where the place lies in the grid of a level.
    fn standings(&self, level: usize) -> (Standing, Standing) {
        let grid = &self.home.grids[level];
        (
            grid.columns.standing(self.column.along()),
            grid.rows.standing(self.row.along()),
        )
    }

    /// Whether nothing so far away along an axis can be among the nearest; none: there is nothing.
    fn is_done(&mut self, (beyond_x, beyond_y): (Option<f64>, Option<f64>)) -> bool {
        let floor_x = beyond_x.map_or(f64::INFINITY, |gap| self.metric.floor_beyond_x(gap));
        let floor_y = beyond_y.map_or(f64::INFINITY, |gap| self.metric.floor_beyond_y(gap));
        // Infinite once everything was visited, which is above no limit, not even none.
        let floor = floor_x.min(floor_y);
        floor.is_infinite() || floor > self.shortlist.limit()
    }

    /// Visits the cells `ring` columns or rows of them away, and of other levels what covers them, as far as nothing
    /// nearer did.
    fn visit_cells(&mut self, ring: i32, which: Which) {
        let grid = &self.home.grids[self.level];
        let (columns, rows) = (&grid.columns, &grid.rows);
        let (across, along) = (
            columns.offsets(self.column, Step::Cell),
            rows.offsets(self.row, Step::Cell),
        );
        // The ring's edges along each axis, as far as what lies there matters. What is of another level and was not reached
        // by the ring before lies beyond an edge as a whole: if that does not matter, neither does it.
        let limit = self.shortlist.limit();
        let widest = 1 << self.level;
        let [west, east] = edges(columns, self.column, ring, widest, |gap| {
            self.metric.floor_beyond_x(gap) <= limit
        });
        let [south, north] = edges(rows, self.row, ring, widest, |gap| {
            self.metric.floor_beyond_y(gap) <= limit
        });
        let mut wider = Vec::new();
        for row in [south, north].into_iter().flatten() {
            for dx in across.within(ring) {
                let column = columns.piece_at(self.column, Step::Cell, dx);
                self.visit_cell(ring, (column, row), which, &mut wider);
            }
        }
        for column in [west, east].into_iter().flatten() {
            for dy in along.within(ring - 1) {
                let row = rows.piece_at(self.row, Step::Cell, dy);
                self.visit_cell(ring, (column, row), which, &mut wider);
            }
        }
    }

    /// Visits a cell of a ring, or what of another level covers it unless that is among the wider cells that were visited.
    fn visit_cell(&mut self, ring: i32, at: (i32, i32), which: Which, wider: &mut Vec<u32>) {
        let (level, (column, row)) = (self.level, at);
        let block = match self.block_with(level, at) {
            Ok(Some(block)) => block,
            Ok(None) => return,
            Err(Elsewhere) => {
                self.missed |= self.may_be_near(level, at);
                return;
            }
        };
        let up = level - block.level();
        let covering = (column >> up, row >> up);
        let first = block.cells[block_of(level - up, covering).1 as usize];
        if block.is_split {
            // Of a block of wider cells, nothing is where the cell is.
            if up == 0 {
                self.visit_quarters(level, at);
            }
        } else if up > 0 {
            let is_new = !wider.contains(&first) && !self.is_within(ring - 1, level - up, covering);
            if is_new {
                wider.push(first);
                self.visit_if_near(level - up, covering, first);
            }
        } else if which == Which::All {
            self.visit_if_near(level, at, first);
        }
    }

    /// The block that has a cell of a level, or else the nearest of wider cells that has what lies there.
    fn block_with(&self, level: usize, (column, row): (i32, i32)) -> Looked<'a> {
        let wider = |up: usize| block_of(level - up, (column >> up, row >> up)).0;
        // All are in the same shard.
        let mut all = (0..=level).map(|up| self.parts.block(wider(up)));
        all.find(|block| !matches!(block, Ok(None)))
            .unwrap_or(Ok(None))
    }

    /// Whether a cell of any level, or a part of it, is at most so many cells from the place's.
    fn is_within(&self, cells: i32, level: usize, (column, row): (i32, i32)) -> bool {
        let grid = &self.home.grids[self.level];
        let halvings = level as i32 - self.level as i32;
        let columns = &grid.columns;
        columns.is_within(self.column, cells, column, halvings)
            && grid.rows.is_within(self.row, cells, row, halvings)
    }

    /// Visits the smaller cells that a cell consists of.
    fn visit_quarters(&mut self, level: usize, at: (i32, i32)) {
        let level = level + 1;
        for at in quarters(at) {
            if !self.may_be_near(level, at) {
                continue;
            }
            let (key, cell) = block_of(level, at);
            match self.parts.block(key) {
                Ok(None) => {}
                Ok(Some(block)) if block.is_split => self.visit_quarters(level, at),
                Ok(Some(block)) => self.visit(block.cells[cell as usize]),
                Err(Elsewhere) => self.missed = true,
            }
        }
    }

    /// Visits a cell by its level, its column and row, and its first chunk, unless all of it is too far.
    fn visit_if_near(&mut self, level: usize, at: (i32, i32), first: u32) {
        if first != NO_CHUNK && self.may_be_near(level, at) {
            self.visit(first);
        }
    }

    /// Whether a cell by its level, column and row is not too far as a whole.
    fn may_be_near(&mut self, level: usize, (column, row): (i32, i32)) -> bool {
        let grid = &self.home.grids[level];
        let (own_column, own_row) = self.standings(level);
        let gap_x = grid.columns.gap(own_column, Step::Cell, column);
        let gap_y = grid.rows.gap(own_row, Step::Cell, row);
        let row = self.metric.row(gap_y, grid.rows.extent(Step::Cell));
        row.floor_in(self.metric.column(gap_x)) <= self.shortlist.limit()
    }

    /// Visits the blocks of the first level `ring` columns or rows of them away, and says how many they are.
    fn visit_ring(&mut self, ring: i32) -> usize {
        let grid = self.home.base();
        let (own_column, own_row) = self.standings(0);
        let columns = grid.columns.offsets(own_column, Step::Block);
        let rows = grid.rows.offsets(own_row, Step::Block);
        let mut blocks = 0;
        let mut visit = |dx: i32, dy: i32| {
            blocks += 1;
            let x = grid.columns.piece_at(own_column, Step::Block, dx);
            let y = grid.rows.piece_at(own_row, Step::Block, dy);
            self.visit_block(0, (x, y));
        };
        for dy in rows.within(ring) {
            // The first and the last row of a ring are visited whole, of the others the two ends.
            if dy.abs() == ring {
                for dx in columns.within(ring) {
                    visit(dx, dy);
                }
                continue;
            }
            for dx in [-ring, ring] {
                if columns.contain(dx) {
                    visit(dx, dy);
                }
            }
        }
        blocks
    }

    /// Visits a block but for the cells that were visited by themselves.
    fn visit_block(&mut self, level: usize, at: (i32, i32)) {
        let (columns, rows) = (
            &self.home.grids[level].columns,
            &self.home.grids[level].rows,
        );
        let (own_column, own_row) = self.standings(level);
        let gap_x = columns.gap(own_column, Step::Block, at.0);
        let gap_y = rows.gap(own_row, Step::Block, at.1);
        let row = self.metric.row(gap_y, rows.extent(Step::Block));
        let limit = self.shortlist.limit();
        if row.floor_in(self.metric.column(gap_x)) > limit {
            return;
        }
        let block = match self.parts.block(key_of(level, at)) {
            Ok(Some(block)) => block,
            Ok(None) => return,
            Err(Elsewhere) => {
                self.missed = true;
                return;
            }
        };
        if block.is_split {
            for at in quarters(at) {
                self.visit_block(level + 1, at);
            }
            return;
        }
        // Per column: its share of floors, whether within reach, and whether among the cells visited.
        let halvings = level as i32 - self.level as i32;
        let visited =
            |axis: &Axis, standing, cell| axis.is_within(standing, self.visited, cell, halvings);
        let own = &self.home.grids[self.level];
        let mut shares = [0.0; BLOCK_SIDE as usize];
        let (mut reached, mut around) = (0u64, 0u64);
        for (x, share) in (0i32..).zip(&mut shares) {
            let cell = at.0 * BLOCK_SIDE + x;
            let gap = columns.gap(own_column, Step::Cell, cell);
            *share = self.metric.column(gap);
            let is_reached = self.metric.floor_beyond_x(gap) <= limit;
            reached |= u64::from(is_reached) << x;
            around |= u64::from(visited(&own.columns, self.column, cell)) << x;
        }
        let height = rows.extent(Step::Cell);
        for y in 0..BLOCK_SIDE {
            let first = y * BLOCK_SIDE;
            let mut cells = (block.occupied >> first) & reached;
            if cells == 0 {
                continue;
            }
            let row = at.1 * BLOCK_SIDE + y;
            if own.rows.is_within(self.row, self.visited, row, halvings) {
                cells &= !around;
            }
            let row = self.metric.row(rows.gap(own_row, Step::Cell, row), height);
            for x in bits(cells) {
                if row.floor_in(shares[x as usize]) <= self.shortlist.limit() {
                    self.visit(block.cells[first as usize + x as usize]);
                }
            }
        }
    }
}
