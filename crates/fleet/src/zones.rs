//! Available drivers by zone and vehicle class, for surge and quotes. Most cars stand where they stood at the last
//! count, or have not come far: each driver's zone is remembered with the place that it is of.

use std::collections::BTreeMap;

use domain::cell::Core;
use domain::limits::VEHICLE_CLASSES;
use domain::{Cell, Place, Resolution, Supply, VehicleClass};

use crate::limits::SHARDS;

/// An available driver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// In which shard, by its number.
    pub(crate) shard: usize,
    /// Who, there.
    pub(crate) slot: u32,
    /// Where.
    pub(crate) place: Place,
    /// In what.
    pub(crate) class: VehicleClass,
}

/// What was found of drivers' zones, by their shards and slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct Zones {
    resolution: Option<Resolution>,
    cells: Vec<Cell>,
    cores: Vec<Core>,
    numbers: BTreeMap<Cell, u32>,
    by_slot: [Vec<Option<(Place, u32)>>; SHARDS],
}

impl Zones {
    /// How many drivers are in each zone of a size. Zones without any are left out.
    pub(crate) fn count(
        &mut self,
        resolution: Resolution,
        drivers: impl Iterator<Item = Standing>,
    ) -> Supply {
        if self.resolution != Some(resolution) {
            *self = Self {
                resolution: Some(resolution),
                ..Self::default()
            };
        }
        let mut all = vec![0; self.cells.len()];
        let mut by_class = [const { Vec::new() }; VEHICLE_CLASSES as usize];
        for driver in drivers {
            let seat = (driver.shard, driver.slot as usize);
            let zone = self.zone(resolution, seat, driver.place) as usize;
            count_one(&mut all, zone);
            if driver.class != VehicleClass::default() {
                count_one(&mut by_class[driver.class.number() as usize], zone);
            }
        }
        let others = VehicleClass::all().zip(&by_class).skip(1);
        let others = others
            .filter(|(_, counts)| !counts.is_empty())
            .map(|(class, counts)| (class, self.by_cell(counts)));
        Supply::new(self.by_cell(&all), others.collect())
            .expect("who is of another class than the first is among all")
    }

    /// The counts of zones by cell, without those of none.
    fn by_cell(&self, counts: &[u32]) -> BTreeMap<Cell, u32> {
        let counted = self.cells.iter().zip(counts);
        counted
            .filter(|(_, count)| **count > 0)
            .map(|(cell, count)| (*cell, *count))
            .collect()
    }

    fn zone(&mut self, resolution: Resolution, (shard, slot): (usize, usize), place: Place) -> u32 {
        let by_slot = &mut self.by_slot[shard];
        if by_slot.len() <= slot {
            by_slot.resize(slot + 1, None);
        }
        if let Some((known, zone)) = &mut by_slot[slot]
            && (*known == place || self.cores[*zone as usize].holds(place))
        {
            *known = place;
            return *zone;
        }
        let cell = Cell::of(place, resolution);
        let zone = *self.numbers.entry(cell).or_insert_with(|| {
            self.cells.push(cell);
            self.cores.push(Core::of(cell));
            u32::try_from(self.cells.len() - 1).expect("fewer than 2^32 cells on the Earth are met")
        });
        self.by_slot[shard][slot] = Some((place, zone));
        zone
    }
}

fn count_one(counts: &mut Vec<u32>, zone: usize) {
    if counts.len() <= zone {
        counts.resize(zone + 1, 0);
    }
    counts[zone] += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn standing((slot, place): (usize, Place), class: VehicleClass) -> Standing {
        Standing {
            shard: slot % SHARDS,
            slot: slot as u32,
            place,
            class,
        }
    }

    #[test]
    fn counts_follow_drivers_who_move_and_zones_of_another_size() {
        let (fine, coarse) = (Resolution::new(9).unwrap(), Resolution::new(6).unwrap());
        let place = |lat| Place::new(lat, -73.98).unwrap();
        let mut zones = Zones::default();
        for round in 0..3 {
            let places: Vec<Place> = (0..50)
                .map(|driver| place(40.7 + 0.002 * f64::from(driver % (10 + 7 * round))))
                .collect();
            for resolution in [fine, coarse, fine] {
                let mut expected = BTreeMap::new();
                for place in &places {
                    *expected.entry(Cell::of(*place, resolution)).or_insert(0) += 1;
                }
                let slots = places.iter().copied().enumerate();
                let drivers = slots.map(|driver| standing(driver, VehicleClass::default()));
                let found = zones.count(resolution, drivers);
                assert_eq!(found, Supply::from(expected));
            }
        }
    }

    proptest! {
        #[test]
        fn classes_are_counted_as_one_by_one(
            rounds in proptest::collection::vec(
                proptest::collection::vec((0..40u32, 0..16u32), 0..60),
                1..4,
            ),
            classes in 1..=16u32,
        ) {
            let resolution = Resolution::new(8).unwrap();
            let mut zones = Zones::default();
            for drivers in rounds {
                let mut all = BTreeMap::new();
                let mut others: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
                let mut standing_now = Vec::new();
                for (slot, (north, class)) in drivers.into_iter().enumerate() {
                    let place = Place::new(40.7 + 0.002 * f64::from(north), -73.98).unwrap();
                    let class = VehicleClass::new(class % classes).unwrap();
                    let cell = Cell::of(place, resolution);
                    *all.entry(cell).or_insert(0) += 1;
                    if class.number() > 0 {
                        *others.entry(class).or_default().entry(cell).or_insert(0) += 1;
                    }
                    standing_now.push(standing((slot, place), class));
                }
                let found = zones.count(resolution, standing_now.into_iter());
                prop_assert_eq!(found.all(), &all);
                prop_assert_eq!(found.others(), &others);
            }
        }
    }
}
