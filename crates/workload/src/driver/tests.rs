mod between_rides;
mod properties;
mod sparing;

use super::*;
use crate::law::{Curve, SpanLaw, Willingness};
use crate::pace::Pace;
use crate::places::{Hotspot, Hotspots};
use crate::testing::world;
use crate::world::TripDuration;
use domain::trip::TripEventKind;
use domain::{Attempt, Money, RiderId, TripId};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6).round() as i64)
}

fn plan(place: Place) -> DriverPlan {
    DriverPlan {
        driver: DriverId(7),
        vehicle: domain::VehicleClass::new(2).unwrap(),
        place,
        shift_starts: Duration::ZERO,
        shift_ends: None,
        ping_phase: 0.25,
        under_way: None,
    }
}

fn key(trip: u128) -> HoldKey {
    HoldKey {
        trip: TripId(trip),
        attempt: Attempt(1),
        driver: DriverId(7),
    }
}

/// 1,000 m to the pick-up and 2,000 m to the destination: 100 s and 200 s.
fn offer() -> Offer {
    Offer {
        rider: RiderId(3),
        pickup: Place::from_metres(1_000.0, 0.0),
        dropoff: Place::from_metres(1_000.0, 2_000.0),
        driver_pay: Money::from_minor(900),
        pickup_distance_m: 1_000.0,
    }
}

fn offered(trip: u128, deadline: f64) -> DriverEvent {
    DriverEvent::Offered {
        key: key(trip),
        offer: offer(),
        deadline: at(deadline),
    }
}

fn answered(trip: u128, outcome: AnswerOutcome) -> DriverEvent {
    DriverEvent::Answered {
        key: key(trip),
        outcome,
    }
}

/// A driver with a host that does nothing by itself.
struct Scene {
    world: World,
    driver: Driver,
    now: Timestamp,
}

impl Scene {
    fn of(world: World, plan: &DriverPlan) -> Self {
        let driver = Driver::new(&world, plan);
        Self {
            now: world.pace.started_at(),
            world,
            driver,
        }
    }

    /// Online at the origin since time zero.
    fn online(world: World) -> Self {
        let plan = plan(Place::from_metres(0.0, 0.0));
        let mut scene = Self::of(world, &plan);
        assert_eq!(
            scene.step(0.0, DriverEvent::Wake),
            vec![DriverAction::Connect]
        );
        let online = DriverAction::GoOnline {
            place: plan.place,
            vehicle: plan.vehicle,
        };
        assert_eq!(scene.step(0.0, DriverEvent::Connected), vec![online]);
        scene
    }

    /// What a driver does about an event, pings apart.
    fn step(&mut self, seconds: f64, event: DriverEvent) -> Vec<DriverAction> {
        let mut actions = self.wake_until(seconds);
        self.driver.step(&self.world, event, self.now, &mut actions);
        actions.retain(|action| !matches!(action, DriverAction::Ping { .. }));
        actions
    }

    /// Wakes the driver whenever due, until a time.
    fn wake_until(&mut self, seconds: f64) -> Vec<DriverAction> {
        let mut actions = Vec::new();
        while let Some(wake_at) = self.driver.wake_at().filter(|t| *t <= at(seconds)) {
            self.now = self.now.max(wake_at);
            self.driver
                .step(&self.world, DriverEvent::Wake, self.now, &mut actions);
        }
        self.now = self.now.max(at(seconds));
        actions
    }

    fn account(&self) -> DriverAccount {
        self.driver.account(&self.world, self.now)
    }
}

fn reports(actions: &[DriverAction]) -> Vec<(TripEventKind, u32, Timestamp)> {
    let reports = actions.iter().filter_map(|action| match action {
        DriverAction::Report(event) => Some((event.kind, event.sequence, event.at)),
        _ => None,
    });
    reports.collect()
}

/// Takes the offer of trip 1 at 10 s and has it confirmed at 12 s.
fn accepts(scene: &mut Scene) {
    assert_eq!(scene.step(10.0, offered(1, 25.0)), vec![]);
    let answer = DriverAction::Answer {
        key: key(1),
        accept: true,
    };
    assert_eq!(scene.step(12.0, DriverEvent::Wake), vec![answer]);
    assert_eq!(
        scene.step(12.0, answered(1, AnswerOutcome::Accepted { at: at(12.0) })),
        vec![]
    );
    assert_eq!(scene.driver.riding(), Some(key(1)));
}

#[test]
fn a_ride_from_offer_to_drop_off() {
    let mut world = world(1);
    world.rides.boarding = 30 * SECOND;
    let mut scene = Scene::online(world);
    accepts(&mut scene);
    let half_way = scene.driver.place(&scene.world, at(62.0));
    assert!((half_way.east_m() - 500.0).abs() < 1e-3);
    let actions = scene.wake_until(400.0);
    let expected = [
        (TripEventKind::Arrived, 2, at(112.0)),
        (TripEventKind::PickedUp, 3, at(142.0)),
        (TripEventKind::DroppedOff, 4, at(342.0)),
    ];
    let mut first = reports(&actions);
    first.dedup();
    first.sort_by_key(|report| (report.1, report.2));
    first.dedup();
    assert_eq!(first, expected);
    let last = actions.iter().rev().find_map(|action| match action {
        DriverAction::Report(event) if event.kind == TripEventKind::DroppedOff => {
            Some(event.stamps)
        }
        _ => None,
    });
    let stamps = Stamps {
        accepted_at: Some(at(12.0)),
        arrived_at: Some(at(112.0)),
        picked_up_at: Some(at(142.0)),
        dropped_off_at: Some(at(342.0)),
    };
    assert_eq!(last, Some(stamps));
    let account = scene.account();
    assert_eq!(account.to_pickup, 100 * SECOND);
    assert_eq!(account.waiting, 30 * SECOND);
    assert_eq!(account.on_trip, 200 * SECOND);
    assert_eq!(account.idle, 70 * SECOND);
    assert!((account.pickup_m - 1_000.0).abs() < 0.01 && (account.trip_m - 2_000.0).abs() < 0.01);
    assert_eq!(
        (account.pay, account.counts.completed),
        (Money::from_minor(900), 1)
    );
    assert_eq!(scene.driver.riding(), None);
    assert!((scene.driver.place(&scene.world, at(400.0)).north_m() - 2_000.0).abs() < 1e-6);
}

#[test]
fn the_account_as_of_a_time_does_not_mind_when_the_driver_is_woken() {
    let mut late = Scene::online(world(1));
    accepts(&mut late);
    let mut punctual = Scene::online(world(1));
    accepts(&mut punctual);
    for seconds in [60.0, 112.0, 200.0, 312.0, 313.0, 400.0] {
        punctual.wake_until(seconds - 1e-6);
        let (one, other) = (&punctual.driver, &late.driver);
        let account = |driver: &Driver| {
            let mut account = driver.account(&late.world, at(seconds));
            account.counts.pings_missed = 0;
            account
        };
        assert_eq!(account(one), account(other), "{seconds}");
    }
    assert_eq!(late.driver.riding(), Some(key(1)), "nothing was done");
}

#[test]
fn milestones_keep_their_times_when_the_host_is_late() {
    let mut scene = Scene::online(world(1));
    accepts(&mut scene);
    let mut actions = Vec::new();
    scene
        .driver
        .step(&scene.world, DriverEvent::Wake, at(1_000.0), &mut actions);
    let expected = [
        (TripEventKind::Arrived, 2, at(112.0)),
        (TripEventKind::PickedUp, 3, at(112.0)),
        (TripEventKind::DroppedOff, 4, at(312.0)),
    ];
    assert_eq!(reports(&actions), expected);
    assert!(
        scene
            .driver
            .account(&scene.world, at(1_000.0))
            .counts
            .pings_missed
            > 200
    );
}

#[test]
fn a_trip_of_given_duration_ends_at_the_destination() {
    let mut world = world(1);
    world.rides.duration = TripDuration::Law(SpanLaw::Constant(50 * SECOND));
    let mut scene = Scene::online(world);
    accepts(&mut scene);
    let actions = scene.wake_until(162.0);
    assert!(reports(&actions).contains(&(TripEventKind::DroppedOff, 4, at(162.0))));
    assert!((scene.driver.place(&scene.world, at(162.0)).north_m() - 2_000.0).abs() < 1e-6);
}

#[test]
fn compression_shortens_the_ride_and_not_the_pings() {
    let mut world = world(1);
    world.pace = Pace::new(20.0, Timestamp::ZERO, Duration::ZERO).unwrap();
    let mut scene = Scene::online(world);
    scene.step(10.0, offered(1, 25.0));
    // A reaction of 2 s in the city takes a tenth of a second.
    let answer = DriverAction::Answer {
        key: key(1),
        accept: true,
    };
    assert_eq!(scene.step(10.1, DriverEvent::Wake), vec![answer]);
    scene.step(10.1, answered(1, AnswerOutcome::Accepted { at: at(10.1) }));
    let actions = scene.wake_until(50.1);
    let mut found = reports(&actions);
    found.sort_by_key(|report| report.1);
    found.dedup();
    assert_eq!(
        found.last(),
        Some(&(TripEventKind::DroppedOff, 4, at(25.1)))
    );
    let pings = actions
        .iter()
        .filter(|a| matches!(a, DriverAction::Ping { .. }))
        .count();
    assert_eq!(pings, 10);
    assert_eq!(scene.account().on_trip, 200 * SECOND);
    assert_eq!(scene.account().online, 1_002 * SECOND);
}

#[test]
fn pings_keep_to_their_phase() {
    let mut scene = Scene::online(world(1));
    let due: Vec<_> = scene
        .wake_until(14.0)
        .into_iter()
        .filter_map(|action| match action {
            DriverAction::Ping {
                sequence,
                scheduled_at,
                ..
            } => Some((sequence, scheduled_at)),
            _ => None,
        })
        .collect();
    assert_eq!(
        due,
        [(1, at(1.0)), (2, at(5.0)), (3, at(9.0)), (4, at(13.0))]
    );
}

#[test]
fn an_unwilling_driver_declines_and_stays_free() {
    let mut world = world(1);
    let refuses_far = Curve {
        intercept: 50.0,
        per_minute: -100.0,
        per_currency_unit: 0.0,
    };
    world.drivers.acceptance = Willingness::Curve(refuses_far);
    let mut scene = Scene::online(world);
    scene.step(10.0, offered(1, 25.0));
    let answer = DriverAction::Answer {
        key: key(1),
        accept: false,
    };
    assert_eq!(scene.step(12.0, DriverEvent::Wake), vec![answer]);
    scene.step(12.0, answered(1, AnswerOutcome::Declined));
    let mut near = offer();
    near.pickup = Place::from_metres(10.0, 0.0);
    scene.step(
        13.0,
        DriverEvent::Offered {
            key: key(2),
            offer: near,
            deadline: at(28.0),
        },
    );
    let answer = DriverAction::Answer {
        key: key(2),
        accept: true,
    };
    assert_eq!(scene.step(15.0, DriverEvent::Wake), vec![answer]);
    assert_eq!(scene.account().counts.declined, 1);
}

#[test]
fn a_late_answer_leaves_the_driver_free() {
    let mut world = world(1);
    world.drivers.reaction = SpanLaw::Constant(60 * SECOND);
    let mut scene = Scene::online(world);
    scene.step(10.0, offered(1, 25.0));
    // No use in answering much later than the deadline.
    assert_eq!(scene.step(29.9, DriverEvent::Wake), vec![]);
    assert_eq!(scene.step(30.0, DriverEvent::Wake).len(), 1);
    scene.step(30.1, answered(1, AnswerOutcome::Late));
    assert_eq!(scene.driver.riding(), None);
    assert_eq!(scene.account().counts.refused, 1);
    assert_eq!(scene.driver.activity(), Some(Activity::Idle));
}

#[test]
fn an_answer_is_given_again_until_it_is_taken() {
    let mut scene = Scene::online(world(1));
    scene.step(10.0, offered(1, 25.0));
    let answer = DriverAction::Answer {
        key: key(1),
        accept: true,
    };
    assert_eq!(scene.step(12.0, DriverEvent::Wake), vec![answer]);
    scene.step(12.5, answered(1, AnswerOutcome::TryAgain));
    assert_eq!(scene.step(13.0, DriverEvent::Wake), vec![answer]);
    assert_eq!(scene.step(18.0, DriverEvent::Wake), vec![answer]);
    scene.step(18.1, answered(1, AnswerOutcome::Accepted { at: at(12.0) }));
    assert_eq!(scene.driver.riding(), Some(key(1)));
    // Offered again by a tracker that forgot.
    assert_eq!(scene.step(19.0, offered(1, 25.0)), vec![answer]);
    assert_eq!(scene.account().counts.offers, 1);
}

#[test]
fn a_second_ride_is_never_taken() {
    let mut scene = Scene::online(world(1));
    scene.step(10.0, offered(1, 25.0));
    let no = DriverAction::Answer {
        key: key(2),
        accept: false,
    };
    assert_eq!(scene.step(10.5, offered(2, 25.0)), vec![no]);
    scene.step(12.0, answered(1, AnswerOutcome::Accepted { at: at(12.0) }));
    assert_eq!(scene.step(20.0, offered(2, 35.0)), vec![no]);
    assert_eq!(scene.account().counts.offered_while_busy, 2);
    assert_eq!(scene.driver.riding(), Some(key(1)));
}

#[test]
fn a_released_driver_is_free_at_the_present_place() {
    let mut scene = Scene::online(world(1));
    accepts(&mut scene);
    assert_eq!(
        scene.step(62.0, DriverEvent::Released { key: key(9) }),
        vec![]
    );
    assert!(scene.driver.riding().is_some());
    scene.step(62.0, DriverEvent::Released { key: key(1) });
    assert_eq!(scene.driver.riding(), None);
    assert_eq!(
        scene
            .wake_until(500.0)
            .iter()
            .filter(|a| matches!(a, DriverAction::Report(_)))
            .count(),
        0
    );
    assert!((scene.driver.place(&scene.world, at(500.0)).east_m() - 500.0).abs() < 1e-3);
    assert!((scene.account().pickup_m - 500.0).abs() < 1e-3);
    // An offer that is called off before it was answered.
    scene.step(501.0, offered(2, 516.0));
    scene.step(502.0, DriverEvent::Released { key: key(2) });
    assert_eq!(scene.step(510.0, DriverEvent::Wake), vec![]);
    assert_eq!(scene.account().counts.released, 2);
}

#[test]
fn a_report_on_a_ride_of_another_ends_it() {
    let mut scene = Scene::online(world(1));
    accepts(&mut scene);
    scene.wake_until(113.0);
    let outcome = ReportOutcome::NotYours;
    scene.step(
        114.0,
        DriverEvent::Reported {
            key: key(1),
            sequence: 2,
            outcome,
        },
    );
    assert_eq!(scene.driver.riding(), None);
    assert_eq!(reports(&scene.wake_until(1_000.0)), vec![]);
}

#[test]
fn reports_are_sent_again_until_acknowledged() {
    let mut scene = Scene::online(world(1));
    accepts(&mut scene);
    assert_eq!(reports(&scene.wake_until(112.0)).len(), 2);
    // Both again after five seconds; the later one acknowledged stands for both.
    assert_eq!(reports(&scene.wake_until(117.0)).len(), 2);
    let reported = |sequence, outcome| DriverEvent::Reported {
        key: key(1),
        sequence,
        outcome,
    };
    scene.step(118.0, reported(3, ReportOutcome::TryAgain));
    assert_eq!(
        reports(&scene.wake_until(118.5)),
        [(TripEventKind::PickedUp, 3, at(112.0))]
    );
    scene.step(119.0, reported(3, ReportOutcome::Recorded));
    assert_eq!(reports(&scene.wake_until(300.0)), vec![]);
}

#[test]
fn a_lost_stream_is_opened_again_and_told_what_was_missed() {
    let mut scene = Scene::online(world(1));
    accepts(&mut scene);
    scene.step(50.0, DriverEvent::StreamLost);
    let wait = scene.driver.wake_at().unwrap().since(at(50.0));
    assert!(wait <= RECONNECT_AFTER && wait >= RECONNECT_AFTER / 2);
    assert_eq!(
        scene.step(51.0, DriverEvent::Wake),
        vec![DriverAction::Connect]
    );
    scene.step(52.0, DriverEvent::StreamLost);
    assert_eq!(
        scene.step(54.0, DriverEvent::Wake),
        vec![DriverAction::Connect]
    );
    // Meanwhile the ride goes on, unheard.
    assert_eq!(scene.step(120.0, DriverEvent::Wake), vec![]);
    let actions = scene.step(121.0, DriverEvent::Connected);
    assert!(matches!(actions[0], DriverAction::GoOnline { .. }));
    let kinds: Vec<_> = reports(&actions)
        .into_iter()
        .map(|report| report.0)
        .collect();
    assert_eq!(kinds, [TripEventKind::Arrived, TripEventKind::PickedUp]);
    assert_eq!(scene.account().counts.streams_lost, 2);
}

#[test]
fn an_answer_lost_with_its_stream_is_given_again() {
    let mut scene = Scene::online(world(1));
    scene.step(10.0, offered(1, 25.0));
    assert_eq!(scene.step(12.0, DriverEvent::Wake).len(), 1);
    scene.step(12.1, DriverEvent::StreamLost);
    assert_eq!(
        scene.step(13.0, DriverEvent::Wake),
        vec![DriverAction::Connect]
    );
    let actions = scene.step(13.5, DriverEvent::Connected);
    assert_eq!(
        actions[1],
        DriverAction::Answer {
            key: key(1),
            accept: true
        }
    );
}
