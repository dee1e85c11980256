//! The fleet for many at once.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread;

use domain::{DriverId, Place, Timestamp, VehicleClass, VehicleClasses};
use proptest::prelude::*;

use super::*;
use crate::index::tests::brute_force;
use crate::index::tests::town::town;

const PLANE: Space = Space::Plane {
    width_m: 10_000.0,
    height_m: 10_000.0,
};

fn spot(east_m: f64) -> Place {
    Place::from_metres(east_m, 0.0)
}

fn who_is_near(shared: &SharedFleet, east_m: f64) -> Vec<u64> {
    let found = shared.nearest(Nearby::any(spot(east_m), 10));
    found.iter().map(|it| it.driver.0).collect()
}

#[test]
fn a_search_knows_of_what_was_told_while_another_went_on() {
    let shared = SharedFleet::new(PLANE, FleetPolicy::default());
    shared
        .lock()
        .go_online(DriverId(1), spot(10.0), Timestamp::ZERO);
    let mut searching = AtHand::default();
    shared.lock_shards(ShardSet::ALL, &mut searching);
    let told = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Comes to its end though the search does not.
            let mut fleet = shared.lock();
            fleet.go_offline(DriverId(1), Timestamp::ZERO);
            fleet.go_online(DriverId(2), spot(20.0), Timestamp::ZERO);
            drop(fleet);
            told.0.send(shared.lock().counts().available)
        });
        assert_eq!(told.1.recv(), Ok(1));
    });
    let nearby = Nearby::any(spot(0.0), 10);
    let mut found = CandidateLists::default();
    let number = found.begin(1);
    searching.search([(number, nearby)].into_iter(), &mut found);
    assert_eq!(
        found.into_only()[0].driver,
        DriverId(1),
        "as it was when the search began"
    );
    assert_ne!(shared.behind.load(Ordering::Acquire), 0);
    drop(searching);
    assert_eq!(who_is_near(&shared, 0.0), [2]);
    assert_eq!(shared.behind.load(Ordering::Acquire), 0);
}

#[test]
fn what_many_told_at_once_is_found_by_those_who_searched_meanwhile() {
    const DRIVERS: u64 = 200;
    const MOVES: u64 = 50;
    let shared = SharedFleet::new(PLANE, FleetPolicy::default());
    // Far enough apart that each stays the nearest to where it is.
    let at = |driver: u64, moved: u64| spot((driver * 50) as f64 + moved as f64 / 10.0);
    thread::scope(|scope| {
        for half in 0..2 {
            let shared = &shared;
            scope.spawn(move || {
                for moved in 0..=MOVES {
                    for driver in (half..DRIVERS).step_by(2) {
                        let id = DriverId(driver);
                        shared
                            .lock()
                            .go_online(id, at(driver, moved), Timestamp::ZERO);
                        let found = shared.nearest(Nearby::any(at(driver, moved), 1));
                        assert_eq!(found[0].driver, id, "told before it was asked");
                    }
                }
            });
        }
    });
    for driver in 0..DRIVERS {
        let found = shared.nearest(Nearby::any(at(driver, MOVES), 1));
        assert_eq!((found[0].driver.0, found[0].distance_m), (driver, 0.0));
    }
    assert_eq!(shared.lock().counts().available, DRIVERS as usize);
}

/// Where the shard changes along a way, in whole metres from eastern or northern `from_m` on.
fn edge_m(sharding: &Sharding, from_m: f64, along: impl Fn(f64) -> Place) -> f64 {
    let shard = sharding.shard_of(along(from_m));
    let mut metres = (1..).map(|metre| from_m + f64::from(metre));
    let edge = metres.find(|at| sharding.shard_of(along(*at)) != shard);
    edge.expect("coarse cells end somewhere")
}

#[test]
fn who_drives_from_shard_to_shard_is_found_once_whenever_somebody_looks() {
    const MOVERS: u64 = 8;
    const IN_EACH_SHARD: u64 = 500 * MOVERS;
    let shared = SharedFleet::new(PLANE, FleetPolicy::default());
    let east_m = edge_m(&shared.sharding, 4_000.0, |east_m| {
        Place::from_metres(east_m, 4_000.0)
    });
    let north_m = edge_m(&shared.sharding, 4_000.0, |north_m| {
        Place::from_metres(4_000.0, north_m)
    });
    let beside_corner = |east: f64, north: f64| Place::from_metres(east_m + east, north_m + north);
    // So many in each of the four that a search does not look at all shards, but far from where they meet.
    for number in 0..4 * IN_EACH_SHARD {
        let (east, north) = (
            [-1.0, 1.0][number as usize % 2],
            [-1.0, 1.0][number as usize / 2 % 2],
        );
        let place = beside_corner(east * (3_000.0 + number as f64 / 10.0), north * 3_000.0);
        let driver = DriverId(MOVERS + number);
        shared.lock().go_online(driver, place, Timestamp::ZERO);
    }
    let move_all = |turn: u64| {
        let mut fleet = shared.lock();
        for driver in 0..MOVERS {
            let quarter = ((turn + driver) % 4) as usize;
            let (east, north) =
                [(-20.0, -20.0), (20.0, -20.0), (20.0, 20.0), (-20.0, 20.0)][quarter];
            fleet.go_online(
                DriverId(driver),
                beside_corner(east, north),
                Timestamp::ZERO,
            );
        }
    };
    move_all(0);
    let corner = Nearby::any(beside_corner(1.0, 1.0), MOVERS as usize);
    assert_ne!(shared.likely_shards(&corner), ShardSet::ALL);
    assert_eq!(shared.likely_shards(&corner).iter().count(), 4);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0..5_000 {
                move_all(turn);
            }
            over.store(true, Ordering::Relaxed);
        });
        let mut looks = 0;
        while !over.load(Ordering::Relaxed) || looks == 0 {
            let mut found = CandidateLists::default();
            shared.nearest_of_each([corner; 3], &mut found);
            for found in found.iter() {
                let mut drivers: Vec<u64> = found.iter().map(|it| it.driver.0).collect();
                drivers.sort_unstable();
                assert_eq!(drivers, (0..MOVERS).collect::<Vec<_>>());
            }
            looks += 1;
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_the_shards_it_finds_what_brute_force_finds(town in town(), k in 1..3usize, classes in 1..4u32) {
        const DRIVERS: u64 = 3_000;
        let shared = SharedFleet::new(town.space, FleetPolicy::default());
        let mut all = vec![None; DRIVERS as usize];
        let class = |driver: u64| VehicleClass::new(driver as u32 % classes).unwrap();
        let put = |all: &mut Vec<_>, number: u64, seed: u64| {
            let who = (DriverId(DRIVERS - number), town.anyone(town.seed ^ seed));
            let mut fleet = shared.lock();
            fleet.go_online(who.0, who.1, Timestamp::ZERO);
            fleet.set_vehicle(who.0, class(number));
            all[number as usize] = Some(who);
        };
        let check = |all: &[Option<(DriverId, Place)>]| {
            let wanted = VehicleClasses::from_bits(1).unwrap();
            let with_wanted: Vec<_> = (0..).zip(all).map(|(number, who)| who.filter(|_| class(number).number() == 0)).collect();
            let queries: Vec<Nearby<'_>> = (0..60u64)
                .map(|query| Nearby {
                    place: town.anyone(town.seed.wrapping_add(query) ^ u64::from(u32::MAX)),
                    // Some ask for more than a shard has.
                    k: match query {
                        56 => usize::MAX,
                        59 => 2_000,
                        _ => k,
                    },
                    radius_m: (query % 4 == 0).then_some(500.0),
                    classes: if query % 3 == 0 { wanted } else { VehicleClasses::ALL },
                    excluded: &[],
                })
                .collect();
            let mut found = CandidateLists::default();
            shared.nearest_of_each(queries.iter().copied(), &mut found);
            prop_assert_eq!(found.iter().count(), queries.len());
            for (nearby, found) in queries.iter().zip(found.iter()) {
                let all = if nearby.classes == wanted { &with_wanted } else { all };
                prop_assert_eq!(found, &brute_force(town.space, all, *nearby)[..]);
            }
            let supply = shared.available_by_cell(Resolution::new(8).unwrap());
            let available = (0..).zip(all).filter(|(_, who)| who.is_some());
            let mut by_class = BTreeMap::new();
            for (number, _) in available {
                *by_class.entry(class(number)).or_insert(0) += 1;
            }
            let counted: u32 = supply.all().values().sum();
            prop_assert_eq!(counted, by_class.values().sum::<u32>());
            by_class.remove(&VehicleClass::default());
            let others = supply.others().iter();
            let others = others.map(|(class, cells)| (*class, cells.values().sum()));
            prop_assert_eq!(others.collect::<BTreeMap<_, u32>>(), by_class);
            Ok(())
        };
        for number in 0..DRIVERS {
            put(&mut all, number, number);
        }
        check(&all)?;
        for number in (0..DRIVERS).filter(|number| number % 3 != 1) {
            put(&mut all, number, number + DRIVERS);
        }
        check(&all)?;
        for number in (0..DRIVERS).filter(|number| number % 50 != 0) {
            shared.lock().go_offline(DriverId(DRIVERS - number), Timestamp::ZERO);
            all[number as usize] = None;
        }
        check(&all)?;
    }
}
