//! The exact `k` nearest: first the cells around, then, where there may be nearer ones, outwards ([`outwards`]).

use std::f64::consts::PI;

use domain::{DriverId, Place, Space, VehicleClasses};

use super::block::block_of;
use super::chunk::{Located, NO_CHUNK};
use super::parts::{Looked, Parts};
use super::{Candidate, CandidateLists, Index, Nearby};
use crate::grid::{AROUND, Standing, Step};
use crate::metric::{Globe, Metric, Plane, Torus, slackened};
use crate::shortlist::Shortlist;

impl Index {
    /// The nearest drivers, nearest first and of equally near ones the lower id first.
    #[must_use]
    pub fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        Parts::whole(self).nearest(nearby)
    }
}

/// What one call of [`Parts::search`] leaves to the next: room, and where it is likely to look.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    shortlists: Vec<Shortlist>,
    /// Those who ask one after the other are likely to stand among cells as wide.
    level: usize,
}

/// A query, and which of the lists its candidates are to be.
pub(crate) type Numbered<'a> = (usize, Nearby<'a>);

impl Parts<'_> {
    /// The nearest drivers of all that is at hand.
    pub(crate) fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        let mut found = CandidateLists::default();
        found.begin(1);
        let missed = self.search(
            [(0, nearby)].into_iter(),
            &mut Scratch::default(),
            &mut found,
        );
        debug_assert!(missed.is_empty(), "nothing but what is at hand");
        found.all
    }

    /// Finds the nearest of each query, [`SEARCHES_AT_ONCE`](crate::limits::SEARCHES_AT_ONCE) at most, and answers with the
    /// numbers of those which that needs other shards for: nothing is found of these. The shards that have the queries'
    /// places are at hand.
    pub(crate) fn search<'q>(
        &self,
        queries: impl Iterator<Item = Numbered<'q>>,
        scratch: &mut Scratch,
        found: &mut CandidateLists,
    ) -> Vec<usize> {
        match self.space() {
            Space::Sphere => self.search_each(queries, Globe::new, scratch, found),
            space @ Space::Plane { .. } => {
                self.search_each(queries, |from| Plane { space, from }, scratch, found)
            }
            Space::Torus { width_m, height_m } => {
                let torus = |from| Torus::new(from, width_m, height_m);
                self.search_each(queries, torus, scratch, found)
            }
        }
    }

    fn search_each<'q, M: Metric>(
        &self,
        queries: impl Iterator<Item = Numbered<'q>>,
        from: impl Fn(Place) -> M,
        scratch: &mut Scratch,
        found: &mut CandidateLists,
    ) -> Vec<usize> {
        let mut searches: Vec<(usize, Search<'_, M>)> = Vec::with_capacity(queries.size_hint().0);
        let mut missed = Vec::new();
        let (len, are_all) = (self.len(), self.are_all());
        for (number, query) in queries {
            let radius_m = query.radius_m.unwrap_or(f64::INFINITY);
            // What is not a number is no distance.
            let is_distance = radius_m >= 0.0;
            let k = query.k.min(len);
            if k < query.k && !are_all {
                missed.push(number);
                continue;
            }
            if k == 0 || !is_distance {
                continue;
            }
            let mut shortlist = scratch.shortlists.pop().unwrap_or_default();
            let metric = from(query.place);
            shortlist.begin(k, slackened(metric.rank_of(radius_m)));
            let search = Search::new(self, metric, query, radius_m, scratch.level, shortlist);
            scratch.level = search.level;
            searches.push((number, search));
        }
        look_each(&mut searches);
        for (number, search) in searches {
            if search.missed {
                missed.push(number);
            } else {
                found.fill(number, |all| search.measure(all));
            }
            if search.shortlist.is_short() {
                scratch.shortlists.push(search.shortlist);
            }
        }
        missed
    }
}

/// Shortlists the nearest of each search. Step by step for all of them, so that what a step reads of memory is under
/// way for all at once; a search by itself waits for each step's to know what it needs next.
fn look_each<M: Metric>(searches: &mut [(usize, Search<'_, M>)]) {
    for (_, search) in searches.iter() {
        search.touch(&search.nearer, f64::INFINITY);
        // What will be read most likely is under way before it is known to be needed.
        search.touch(&search.farther, search.shortlist.likely());
    }
    for (_, search) in searches.iter() {
        search.touch_second(&search.nearer);
    }
    for (_, search) in searches.iter_mut() {
        search.visit_each(search.nearer);
    }
    // The limit is low enough by now to leave most others out.
    for (_, search) in searches.iter_mut() {
        let limit = search.shortlist.limit();
        search.touch(&search.farther, limit);
    }
    for (_, search) in searches.iter_mut() {
        search.visit_each(search.farther);
        if search.is_mixed && !search.missed {
            search.visit_around_of_other_levels();
        }
        search.look_on();
        search.shortlist.limit();
    }
    for (_, search) in searches.iter() {
        search.touch_found();
    }
}

/// The cells around one, by column and row as `Axis::around` has them: its own, and those on the
/// nearer sides and between.
const NEARER: [(usize, usize); 4] = [(0, 0), (1, 0), (0, 1), (1, 1)];
/// The others.
const FARTHER: [(usize, usize); 5] = [(2, 0), (0, 2), (2, 1), (1, 2), (2, 2)];

/// How many drivers there are to a cell, most likely: fewer than crowd there, and more than are joined.
const LIKELY_IN_A_CELL: f64 = 7.0;

/// A cell as a search sees it: at least how far it is, by rank, and its first chunk or what stands for none at hand.
#[derive(Debug, Clone, Copy)]
struct Seen {
    floor: f32,
    first: u32,
}

/// What stands for whatever another shard has. No chunk has that number.
const ELSEWHERE: u32 = NO_CHUNK - 1;

const NOTHING: Seen = Seen {
    floor: f32::INFINITY,
    first: NO_CHUNK,
};

/// The last bits of a block's column and row.
fn parity(key: u64) -> usize {
    usize::from(key & 1 == 1) | (usize::from((key >> u32::BITS) & 1 == 1) << 1)
}

struct Search<'a, M> {
    parts: &'a Parts<'a>,
    /// The one that has what is at the place.
    home: &'a Index,
    /// Whether some of what there is to look at is not at hand.
    missed: bool,
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
        parts: &'a Parts<'a>,
        metric: M,
        nearby: Nearby<'a>,
        radius_m: f64,
        likely_level: usize,
        mut shortlist: Shortlist,
    ) -> Self {
        let home = parts.home_of(nearby.place);
        // Cells side by side are in the same block or in one with another last bit of its column or row.
        let mut known: [Option<(u64, Looked<'_>)>; 4] = [None; 4];
        let (level, number) = home.level_at(nearby.place, likely_level);
        let grid = &home.grids[level];
        let (column, row) = grid.standings(nearby.place);
        let own = number.map(|number| &home.blocks[number as usize]);
        let (key, _) = block_of(level, (column.cell(), row.cell()));
        known[parity(key)] = Some((key, Ok(own)));
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
                    let block = parts.block(key);
                    // Of levels below the first, a block that is not there may be part of one that is.
                    is_mixed |= block.is_ok_and(|block| block.map_or(level > 0, |it| it.is_split));
                    block
                }
            };
            *known = Some((key, block));
            Seen {
                // A limit is above what it is to let in by more than this is rounded.
                floor: floors.floor_in(share) as f32,
                first: block.map_or(ELSEWHERE, |block| {
                    block.map_or(NO_CHUNK, |block| block.cells[cell as usize])
                }),
            }
        };
        let (mut nearer, mut farther) = ([NOTHING; NEARER.len()], [NOTHING; FARTHER.len()]);
        for (at, seen) in NEARER.iter().zip(&mut nearer) {
            *seen = see(*at);
        }
        for (at, seen) in FARTHER.iter().zip(&mut farther) {
            *seen = see(*at);
        }
        let likely = nearby.k as f64 * grid.cell_m().powi(2) / (PI * LIKELY_IN_A_CELL);
        shortlist.expect(likely);
        Self {
            parts,
            home,
            missed: false,
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
        self.touch_chunks(within.map(|seen| seen.first));
    }

    /// The same of those that come second.
    fn touch_second(&self, cells: &[Seen]) {
        let firsts = cells.iter().map(|seen| seen.first);
        let some = firsts.filter(|first| *first < ELSEWHERE);
        self.touch_chunks(some.map(|first| self.parts.chunk(first).next()));
    }

    #[inline]
    fn touch_chunks(&self, chunks: impl Iterator<Item = u32>) {
        let some = chunks.filter(|chunk| *chunk < ELSEWHERE);
        let read = some.fold(0, |read, chunk| read ^ self.parts.chunk(chunk).touch());
        std::hint::black_box(read);
    }

    /// The same of what [`measure`](Self::measure) reads.
    fn touch_found(&self) {
        let read = self.shortlist.found().fold(0, |read, at| {
            let (index, slot) = self.parts.of_entry(at);
            read ^ index.drivers[slot as usize].0
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
            parts,
            metric,
            radius_m,
            ..
        } = self;
        let first = found.len();
        found.extend(self.shortlist.found().map(|at| {
            let (index, slot) = parts.of_entry(at);
            let place = index.chunks.place(at);
            Candidate {
                driver: index.drivers[slot as usize],
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
        if first >= ELSEWHERE {
            self.missed |= first == ELSEWHERE;
            return;
        }
        let index = self.parts.of_chunk(first);
        for number in index.chunks.of(first) {
            let chunk = index.chunks.get(number);
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
                    if *rank <= limit && !self.will_do(index, *slot) {
                        *rank = f32::NAN;
                    }
                }
            }
            self.shortlist.add(ranks, chunk.len(), at);
        }
    }

    /// Whether the driver of a slot counts.
    fn will_do(&self, index: &Index, slot: u32) -> bool {
        // Without a look at the class where any will do.
        let class_will_do =
            self.classes == VehicleClasses::ALL || self.classes.contains(index.class(slot));
        class_will_do
            && (self.excluded.is_empty() || !self.excluded.contains(&index.drivers[slot as usize]))
    }
}

mod outwards;
