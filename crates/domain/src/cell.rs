//! H3 cells: the zones of surge and of heat maps. Not used by the hot index: encoding a cell costs
//! some twenty times a grid update.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use h3o::{CellIndex, LatLng};

use crate::place::{METRES_PER_DEGREE, Place};

/// How fine cells are: 0 (continents) to 15 (a square metre). 8 is about 0.74 km² a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resolution(h3o::Resolution);

impl Resolution {
    /// Reads a resolution.
    ///
    /// # Errors
    /// If it is above 15.
    pub fn new(level: u8) -> Result<Self, CellError> {
        h3o::Resolution::try_from(level)
            .map(Self)
            .map_err(|_| CellError {
                found: level.to_string(),
                expected: "an H3 resolution of 0 to 15",
            })
    }

    /// The level, 0 to 15.
    #[must_use]
    pub fn level(self) -> u8 {
        self.0.into()
    }
}

/// What was found where a cell or resolution was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, expected {expected}")]
pub struct CellError {
    /// What was found.
    pub found: String,
    /// What should have stood there.
    pub expected: &'static str,
}

/// One H3 cell. Written as H3 writes it: 15 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(CellIndex);

impl Cell {
    /// The cell of that resolution that holds the place.
    #[must_use]
    pub fn of(place: Place, resolution: Resolution) -> Self {
        let point = LatLng::new(place.lat(), place.lon()).expect("a Place is finite");
        Self(point.to_cell(resolution.0))
    }

    /// The cells that touch this one: six, or five around a pentagon. In H3's ring order.
    #[must_use]
    pub fn neighbours(self) -> Vec<Self> {
        self.0
            .grid_disk::<Vec<_>>(1)
            .into_iter()
            .filter(|cell| *cell != self.0)
            .map(Self)
            .collect()
    }

    /// The cell's centre.
    #[must_use]
    pub fn centre(self) -> Place {
        let point = LatLng::from(self.0);
        Place::new(point.lat(), point.lng()).expect("H3 centres lie on the globe")
    }

    /// The corners, counter-clockwise.
    #[must_use]
    pub fn corners(self) -> Vec<Place> {
        self.0
            .boundary()
            .iter()
            .map(|point| Place::new(point.lat(), point.lng()).expect("H3 corners lie on the globe"))
            .collect()
    }
}

/// How far a cell's [`Core`] reaches from the centre, as a share of the cell: what is left covers the error of taking
/// the Earth for flat below the bounds that follow.
const CORE_SHARE: f64 = 0.97;
/// The farthest that the corners of a cell with a core lie from its centre, in metres.
const CORNERS_MAX_M: f64 = 5_000.0;
/// The latitude from which on there are no cores, in degrees.
const CORE_LAT_MAX: f64 = 70.0;
/// Corners of a cell with a core: a hexagon within one face of H3's.
const CORNERS: usize = 6;

/// A cell drawn a little smaller: whether a place is in it is seen in a few nanoseconds, and of a cell's places more
/// than nine in ten are.
#[derive(Debug, Clone, Copy)]
pub struct Core {
    centre: Place,
    east_m_per_degree: f64,
    /// For each of the cell's edges, by which an offset in metres has to be multiplied to be 1 on it and less within.
    edges: Option<[(f64, f64); CORNERS]>,
}

impl Core {
    /// The core of a cell. Of a very large cell, one near a pole and one of other than six corners, nothing is in it.
    #[must_use]
    pub fn of(cell: Cell) -> Self {
        let centre = cell.centre();
        let mut core = Self {
            centre,
            east_m_per_degree: METRES_PER_DEGREE * centre.lat().to_radians().cos(),
            edges: None,
        };
        let corners: Vec<_> = cell.corners().iter().map(|it| core.offset_m(*it)).collect();
        // Corners beyond the date line are far away by their degrees.
        let is_small = corners.iter().all(|(x, y)| x.hypot(*y) <= CORNERS_MAX_M);
        if is_small && centre.lat().abs() < CORE_LAT_MAX && corners.len() == CORNERS {
            core.edges = Some(std::array::from_fn(|from| {
                let ((x, y), (to_x, to_y)) = (corners[from], corners[(from + 1) % CORNERS]);
                let across = x * to_y - y * to_x;
                ((to_y - y) / across, (x - to_x) / across)
            }));
        }
        core
    }

    fn offset_m(&self, place: Place) -> (f64, f64) {
        (
            (place.lon() - self.centre.lon()) * self.east_m_per_degree,
            (place.lat() - self.centre.lat()) * METRES_PER_DEGREE,
        )
    }

    /// Whether a place is in it, and so in the cell.
    #[must_use]
    pub fn holds(&self, place: Place) -> bool {
        let (east, north) = self.offset_m(place);
        self.edges.as_ref().is_some_and(|edges| {
            let within = |(x, y): &(f64, f64)| x * east + y * north < CORE_SHARE;
            edges.iter().all(within)
        })
    }
}

/// Cells that are remembered with their neighbours; beyond it all are forgotten and looked up anew.
const AROUND_MAX: usize = 100_000;

/// The cells that touch each cell met so far: they never change, and H3 takes its time over them.
#[derive(Debug, Clone, Default)]
pub struct Around {
    numbers: BTreeMap<Cell, u32>,
    met: Vec<Met>,
    /// The numbers of all met, by cell.
    ascending: Vec<u32>,
    /// For [`Around::sums`]: by number; zero between calls.
    sums: Vec<u32>,
}

/// A cell that was met.
#[derive(Debug, Clone)]
struct Met {
    cell: Cell,
    /// Its neighbours and their numbers; none until they are asked for.
    touching: Vec<Cell>,
    numbers: Vec<u32>,
}

impl Around {
    /// The cells that touch one, as [`Cell::neighbours`] has them.
    pub fn of(&mut self, cell: Cell) -> &[Cell] {
        self.make_room();
        let number = self.expanded(cell);
        &self.met[number as usize].touching
    }

    /// What is counted in each cell and in those that touch it together, by cell; nothing for a cell around
    /// which nothing is counted.
    pub fn sums(&mut self, counts: &BTreeMap<Cell, u32>) -> Vec<(Cell, u32)> {
        self.make_room();
        for (cell, count) in counts {
            let number = self.expanded(*cell);
            self.sums.resize(self.met.len(), 0);
            let touching = &self.met[number as usize].numbers;
            for number in touching.iter().chain([&number]) {
                let sum = &mut self.sums[*number as usize];
                *sum = sum.saturating_add(*count);
            }
        }
        if self.ascending.len() < self.met.len() {
            self.ascending = self.numbers.values().copied().collect();
        }
        let counted = self.ascending.iter().filter_map(|number| {
            let sum = std::mem::take(self.sums.get_mut(*number as usize)?);
            (sum > 0).then(|| (self.met[*number as usize].cell, sum))
        });
        counted.collect()
    }

    /// The number of a cell whose neighbours are known.
    fn expanded(&mut self, cell: Cell) -> u32 {
        let number = self.number_of(cell);
        if self.met[number as usize].numbers.is_empty() {
            let touching = cell.neighbours();
            let numbers = touching.iter().map(|cell| self.number_of(*cell)).collect();
            let met = &mut self.met[number as usize];
            (met.touching, met.numbers) = (touching, numbers);
        }
        number
    }

    fn number_of(&mut self, cell: Cell) -> u32 {
        *self.numbers.entry(cell).or_insert_with(|| {
            self.met.push(Met {
                cell,
                touching: Vec::new(),
                numbers: Vec::new(),
            });
            u32::try_from(self.met.len() - 1).expect("fewer than 2^32 cells are met")
        })
    }

    /// Forgets all where there is too much of it: where a market is, or drivers say they are, can be anywhere.
    fn make_room(&mut self) {
        if self.met.len() > AROUND_MAX {
            *self = Self::default();
        }
    }
}

impl From<Cell> for u64 {
    /// The cell's H3 index as a number.
    fn from(cell: Cell) -> Self {
        cell.0.into()
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cell {
    type Err = CellError;
    fn from_str(text: &str) -> Result<Self, CellError> {
        text.parse().map(Self).map_err(|_| CellError {
            found: text.chars().take(64).collect(),
            expected: "an H3 cell of 15 hexadecimal digits",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Space;
    use proptest::prelude::*;

    /// Of some places about a cell's centre: how many are in the cell, and of those in its core.
    fn in_cell_and_core(centre: Place, level: u8) -> (u32, u32) {
        let resolution = Resolution::new(level).unwrap();
        let cell = Cell::of(centre, resolution);
        let (centre, core) = (cell.centre(), Core::of(cell));
        let corner = cell.corners()[0];
        let side = 1.2 * Space::Sphere.distance_m(centre, corner) / METRES_PER_DEGREE;
        let side_lon = side / centre.lat().to_radians().cos().max(0.01);
        let (mut in_cell, mut in_core) = (0, 0);
        for step in 0..900 {
            let (x, y) = (
                f64::from(step % 30) / 14.5 - 1.0,
                f64::from(step / 30) / 14.5 - 1.0,
            );
            let lon = (centre.lon() + x * side_lon + 540.0).rem_euclid(360.0) - 180.0;
            let lat = (centre.lat() + y * side).clamp(-90.0, 90.0);
            let place = Place::new(lat, lon).unwrap();
            let is_in_cell = Cell::of(place, resolution) == cell;
            assert!(is_in_cell || !core.holds(place), "{place:?} of {cell}");
            in_cell += u32::from(is_in_cell);
            in_core += u32::from(core.holds(place));
        }
        (in_cell, in_core)
    }

    proptest! {
        #[test]
        fn a_core_lies_within_its_cell(
            lat in -90.0..=90.0f64,
            lon in prop_oneof![-180.0..=180.0f64, 179.9..=180.0f64],
            level in 0u8..=12,
        ) {
            let (in_cell, in_core) = in_cell_and_core(Place::new(lat, lon).unwrap(), level);
            prop_assert!(in_core <= in_cell);
        }
    }

    #[test]
    fn most_of_a_city_s_cell_is_its_core() {
        let (in_cell, in_core) = in_cell_and_core(Place::new(40.758, -73.9855).unwrap(), 8);
        assert!(in_core * 10 >= in_cell * 9, "{in_core} of {in_cell}");
    }

    #[test]
    fn sums_are_over_a_cell_and_those_that_touch_it() {
        let resolution = Resolution::new(8).unwrap();
        let cell = |lat| Cell::of(Place::new(lat, -73.9855).unwrap(), resolution);
        let mut around = Around::default();
        let steps = [(40.7, 3), (40.703, 0), (40.72, 5), (40.71, 2), (41.9, 7)];
        for met in 1..=steps.len() {
            let counts: BTreeMap<Cell, u32> = steps[..met]
                .iter()
                .map(|(lat, count)| (cell(*lat), *count))
                .collect();
            let mut expected = BTreeMap::new();
            for (cell, count) in counts.iter().filter(|(_, count)| **count > 0) {
                for at in cell.neighbours().into_iter().chain([*cell]) {
                    *expected.entry(at).or_insert(0) += count;
                }
            }
            let sums = around.sums(&counts);
            assert_eq!(sums, expected.into_iter().collect::<Vec<_>>());
        }
        assert_eq!(around.of(cell(40.71)), cell(40.71).neighbours());
    }

    #[test]
    fn a_cell_holds_its_centre_and_touches_its_neighbours() {
        let resolution = Resolution::new(8).unwrap();
        let cell = Cell::of(Place::new(40.758, -73.9855).unwrap(), resolution);
        assert_eq!(Cell::of(cell.centre(), resolution), cell);
        let neighbours = cell.neighbours();
        assert_eq!(neighbours.len(), 6);
        assert!(neighbours.iter().all(|n| n.neighbours().contains(&cell)));
        assert_eq!(cell.corners().len(), 6);
        assert_eq!(cell.to_string().parse(), Ok(cell));
        assert!(Resolution::new(16).is_err());
    }
}
