//! Available drivers, counted: [`Supply`] by cell and vehicle class, [`Nearby`] of one cell and those around it.
//!
//! Most markets have one class. So all drivers are counted together, the other classes' beside that, and the first
//! class is what is left.

use std::collections::BTreeMap;

use crate::cell::{Around, Cell};
use crate::limits::VEHICLE_CLASSES;
use crate::vehicle::{VehicleClass, VehicleClasses};

/// Why counts of drivers cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SupplyError {
    /// The first class is counted by itself.
    #[error("found vehicle class 0 counted by itself, expected it to be what the others leave")]
    First,
    /// There are more of other classes than there are at all.
    #[error(
        "found {found} drivers of other vehicle classes than the first, expected at most all {all}"
    )]
    Others {
        /// How many are of other classes.
        found: u64,
        /// How many there are.
        all: u32,
    },
}

/// Available drivers per cell. A cell that is not named has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Supply {
    all: BTreeMap<Cell, u32>,
    /// Neither a class nor a cell without any.
    others: BTreeMap<VehicleClass, BTreeMap<Cell, u32>>,
}

impl Supply {
    /// So many in all, and of these so many of each class but the first.
    ///
    /// # Errors
    /// If the first class is named, or more drivers are of other classes than there are in a cell.
    pub fn new(
        all: BTreeMap<Cell, u32>,
        mut others: BTreeMap<VehicleClass, BTreeMap<Cell, u32>>,
    ) -> Result<Self, SupplyError> {
        if others.contains_key(&VehicleClass::default()) {
            return Err(SupplyError::First);
        }
        let mut sums: BTreeMap<Cell, u64> = BTreeMap::new();
        for cells in others.values_mut() {
            cells.retain(|_, count| *count > 0);
            for (cell, count) in cells {
                *sums.entry(*cell).or_default() += u64::from(*count);
            }
        }
        others.retain(|_, cells| !cells.is_empty());
        for (cell, found) in sums {
            check(all.get(&cell).copied().unwrap_or(0), found)?;
        }
        Ok(Self { all, others })
    }

    /// Those of all classes.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<Cell, u32> {
        &self.all
    }

    /// Those of each class but the first that has any.
    #[must_use]
    pub fn others(&self) -> &BTreeMap<VehicleClass, BTreeMap<Cell, u32>> {
        &self.others
    }

    /// How many are in each cell and in those that touch it together, by cell; nothing for a cell around which there
    /// are none.
    pub fn nearby(&self, around: &mut Around) -> Vec<(Cell, Nearby)> {
        let sums = around.sums(&self.all).into_iter();
        let mut nearby: Vec<(Cell, Nearby)> = sums
            .map(|(cell, count)| (cell, Nearby::from(count)))
            .collect();
        for (class, counts) in &self.others {
            let mut cells = nearby.iter_mut();
            for (cell, count) in around.sums(counts) {
                // Both by ascending cell, and where some are of a class there are some.
                if let Some((_, nearby)) = cells.find(|(at, _)| *at == cell) {
                    nearby.reclass(*class, count);
                }
            }
        }
        nearby
    }
}

impl From<BTreeMap<Cell, u32>> for Supply {
    /// All of the first class.
    fn from(all: BTreeMap<Cell, u32>) -> Self {
        Self {
            all,
            others: BTreeMap::new(),
        }
    }
}

fn check(all: u32, found: u64) -> Result<(), SupplyError> {
    if found > u64::from(all) {
        return Err(SupplyError::Others { found, all });
    }
    Ok(())
}

/// About how many available drivers are in a cell and those that touch it, by vehicle class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Nearby([u32; VEHICLE_CLASSES as usize]);

impl Nearby {
    /// None at all.
    pub const NONE: Self = Self([0; VEHICLE_CLASSES as usize]);

    /// So many in all, and of these so many of other classes than the first.
    ///
    /// # Errors
    /// If the first class is named, or more are of other classes than there are.
    pub fn new(
        all: u32,
        others: impl IntoIterator<Item = (VehicleClass, u32)>,
    ) -> Result<Self, SupplyError> {
        let mut nearby = Self::from(all);
        let mut found = 0;
        for (class, count) in others {
            if class == VehicleClass::default() {
                return Err(SupplyError::First);
            }
            found += u64::from(count);
            check(all, found)?;
            nearby.reclass(class, count);
        }
        Ok(nearby)
    }

    /// Has so many of the first class be of another, as far as there are so many.
    fn reclass(&mut self, class: VehicleClass, count: u32) {
        let first = &mut self.0[0];
        let count = count.min(*first);
        *first -= count;
        self.0[class.number() as usize] += count;
    }

    /// How many are of one of these classes.
    #[must_use]
    pub fn of(self, classes: VehicleClasses) -> u32 {
        let counts = VehicleClass::all().zip(self.0);
        counts
            .filter(|(class, _)| classes.contains(*class))
            .fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// How many there are of all classes.
    #[must_use]
    pub fn all(self) -> u32 {
        self.of(VehicleClasses::ALL)
    }

    /// Those of each class but the first that has any, by class.
    pub fn others(self) -> impl Iterator<Item = (VehicleClass, u32)> {
        let counts = VehicleClass::all().zip(self.0).skip(1);
        counts.filter(|(_, count)| *count > 0)
    }

    /// The same with each class's count as `rounded` has it.
    #[must_use]
    pub fn map(self, rounded: impl FnMut(u32) -> u32) -> Self {
        Self(self.0.map(rounded))
    }
}

impl From<u32> for Nearby {
    /// All of the first class.
    fn from(all: u32) -> Self {
        let mut nearby = Self::NONE;
        nearby.0[0] = all;
        nearby
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Resolution;
    use crate::place::Place;
    use proptest::prelude::*;

    fn class(number: u32) -> VehicleClass {
        VehicleClass::new(number).unwrap()
    }

    fn classes(numbers: &[u32]) -> VehicleClasses {
        numbers.iter().map(|number| class(*number)).collect()
    }

    /// One of a row of cells, some of which touch.
    fn cell(number: u32) -> Cell {
        let place = Place::new(40.7 + 0.008 * f64::from(number), -73.98).unwrap();
        Cell::of(place, Resolution::new(8).unwrap())
    }

    #[test]
    fn nearby_is_of_the_classes_asked_for() {
        let nearby = Nearby::new(10, [(class(2), 3), (class(15), 1)]).unwrap();
        assert_eq!(nearby.all(), 10);
        assert_eq!(nearby.of(classes(&[0])), 6);
        assert_eq!(nearby.of(classes(&[2, 15])), 4);
        assert_eq!(nearby.of(classes(&[0, 1])), 6);
        assert_eq!(nearby.of(classes(&[])), 0);
        let others: Vec<_> = nearby.others().collect();
        assert_eq!(others, [(class(2), 3), (class(15), 1)]);
        assert_eq!(nearby.map(|count| count / 2).all(), 3 + 1);
        assert_eq!(nearby.map(|_| u32::MAX).all(), u32::MAX);
        assert_eq!(Nearby::new(7, []), Ok(Nearby::from(7)));
        assert_eq!(Nearby::new(0, [(class(1), 0)]), Ok(Nearby::NONE));
    }

    #[test]
    fn more_of_other_classes_than_there_are_is_refused() {
        let most = Nearby::new(u32::MAX, [(class(1), u32::MAX)]).unwrap();
        assert_eq!(most.of(classes(&[1])), u32::MAX);
        let refused = Nearby::new(4, [(class(1), 3), (class(2), 2)]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "found 5 drivers of other vehicle classes than the first, expected at most all 4"
        );
        assert_eq!(Nearby::new(4, [(class(0), 1)]), Err(SupplyError::First));

        let supply = |others: &[(u32, u32, u32)]| {
            let mut by_class: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
            for (number, at, count) in others {
                let cells = by_class.entry(class(*number)).or_default();
                cells.insert(cell(*at), *count);
            }
            Supply::new([(cell(0), 4)].into(), by_class)
        };
        assert!(supply(&[(1, 0, 2), (2, 0, 2)]).is_ok());
        let too_many = SupplyError::Others { found: 5, all: 4 };
        assert_eq!(supply(&[(1, 0, 2), (2, 0, 3)]), Err(too_many));
        let nobody = SupplyError::Others { found: 1, all: 0 };
        assert_eq!(supply(&[(1, 5, 1)]), Err(nobody));
        assert_eq!(supply(&[(0, 0, 1)]), Err(SupplyError::First));
        let none = supply(&[(1, 0, 0), (2, 5, 0)]);
        assert_eq!(none, Ok(Supply::from(BTreeMap::from([(cell(0), 4)]))));
    }

    #[test]
    fn sums_beyond_all_numbers_stay_at_the_last() {
        let most = BTreeMap::from([(cell(0), u32::MAX), (cell(1), u32::MAX)]);
        let others = BTreeMap::from([(class(1), most.clone())]);
        let supply = Supply::new(most, others).unwrap();
        for (_, nearby) in supply.nearby(&mut Around::default()) {
            let others: Vec<_> = nearby.others().collect();
            assert_eq!(others, [(class(1), u32::MAX)]);
            assert_eq!(Nearby::new(nearby.all(), others), Ok(nearby));
        }
    }

    proptest! {
        #[test]
        fn what_is_nearby_is_what_is_counted_one_by_one(
            drivers in proptest::collection::vec((0..8u32, 0..4u32), 0..60),
        ) {
            let mut all = BTreeMap::new();
            let mut others: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
            for (at, number) in &drivers {
                *all.entry(cell(*at)).or_insert(0) += 1;
                if *number > 0 {
                    *others.entry(class(*number)).or_default().entry(cell(*at)).or_insert(0) += 1;
                }
            }
            let supply = Supply::new(all, others).unwrap();
            let nearby = supply.nearby(&mut Around::default());
            prop_assert!(nearby.is_sorted_by(|(one, _), (next, _)| one < next));
            let mut found = 0;
            for (at, nearby) in nearby {
                let mut zone = at.neighbours();
                zone.push(at);
                for number in 0..5 {
                    let is_here = |(one, it): &&(u32, u32)| zone.contains(&cell(*one)) && *it == number;
                    let counted = drivers.iter().filter(is_here).count() as u32;
                    prop_assert_eq!(nearby.of(classes(&[number])), counted);
                }
                found += nearby.all();
            }
            prop_assert_eq!(found, 7 * drivers.len() as u32);
        }
    }
}
