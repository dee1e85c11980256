//! The exact `k` nearest: first the cells around, then block by block outwards.

use domain::{Place, Space};

use super::chunk::NO_CHUNK;
use super::{Candidate, Index, Nearby, bits, key_of};
use crate::grid::{Axis, BLOCK_SIDE, Standing, Step};
use crate::limits::SPARE_BLOCKS_PER_SEARCH;
use crate::metric::{Globe, Metric, Plane, Torus, slackened};
use crate::shortlist::Shortlist;

/// Those as good as equally near to the last of the nearest, for whom there is room.
const SPARE_CANDIDATES: usize = 2;
/// Searches of one call whose memory is read together.
const SEARCHES_AT_ONCE: usize = 8;
/// How far from its own cell a search looks before it goes by blocks: where drivers are as dense as cells
/// are sized for, most of the nearest few are there, and all that follows need only look for better ones.
const AROUND: i32 = 1;

impl Index {
    /// The nearest drivers, nearest first and of equally near ones the lower id first.
    #[must_use]
    pub fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        let mut found = self.nearest_of_each(&[nearby]);
        found.pop().expect("one list for one query")
    }

    /// The same of each query. Cheaper than one by one: what [`SEARCHES_AT_ONCE`] of them need of memory is read
    /// before the first waits for it.
    #[must_use]
    pub fn nearest_of_each(&self, queries: &[Nearby<'_>]) -> Vec<Vec<Candidate>> {
        match self.grid.space() {
            Space::Sphere => self.search_each(queries, Globe::new),
            space @ Space::Plane { .. } => self.search_each(queries, |from| Plane { space, from }),
            Space::Torus { width_m, height_m } => {
                self.search_each(queries, |from| Torus::new(from, width_m, height_m))
            }
        }
    }

    fn search_each<M: Metric>(
        &self,
        queries: &[Nearby<'_>],
        from: impl Fn(Place) -> M,
    ) -> Vec<Vec<Candidate>> {
        let mut found = Vec::with_capacity(queries.len());
        let mut searches = Vec::with_capacity(queries.len().min(SEARCHES_AT_ONCE));
        for queries in queries.chunks(SEARCHES_AT_ONCE) {
            for query in queries {
                searches.push(Search::new(self, from(query.place), *query));
            }
            let nearer = searches.iter().flat_map(|search| &search.nearer);
            self.chunks.touch(nearer.map(|cell| cell.first));
            found.extend(searches.iter_mut().map(Search::run));
            searches.clear();
        }
        found
    }
}

/// The cells around one, by column and row as [`around`] has them: its own, and those on the nearer sides and between.
const NEARER: [(usize, usize); 4] = [(0, 0), (1, 0), (0, 1), (1, 1)];
/// The others.
const FARTHER: [(usize, usize); 5] = [(2, 0), (0, 2), (2, 1), (1, 2), (2, 2)];

/// A cell as a search sees it: at least how far it is, by rank, and its first chunk.
#[derive(Debug, Clone, Copy)]
struct Seen {
    floor: f64,
    first: u32,
}

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
    metric: M,
    nearby: Nearby<'a>,
    radius_m: f64,
    column: Standing,
    row: Standing,
    nearer: [Seen; NEARER.len()],
    farther: [Seen; FARTHER.len()],
    shortlist: Shortlist,
}

impl<'a, M: Metric> Search<'a, M> {
    fn new(index: &'a Index, metric: M, nearby: Nearby<'a>) -> Self {
        let grid = &index.grid;
        let radius_m = nearby.radius_m.unwrap_or(f64::INFINITY);
        let limit = slackened(metric.rank_of(radius_m));
        let (column, row) = grid.standings(nearby.place);
        let columns = around(&grid.columns, column);
        let rows = around(&grid.rows, row);
        let height = grid.rows.extent(Step::Cell);
        // Mostly they are in one block.
        let mut last = None;
        let mut see = |(x, y): (usize, usize)| {
            let (Some(column), Some(row)) = (columns[x], rows[y]) else {
                return Seen {
                    floor: f64::INFINITY,
                    first: NO_CHUNK,
                };
            };
            let (key, cell) = super::block_of((column.cell, row.cell));
            let block = match last {
                Some((known, block)) if known == key => block,
                _ => index.block(key),
            };
            last = Some((key, block));
            Seen {
                floor: metric.floor_of(column.gap, row.gap, height),
                first: block.map_or(NO_CHUNK, |block| block.cells[cell as usize]),
            }
        };
        Self {
            index,
            nearer: NEARER.map(&mut see),
            farther: FARTHER.map(&mut see),
            metric,
            nearby,
            radius_m,
            column,
            row,
            shortlist: Shortlist::new(nearby.k.min(index.len), limit),
        }
    }

    fn run(&mut self) -> Vec<Candidate> {
        // Not a number is not within any distance.
        let is_within = self.radius_m >= 0.0;
        if self.nearby.k == 0 || self.index.is_empty() || !is_within {
            return Vec::new();
        }
        self.look();
        self.shortlist.limit();
        let Self {
            index,
            metric,
            nearby,
            radius_m,
            shortlist,
            ..
        } = self;
        let mut candidates = Vec::with_capacity(nearby.k.min(index.len) + SPARE_CANDIDATES);
        candidates.extend(shortlist.slots().map(|slot| Candidate {
            driver: index.drivers[slot as usize],
            place: index.chunks.place(index.located[slot as usize]),
            distance_m: 0.0,
        }));
        // Apart, so that what was to be read was read at once.
        for candidate in &mut candidates {
            candidate.distance_m = metric.distance_m(candidate.place);
        }
        candidates.retain(|candidate| candidate.distance_m <= *radius_m);
        candidates.sort_unstable_by(|a, b| {
            a.distance_m
                .total_cmp(&b.distance_m)
                .then(a.driver.cmp(&b.driver))
        });
        candidates.truncate(nearby.k);
        candidates
    }

    /// Shortlists all of the nearest, and perhaps a few more.
    fn look(&mut self) {
        self.look_around();
        if self.is_done(Step::Cell, AROUND) {
            return;
        }
        // Where rings would meet more empty blocks than there are occupied ones (few drivers, far away, or
        // near a pole) those are looked at instead.
        let budget = self.index.by_key.len() + SPARE_BLOCKS_PER_SEARCH;
        let mut looked_at = 0;
        let mut ring = 0;
        while looked_at <= budget {
            looked_at += self.visit_ring(ring);
            if self.is_done(Step::Block, ring) {
                return;
            }
            ring += 1;
        }
        self.shortlist.restart();
        for block in &self.index.blocks {
            for first in block.occupied_cells() {
                self.visit(first);
            }
        }
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
        self.visit_each(self.nearer);
        self.visit_each(self.farther);
    }

    fn visit_each(&mut self, cells: impl IntoIterator<Item = Seen> + Clone) {
        let limit = self.shortlist.limit();
        let within = move |seen: &Seen| seen.floor <= limit;
        // All at once: the search itself waits for each to know whether it needs the next.
        let firsts = cells.clone().into_iter().filter(within);
        self.index.chunks.touch(firsts.map(|seen| seen.first));
        for seen in cells.into_iter().filter(within) {
            self.visit(seen.first);
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
                    *rank = f32::INFINITY;
                }
            }
            if !self.nearby.excluded.is_empty() {
                for (rank, slot) in ranks.iter_mut().zip(chunk.slots()) {
                    if self.nearby.excluded.binary_search(slot).is_ok() {
                        *rank = f32::INFINITY;
                    }
                }
            }
            self.shortlist.add(ranks, chunk.slots());
        }
    }
}
