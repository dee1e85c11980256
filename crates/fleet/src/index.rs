//! Where things are: a grid of buckets over a [`Space`], with exact nearest neighbours.
//!
//! Things are known by dense numbers (slots) that the caller gives out. A bucket holds the coordinates of
//! what is in its cell, so that a search touches nothing else; only occupied cells have a bucket. A search
//! walks rings of cells outwards and stops when no cell further out can hold anything nearer than the
//! `k`-th found, across the seam of a torus and the antimeridian alike. Where rings would meet more empty
//! cells than there are occupied ones (few drivers, far away, or near a pole) it scans those instead.

use domain::{DriverId, Place, Space};

use crate::grid::{Grid, Spot, Standing, key};
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

#[derive(Debug, Clone, Copy)]
struct Entry {
    spot: Spot,
    slot: u32,
}

#[derive(Debug, Clone)]
struct Bucket {
    key: u64,
    entries: Vec<Entry>,
}

/// Where a slot's entry lies.
#[derive(Debug, Clone, Copy)]
struct Located {
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
    buckets: Vec<Bucket>,
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
            buckets: Vec::new(),
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

    /// Puts a slot at a place, whether or not it was somewhere before.
    pub fn put(&mut self, slot: u32, place: Place) {
        let spot = self.grid.spot(place);
        let key = self.grid.key_of(spot);
        if self.located.len() <= slot as usize {
            self.located.resize(slot as usize + 1, NOWHERE);
        }
        let at = self.located[slot as usize];
        if at.bucket != NOWHERE.bucket {
            let bucket = &mut self.buckets[at.bucket as usize];
            if bucket.key == key {
                bucket.entries[at.position as usize].spot = spot;
                return;
            }
            self.take_out(at);
            self.len -= 1;
        }
        let bucket = self.bucket_for(key);
        let entries = &mut self.buckets[bucket as usize].entries;
        let position = u32::try_from(entries.len()).expect("fewer entries than slots");
        entries.push(Entry { spot, slot });
        self.located[slot as usize] = Located { bucket, position };
        self.len += 1;
    }

    /// Takes a slot out; false if it was not in.
    pub fn remove(&mut self, slot: u32) -> bool {
        if !self.contains(slot) {
            return false;
        }
        let at = std::mem::replace(&mut self.located[slot as usize], NOWHERE);
        self.take_out(at);
        self.len -= 1;
        true
    }

    fn take_out(&mut self, at: Located) {
        let Self {
            buckets,
            located,
            by_key,
            free,
            ..
        } = self;
        let bucket = &mut buckets[at.bucket as usize];
        bucket.entries.swap_remove(at.position as usize);
        if let Some(moved) = bucket.entries.get(at.position as usize) {
            located[moved.slot as usize] = at;
        } else if bucket.entries.is_empty() {
            let key = bucket.key;
            by_key.remove(hash_of(key), at.bucket, |held| {
                hash_of(buckets[held as usize].key)
            });
            free.push(at.bucket);
        }
    }

    fn find_bucket(&self, key: u64) -> Option<u32> {
        self.by_key
            .find(hash_of(key), |held| self.buckets[held as usize].key == key)
    }

    fn bucket_for(&mut self, key: u64) -> u32 {
        if let Some(bucket) = self.find_bucket(key) {
            return bucket;
        }
        let bucket = if let Some(bucket) = self.free.pop() {
            self.buckets[bucket as usize].key = key;
            bucket
        } else {
            self.buckets.push(Bucket {
                key,
                entries: Vec::new(),
            });
            u32::try_from(self.buckets.len() - 1).expect("fewer buckets than slots")
        };
        let buckets = &self.buckets;
        self.by_key.insert(hash_of(key), bucket, |held| {
            hash_of(buckets[held as usize].key)
        });
        bucket
    }

    /// The nearest slots, nearest first and of equally near ones the lower driver first. `who` tells a
    /// slot's driver and the place that it was put at.
    pub fn nearest(
        &self,
        nearby: Nearby<'_>,
        who: impl Fn(u32) -> (DriverId, Place),
    ) -> Vec<Candidate> {
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
            .into_slots()
            .map(|slot| {
                let (driver, place) = who(slot);
                Candidate {
                    driver,
                    place,
                    distance_m: space.distance_m(nearby.place, place),
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
    ) -> Shortlist {
        let k = nearby.k.min(self.len);
        let mut shortlist = Shortlist::new(k, slackened(metric.rank_of(radius_m)));
        let (column, row) = self.grid.standings(from);
        let budget = self.by_key.len() + SPARE_CELLS_PER_SEARCH;
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
        for bucket in &self.buckets {
            visit(metric, bucket, nearby.excluded, &mut shortlist);
        }
        shortlist
    }

    /// Visits the cells `ring` columns or rows away, and says how many they are.
    fn visit_ring<M: Metric>(
        &self,
        metric: &M,
        (column, row): (&Standing, &Standing),
        ring: i32,
        excluded: &[u32],
        shortlist: &mut Shortlist,
    ) -> usize {
        let mut cells = 0;
        let mut visit_cell = |dx: i32, dy: i32, gap_y: f64| {
            cells += 1;
            let gap_x = self.grid.columns.gap(column, dx);
            if metric.floor_of_cell(gap_x, gap_y) > shortlist.limit() {
                return;
            }
            let x = self.grid.columns.cell_at(column, dx);
            let y = self.grid.rows.cell_at(row, dy);
            if let Some(bucket) = self.find_bucket(key(x, y)) {
                visit(metric, &self.buckets[bucket as usize], excluded, shortlist);
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
}

fn visit<M: Metric>(metric: &M, bucket: &Bucket, excluded: &[u32], shortlist: &mut Shortlist) {
    for entry in &bucket.entries {
        let rank = metric.rank(entry.spot);
        if rank <= shortlist.limit() && excluded.binary_search(&entry.slot).is_err() {
            shortlist.add(rank, entry.slot);
        }
    }
}

#[cfg(test)]
mod tests;
