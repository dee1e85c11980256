//! H3 cells: the zones of surge and of heat maps. Not used by the hot index: encoding a cell costs
//! some twenty times a grid update.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use h3o::{CellIndex, LatLng};

use crate::place::Place;

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
            self.sums[number as usize] += count;
            for touching in &self.met[number as usize].numbers {
                self.sums[*touching as usize] += count;
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
