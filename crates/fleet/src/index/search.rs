//! The exact `k` nearest: first the cells around, then block by block outwards.

use domain::Space;

use super::chunk::NO_CHUNK;
use super::{Block, Candidate, Index, Nearby, bits, key_of};
use crate::grid::{Axis, BLOCK_SIDE, Standing, Step};
use crate::limits::SPARE_BLOCKS_PER_SEARCH;
use crate::metric::{Globe, Metric, Plane, Torus, slackened};
use crate::shortlist::Shortlist;

/// Those as good as equally near to the last of the nearest, for whom there is room.
const SPARE_CANDIDATES: usize = 2;
/// How far from its own cell a search looks before it goes by blocks: where drivers are as dense as cells
/// are sized for, most of the nearest few are there, and all that follows need only look for better ones.
const AROUND: i32 = 1;

impl Index {
    /// The nearest drivers, nearest first and of equally near ones the lower id first.
    #[must_use]
    pub fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        let radius_m = nearby.radius_m.unwrap_or(f64::INFINITY);
        if nearby.k == 0 || self.is_empty() || radius_m.is_nan() || radius_m < 0.0 {
            return Vec::new();
        }
        match self.grid.space() {
            Space::Sphere => self.search(Globe::new(nearby.place), nearby, radius_m),
            space @ Space::Plane { .. } => {
                let from = nearby.place;
                self.search(Plane { space, from }, nearby, radius_m)
            }
            Space::Torus { width_m, height_m } => {
                let torus = Torus::new(nearby.place, width_m, height_m);
                self.search(torus, nearby, radius_m)
            }
        }
    }

    fn search(&self, metric: impl Metric, nearby: Nearby<'_>, radius_m: f64) -> Vec<Candidate> {
        let mut shortlist = Search::new(self, &metric, nearby, radius_m).run();
        let mut candidates = Vec::with_capacity(nearby.k.min(self.len) + SPARE_CANDIDATES);
        candidates.extend(shortlist.slots().map(|slot| Candidate {
            driver: self.drivers[slot as usize],
            place: self.chunks.place(self.located[slot as usize]),
            distance_m: 0.0,
        }));
        // Apart, so that what was to be read was read at once.
        for candidate in &mut candidates {
            candidate.distance_m = metric.distance_m(candidate.place);
        }
        candidates.retain(|candidate| candidate.distance_m <= radius_m);
        candidates.sort_unstable_by(|a, b| {
            a.distance_m
                .total_cmp(&b.distance_m)
                .then(a.driver.cmp(&b.driver))
        });
        candidates.truncate(nearby.k);
        candidates
    }
}

/// The cells around one, by column and row as [`around`] has them: its own, those on the nearer sides and between
/// them, and from [`FARTHER_SIDES`] on the others.
const AROUND_ORDER: [(usize, usize); 9] = [
    (0, 0),
    (1, 0),
    (0, 1),
    (1, 1),
    (2, 0),
    (0, 2),
    (2, 1),
    (1, 2),
    (2, 2),
];
const FARTHER_SIDES: usize = 4;

/// A column or row of cells, and how far it is along its axis.
#[derive(Debug, Clone, Copy)]
struct Line {
    cell: i32,
    gap: f64,
}

/// The column or row that a standing is in, the one beside it on the nearer side, and that on the farther; none where
/// the axis ends.
fn around(axis: &Axis, standing: Standing) -> [Option<Line>; 3] {
    let nearer = if axis.is_in_upper_half(standing) {
        1
    } else {
        -1
    };
    let offsets = axis.offsets(standing, Step::Cell);
    [0, nearer, -nearer].map(|offset| {
        offsets.contain(offset).then(|| {
            let cell = axis.piece_at(standing, Step::Cell, offset);
            let gap = axis.gap(standing, Step::Cell, cell);
            Line { cell, gap }
        })
    })
}

struct Search<'a, M> {
    index: &'a Index,
    metric: &'a M,
    column: Standing,
    row: Standing,
    excluded: &'a [u32],
    shortlist: Shortlist,
    /// The block that was asked for last, by its key.
    last: Option<(u64, Option<&'a Block>)>,
}

impl<'a, M: Metric> Search<'a, M> {
    fn new(index: &'a Index, metric: &'a M, nearby: Nearby<'a>, radius_m: f64) -> Self {
        let (column, row) = index.grid.standings(nearby.place);
        let limit = slackened(metric.rank_of(radius_m));
        Self {
            index,
            metric,
            column,
            row,
            excluded: nearby.excluded,
            shortlist: Shortlist::new(nearby.k.min(index.len), limit),
            last: None,
        }
    }

    /// All of the nearest, and perhaps a few more.
    fn run(mut self) -> Shortlist {
        self.look_around();
        if self.is_done(Step::Cell, AROUND) {
            return self.shortlist;
        }
        // Where rings would meet more empty blocks than there are occupied ones (few drivers, far away, or
        // near a pole) those are looked at instead.
        let budget = self.index.by_key.len() + SPARE_BLOCKS_PER_SEARCH;
        let mut looked_at = 0;
        let mut ring = 0;
        while looked_at <= budget {
            looked_at += self.visit_ring(ring);
            if self.is_done(Step::Block, ring) {
                return self.shortlist;
            }
            ring += 1;
        }
        self.shortlist.restart();
        for block in &self.index.blocks {
            for first in block.occupied_cells() {
                self.visit(first);
            }
        }
        self.shortlist
    }

    /// Whether nothing beyond a ring can be among the nearest.
    fn is_done(&mut self, step: Step, ring: i32) -> bool {
        let grid = &self.index.grid;
        let beyond_x = grid.columns.gap_beyond(self.column, step, ring);
        let beyond_y = grid.rows.gap_beyond(self.row, step, ring);
        let floor_x = beyond_x.map_or(f64::INFINITY, |gap| self.metric.floor_beyond_x(gap));
        let floor_y = beyond_y.map_or(f64::INFINITY, |gap| self.metric.floor_beyond_y(gap));
        // Infinite once everything was visited, which is above no limit, not even none.
        let floor = floor_x.min(floor_y);
        floor.is_infinite() || floor > self.shortlist.limit()
    }

    /// Visits the cells up to [`AROUND`] away: its own and those on the nearer sides first, so that the limit is
    /// low enough to leave most others out.
    fn look_around(&mut self) {
        let grid = &self.index.grid;
        let columns = around(&grid.columns, self.column);
        let rows = around(&grid.rows, self.row);
        let height = grid.rows.extent(Step::Cell);
        let mut cells = [(f64::INFINITY, NO_CHUNK); AROUND_ORDER.len()];
        for (&(x, y), of) in AROUND_ORDER.iter().zip(&mut cells) {
            if let (Some(column), Some(row)) = (columns[x], rows[y]) {
                let floor = self.metric.floor_of(column.gap, row.gap, height);
                let (key, cell) = super::block_of((column.cell, row.cell));
                *of = (floor, self.first_chunk(key, cell));
            }
        }
        let (nearer, farther) = cells.split_at(FARTHER_SIDES);
        for cells in [nearer, farther] {
            let limit = self.shortlist.limit();
            let within = cells.iter().filter(|(floor, _)| *floor <= limit);
            let firsts = within.map(|(_, first)| *first);
            // All at once: the search itself waits for each to know whether it needs the next.
            self.index.chunks.touch(firsts.clone());
            for first in firsts {
                self.visit(first);
            }
        }
    }

    /// A cell's first chunk, by its block's key and its number in that.
    fn first_chunk(&mut self, key: u64, cell: u32) -> u32 {
        let block = self.block(key);
        block.map_or(NO_CHUNK, |block| block.cells[cell as usize])
    }

    /// A block; mostly the one that was asked for last.
    fn block(&mut self, key: u64) -> Option<&'a Block> {
        match self.last {
            Some((known, block)) if known == key => block,
            _ => {
                let block = self.index.block(key);
                self.last = Some((key, block));
                block
            }
        }
    }

    /// Visits the blocks `ring` columns or rows of them away, and says how many they are.
    fn visit_ring(&mut self, ring: i32) -> usize {
        let grid = &self.index.grid;
        let columns = grid.columns.offsets(self.column, Step::Block);
        let rows = grid.rows.offsets(self.row, Step::Block);
        let mut blocks = 0;
        for dy in rows.within(ring) {
            let y = grid.rows.piece_at(self.row, Step::Block, dy);
            let gap_y = grid.rows.gap(self.row, Step::Block, y);
            // The first and the last row of a ring are visited whole, of the others the two ends.
            if dy.abs() == ring {
                for dx in columns.within(ring) {
                    blocks += 1;
                    self.visit_block(dx, y, gap_y);
                }
                continue;
            }
            for dx in [-ring, ring] {
                if columns.contain(dx) {
                    blocks += 1;
                    self.visit_block(dx, y, gap_y);
                }
            }
        }
        blocks
    }

    fn visit_block(&mut self, dx: i32, block_y: i32, gap_y: f64) {
        let columns = &self.index.grid.columns;
        let rows = &self.index.grid.rows;
        let block_x = columns.piece_at(self.column, Step::Block, dx);
        let gap_x = columns.gap(self.column, Step::Block, block_x);
        let height = rows.extent(Step::Block);
        let limit = self.shortlist.limit();
        if self.metric.floor_of(gap_x, gap_y, height) > limit {
            return;
        }
        let Some(block) = self.index.block(key_of((block_x, block_y))) else {
            return;
        };
        // Per column: how far, whether within reach, and whether among the cells around.
        let mut gaps = [0.0; BLOCK_SIDE as usize];
        let (mut reached, mut around) = (0u64, 0u64);
        for (x, gap) in (0i32..).zip(&mut gaps) {
            let cell = block_x * BLOCK_SIDE + x;
            *gap = columns.gap(self.column, Step::Cell, cell);
            let is_reached = self.metric.floor_beyond_x(*gap) <= limit;
            reached |= u64::from(is_reached) << x;
            around |= u64::from(columns.cells_between(self.column, cell) <= AROUND) << x;
        }
        let height = rows.extent(Step::Cell);
        for y in 0..BLOCK_SIDE {
            let first = y * BLOCK_SIDE;
            let mut cells = (block.occupied >> first) & reached;
            if cells == 0 {
                continue;
            }
            let row = block_y * BLOCK_SIDE + y;
            if rows.cells_between(self.row, row) <= AROUND {
                cells &= !around;
            }
            let gap_y = rows.gap(self.row, Step::Cell, row);
            for x in bits(cells) {
                let floor = self.metric.floor_of(gaps[x as usize], gap_y, height);
                if floor <= self.shortlist.limit() {
                    self.visit(block.cells[first as usize + x as usize]);
                }
            }
        }
    }

    /// Ranks the drivers of a cell, by its first chunk.
    #[inline]
    fn visit(&mut self, first: u32) {
        for chunk in self.index.chunks.of(first) {
            let chunk = self.index.chunks.get(chunk);
            let mut ranks = self.metric.ranks(chunk.places());
            for (position, rank) in ranks.iter_mut().enumerate() {
                if position >= chunk.len() {
                    *rank = f64::INFINITY;
                }
            }
            if !self.excluded.is_empty() {
                for (rank, slot) in ranks.iter_mut().zip(chunk.slots()) {
                    if self.excluded.binary_search(slot).is_ok() {
                        *rank = f64::INFINITY;
                    }
                }
            }
            self.shortlist.add(ranks, chunk.slots());
        }
    }
}
