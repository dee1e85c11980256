//! Towns that never were: a bent grid of streets with gaps, one-ways, forbidden turns and faster roads, as large as wanted. For
//! examples, tests and benchmarks, which need a network that is nobody's. Classes are named as OpenStreetMap names them:
//! side streets are residential, avenues secondary and arteries primary.

use domain::Place;
use domain::place::METRES_PER_DEGREE;

use crate::draft::{Draft, Street};
#[cfg(test)]
use crate::traffic::{Period, Traffic};
use crate::turns::Turn;

/// Of how many streets one is an avenue, counted in either direction.
const AVENUE_EVERY: u32 = 8;
/// Of how many one is an artery, which is faster still.
const ARTERY_EVERY: u32 = 40;

/// What a town is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Town {
    /// Streets from west to east.
    pub columns: u32,
    /// Streets from south to north.
    pub rows: u32,
    /// From corner to corner, in metres.
    pub block_m: f64,
    /// Its middle.
    pub centre: Place,
    /// The share of side streets between two corners that were never built.
    pub missing: f64,
    /// The share of side streets that are one-ways.
    pub one_way: f64,
    /// The share of turns that nobody may take, to turn round being one.
    pub forbidden: f64,
}

impl Town {
    /// Builds it, with random numbers in [0, 1) from `uniform`. Parts of it may not be reached: a
    /// [`Network`](crate::Network) leaves them out.
    pub fn build(&self, mut uniform: impl FnMut() -> f64) -> Draft {
        let mut draft = Draft::default();
        let shrink = self.centre.lat().to_radians().cos().max(0.1);
        for row in 0..self.rows {
            for column in 0..self.columns {
                // Corners lie up to a fifth of a block off the grid.
                let mut off = |at: u32, count: u32| {
                    let middle = f64::from(count.saturating_sub(1)) / 2.0;
                    (f64::from(at) - middle + (uniform() - 0.5) * 0.4) * self.block_m
                };
                let (east, north) = (off(column, self.columns), off(row, self.rows));
                let lat = self.centre.lat() + north / METRES_PER_DEGREE;
                let lon = self.centre.lon() + east / (METRES_PER_DEGREE * shrink);
                draft
                    .places
                    .push(Place::new(lat, lon).unwrap_or(self.centre));
            }
        }
        let corner = |column: u32, row: u32| row * self.columns + column;
        for row in 0..self.rows {
            for column in 0..self.columns {
                let here = corner(column, row);
                if column + 1 < self.columns {
                    self.street(&mut draft, here, corner(column + 1, row), row, &mut uniform);
                }
                if row + 1 < self.rows {
                    self.street(
                        &mut draft,
                        here,
                        corner(column, row + 1),
                        column,
                        &mut uniform,
                    );
                }
            }
        }
        if self.forbidden > 0.0 {
            self.forbid(&mut draft, &mut uniform);
        }
        draft
    }

    fn forbid(&self, draft: &mut Draft, uniform: &mut impl FnMut() -> f64) {
        let mut ways_on = vec![Vec::new(); draft.places.len()];
        for street in &draft.streets {
            ways_on[street.from as usize].push(street.to);
        }
        for street in &draft.streets {
            for &to in &ways_on[street.to as usize] {
                if uniform() < self.forbidden {
                    draft.turns.push(Turn {
                        from: street.from,
                        via: street.to,
                        to,
                    });
                }
            }
        }
    }

    fn street(
        &self,
        draft: &mut Draft,
        from: u32,
        to: u32,
        line: u32,
        uniform: &mut impl FnMut() -> f64,
    ) {
        let (gap, turn, speed, bend) = (uniform(), uniform(), uniform(), uniform());
        let side_street = !line.is_multiple_of(AVENUE_EVERY);
        if side_street && gap < self.missing {
            return;
        }
        let (class, slowest_kmh, step_kmh) = match line {
            line if line.is_multiple_of(ARTERY_EVERY) => ("primary", 70.0, 10.0),
            _ if side_street => ("residential", 20.0, 5.0),
            _ => ("secondary", 45.0, 5.0),
        };
        let ends = [from, to].map(|node| draft.places[node as usize]);
        let straight_m = domain::Space::Sphere.distance_m(ends[0], ends[1]);
        let street = Street {
            from,
            to,
            length_m: (straight_m * (1.0 + bend * 0.1)).ceil(),
            speed_kmh: slowest_kmh + (speed * 3.0).floor() * step_kmh,
            class: draft.classes.class(class),
        };
        // Half of the one-ways lead one way, half the other.
        if !side_street || turn >= self.one_way {
            draft.streets.extend([street, street.back()]);
        } else if turn < self.one_way / 2.0 {
            draft.streets.push(street);
        } else {
            draft.streets.push(street.back());
        }
    }
}

/// A town for tests, with a part of its streets missing or one-ways.
#[cfg(test)]
pub(crate) fn some_town(seed: u64, columns: u32, rows: u32) -> Draft {
    some_turns(seed, columns, rows, 0.0)
}

/// The same with a share of its turns forbidden.
#[cfg(test)]
pub(crate) fn some_turns(seed: u64, columns: u32, rows: u32, forbidden: f64) -> Draft {
    let mut stream = kernel::Streams::new(seed).stream("town", 0);
    let town = Town {
        columns,
        rows,
        block_m: 150.0,
        centre: Place::new(48.0, 11.0).unwrap(),
        missing: 0.2,
        one_way: 0.3,
        forbidden,
    };
    town.build(|| stream.uniform())
}

/// Streets for tests, 100 m each at 36 km/h and driven either way, between corners east and north in hundreds of metres.
#[cfg(test)]
pub(crate) fn blocks(corners: &[(f64, f64)], ends: &[(u32, u32)], turns: Vec<Turn>) -> Draft {
    let there = ends.iter().map(|&(from, to)| Street {
        from,
        to,
        length_m: 100.0,
        speed_kmh: 36.0,
        class: None,
    });
    let places = corners
        .iter()
        .map(|(east, north)| Place::from_metres(east * 100.0, north * 100.0));
    Draft {
        places: places.collect(),
        streets: there.flat_map(|it| [it, it.back()]).collect(),
        turns,
        ..Draft::default()
    }
}

/// Traffic for tests: at eight a fifth of the arteries' speed is left, at five half of it.
#[cfg(test)]
pub(crate) fn rush_hours() -> Traffic {
    let period = |hour, left| Period {
        hours: vec![hour],
        speed_factor: [("primary".to_owned(), left)].into(),
    };
    Traffic::new(vec![period(8, 0.2), period(17, 0.5)]).expect("two hours of a day")
}
