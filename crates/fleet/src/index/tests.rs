//! The index against brute force, on every space.

use super::parts::Parts;
use super::search::Scratch;
use super::sharding::{ShardSet, Sharding};
use super::*;
use crate::limits::{SEARCHES_AT_ONCE, SHARDS};
use proptest::prelude::*;

pub(super) const TORUS: Space = Space::Torus {
    width_m: 10_000.0,
    height_m: 7_000.0,
};
pub(crate) const PLANE: Space = Space::Plane {
    width_m: 10_000.0,
    height_m: 7_000.0,
};

pub(super) fn place(lat: f64, lon: f64) -> Place {
    Place::new(lat, lon).unwrap()
}

/// Places that meet each difficulty: seams, poles, one spot for all, few distinct spots, all the globe.
fn places(space: Space) -> BoxedStrategy<Vec<Place>> {
    let many = |one: BoxedStrategy<Place>| prop::collection::vec(one, 1..120);
    let spots = (0..4i32, 0..4i32);
    if space == Space::Sphere {
        prop_oneof![
            many(
                (40.6..40.9f64, -74.1..-73.8f64)
                    .prop_map(|(a, o)| place(a, o))
                    .boxed()
            ),
            many(
                (-17.2..-16.8f64, 179.8..180.2f64)
                    .prop_map(|(a, o)| place(a, if o > 180.0 { o - 360.0 } else { o }))
                    .boxed()
            ),
            many(
                (88.0..=90.0f64, -180.0..=180.0f64)
                    .prop_map(|(a, o)| place(a, o))
                    .boxed()
            ),
            many(
                (-90.0..=90.0f64, -180.0..=180.0f64)
                    .prop_map(|(a, o)| place(a, o))
                    .boxed()
            ),
            many(
                (69.6..69.7f64, 18.8..19.0f64)
                    .prop_map(|(a, o)| place(a, o))
                    .boxed()
            ),
            many(
                spots
                    .prop_map(|(a, o)| place(f64::from(a) * 0.01, 179.99 - f64::from(o) * 119.99))
                    .boxed()
            ),
            many(Just(place(51.5, -0.1)).boxed()),
        ]
        .boxed()
    } else {
        let metres = |(e, n): (f64, f64)| Place::from_metres(e, n);
        prop_oneof![
            many((0.0..10_000.0f64, 0.0..7_000.0f64).prop_map(metres).boxed()),
            many(
                (-15_000.0..25_000.0f64, -9_000.0..16_000.0f64)
                    .prop_map(metres)
                    .boxed()
            ),
            many(
                (3_000.0..3_200.0f64, 6_900.0..7_000.0f64)
                    .prop_map(metres)
                    .boxed()
            ),
            many(
                spots
                    .prop_map(move |(e, n)| metres((
                        f64::from(e) * 2_500.0,
                        f64::from(n) * 2_000.0
                    )))
                    .boxed()
            ),
            many(Just(Place::from_metres(9_999.0, 0.0)).boxed()),
        ]
        .boxed()
    }
}

pub(crate) fn brute_force(
    space: Space,
    all: &[Option<(DriverId, Place)>],
    nearby: Nearby<'_>,
) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = all
        .iter()
        .filter_map(|who| *who)
        .filter(|(driver, _)| !nearby.excluded.contains(driver))
        .map(|(driver, place)| Candidate {
            driver,
            place,
            distance_m: space.distance_m(nearby.place, place),
        })
        .filter(|c| {
            nearby
                .radius_m
                .is_none_or(|radius_m| c.distance_m <= radius_m)
        })
        .collect();
    found.sort_by(|a, b| {
        a.distance_m
            .total_cmp(&b.distance_m)
            .then(a.driver.cmp(&b.driver))
    });
    found.truncate(nearby.k);
    found
}

#[derive(Debug, Clone)]
struct Case {
    space: Space,
    cell_m: f64,
    first: Vec<Place>,
    then: Vec<Place>,
    removed: Vec<usize>,
    k: usize,
    radius_m: Option<f64>,
    excluded: Vec<DriverId>,
    /// How many classes of vehicles there are.
    classes: u32,
    wanted: VehicleClasses,
}

impl Case {
    fn class(&self, slot: u32) -> VehicleClass {
        VehicleClass::new(slot % self.classes).unwrap()
    }
}

/// Ids run against slots, so that ties show which of the two decides.
fn id(slot: u32) -> DriverId {
    DriverId(1_000 - u64::from(slot))
}

fn case() -> impl Strategy<Value = Case> {
    let space = prop::sample::select(vec![Space::Sphere, PLANE, TORUS]);
    space.prop_flat_map(|space| {
        let cell_m = prop::sample::select(vec![40.0, 250.0, 3_300.0, 900_000.0, 30_000_000.0]);
        let radius_m = prop::option::of(prop_oneof![0.0..3_000.0f64, 0.0..2.1e7f64, Just(0.0)]);
        (
            (Just(space), cell_m, places(space), places(space)),
            prop::collection::vec(0..120usize, 0..60),
            prop_oneof![Just(1usize), 0..20usize, 100..200usize],
            radius_m,
            prop::collection::btree_set(0..120u32, 0..30),
            (1..=4u32, prop_oneof![Just(u32::from(u16::MAX)), 0..16u32]),
        )
            .prop_map(
                |((space, cell_m, first, then), removed, k, radius_m, excluded, classes)| Case {
                    space,
                    cell_m,
                    first,
                    then,
                    removed,
                    k,
                    radius_m,
                    excluded: excluded.into_iter().map(id).collect(),
                    classes: classes.0,
                    wanted: VehicleClasses::from_bits(classes.1).unwrap(),
                },
            )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn it_finds_what_brute_force_finds(case in case()) {
        let mut index = Index::with_cells(case.space, case.cell_m, 0);
        let mut all = Vec::new();
        // Said of some before they are in, of others when they have moved.
        for (slot, place) in (0u32..).zip(&case.first) {
            if slot % 2 == 0 {
                index.set_class(slot, case.class(slot));
            }
            index.put(slot, id(slot), *place);
            all.push(Some((id(slot), *place)));
        }
        for (slot, place) in (0u32..).zip(&case.then).filter(|(slot, _)| slot % 3 != 0) {
            index.set_class(slot, case.class(slot));
            index.put(slot, id(slot), *place);
            all.resize(all.len().max(slot as usize + 1), None);
            all[slot as usize] = Some((id(slot), *place));
        }
        for slot in (0u32..).zip(&all).map(|(slot, _)| slot) {
            index.set_class(slot, case.class(slot));
        }
        for &slot in &case.removed {
            let was_in = all.get_mut(slot).and_then(Option::take).is_some();
            prop_assert_eq!(index.remove(u32::try_from(slot).unwrap()), was_in);
        }
        prop_assert_eq!(index.len(), all.iter().flatten().count());
        only_first_chunks_have_room(&index)?;
        let will_do = |slot| case.wanted.contains(case.class(slot));
        let will_do: Vec<_> = (0u32..)
            .zip(&all)
            .map(|(slot, who)| who.filter(|_| will_do(slot)))
            .collect();
        // Together, more than go on at once: one by one they are looked for in the same way.
        let places = case.first.iter().step_by(13).chain(case.then.iter().step_by(11));
        let queries = places.zip(1..).map(|(place, number)| Nearby {
            place: *place,
            k: case.k,
            radius_m: if number % 5 == 0 { Some(f64::NAN) } else { case.radius_m },
            classes: case.wanted,
            excluded: &case.excluded,
        });
        let mut found = CandidateLists::default();
        found.begin(queries.clone().count());
        let mut numbered = queries.clone().enumerate().peekable();
        while numbered.peek().is_some() {
            let group = numbered.by_ref().take(SEARCHES_AT_ONCE);
            let missed = Parts::whole(&index).search(group, &mut Scratch::default(), &mut found);
            prop_assert!(missed.is_empty());
        }
        prop_assert_eq!(found.iter().count(), queries.clone().count());
        for (nearby, found) in queries.zip(found.iter()) {
            prop_assert_eq!(found, &brute_force(case.space, &will_do, nearby)[..]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn with_some_shards_at_hand_it_finds_the_nearest_or_knows_that_it_does_not(
        case in case(),
        at_hand in 0..=u8::MAX,
    ) {
        let sharding = Sharding::new(case.space);
        let mut shards: Vec<Index> = (0..SHARDS).map(|shard| Index::of_shard(case.space, shard)).collect();
        let mut all = Vec::new();
        for (slot, place) in (0u32..).zip(&case.first) {
            shards[sharding.shard_of(*place)].put(slot, id(slot), *place);
            all.push(Some((id(slot), *place)));
        }
        for place in case.first.iter().step_by(7).chain(case.then.iter().step_by(11)) {
            let nearby = Nearby {
                place: *place,
                k: case.k,
                radius_m: case.radius_m,
                classes: VehicleClasses::ALL,
                excluded: &case.excluded,
            };
            let some = ShardSet::from_bits(at_hand).with(sharding.shard_of(*place));
            for at_hand in [some, ShardSet::ALL] {
                let mut found = CandidateLists::default();
                found.begin(1);
                let parts = Parts::of(at_hand.iter().map(|shard| (shard, &shards[shard]))).unwrap();
                let missed = parts.search([(0, nearby)].into_iter(), &mut Scratch::default(), &mut found);
                if missed.is_empty() {
                    prop_assert_eq!(found.iter().next().unwrap(), &brute_force(case.space, &all, nearby)[..]);
                } else {
                    prop_assert_ne!(at_hand, ShardSet::ALL);
                }
            }
        }
    }
}

pub(super) fn only_first_chunks_have_room(index: &Index) -> Result<(), TestCaseError> {
    for first in index.blocks.iter().flat_map(Block::occupied_cells) {
        for chunk in index.chunks.of(first) {
            let len = index.chunks.get(chunk).len();
            prop_assert!(len == chunk::ROOM || (chunk == first && len > 0), "{len}");
        }
    }
    Ok(())
}

#[test]
fn a_radius_that_is_no_distance_finds_nobody() {
    let mut index = Index::new(PLANE);
    let here = Place::from_metres(0.0, 0.0);
    index.put(0, DriverId(1), here);
    for (radius_m, expected) in [(f64::NAN, 0), (-1.0, 0), (0.0, 1), (f64::INFINITY, 1)] {
        let nearby = Nearby {
            place: here,
            k: 5,
            radius_m: Some(radius_m),
            classes: VehicleClasses::ALL,
            excluded: &[],
        };
        let found = index.nearest(nearby);
        assert_eq!(found.len(), expected, "{radius_m}");
    }
}

#[test]
fn an_emptied_cell_is_used_again() {
    let mut index = Index::new(Space::Sphere);
    for step in 0..1_000 {
        index.put(0, DriverId(1), place(0.0, f64::from(step) * 0.1));
    }
    assert_eq!(index.len(), 1);
    assert_eq!(index.blocks.len(), 1);
}

fn occupied_cells(index: &Index) -> u32 {
    let cells = index.blocks.iter().map(|block| block.occupied.count_ones());
    cells.sum()
}

#[test]
fn a_million_drivers_in_one_cell_are_found_moved_and_taken_out() {
    const DRIVERS: u32 = 1_000_000;
    let mut index = Index::new(Space::Sphere);
    let corner = place(40.75, -73.99);
    let (lat_e7, lon_e7) = corner.to_e7();
    let metre = |slot: u32| {
        // All within 10 m, half of them on one spot.
        let step = |number: u32| i32::try_from(number % 900).unwrap();
        let (north, east) = if slot.is_multiple_of(2) {
            (0, 0)
        } else {
            (
                step(slot.wrapping_mul(7_919)),
                step(slot.wrapping_mul(104_729) >> 7),
            )
        };
        Place::from_e7(lat_e7 + north, lon_e7 + east).unwrap()
    };
    for slot in 0..DRIVERS {
        index.put(slot, DriverId(u64::from(slot)), metre(slot));
    }
    assert!(occupied_cells(&index) <= 4);
    let all: Vec<_> = (0..DRIVERS)
        .map(|slot| Some((DriverId(u64::from(slot)), metre(slot))))
        .collect();
    for (k, north) in [(10, 0), (3, 450), (40, 2_000)] {
        let place = Place::from_e7(lat_e7 + north, lon_e7).unwrap();
        let nearby = Nearby {
            place,
            k,
            radius_m: None,
            classes: VehicleClasses::ALL,
            excluded: &[],
        };
        assert_eq!(
            index.nearest(nearby),
            brute_force(Space::Sphere, &all, nearby)
        );
    }
    for slot in 0..DRIVERS {
        index.put(slot, DriverId(u64::from(slot)), metre(slot ^ 0x5_5555));
    }
    assert_eq!(index.len(), DRIVERS as usize);
    // Not in the order in which they came.
    for slot in 0..DRIVERS {
        assert!(index.remove((slot * 7) % DRIVERS));
    }
    assert!(index.is_empty());
    assert_eq!(occupied_cells(&index), 0);
    assert_eq!(index.by_key.len(), 0);
}

pub(crate) mod town;
