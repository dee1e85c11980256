//! Cells of several sizes side by side, against brute force.

use domain::{DriverId, Space, VehicleClasses};
use proptest::prelude::*;

use crate::index::Nearby;
use crate::index::tests::town::{Town, town};
use crate::index::tests::{PLANE, brute_force, only_first_chunks_have_room};
use crate::limits::CELL_M_MAX;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn beside_cells_of_other_sizes_it_finds_what_brute_force_finds(town in town(), k in 1..30usize) {
        const DRIVERS: u32 = 3_000;
        let mut index = Index::with_cells(town.space, town.cell_m, 0);
        let mut all = vec![None; DRIVERS as usize];
        let put = |index: &mut Index, all: &mut Vec<_>, slot: u32, seed: u64| {
            let who = (DriverId(u64::from(DRIVERS - slot)), town.anyone(town.seed ^ seed));
            index.put(slot, who.0, who.1);
            all[slot as usize] = Some(who);
        };
        // Crowds come, drive to one another, and go, those who come first and last among them.
        for slot in 0..DRIVERS {
            put(&mut index, &mut all, slot, u64::from(slot));
        }
        check(&index, &all, &town, k)?;
        for slot in (0..DRIVERS).filter(|slot| slot % 3 != 1) {
            put(&mut index, &mut all, slot, u64::from(slot + DRIVERS));
        }
        check(&index, &all, &town, k)?;
        for slot in (0..DRIVERS).filter(|slot| slot % 50 != 0) {
            prop_assert!(index.remove(slot));
            all[slot as usize] = None;
        }
        check(&index, &all, &town, k)?;
        for slot in (0..DRIVERS).step_by(50) {
            prop_assert!(index.remove(slot));
        }
        prop_assert_eq!(index.by_key.len(), 0);
    }
}

fn check(
    index: &Index,
    all: &[Option<(DriverId, Place)>],
    town: &Town,
    k: usize,
) -> Result<(), TestCaseError> {
    only_first_chunks_have_room(index)?;
    blocks_count_what_is_in_them(index)?;
    prop_assert_eq!(index.places().count(), index.len());
    for query in 0..40u64 {
        let nearby = Nearby {
            place: town.anyone(town.seed.wrapping_add(query) ^ u64::from(u32::MAX)),
            k,
            radius_m: (query % 4 == 0).then_some(500.0),
            classes: VehicleClasses::ALL,
            excluded: &[],
        };
        prop_assert_eq!(
            index.nearest(nearby),
            brute_force(town.space, all, nearby),
            "query {}",
            query
        );
    }
    Ok(())
}

fn blocks_count_what_is_in_them(index: &Index) -> Result<(), TestCaseError> {
    for (number, block) in (0u32..).zip(&index.blocks) {
        let there_are = if block.is_split {
            index.quarters_of(number).count()
        } else {
            index.drivers_of(block).count()
        };
        prop_assert_eq!(block.len as usize, there_are);
        let is_free = index.free.contains(&number);
        prop_assert_eq!(is_free, there_are == 0);
    }
    Ok(())
}

/// The side of the smallest cells that have a driver.
fn narrowest_m(index: &Index) -> f64 {
    let blocks = index.blocks.iter().filter(|block| block.occupied != 0);
    let levels = blocks.map(Block::level);
    index.grids[levels.max().expect("somebody is there")].cell_m()
}

#[test]
fn what_is_nearer_around_a_narrow_torus_is_found() {
    let space = Space::Torus {
        width_m: 640.0,
        height_m: 4_000.0,
    };
    let mut index = Index::new(space);
    let nearer = Place::from_metres(1.0, 2_001.0);
    let farther = Place::from_metres(304.0, 1_876.0);
    let crowd = (0..200).map(|_| Place::from_metres(100.0, 100.0));
    let all: Vec<_> = (0u32..)
        .zip([nearer, farther].into_iter().chain(crowd))
        .map(|(slot, place)| (slot, Some((DriverId(u64::from(slot)), place))))
        .collect();
    for (slot, who) in &all {
        let (driver, place) = who.unwrap();
        index.put(*slot, driver, place);
    }
    let nearby = Nearby::any(Place::from_metres(499.0, 1_876.0), 1);
    let all: Vec<_> = all.into_iter().map(|(_, who)| who).collect();
    assert_eq!(index.nearest(nearby), brute_force(space, &all, nearby));
}

#[test]
fn cells_follow_the_density_and_nobody_is_lost() {
    let mut index = Index::new(PLANE);
    let mut all = Vec::new();
    // A square kilometre full of drivers, then one in a hundred of them.
    for slot in 0..4_000u32 {
        let (east, north) = (f64::from(slot % 63) * 16.0, f64::from(slot / 63) * 16.0);
        let place = Place::from_metres(3_000.0 + east, 2_000.0 + north);
        index.put(slot, DriverId(u64::from(slot)), place);
        all.push(Some((DriverId(u64::from(slot)), place)));
    }
    let crowded_m = narrowest_m(&index);
    assert!(crowded_m <= CELL_M_MAX / 8.0, "{crowded_m}");
    let nearby = Nearby {
        place: Place::from_metres(3_500.0, 2_481.0),
        k: 25,
        radius_m: None,
        classes: VehicleClasses::ALL,
        excluded: &[],
    };
    assert_eq!(index.nearest(nearby), brute_force(PLANE, &all, nearby));
    for slot in (0..4_000u32).filter(|slot| slot % 100 != 0) {
        assert!(index.remove(slot));
        all[slot as usize] = None;
    }
    // Those who are left drive about for a while.
    for turn in 0..8_000u32 {
        let slot = turn % 40 * 100;
        let place = Place::from_metres(f64::from(turn * 97 % 10_000), f64::from(turn * 61 % 7_000));
        index.put(slot, DriverId(u64::from(slot)), place);
        all[slot as usize] = Some((DriverId(u64::from(slot)), place));
    }
    let thin_m = narrowest_m(&index);
    assert!(thin_m >= 8.0 * crowded_m, "{thin_m} after {crowded_m}");
    assert_eq!(index.nearest(nearby), brute_force(PLANE, &all, nearby));
}
