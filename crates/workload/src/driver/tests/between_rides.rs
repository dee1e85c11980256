//! Shifts, and what drivers do between rides.

use super::*;

#[test]
fn a_shift_ends_after_the_ride_under_way() {
    let mut of_shift = plan(Place::from_metres(0.0, 0.0));
    of_shift.shift_ends = Some(60 * SECOND);
    let mut scene = Scene::of(world(1), &of_shift);
    scene.step(0.0, DriverEvent::Wake);
    scene.step(0.0, DriverEvent::Connected);
    accepts(&mut scene);
    scene.wake_until(313.0);
    assert!(!scene.driver.is_gone());
    assert_eq!(
        scene.step(313.0, offered(2, 320.0)),
        [DriverAction::Answer {
            key: key(2),
            accept: false
        }]
    );
    let outcome = ReportOutcome::Recorded;
    let actions = scene.step(
        313.5,
        DriverEvent::Reported {
            key: key(1),
            sequence: 4,
            outcome,
        },
    );
    assert_eq!(actions, [DriverAction::GoOffline, DriverAction::Leave]);
    assert_eq!(scene.driver.wake_at(), None);
    assert!(scene.driver.is_gone());
    assert_eq!(scene.account().online.as_millis(), 313_500);
    assert_eq!(scene.step(900.0, offered(3, 915.0)), vec![]);
}

#[test]
fn drivers_of_the_start_connect_within_the_lead_and_others_with_their_shift() {
    let mut world = world(1);
    world.pace = Pace::new(10.0, at(100.0), Duration::ZERO).unwrap();
    world.drivers.lead = 20 * SECOND;
    let mut early = plan(Place::from_metres(0.0, 0.0));
    assert_eq!(Driver::new(&world, &early).wake_at(), Some(at(85.0)));
    early.shift_starts = 3_600 * SECOND;
    assert_eq!(Driver::new(&world, &early).wake_at(), Some(at(460.0)));
}

#[test]
fn idle_drivers_go_where_their_policy_says() {
    let spot = Place::from_metres(0.0, 4_000.0);
    let mut to_hotspots = world(1);
    let hotspot = Hotspot {
        centre: spot,
        weight: 1.0,
        spread_m: 0.0,
    };
    to_hotspots.drivers.idle = Idle::Hotspots(Hotspots::new(vec![hotspot]).unwrap());
    let mut scene = Scene::online(to_hotspots);
    scene.wake_until(100.0);
    assert!((scene.driver.place(&scene.world, at(100.0)).north_m() - 1_000.0).abs() < 1e-3);
    assert!((scene.account().idle_m - 1_000.0).abs() < 1e-3);
    scene.wake_until(1_000.0);
    assert!((scene.account().idle_m - 4_000.0).abs() < 1e-3);

    let mut to_surge = world(1);
    to_surge.drivers.idle = Idle::Surge { share: 0.75 };
    let mut scene = Scene::online(to_surge);
    scene.step(10.0, DriverEvent::SurgeAt(spot));
    assert!((scene.driver.place(&scene.world, at(30.0)).north_m() - 200.0).abs() < 1e-3);
    let mut scene = Scene::online(world(1));
    scene.step(10.0, DriverEvent::SurgeAt(spot));
    assert!(scene.driver.place(&scene.world, at(30.0)).north_m().abs() < 1e-3);
}

#[test]
fn surge_draws_by_how_high_and_how_near_it_is() {
    let mut world = world(1);
    world.drivers.idle = Idle::Surge { share: 0.75 };
    let scene = Scene::online(world);
    let spot = |east| Place::from_metres(east, 0.0);
    let drawn = |surging: &[(Place, f64)]| scene.driver.drawn_to(&scene.world, surging, at(5.0));
    assert_eq!(drawn(&[]), None);
    assert_eq!(drawn(&[(spot(1_000.0), 1.0)]), None);
    let near_and_far = [(spot(500.0), 1.5), (spot(4_000.0), 1.6), (spot(100.0), 1.0)];
    assert_eq!(drawn(&near_and_far), Some(spot(500.0)));
    assert_eq!(
        drawn(&[(spot(500.0), 1.1), (spot(2_000.0), 3.0)]),
        Some(spot(2_000.0))
    );
    let mut world = scene.world.clone();
    world.drivers.idle = Idle::Surge { share: 0.0 };
    let drawn = scene.driver.drawn_to(&world, &near_and_far, at(5.0));
    assert_eq!(drawn, None, "what others are paid draws nobody");
}
