//! Where things happen in a city: uniformly, around hotspots, or by weights of H3 cells.

use domain::{Cell, Place, Space};
use kernel::Stream;

use crate::city::City;

/// How often a place around a hotspot is drawn before the hotspot's centre is taken.
const DRAWS_MAX: usize = 32;
/// Places that are looked at to find one about as far away as asked.
const CANDIDATES: usize = 24;
/// How far from the asked distance a destination cell may be, as a share of it.
const DISTANCE_TOLERANCE: f64 = 0.2;

/// Weights that cannot be drawn from.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// A weight is negative or not finite.
    #[error("found a weight of {0}, expected a number of at least 0")]
    Weight(f64),
    /// All weights are zero, or there is none.
    #[error("found no weight above zero, expected at least one")]
    Nothing,
}

/// A choice among things that are weighted.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    cumulative: Vec<f64>,
}

impl Weights {
    /// A choice among as many things as there are weights.
    ///
    /// # Errors
    /// If a weight is negative or not finite, or none is above zero.
    pub fn new(weights: impl IntoIterator<Item = f64>) -> Result<Self, WeightsError> {
        let mut total = 0.0;
        let mut cumulative = Vec::new();
        for weight in weights {
            if !(weight >= 0.0 && weight.is_finite()) {
                return Err(WeightsError::Weight(weight));
            }
            total += weight;
            cumulative.push(total);
        }
        if total > 0.0 && total.is_finite() {
            Ok(Self { cumulative })
        } else {
            Err(WeightsError::Nothing)
        }
    }

    /// The sum of the weights.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.cumulative.last().copied().unwrap_or(0.0)
    }

    /// The thing that a uniform draw in [0, 1) falls on. Nothing of weight zero is ever chosen.
    #[must_use]
    pub fn pick(&self, uniform: f64) -> usize {
        let target = uniform * self.total();
        let index = self.cumulative.partition_point(|sum| *sum <= target);
        // Rounding may carry the target to the total itself: then the last thing that weighs.
        let last = self.cumulative.partition_point(|sum| *sum < self.total());
        index.min(last)
    }

    fn weight(&self, index: usize) -> f64 {
        let before = index.checked_sub(1).map_or(0.0, |i| self.cumulative[i]);
        self.cumulative[index] - before
    }
}

/// A place around which more happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hotspot {
    /// Its middle.
    pub centre: Place,
    /// How much of the whole it draws, relative to the others.
    pub weight: f64,
    /// The standard deviation of places around it, in metres, each way.
    pub spread_m: f64,
}

/// Some hotspots.
#[derive(Debug, Clone, PartialEq)]
pub struct Hotspots {
    spots: Vec<Hotspot>,
    weights: Weights,
}

impl Hotspots {
    /// Makes a choice of hotspots.
    ///
    /// # Errors
    /// If there is none, or a weight or spread is negative or not finite.
    pub fn new(spots: Vec<Hotspot>) -> Result<Self, WeightsError> {
        let spread_wrong = |s: &&Hotspot| !(s.spread_m >= 0.0 && s.spread_m.is_finite());
        if let Some(spot) = spots.iter().find(spread_wrong) {
            return Err(WeightsError::Weight(spot.spread_m));
        }
        let weights = Weights::new(spots.iter().map(|spot| spot.weight))?;
        Ok(Self { spots, weights })
    }

    /// The hotspots.
    #[must_use]
    pub fn as_slice(&self) -> &[Hotspot] {
        &self.spots
    }

    /// Draws a place around one of them, in the city.
    pub fn draw(&self, city: &City, stream: &mut Stream) -> Place {
        let spot = self.spots[self.weights.pick(stream.uniform())];
        for _ in 0..DRAWS_MAX {
            let (east, north) = (stream.normal(), stream.normal());
            let place = city.moved(spot.centre, east * spot.spread_m, north * spot.spread_m);
            if city.contains(place) {
                return place;
            }
        }
        spot.centre
    }
}

/// H3 cells, each with a weight.
#[derive(Debug, Clone, PartialEq)]
pub struct CellWeights {
    cells: Vec<Cell>,
    outlines: Vec<Outline>,
    weights: Weights,
    /// What each cell weighs.
    each: Vec<f64>,
    /// Metres east and north of the first cell's centre, to find cells at a distance quickly.
    offsets_m: Vec<(f64, f64)>,
    origin: Place,
    /// How far a place in a cell may lie from its centre, in metres.
    reach_m: f64,
}

impl CellWeights {
    /// Weighs some cells.
    ///
    /// # Errors
    /// If a weight is negative or not finite, or none is above zero.
    pub fn new(weighted: &[(Cell, f64)]) -> Result<Self, WeightsError> {
        let weights = Weights::new(weighted.iter().map(|(_, weight)| *weight))?;
        let cells: Vec<_> = weighted.iter().map(|(cell, _)| *cell).collect();
        let origin = centre_of(&cells);
        let reach_m = cells.first().map_or(0.0, |cell| {
            let centre = cell.centre();
            let corners = cell.corners().into_iter();
            corners.fold(0.0, |reach: f64, corner| {
                reach.max(Space::Sphere.distance_m(centre, corner))
            })
        });
        let offset_m = |cell: &Cell| Space::Sphere.offset_m(origin, cell.centre());
        Ok(Self {
            offsets_m: cells.iter().map(offset_m).collect(),
            outlines: cells.iter().map(|cell| Outline::of(*cell)).collect(),
            each: (0..cells.len()).map(|i| weights.weight(i)).collect(),
            cells,
            weights,
            origin,
            reach_m,
        })
    }

    /// The cells.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    fn draw(&self, stream: &mut Stream) -> Place {
        self.outlines[self.weights.pick(stream.uniform())].draw(stream)
    }

    fn tolerance_m(&self, distance_m: f64) -> f64 {
        (distance_m * DISTANCE_TOLERANCE).max(self.reach_m)
    }

    /// Whether the place lies so near the asked distance that it may be moved to it. One that does not is
    /// at the city's end.
    fn is_about(&self, from: Place, to: Place, distance_m: f64) -> bool {
        let found_m = Space::Sphere.distance_m(from, to);
        (found_m - distance_m).abs() <= self.tolerance_m(distance_m) + self.reach_m
    }

    /// A place in a cell drawn by weight among those whose centres lie about so far away; where there is
    /// none, in the cell that comes nearest to it.
    fn draw_at(&self, from: Place, distance_m: f64, stream: &mut Stream) -> Place {
        let (east, north) = Space::Sphere.offset_m(self.origin, from);
        let miss = |(e, n): &(f64, f64)| ((e - east).hypot(n - north) - distance_m).abs();
        let tolerance_m = self.tolerance_m(distance_m);
        let is_near = Ring::new(distance_m, tolerance_m);
        // Each near cell with the sum of the weights up to it.
        let mut near: Vec<(usize, f64)> = Vec::with_capacity(self.cells.len());
        let mut total = 0.0;
        for (i, offset_m) in self.offsets_m.iter().enumerate() {
            let is_near = is_near
                .holds(offset_m.0 - east, offset_m.1 - north)
                .unwrap_or_else(|| miss(offset_m) <= tolerance_m);
            if is_near {
                total += self.each[i];
                near.push((i, total));
            }
        }
        let target = stream.uniform() * total;
        let chosen = near.get(near.partition_point(|(_, sum)| *sum <= target));
        let chosen = chosen.map(|(i, _)| *i);
        let nearest = || {
            (0..self.cells.len())
                .filter(|i| self.each[*i] > 0.0)
                .min_by(|a, b| miss(&self.offsets_m[*a]).total_cmp(&miss(&self.offsets_m[*b])))
                .expect("weights hold something above zero")
        };
        self.outlines[chosen.unwrap_or_else(nearest)].draw(stream)
    }
}

/// Where things happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Places {
    /// Anywhere alike.
    Uniform,
    /// Around some places.
    Hotspots(Hotspots),
    /// In H3 cells by their weights.
    Cells(CellWeights),
}

impl Places {
    /// Draws a place.
    pub fn draw(&self, city: &City, stream: &mut Stream) -> Place {
        match self {
            Self::Uniform => city.uniform(stream),
            Self::Hotspots(hotspots) => hotspots.draw(city, stream),
            Self::Cells(cells) => cells.draw(stream),
        }
    }

    /// Draws a place that lies `distance_m` (straight) from another. The direction is one in which the
    /// place would be drawn anyway, and the distance is exact wherever the city reaches that far; where
    /// it does not, the place is about as far as the city goes.
    pub fn draw_at(&self, city: &City, from: Place, distance_m: f64, stream: &mut Stream) -> Place {
        let to = match self {
            Self::Cells(cells) => cells.draw_at(from, distance_m, stream),
            Self::Uniform => {
                for _ in 0..DRAWS_MAX {
                    let to = city.towards(from, stream.uniform(), distance_m);
                    if city.contains(to) {
                        return to;
                    }
                }
                self.nearest_to(city, from, distance_m, stream)
            }
            Self::Hotspots(_) => self.nearest_to(city, from, distance_m, stream),
        };
        let (east_m, north_m) = city.space().offset_m(from, to);
        let stretch = distance_m / east_m.hypot(north_m);
        if !stretch.is_finite() {
            return to;
        }
        let exact = city.moved(from, east_m * stretch, north_m * stretch);
        let fits = match self {
            Self::Cells(cells) => cells.is_about(from, to, distance_m),
            Self::Uniform | Self::Hotspots(_) => city.contains(exact),
        };
        if fits { exact } else { to }
    }

    /// Of some places, the one whose distance comes nearest to what is asked.
    fn nearest_to(&self, city: &City, from: Place, distance_m: f64, stream: &mut Stream) -> Place {
        let miss = |to: Place| (city.space().distance_m(from, to) - distance_m).abs();
        let mut best = self.draw(city, stream);
        for _ in 1..CANDIDATES {
            let other = self.draw(city, stream);
            if miss(other) < miss(best) {
                best = other;
            }
        }
        best
    }
}

/// The middle of some cells: the mean of their centres' offsets from the first.
pub(crate) fn centre_of(cells: &[Cell]) -> Place {
    let Some(first) = cells.first().map(|cell| cell.centre()) else {
        return Place::from_metres(0.0, 0.0);
    };
    let mean = |of: fn(Place) -> f64| {
        let base = of(first);
        let sum: f64 = cells.iter().map(|cell| of(cell.centre()) - base).sum();
        base + sum / cells.len() as f64
    };
    Place::new(mean(Place::lat), mean(Place::lon)).unwrap_or(first)
}

/// A ring around a place, to tell quickly what lies in it.
struct Ring {
    inner_m2: f64,
    outer_m2: f64,
}

/// How near to a ring's edge, as a share of the squared distance, nothing is told: far more than rounding.
const EDGE: f64 = 1e-9;

impl Ring {
    fn new(distance_m: f64, tolerance_m: f64) -> Self {
        Self {
            inner_m2: (distance_m - tolerance_m).max(0.0).powi(2),
            outer_m2: (distance_m + tolerance_m).powi(2),
        }
    }

    /// Whether the ring holds what lies so far east and north of its middle; none if that lies on its edge,
    /// where squares are not exact enough.
    fn holds(&self, east_m: f64, north_m: f64) -> Option<bool> {
        let found_m2 = east_m * east_m + north_m * north_m;
        let on_edge = |edge_m2: f64| (found_m2 - edge_m2).abs() <= edge_m2 * EDGE;
        if on_edge(self.inner_m2) || on_edge(self.outer_m2) {
            return None;
        }
        Some(self.inner_m2 < found_m2 && found_m2 < self.outer_m2)
    }
}

/// The outline of a cell, kept where places are drawn in it often.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outline {
    centre: Place,
    corners: Vec<Place>,
}

impl Outline {
    pub(crate) fn of(cell: Cell) -> Self {
        Self {
            centre: cell.centre(),
            corners: cell.corners(),
        }
    }

    /// A place uniform in the cell: in one of the triangles from its centre to an edge.
    pub(crate) fn draw(&self, stream: &mut Stream) -> Place {
        let corners = &self.corners;
        let side = stream.below(corners.len());
        let (one, other) = (corners[side], corners[(side + 1) % corners.len()]);
        // Uniform in a triangle: along the edge, then from the centre by the square root.
        let on_edge = Space::Sphere.along(one, other, stream.uniform());
        Space::Sphere.along(self.centre, on_edge, stream.uniform().sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city::{CitySpec, Ground};
    use domain::Resolution;
    use kernel::Streams;

    fn city(ground: Ground) -> City {
        City::new(CitySpec {
            ground,
            speed_kmh: [20.0; 24],
            circuity: 1.0,
        })
        .unwrap()
    }

    #[test]
    fn weights_are_drawn_as_weighed() {
        let weights = Weights::new([0.0, 1.0, 0.0, 3.0, 0.0]).unwrap();
        assert_eq!(weights.pick(0.0), 1);
        assert_eq!(weights.pick(0.249), 1);
        assert_eq!(weights.pick(0.251), 3);
        assert_eq!(weights.pick(1.0), 3);
        assert_eq!(Weights::new([0.0]), Err(WeightsError::Nothing));
        assert_eq!(Weights::new([-1.0]), Err(WeightsError::Weight(-1.0)));
        assert!(Weights::new([f64::NAN]).is_err());
    }

    #[test]
    fn hotspots_draw_by_weight_and_spread_and_stay_in_the_city() {
        let city = city(Ground::Plane {
            width_m: 20_000.0,
            height_m: 20_000.0,
            wraps: false,
        });
        let spot = |east, weight| Hotspot {
            centre: Place::from_metres(east, 10_000.0),
            weight,
            spread_m: 1_000.0,
        };
        let places =
            Places::Hotspots(Hotspots::new(vec![spot(5_000.0, 1.0), spot(15_000.0, 3.0)]).unwrap());
        let mut stream = Streams::new(1).stream("hotspots", 0);
        let drawn: Vec<_> = (0..10_000)
            .map(|_| places.draw(&city, &mut stream))
            .collect();
        assert!(drawn.iter().all(|place| city.contains(*place)));
        let east = drawn.iter().filter(|p| p.east_m() > 10_000.0).count();
        assert!((7_300..7_700).contains(&east), "{east}");
        let variance = drawn
            .iter()
            .map(|p| (p.north_m() - 10_000.0).powi(2))
            .sum::<f64>()
            / 1e4;
        assert!((variance.sqrt() - 1_000.0).abs() < 30.0);
        assert!(Hotspots::new(Vec::new()).is_err());
        assert!(
            Hotspots::new(vec![Hotspot {
                spread_m: -1.0,
                ..spot(0.0, 1.0)
            }])
            .is_err()
        );
    }

    fn weighted_cells() -> Vec<(Cell, f64)> {
        let centre = Place::new(40.75, -73.98).unwrap();
        let mut cells = vec![Cell::of(centre, Resolution::new(8).unwrap())];
        for ring in 0..6 {
            for cell in cells.clone() {
                cells.extend(cell.neighbours());
            }
            cells.sort_unstable();
            cells.dedup();
            assert!(ring < 6);
        }
        // Every second cell draws twice as much.
        cells
            .into_iter()
            .enumerate()
            .map(|(i, cell)| (cell, 1.0 + (i % 2) as f64))
            .collect()
    }

    #[test]
    fn destinations_lie_as_far_away_as_asked() {
        let weighted = weighted_cells();
        let city = city(Ground::Cells(
            weighted.iter().map(|(cell, _)| *cell).collect(),
        ));
        let mut stream = Streams::new(1).stream("cells", 0);
        let places = [
            Places::Cells(CellWeights::new(&weighted).unwrap()),
            Places::Uniform,
        ];
        for places in places {
            let (mut exact, mut near) = (0, 0);
            for step in 0..500 {
                let from = places.draw(&city, &mut stream);
                let asked_m = 600.0 + 5.0 * f64::from(step);
                let to = places.draw_at(&city, from, asked_m, &mut stream);
                let found_m = city.space().distance_m(from, to);
                exact += u32::from((found_m / asked_m - 1.0).abs() < 0.001);
                near += u32::from((found_m / asked_m - 1.0).abs() < 0.1);
            }
            assert!(exact > 470 && near > 480, "{exact} {near}");
        }
        let far = Places::Uniform.draw_at(&city, city.centre(), 1e6, &mut stream);
        assert!(city.space().distance_m(city.centre(), far) < 10_000.0);
    }
}
