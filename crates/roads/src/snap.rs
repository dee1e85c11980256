//! From a place to the nearest point of a street, exactly, by a grid of cells.

use domain::Place;
use domain::place::METRES_PER_DEGREE;

use crate::graph::Graph;

/// The farthest a place may lie from the nearest street, in metres: what is farther is in a lake, or off the map.
pub const SNAP_MAX_M: f64 = 1_000.0;
/// The smallest cell, in metres.
const CELL_MIN_M: f64 = 20.0;
/// The largest cell, in metres: searches look at a few around a place.
const CELL_MAX_M: f64 = 2_000.0;
/// Cells for each street at most.
const CELLS_PER_STREET: f64 = 4.0;

/// The two corners of a street, `a` being the one of the lower number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) a: u32,
    pub(crate) b: u32,
}

/// A point of a street.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Kerb {
    /// The number of the street, as [`streets`] has them.
    pub(crate) street: u32,
    /// How far it is from its first corner, as a share of the way to the second.
    pub(crate) share: f64,
    /// Where it is.
    pub(crate) place: Place,
    /// How far it is from the place that was asked about, in metres.
    pub(crate) metres: f64,
}

/// East and north of a network's middle, in metres.
type Point = (f64, f64);

/// The streets of a network by cell.
#[derive(Debug, Clone)]
pub(crate) struct Snap {
    middle: Place,
    /// Metres east for each degree of longitude at the middle.
    metres_per_lon: f64,
    /// Where each street begins and ends.
    ends: Vec<(Point, Point)>,
    cell_m: f64,
    /// South-west corner.
    corner: Point,
    columns: usize,
    rows: usize,
    /// Where each cell's streets begin, and after the last where all end.
    first: Vec<u32>,
    within: Vec<u32>,
}

impl Snap {
    /// The [`streets`] of a graph that has at least one.
    pub(crate) fn new(graph: &Graph, streets: &[Ends]) -> Self {
        let bounds = |of: fn(Place) -> f64| {
            let values = graph.places().iter().map(|place| of(*place));
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| {
                (low.min(it), high.max(it))
            })
        };
        let (south, north) = bounds(Place::lat);
        let (west, east) = bounds(Place::lon);
        let middle = Place::new(f64::midpoint(south, north), f64::midpoint(west, east))
            .expect("between places lies a place");
        let mut snap = Self {
            middle,
            metres_per_lon: METRES_PER_DEGREE * middle.lat().to_radians().cos(),
            ends: Vec::new(),
            cell_m: CELL_MAX_M,
            corner: (0.0, 0.0),
            columns: 1,
            rows: 1,
            first: Vec::new(),
            within: Vec::new(),
        };
        let end = |node| snap.point(graph.place(node));
        let ends = streets.iter().map(|it| (end(it.a), end(it.b))).collect();
        let corner = snap.point(Place::new(south, west).expect("of two places"));
        let far = snap.point(Place::new(north, east).expect("of two places"));
        snap.lay_grid(ends, corner, (far.0 - corner.0, far.1 - corner.1));
        snap
    }

    fn lay_grid(&mut self, ends: Vec<(Point, Point)>, corner: Point, (width, height): Point) {
        let count = ends.len() as f64;
        let reach = ends
            .iter()
            .map(|(a, b)| (a.0 - b.0).abs().max((a.1 - b.1).abs()))
            .sum::<f64>()
            / count;
        // No finer than streets are long, so that each lies in a few cells; and no more cells than serve.
        let cells_max = CELLS_PER_STREET * count;
        let mut cell_m = reach.clamp(CELL_MIN_M, CELL_MAX_M);
        let cells = |cell_m: f64| (width / cell_m + 1.0) * (height / cell_m + 1.0);
        while cells(cell_m) > cells_max.max(16.0) {
            cell_m *= 2.0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and bounded by the number of cells"
        )]
        let across = |extent: f64| (extent / cell_m) as usize + 1;
        (self.columns, self.rows) = (across(width), across(height));
        (self.cell_m, self.corner, self.ends) = (cell_m, corner, ends);
        let mut held: Vec<(u32, u32)> = Vec::new();
        for (street, ends) in (0..).zip(&self.ends) {
            self.cells_along(*ends, |cell| held.push((cell, street)));
        }
        held.sort_unstable();
        held.dedup();
        let cells = self.columns * self.rows;
        self.first = crate::graph::starts(cells, held.iter().map(|(cell, _)| *cell));
        self.within = held.into_iter().map(|(_, street)| street).collect();
    }

    fn point(&self, place: Place) -> Point {
        let mut east = place.lon() - self.middle.lon();
        if east > 180.0 {
            east -= 360.0;
        } else if east < -180.0 {
            east += 360.0;
        }
        (
            east * self.metres_per_lon,
            (place.lat() - self.middle.lat()) * METRES_PER_DEGREE,
        )
    }

    /// Column and row of a point; outside the grid they are none of its.
    fn cell_of(&self, point: Point) -> (i64, i64) {
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
        let along = |metres: f64| (metres / self.cell_m).floor() as i64;
        (
            along(point.0 - self.corner.0),
            along(point.1 - self.corner.1),
        )
    }

    /// The cells that a street passes, row by row; a cell more does no harm.
    fn cells_along(&self, (a, b): (Point, Point), mut of: impl FnMut(u32)) {
        let (low, high) = if a.1 <= b.1 { (a, b) } else { (b, a) };
        let inside = |at: i64, count: usize| at.clamp(0, count as i64 - 1);
        let (first, last) = (self.cell_of(low).1, self.cell_of(high).1);
        for row in inside(first, self.rows)..=inside(last, self.rows) {
            let south = self.corner.1 + row as f64 * self.cell_m;
            let east_at = |north: f64| {
                let span = high.1 - low.1;
                let part = if span > 0.0 {
                    ((north - low.1) / span).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                low.0 + (high.0 - low.0) * part
            };
            let flat = high.1 - low.1 <= 0.0 || first == last;
            let (one, other) = if flat {
                (low.0, high.0)
            } else {
                (east_at(south), east_at(south + self.cell_m))
            };
            // A hair to both sides, so that rounding loses no cell.
            let hair = self.cell_m * 1e-6;
            let west = self.cell_of((one.min(other) - hair, south)).0;
            let east = self.cell_of((one.max(other) + hair, south)).0;
            for column in inside(west, self.columns)..=inside(east, self.columns) {
                of((row * self.columns as i64 + column) as u32);
            }
        }
    }

    /// The nearest point of a street; of equally near ones that of the street that comes first. None if there is
    /// none within [`SNAP_MAX_M`].
    pub(crate) fn nearest(&self, place: Place) -> Option<Kerb> {
        let point = self.point(place);
        let (column, row) = self.cell_of(point);
        let mut best: Option<(f64, u32, f64)> = None;
        for ring in 0_i64.. {
            // Whatever lies in this ring is at least so far away.
            let least = (ring - 1).max(0) as f64 * self.cell_m;
            if least > best.map_or(SNAP_MAX_M, |(metres, _, _)| metres.min(SNAP_MAX_M)) {
                break;
            }
            self.ring(column, row, ring, |street| {
                let (metres, share) = nearest_on(self.ends[street as usize], point);
                let nearer = |(known, other, _): (f64, u32, f64)| {
                    metres < known || (metres <= known && street < other)
                };
                if best.is_none_or(nearer) {
                    best = Some((metres, street, share));
                }
            });
        }
        let (metres, street, share) = best.filter(|(metres, _, _)| *metres <= SNAP_MAX_M)?;
        Some(self.kerb(street, share, metres))
    }

    fn kerb(&self, street: u32, share: f64, metres: f64) -> Kerb {
        let (a, b) = self.ends[street as usize];
        let east = a.0 + (b.0 - a.0) * share;
        let north = a.1 + (b.1 - a.1) * share;
        Kerb {
            street,
            share,
            place: self.place(east, north),
            metres,
        }
    }

    fn place(&self, east: f64, north: f64) -> Place {
        let lat = (self.middle.lat() + north / METRES_PER_DEGREE).clamp(-90.0, 90.0);
        let lon = self.middle.lon() + east / self.metres_per_lon;
        let lon = if lon > 180.0 {
            lon - 360.0
        } else if lon < -180.0 {
            lon + 360.0
        } else {
            lon
        };
        Place::new(lat, lon).unwrap_or(self.middle)
    }

    /// The streets in the cells that lie so many columns or rows away.
    fn ring(&self, column: i64, row: i64, ring: i64, mut of: impl FnMut(u32)) {
        let (columns, rows) = (self.columns as i64, self.rows as i64);
        let low = (row.saturating_sub(ring)).max(0);
        let high = row.saturating_add(ring).min(rows - 1);
        for at in low..=high {
            let edge = at == row.saturating_sub(ring) || at == row.saturating_add(ring);
            let (west, east) = (column.saturating_sub(ring), column.saturating_add(ring));
            let step = if edge || ring == 0 { 1 } else { 2 * ring };
            let mut here = west;
            if step == 1 {
                here = here.max(0);
            }
            while here <= east.min(columns - 1) {
                if here >= 0 {
                    self.cell(here, at, &mut of);
                }
                here += step;
            }
        }
    }

    fn cell(&self, column: i64, row: i64, of: &mut impl FnMut(u32)) {
        let cell = (row * self.columns as i64 + column) as usize;
        let within = self.first[cell] as usize..self.first[cell + 1] as usize;
        self.within[within].iter().copied().for_each(of);
    }
}

/// Each pair of corners with a street between them, in whichever directions: the same of graphs of the same streets,
/// whatever these cost.
pub(crate) fn streets(graph: &Graph) -> Vec<Ends> {
    let corner_of = graph.corners().of_each(graph.nodes());
    let corner_of = |node: u32| corner_of[node as usize];
    let mut streets = Vec::new();
    for (node, parallel) in graph.streets() {
        let (from, to) = (corner_of(node), corner_of(parallel[0].to));
        if from < to || graph.street(to, from).is_none() {
            streets.push(Ends {
                a: from.min(to),
                b: from.max(to),
            });
        }
    }
    streets
}

/// How far the nearest point of a street is, and which share of it lies before that point.
fn nearest_on((a, b): (Point, Point), point: Point) -> (f64, f64) {
    let (east, north) = (b.0 - a.0, b.1 - a.1);
    let length_2 = east * east + north * north;
    let share = if length_2 > 0.0 {
        let along = (point.0 - a.0) * east + (point.1 - a.1) * north;
        (along / length_2).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let (off_east, off_north) = (a.0 + east * share - point.0, a.1 + north * share - point.1);
    (off_east.hypot(off_north), share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{Draft, Street};
    use domain::Space;
    use proptest::prelude::*;

    impl Snap {
        /// What the grid must find, without it.
        fn nearest_of_all(&self, place: Place) -> Option<Kerb> {
            let point = self.point(place);
            let all = (0..).zip(&self.ends).map(|(street, ends)| {
                let (metres, share) = nearest_on(*ends, point);
                (metres, street, share)
            });
            let (metres, street, share) =
                all.min_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)))?;
            (metres <= SNAP_MAX_M).then(|| self.kerb(street, share, metres))
        }
    }

    fn at(east_m: f64, north_m: f64) -> Place {
        // Away from the equator, where a degree of longitude is shorter.
        let lat = 50.0 + north_m / METRES_PER_DEGREE;
        let lon = 8.0 + east_m / (METRES_PER_DEGREE * 50f64.to_radians().cos());
        Place::new(lat, lon).unwrap()
    }

    fn graph(places: &[(f64, f64)], streets: &[(u32, u32)]) -> Option<Graph> {
        let draft = Draft {
            places: places
                .iter()
                .map(|(east, north)| at(*east, *north))
                .collect(),
            streets: streets
                .iter()
                .map(|&(from, to)| Street {
                    from,
                    to,
                    length_m: 100.0,
                    speed_kmh: 36.0,
                    class: None,
                })
                .collect(),
            ..Draft::default()
        };
        Graph::new(draft).ok()
    }

    fn snap(places: &[(f64, f64)], between: &[(u32, u32)]) -> Option<Snap> {
        let graph = graph(places, between)?;
        Some(Snap::new(&graph, &streets(&graph)))
    }

    #[test]
    fn a_place_beside_a_street_comes_to_its_side() {
        let snap = snap(&[(0.0, 0.0), (400.0, 0.0)], &[(0, 1)]).unwrap();
        let kerb = snap.nearest(at(100.0, 30.0)).unwrap();
        assert!((kerb.share - 0.25).abs() < 1e-6, "{kerb:?}");
        assert!((kerb.metres - 30.0).abs() < 0.01);
        assert!(Space::Sphere.distance_m(kerb.place, at(100.0, 0.0)) < 0.1);
        let beyond = snap.nearest(at(700.0, 400.0)).unwrap();
        assert!((beyond.share - 1.0).abs() < 1e-9 && (beyond.metres - 500.0).abs() < 0.1);
    }

    #[test]
    fn what_is_far_from_all_streets_comes_to_none() {
        let snap = snap(&[(0.0, 0.0), (400.0, 0.0)], &[(0, 1), (1, 0)]).unwrap();
        assert!(snap.nearest(at(0.0, 999.0)).is_some());
        assert!(snap.nearest(at(0.0, 1_002.0)).is_none());
        for (lat, lon) in [(-33.0, 151.0), (90.0, 180.0), (-90.0, -180.0)] {
            assert!(snap.nearest(Place::new(lat, lon).unwrap()).is_none());
        }
    }

    #[test]
    fn both_directions_of_a_street_are_one() {
        let corners = [(0.0, 0.0), (400.0, 0.0), (400.0, 300.0)];
        let graph = graph(&corners, &[(0, 1), (1, 0), (2, 1)]).unwrap();
        assert_eq!(streets(&graph), [Ends { a: 0, b: 1 }, Ends { a: 1, b: 2 }]);
    }

    fn coordinate() -> impl Strategy<Value = (f64, f64)> {
        (-3_000.0..3_000.0f64, -2_000.0..2_000.0f64)
    }

    proptest! {
        #[test]
        fn the_grid_finds_what_a_look_at_all_finds(
            places in prop::collection::vec(coordinate(), 2..30),
            pairs in prop::collection::vec((0..30_u32, 0..30_u32), 1..60),
            asked in prop::collection::vec((-4_500.0..4_500.0f64, -3_500.0..3_500.0f64), 20),
        ) {
            let count = places.len() as u32;
            let streets: Vec<_> = pairs.iter().map(|(a, b)| (a % count, b % count)).collect();
            if let Some(snap) = snap(&places, &streets) {
                for (east, north) in asked {
                    let place = at(east, north);
                    prop_assert_eq!(snap.nearest(place), snap.nearest_of_all(place));
                }
            }
        }
    }
}
