//! The exact `k` nearest: first the cells around, then block by block outwards.

use domain::{Place, Space, VehicleClasses};

use super::chunk::{Located, NO_CHUNK};
use super::{Block, Candidate, CandidateLists, Index, Nearby, bits, key_of};
use crate::grid::{AROUND, BLOCK_SIDE, Standing, Step};
use crate::limits::{SEARCHES_AT_ONCE, SPARE_BLOCKS_PER_SEARCH};
use crate::metric::{Globe, Metric, Plane, Torus, slackened};
use crate::shortlist::Shortlist;

impl Index {
    /// The nearest drivers, nearest first and of equally near ones the lower id first.
    #[must_use]
    pub fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        let mut found = CandidateLists::default();
        self.nearest_of_each([nearby], &mut found);
        found.all
    }

    /// Adds the same of each query.
    pub fn nearest_of_each<'a>(
        &self,
        queries: impl IntoIterator<Item = Nearby<'a>>,
        found: &mut CandidateLists,
    ) {
        match self.grid.space() {
            Space::Sphere => self.search_each(queries, Globe::new, found),
            space @ Space::Plane { .. } => {
                self.search_each(queries, |from| Plane { space, from }, found);
            }
            Space::Torus { width_m, height_m } => {
                let torus = |from| Torus::new(from, width_m, height_m);
                self.search_each(queries, torus, found);
            }
        }
    }

    fn search_each<'a, M: Metric>(
        &self,
        queries: impl IntoIterator<Item = Nearby<'a>>,
        from: impl Fn(Place) -> M,
        found: &mut CandidateLists,
    ) {
        let mut queries = queries.into_iter();
        let mut searches: Vec<Option<Search<'_, M>>> = Vec::new();
        let mut shortlists = Vec::new();
        loop {
            searches.extend(queries.by_ref().take(SEARCHES_AT_ONCE).map(|query| {
                let radius_m = query.radius_m.unwrap_or(f64::INFINITY);
                // What is not a number is no distance.
                let is_distance = radius_m >= 0.0;
                (query.k > 0 && is_distance && !self.is_empty()).then(|| {
                    let shortlist = shortlists.pop().unwrap_or_default();
                    Search::new(self, from(query.place), query, radius_m, shortlist)
                })
            }));
            if searches.is_empty() {
                return;
            }
            look_each(&mut searches);
            for search in searches.drain(..) {
                if let Some(search) = search {
                    search.measure(&mut found.all);
                    shortlists.push(search.shortlist);
                }
                found.ends.push(found.all.len());
            }
        }
    }
}

/// Shortlists the nearest of each search. Step by step for all of them, so that what a step reads of memory is under
/// way for all at once; a search by itself waits for each step's to know what it needs next.
fn look_each<M: Metric>(searches: &mut [Option<Search<'_, M>>]) {
    for search in searches.iter().flatten() {
        search.touch(&search.nearer, f64::INFINITY);
    }
    for search in searches.iter().flatten() {
        search.touch_second(&search.nearer);
    }
    for search in searches.iter_mut().flatten() {
        search.visit_each(search.nearer);
    }
    // The limit is low enough by now to leave most others out.
    for search in searches.iter_mut().flatten() {
        let limit = search.shortlist.limit();
        search.touch(&search.farther, limit);
    }
    for search in searches.iter_mut().flatten() {
        search.visit_each(search.farther);
        search.look_on();
        search.shortlist.limit();
    }
    for search in searches.iter().flatten() {
        search.touch_found();
    }
}

/// The cells around one, by column and row as `Axis::around` has them: its own, and those on the
/// nearer sides and between.
const NEARER: [(usize, usize); 4] = [(0, 0), (1, 0), (0, 1), (1, 1)];
/// The others.
const FARTHER: [(usize, usize); 5] = [(2, 0), (0, 2), (2, 1), (1, 2), (2, 2)];

/// A cell as a search sees it: at least how far it is, by rank, and its first chunk.
#[derive(Debug, Clone, Copy)]
struct Seen {
    floor: f32,
    first: u32,
}

const NOTHING: Seen = Seen {
    floor: f32::INFINITY,
    first: NO_CHUNK,
};

/// The last bits of a block's column and row.
fn parity(key: u64) -> usize {
    usize::from(key & 1 == 1) | (usize::from((key >> u32::BITS) & 1 == 1) << 1)
}

struct Search<'a, M> {
    index: &'a Index,
    metric: M,
    k: usize,
    radius_m: f64,
    classes: VehicleClasses,
    excluded: &'a [u32],
    column: Standing,
    row: Standing,
    /// How far whatever lies beyond the cells around is, along each axis.
    beyond: (Option<f64>, Option<f64>),
    nearer: [Seen; NEARER.len()],
    farther: [Seen; FARTHER.len()],
    shortlist: Shortlist,
}

impl<'a, M: Metric> Search<'a, M> {
    fn new(
        index: &'a Index,
        metric: M,
        nearby: Nearby<'a>,
        radius_m: f64,
        mut shortlist: Shortlist,
    ) -> Self {
        let limit = slackened(metric.rank_of(radius_m));
        shortlist.begin(nearby.k.min(index.len), limit);
        let grid = &index.grid;
        let (column, row) = grid.standings(nearby.place);
        let (columns, rows) = (grid.columns.around(column), grid.rows.around(row));
        let height = grid.rows.extent(Step::Cell);
        // Cells side by side are in the same block or in one with another last bit of its column or row.
        let mut known: [Option<(u64, Option<&Block>)>; 4] = [None; 4];
        let across = columns
            .lines
            .map(|line| Some((line?.cell, metric.column(line?.gap))));
        let along = rows
            .lines
            .map(|line| Some((line?.cell, metric.row(line?.gap, height))));
        let mut see = |(x, y): (usize, usize)| {
            let (Some((column, share)), Some((row, floors))) = (across[x], along[y]) else {
                return NOTHING;
            };
            let (key, cell) = super::block_of((column, row));
            let known = &mut known[parity(key)];
            let block = match known {
                Some((is, block)) if *is == key => *block,
                _ => index.block(key),
            };
            *known = Some((key, block));
            Seen {
                // A limit is above what it is to let in by more than this is rounded.
                floor: floors.floor_in(share) as f32,
                first: block.map_or(NO_CHUNK, |block| block.cells[cell as usize]),
            }
        };
        let (mut nearer, mut farther) = ([NOTHING; NEARER.len()], [NOTHING; FARTHER.len()]);
        for (at, seen) in NEARER.iter().zip(&mut nearer) {
            *seen = see(*at);
        }
        for (at, seen) in FARTHER.iter().zip(&mut farther) {
            *seen = see(*at);
        }
        Self {
            index,
            beyond: (columns.beyond, rows.beyond),
            nearer,
            farther,
            metric,
            k: nearby.k,
            radius_m,
            classes: nearby.classes,
            excluded: nearby.excluded,
            column,
            row,
            shortlist,
        }
    }

    /// Reads the first chunks of the cells that lie within a limit, so that they are in the cache: the reads do not wait
    /// for each other.
    fn touch(&self, cells: &[Seen], limit: f64) {
        let within = cells.iter().filter(|seen| f64::from(seen.floor) <= limit);
        self.index.chunks.touch(within.map(|seen| seen.first));
    }

    /// The same of those that come second.
    fn touch_second(&self, cells: &[Seen]) {
        let chunks = &self.index.chunks;
        let firsts = cells.iter().map(|seen| seen.first);
        let some = firsts.filter(|first| *first != NO_CHUNK);
        chunks.touch(some.map(|first| chunks.get(first).next()));
    }

    /// The same of what [`measure`](Self::measure) reads.
    fn touch_found(&self) {
        let chunks = &self.index.chunks;
        let read = self.shortlist.found().fold(0, |read, at| {
            read ^ self.index.drivers[chunks.slot(at) as usize].0
        });
        std::hint::black_box(read);
    }

    fn visit_each(&mut self, cells: impl IntoIterator<Item = Seen>) {
        let limit = self.shortlist.limit();
        for seen in cells {
            if f64::from(seen.floor) <= limit {
                self.visit(seen.first);
            }
        }
    }

    /// Adds the nearest `k` of the shortlist.
    fn measure(&self, found: &mut Vec<Candidate>) {
        let Self {
            index,
            metric,
            radius_m,
            ..
        } = self;
        let first = found.len();
        found.extend(self.shortlist.found().map(|at| {
            let place = index.chunks.place(at);
            Candidate {
                driver: index.drivers[index.chunks.slot(at) as usize],
                place,
                distance_m: metric.distance_m(place),
            }
        }));
        found[first..].sort_unstable_by(|a, b| {
            a.distance_m
                .total_cmp(&b.distance_m)
                .then(a.driver.cmp(&b.driver))
        });
        let nearest = found[first..].iter().take(self.k);
        let within = nearest.take_while(|it| it.distance_m <= *radius_m);
        found.truncate(first + within.count());
    }

    /// Visits what lies beyond the cells around, as far as there is a need.
    fn look_on(&mut self) {
        if self.is_done(self.beyond) {
            return;
        }
        // Where rings would meet more empty blocks than there are occupied ones (few drivers, far away, or
        // near a pole) those are looked at instead.
        let budget = self.index.by_key.len() + SPARE_BLOCKS_PER_SEARCH;
        let mut looked_at = 0;
        let mut ring = 0;
        while looked_at <= budget {
            looked_at += self.visit_ring(ring);
            let grid = &self.index.grid;
            let beyond_x = grid.columns.gap_beyond(self.column, Step::Block, ring);
            let beyond_y = grid.rows.gap_beyond(self.row, Step::Block, ring);
            if self.is_done((beyond_x, beyond_y)) {
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

    /// Whether nothing so far away along an axis can be among the nearest; none: there is nothing.
    fn is_done(&mut self, (beyond_x, beyond_y): (Option<f64>, Option<f64>)) -> bool {
        let floor_x = beyond_x.map_or(f64::INFINITY, |gap| self.metric.floor_beyond_x(gap));
        let floor_y = beyond_y.map_or(f64::INFINITY, |gap| self.metric.floor_beyond_y(gap));
        // Infinite once everything was visited, which is above no limit, not even none.
        let floor = floor_x.min(floor_y);
        floor.is_infinite() || floor > self.shortlist.limit()
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
        let row = self.metric.row(gap_y, rows.extent(Step::Block));
        let limit = self.shortlist.limit();
        if row.floor_in(self.metric.column(gap_x)) > limit {
            return;
        }
        let Some(block) = self.index.block(key_of((block_x, block_y))) else {
            return;
        };
        // Per column: its share of floors, whether within reach, and whether among the cells around.
        let mut shares = [0.0; BLOCK_SIDE as usize];
        let (mut reached, mut around) = (0u64, 0u64);
        for (x, share) in (0i32..).zip(&mut shares) {
            let cell = block_x * BLOCK_SIDE + x;
            let gap = columns.gap(self.column, Step::Cell, cell);
            *share = self.metric.column(gap);
            let is_reached = self.metric.floor_beyond_x(gap) <= limit;
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
            let row = self.metric.row(rows.gap(self.row, Step::Cell, row), height);
            for x in bits(cells) {
                if row.floor_in(shares[x as usize]) <= self.shortlist.limit() {
                    self.visit(block.cells[first as usize + x as usize]);
                }
            }
        }
    }

    /// Ranks the drivers of a cell, by its first chunk.
    #[inline]
    fn visit(&mut self, first: u32) {
        for number in self.index.chunks.of(first) {
            let chunk = self.index.chunks.get(number);
            let mut ranks = self.metric.ranks(chunk.places());
            let at = Located::first_of(number);
            let all_will_do = self.classes == VehicleClasses::ALL && self.excluded.is_empty();
            if all_will_do && self.shortlist.is_unlimited() {
                self.shortlist.add_all(ranks, chunk.len(), at);
                continue;
            }
            if !all_will_do {
                for (rank, slot) in ranks.iter_mut().zip(chunk.slots()) {
                    if !self.will_do(*slot) {
                        *rank = f32::NAN;
                    }
                }
            }
            self.shortlist.add(ranks, chunk.len(), at);
        }
    }

    /// Whether the driver of a slot counts.
    fn will_do(&self, slot: u32) -> bool {
        // Without a look at the class where any will do.
        let class_will_do =
            self.classes == VehicleClasses::ALL || self.classes.contains(self.index.class(slot));
        class_will_do && self.excluded.binary_search(&slot).is_err()
    }
}
