//! Available drivers by zone, for surge. Most cars stand where they stood at the last count, or have not come far:
//! each driver's zone is remembered with the place that it is of.

use std::collections::BTreeMap;

use domain::cell::Core;
use domain::{Cell, Place, Resolution};

use crate::limits::SHARDS;

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
    /// How many drivers are in each zone of a size, of those who are in shards by their numbers. Zones without any are left
    /// out.
    pub(crate) fn count(
        &mut self,
        resolution: Resolution,
        drivers: impl Iterator<Item = (usize, (u32, Place))>,
    ) -> BTreeMap<Cell, u32> {
        if self.resolution != Some(resolution) {
            *self = Self {
                resolution: Some(resolution),
                ..Self::default()
            };
        }
        let mut counts = vec![0_u32; self.cells.len()];
        for (shard, (slot, place)) in drivers {
            let zone = self.zone(resolution, (shard, slot as usize), place) as usize;
            if counts.len() <= zone {
                counts.resize(zone + 1, 0);
            }
            counts[zone] += 1;
        }
        let counted = self.cells.iter().zip(counts);
        counted
            .filter(|(_, count)| *count > 0)
            .map(|(cell, count)| (*cell, count))
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

#[cfg(test)]
mod tests {
    use super::*;

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
                let slots = (0..).zip(places.iter().copied());
                let drivers = slots.map(|(slot, place)| (slot as usize % SHARDS, (slot, place)));
                let found = zones.count(resolution, drivers);
                assert_eq!(found, expected);
            }
        }
    }
}
