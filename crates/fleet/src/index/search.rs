//! The exact `k` nearest: first the cells around, then, where there may be nearer ones, outwards ([`outwards`]).

use domain::{DriverId, Place, Space, VehicleClasses};

use super::block::{Block, block_of};
use super::chunk::{Located, NO_CHUNK};
use super::{Candidate, CandidateLists, Index, Nearby};
use crate::grid::{AROUND, Standing, Step};
use crate::limits::SEARCHES_AT_ONCE;
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
        match self.space() {
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
        // Those who ask one after the other are likely to stand among cells as wide.
        let mut level = 0;
        loop {
            searches.extend(queries.by_ref().take(SEARCHES_AT_ONCE).map(|query| {
                let radius_m = query.radius_m.unwrap_or(f64::INFINITY);
                // What is not a number is no distance.
                let is_distance = radius_m >= 0.0;
                (query.k > 0 && is_distance && !self.is_empty()).then(|| {
                    let shortlist = shortlists.pop().unwrap_or_default();
                    let search =
                        Search::new(self, from(query.place), query, radius_m, level, shortlist);
                    level = search.level;
                    search
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
        if search.is_mixed {
            search.visit_around_of_other_levels();
        }
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
    excluded: &'a [DriverId],
    /// That of the cell that the place lies in.
    level: usize,
    /// Where the place lies in the grid of that level.
    column: Standing,
    row: Standing,
    /// How far whatever lies beyond the cells around is, along each axis.
    beyond: (Option<f64>, Option<f64>),
    nearer: [Seen; NEARER.len()],
    farther: [Seen; FARTHER.len()],
    /// Whether some of the cells around are of other levels.
    is_mixed: bool,
    /// How many cells either way were looked at one by one.
    visited: i32,
    shortlist: Shortlist,
}

impl<'a, M: Metric> Search<'a, M> {
    fn new(
        index: &'a Index,
        metric: M,
        nearby: Nearby<'a>,
        radius_m: f64,
        likely_level: usize,
        mut shortlist: Shortlist,
    ) -> Self {
        let limit = slackened(metric.rank_of(radius_m));
        shortlist.begin(nearby.k.min(index.len), limit);
        // Cells side by side are in the same block or in one with another last bit of its column or row.
        let mut known: [Option<(u64, Option<&Block>)>; 4] = [None; 4];
        let (level, number) = index.level_at(nearby.place, likely_level);
        let grid = &index.grids[level];
        let (column, row) = grid.standings(nearby.place);
        let own = number.map(|number| &index.blocks[number as usize]);
        let (key, _) = block_of(level, (column.cell(), row.cell()));
        known[parity(key)] = Some((key, own));
        let (columns, rows) = (grid.columns.around(column), grid.rows.around(row));
        let height = grid.rows.extent(Step::Cell);
        let across = columns
            .lines
            .map(|line| Some((line?.cell, metric.column(line?.gap))));
        let along = rows
            .lines
            .map(|line| Some((line?.cell, metric.row(line?.gap, height))));
        let mut is_mixed = false;
        let mut see = |(x, y): (usize, usize)| {
            let (Some((column, share)), Some((row, floors))) = (across[x], along[y]) else {
                return NOTHING;
            };
            let (key, cell) = block_of(level, (column, row));
            let known = &mut known[parity(key)];
            let block = match known {
                Some((is, block)) if *is == key => *block,
                _ => {
                    let block = index.block(key);
                    // Of levels below the first, a block that is not there may be part of one that is.
                    is_mixed |= block.map_or(level > 0, |block| block.is_split);
                    block
                }
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
            is_mixed,
            visited: AROUND,
            metric,
            k: nearby.k,
            radius_m,
            classes: nearby.classes,
            excluded: nearby.excluded,
            level,
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
                let limit = self.shortlist.limit() as f32;
                for (rank, slot) in ranks.iter_mut().zip(chunk.slots()) {
                    if *rank <= limit && !self.will_do(*slot) {
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
        class_will_do
            && (self.excluded.is_empty()
                || !self.excluded.contains(&self.index.drivers[slot as usize]))
    }
}

mod outwards;
