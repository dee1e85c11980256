//! A city: its ground, its metric, and how fast one gets about in it.

use std::sync::Arc;

use domain::place::METRES_PER_DEGREE;
use domain::travel::{Streets, Travel, TravelError};
use domain::{Cell, Place, Space};
use kernel::Stream;

use crate::places::{Outline, Weights, WeightsError, centre_of};
use crate::profile::Profile;

/// The largest city, in metres from edge to edge: beyond it the Earth is no longer nearly flat.
pub const EXTENT_MAX_M: f64 = 1_000_000.0;
/// The farthest centre from the equator, in degrees.
const LATITUDE_MAX: f64 = 80.0;

/// What a city is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Ground {
    /// A disc on the Earth.
    Disc {
        /// Its centre.
        centre: Place,
        /// Its radius in metres.
        radius_m: f64,
    },
    /// H3 cells on the Earth.
    Cells(Vec<Cell>),
    /// A flat rectangle at null island.
    Plane {
        /// Extent east, in metres.
        width_m: f64,
        /// Extent north, in metres.
        height_m: f64,
        /// Whether opposite edges are joined (a torus).
        wraps: bool,
    },
}

/// A city as a scenario states it.
#[derive(Debug, Clone, PartialEq)]
pub struct CitySpec {
    /// What it is made of.
    pub ground: Ground,
    /// Speed in km/h for each hour of the city's day.
    pub speed_kmh: [f64; 24],
    /// Length of a way along the streets over the straight distance, at least 1.
    pub circuity: f64,
}

impl CitySpec {
    /// The city of a profile: the cells in which its trips begin or end, its speeds by the hour, and its
    /// circuity.
    #[must_use]
    pub fn of_profile(profile: &Profile) -> Self {
        let weighted = profile.origins.iter().chain(&profile.destinations);
        let mut cells: Vec<_> = weighted
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(cell, _)| *cell)
            .collect();
        cells.sort_unstable();
        cells.dedup();
        Self {
            ground: Ground::Cells(cells),
            speed_kmh: profile.hours.map(|hour| hour.speed_m_per_s() * 3.6),
            circuity: profile.circuity,
        }
    }
}

/// Why a city cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CityError {
    /// An extent is zero, negative, not a number or beyond all cities.
    #[error(
        "found a city of {what} {km} km, expected more than 0 and at most {} km: a city of no size has no rides",
        EXTENT_MAX_M / 1_000.0
    )]
    Extent {
        /// Which extent.
        what: &'static str,
        /// What was found, in kilometres.
        km: f64,
    },
    /// The centre is too near a pole.
    #[error(
        "found a city centre at latitude {0}, expected -{LATITUDE_MAX} to {LATITUDE_MAX} degrees"
    )]
    Polar(f64),
    /// A city of cells has none.
    #[error("found a city of no cells, expected at least one")]
    NoCells(#[from] WeightsError),
    /// Speed or circuity is wrong.
    #[error(transparent)]
    Travel(#[from] TravelError),
}

/// A city.
#[derive(Debug, Clone)]
pub struct City {
    ground: Ground,
    travel: Travel,
    circuity: f64,
    /// Of a city of cells: each by its area, and its outline.
    areas: Option<(Weights, Vec<Outline>)>,
    centre: Place,
    area_m2: f64,
}

impl City {
    /// Builds a city.
    ///
    /// # Errors
    /// If it has no size, is larger than [`EXTENT_MAX_M`], or stands still.
    pub fn new(spec: CitySpec) -> Result<Self, CityError> {
        let mut areas = None;
        let (space, centre, area_m2) = match &spec.ground {
            Ground::Disc { centre, radius_m } => {
                extent("radius", *radius_m, EXTENT_MAX_M / 2.0)?;
                if centre.lat().abs() > LATITUDE_MAX {
                    return Err(CityError::Polar(centre.lat()));
                }
                let area_m2 = std::f64::consts::PI * radius_m * radius_m;
                (Space::Sphere, *centre, area_m2)
            }
            Ground::Cells(cells) => {
                let weights = Weights::new(cells.iter().map(|cell| cell_area_m2(*cell)))?;
                let area_m2 = weights.total();
                let outlines = cells.iter().map(|cell| Outline::of(*cell)).collect();
                areas = Some((weights, outlines));
                (Space::Sphere, centre_of(cells), area_m2)
            }
            &Ground::Plane {
                width_m,
                height_m,
                wraps,
            } => {
                extent("width", width_m, EXTENT_MAX_M)?;
                extent("height", height_m, EXTENT_MAX_M)?;
                let space = if wraps {
                    Space::Torus { width_m, height_m }
                } else {
                    Space::Plane { width_m, height_m }
                };
                let centre = Place::from_metres(width_m / 2.0, height_m / 2.0);
                (space, centre, width_m * height_m)
            }
        };
        let travel = Travel::new(space, spec.circuity, spec.speed_kmh)?;
        Ok(Self {
            ground: spec.ground,
            travel,
            circuity: spec.circuity,
            areas,
            centre,
            area_m2,
        })
    }

    /// The same city with streets, along which all ways lead.
    #[must_use]
    pub fn along(mut self, streets: Arc<dyn Streets>) -> Self {
        self.travel = self.travel.along(streets);
        self
    }

    /// The metric.
    #[must_use]
    pub fn space(&self) -> &Space {
        self.travel.space()
    }

    /// How long ways take, by the city's clock.
    #[must_use]
    pub fn travel(&self) -> &Travel {
        &self.travel
    }

    /// Length of a way along the streets over the straight distance.
    #[must_use]
    pub fn circuity(&self) -> f64 {
        self.circuity
    }

    /// What the city is made of.
    #[must_use]
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Its middle.
    #[must_use]
    pub fn centre(&self) -> Place {
        self.centre
    }

    /// Its area in square metres.
    #[must_use]
    pub fn area_m2(&self) -> f64 {
        self.area_m2
    }

    /// A place uniform over the city.
    pub fn uniform(&self, stream: &mut Stream) -> Place {
        match &self.ground {
            Ground::Disc { centre, radius_m } => {
                let distance_m = radius_m * stream.uniform().sqrt();
                self.towards(*centre, stream.uniform(), distance_m)
            }
            Ground::Cells(_) => {
                let (areas, outlines) = self
                    .areas
                    .as_ref()
                    .expect("a city of cells has their areas");
                outlines[areas.pick(stream.uniform())].draw(stream)
            }
            Ground::Plane {
                width_m, height_m, ..
            } => Place::from_metres(width_m * stream.uniform(), height_m * stream.uniform()),
        }
    }

    /// Whether a place lies in the city. Of a city of cells the answer is whether it lies within the
    /// disc of equal area around its middle: what is near is good enough for what asks.
    #[must_use]
    pub fn contains(&self, place: Place) -> bool {
        match self.ground {
            Ground::Disc { centre, radius_m } => self.space().distance_m(centre, place) <= radius_m,
            Ground::Cells(_) => {
                let radius_m = (self.area_m2 / std::f64::consts::PI).sqrt();
                self.space().distance_m(self.centre, place) <= radius_m
            }
            Ground::Plane {
                width_m, height_m, ..
            } => {
                (0.0..=width_m).contains(&place.east_m())
                    && (0.0..=height_m).contains(&place.north_m())
            }
        }
    }

    /// The place some metres east and north of another. May lie outside the city, except on a torus.
    #[must_use]
    pub fn moved(&self, place: Place, east_m: f64, north_m: f64) -> Place {
        match self.space() {
            Space::Sphere => {
                let lat = (place.lat() + north_m / METRES_PER_DEGREE).clamp(-89.0, 89.0);
                let shrink = f64::midpoint(place.lat(), lat).to_radians().cos();
                let lon = place.lon() + east_m / (METRES_PER_DEGREE * shrink);
                let lon = (lon + 180.0).rem_euclid(360.0) - 180.0;
                Place::new(lat, lon).expect("latitude is clamped and longitude wrapped")
            }
            space => space.wrap(Place::from_metres(
                place.east_m() + east_m,
                place.north_m() + north_m,
            )),
        }
    }

    /// The place `distance_m` away in a direction given as a share of the full turn, from east by north.
    #[must_use]
    pub fn towards(&self, place: Place, turn: f64, distance_m: f64) -> Place {
        let (sine, cosine) = (turn * std::f64::consts::TAU).sin_cos();
        self.moved(place, distance_m * cosine, distance_m * sine)
    }
}

fn extent(what: &'static str, metres: f64, limit_m: f64) -> Result<(), CityError> {
    if metres > 0.0 && metres <= limit_m {
        Ok(())
    } else {
        let km = metres / 1_000.0;
        Err(CityError::Extent { what, km })
    }
}

/// By the shoelace formula around the cell's centre.
fn cell_area_m2(cell: Cell) -> f64 {
    let centre = cell.centre();
    let corners: Vec<_> = cell
        .corners()
        .into_iter()
        .map(|corner| Space::Sphere.offset_m(centre, corner))
        .collect();
    let twice: f64 = (0..corners.len())
        .map(|i| {
            let (from, to) = (corners[i], corners[(i + 1) % corners.len()]);
            from.0 * to.1 - to.0 * from.1
        })
        .sum();
    twice.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Resolution;
    use kernel::Streams;

    fn spec(ground: Ground) -> CitySpec {
        CitySpec {
            ground,
            speed_kmh: [20.0; 24],
            circuity: 1.3,
        }
    }

    fn new_york() -> Place {
        Place::new(40.75, -73.98).unwrap()
    }

    fn cells() -> Vec<Cell> {
        let cell = Cell::of(new_york(), Resolution::new(8).unwrap());
        let mut cells = cell.neighbours();
        cells.push(cell);
        cells
    }

    #[test]
    fn a_city_of_no_size_says_so() {
        let disc = |radius_m| Ground::Disc {
            centre: new_york(),
            radius_m,
        };
        let plane = |width_m, height_m| Ground::Plane {
            width_m,
            height_m,
            wraps: true,
        };
        for ground in [
            disc(0.0),
            disc(-1.0),
            disc(f64::NAN),
            disc(1e9),
            plane(0.0, 1.0),
            plane(1.0, f64::INFINITY),
        ] {
            let text = City::new(spec(ground)).unwrap_err().to_string();
            assert!(
                text.starts_with("found a city of ") && text.contains("a city of no size"),
                "{text}"
            );
        }
        let none = City::new(spec(Ground::Cells(Vec::new()))).unwrap_err();
        assert_eq!(
            none.to_string(),
            "found a city of no cells, expected at least one"
        );
        let standing = CitySpec {
            speed_kmh: [0.0; 24],
            ..spec(disc(1.0))
        };
        assert!(matches!(City::new(standing), Err(CityError::Travel(_))));
        let centre = Place::new(89.0, 0.0).unwrap();
        let polar = City::new(spec(Ground::Disc {
            centre,
            radius_m: 1.0,
        }));
        assert!(matches!(polar, Err(CityError::Polar(_))));
    }

    #[test]
    fn uniform_places_fill_the_ground_evenly() {
        let disc = City::new(spec(Ground::Disc {
            centre: new_york(),
            radius_m: 5_000.0,
        }))
        .unwrap();
        let mut stream = Streams::new(2).stream("city", 0);
        let count = 20_000;
        let within_half = (0..count)
            .map(|_| disc.uniform(&mut stream))
            .inspect(|place| {
                assert!(disc.contains(disc.space().along(*place, disc.centre(), 1e-3)));
            })
            .filter(|place| disc.space().distance_m(disc.centre(), *place) < 2_500.0)
            .count();
        assert!(
            (within_half as f64 / f64::from(count) - 0.25).abs() < 0.02,
            "{within_half}"
        );
        let plane = City::new(spec(Ground::Plane {
            width_m: 4_000.0,
            height_m: 1_000.0,
            wraps: false,
        }))
        .unwrap();
        let east = (0..count)
            .map(|_| plane.uniform(&mut stream).east_m())
            .sum::<f64>();
        assert!((east / f64::from(count) - 2_000.0).abs() < 50.0);
        assert!((plane.area_m2() - 4e6).abs() < 1e-3);
    }

    #[test]
    fn places_in_cells_lie_in_them() {
        let city = City::new(spec(Ground::Cells(cells()))).unwrap();
        let mut stream = Streams::new(2).stream("city", 1);
        let resolution = Resolution::new(8).unwrap();
        let mut found = std::collections::BTreeMap::new();
        for _ in 0..7_000 {
            *found
                .entry(Cell::of(city.uniform(&mut stream), resolution))
                .or_insert(0) += 1;
        }
        // A corner point may fall a hair outside, since edges are arcs.
        let inside: Vec<_> = cells()
            .iter()
            .map(|cell| found.get(cell).copied().unwrap_or(0))
            .collect();
        assert!(
            inside.iter().all(|n| (850..1_150).contains(n)),
            "{inside:?}"
        );
        assert!(inside.iter().sum::<i32>() > 6_990);
        // Resolution 8 cells are about 0.74 km² on average.
        assert!((3e6..8e6).contains(&city.area_m2()), "{}", city.area_m2());
    }

    #[test]
    fn moving_covers_the_distance_on_every_ground() {
        let grounds = [
            Ground::Disc {
                centre: new_york(),
                radius_m: 5_000.0,
            },
            Ground::Plane {
                width_m: 9_000.0,
                height_m: 9_000.0,
                wraps: true,
            },
        ];
        for ground in grounds {
            let city = City::new(spec(ground)).unwrap();
            for turn in [0.0, 0.2, 0.45, 0.7, 0.95] {
                let moved = city.towards(city.centre(), turn, 4_000.0);
                let distance = city.space().distance_m(city.centre(), moved);
                assert!((distance - 4_000.0).abs() < 1.0, "{turn} {distance}");
            }
        }
    }
}
