//! The least that any grid must do: buckets on a plane, cells of 250 m, no ids, no status, no removal, nobody left out.

/// Metres east and north.
type Spot = (f64, f64);

const CELL_M: f64 = 250.0;

/// The grid.
#[derive(Debug)]
pub struct BareGrid {
    /// Cells along each side.
    side: usize,
    buckets: Vec<Vec<(f64, f64, u32)>>,
    /// Bucket and position of each.
    located: Vec<(usize, usize)>,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "cells of the city"
)]
fn cell(at: f64) -> usize {
    (at / CELL_M) as usize
}

impl BareGrid {
    /// A grid over a square with these in it, by number.
    #[must_use]
    pub fn new(side_m: f64, at: &[Spot]) -> Self {
        let side = cell(side_m) + 1;
        let mut grid = Self {
            side,
            buckets: vec![Vec::new(); side * side],
            located: vec![(usize::MAX, 0); at.len()],
        };
        for (number, at) in (0..).zip(at) {
            grid.put(number, *at);
        }
        grid
    }

    /// Moves one.
    pub fn put(&mut self, number: u32, (x, y): Spot) {
        let bucket = cell(y) * self.side + cell(x);
        let (before, position) = self.located[number as usize];
        if before == bucket {
            self.buckets[bucket][position] = (x, y, number);
            return;
        }
        if before != usize::MAX {
            self.buckets[before].swap_remove(position);
            if let Some(moved) = self.buckets[before].get(position) {
                self.located[moved.2 as usize].1 = position;
            }
        }
        self.located[number as usize] = (bucket, self.buckets[bucket].len());
        self.buckets[bucket].push((x, y, number));
    }

    /// The nearest `k`, exactly, by squared distance.
    pub fn nearest(&self, (x, y): Spot, k: usize, found: &mut Vec<(f64, u32)>) {
        let mut reach_m = 0.0;
        for ring in 1..=self.side {
            found.clear();
            reach_m += CELL_M;
            let span =
                |at: f64| cell(at).saturating_sub(ring)..=(cell(at) + ring).min(self.side - 1);
            for row in span(y) {
                for column in span(x) {
                    let bucket = &self.buckets[row * self.side + column];
                    found.extend(bucket.iter().map(|(east, north, number)| {
                        ((east - x) * (east - x) + (north - y) * (north - y), *number)
                    }));
                }
            }
            if found.len() >= k {
                found.select_nth_unstable_by(k - 1, |a, b| a.0.total_cmp(&b.0));
                found.truncate(k);
                found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                if found[k - 1].0.sqrt() <= reach_m {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_are_found_after_a_move() {
        let mut grid = BareGrid::new(1_000.0, &[(10.0, 10.0), (500.0, 500.0), (990.0, 990.0)]);
        grid.put(2, (20.0, 10.0));
        let mut found = Vec::new();
        grid.nearest((0.0, 10.0), 2, &mut found);
        assert_eq!(found, [(100.0, 0), (400.0, 2)]);
    }
}
