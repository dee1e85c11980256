use super::*;
use crate::demand::RiderDraws;
use crate::law::{Curve, Willingness};
use crate::pace::Pace;
use crate::testing::world;
use domain::Place;

const SECOND: Duration = Duration::from_secs(1);
const TRIP: TripId = TripId(5);

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6).round() as i64)
}

fn plan() -> RiderPlan {
    RiderPlan {
        rider: RiderId(1),
        product: None,
        at: 10 * SECOND,
        pickup: Place::from_metres(0.0, 0.0),
        dropoff: Place::from_metres(1_000.0, 0.0),
        patience: 300 * SECOND,
        trip_duration: None,
        idempotency_key: 77,
        draws: RiderDraws {
            quote: 0.5,
            cancel: 0.5,
            cancel_when: 0.5,
            retry: 0.0,
        },
    }
}

fn quoted(minor: i64, eta_s: u64) -> RiderEvent {
    RiderEvent::Quoted {
        price: Money::from_minor(minor),
        pickup_eta: Some(Duration::from_secs(eta_s)),
    }
}

const REQUEST: RiderAction = RiderAction::RequestRide {
    idempotency_key: 77,
    patience: Duration::from_secs(300),
};
const POLL: RiderAction = RiderAction::Poll { trip: TRIP };
const FOLLOW: RiderAction = RiderAction::Follow { trip: TRIP };
const CANCEL: RiderAction = RiderAction::Cancel { trip: TRIP };

struct Scene {
    world: World,
    rider: Rider,
}

impl Scene {
    fn new(world: World) -> Self {
        let rider = Rider::new(&world, plan());
        Self { world, rider }
    }

    fn step(&mut self, seconds: f64, event: RiderEvent) -> Vec<RiderAction> {
        let mut actions = Vec::new();
        self.rider
            .step(&self.world, event, at(seconds), &mut actions);
        actions
    }

    /// Up to the first poll's time: quoted at 10 s with 200 s to the pick-up, requested at 11 s.
    fn requested(world: World) -> Self {
        let mut scene = Self::new(world);
        assert_eq!(
            scene.step(10.0, RiderEvent::Wake),
            [RiderAction::RequestQuote]
        );
        assert_eq!(scene.step(10.5, quoted(1_000, 200)), [REQUEST]);
        assert_eq!(scene.step(11.0, RiderEvent::Requested { trip: TRIP }), []);
        scene
    }

    /// A driver is found at 21 s, and the car followed.
    fn following(world: World) -> Self {
        let mut scene = Self::requested(world);
        assert_eq!(scene.step(16.0, RiderEvent::Wake), [POLL]);
        assert_eq!(scene.step(16.1, RiderEvent::Seen(TripState::Offered)), []);
        assert_eq!(scene.step(21.1, RiderEvent::Wake), [POLL]);
        assert_eq!(
            scene.step(21.2, RiderEvent::Seen(TripState::Accepted)),
            [FOLLOW]
        );
        scene
    }
}

#[test]
fn a_ride_from_quote_to_completed() {
    let mut scene = Scene::new(world(1));
    assert_eq!(scene.rider.wake_at(), Some(at(10.0)));
    assert_eq!(scene.step(9.0, RiderEvent::Wake), []);
    let mut scene = Scene::following(world(1));
    assert_eq!(scene.rider.wake_at(), None);
    assert_eq!(scene.step(100.0, RiderEvent::FollowEnded), []);
    assert_eq!(scene.rider.wake_at(), Some(at(101.0)));
    assert_eq!(scene.step(101.0, RiderEvent::Wake), [POLL]);
    let end = RiderAction::Leave(RiderEnd::Completed);
    assert_eq!(
        scene.step(101.1, RiderEvent::Seen(TripState::Completed)),
        [end]
    );
    assert!(scene.rider.is_gone());
    assert_eq!(
        scene.step(102.0, RiderEvent::Seen(TripState::Completed)),
        []
    );
    assert_eq!(scene.rider.wake_at(), None);
}

#[test]
fn a_quote_too_dear_or_too_late_is_lost() {
    let mut world = world(1);
    let curve = Curve {
        intercept: 4.0,
        per_minute: -0.2,
        per_currency_unit: -0.1,
    };
    world.riders.quote_acceptance = Willingness::Curve(curve);
    let answer = |minor, eta_s| {
        let mut scene = Scene::new(world.clone());
        scene.step(10.0, RiderEvent::Wake);
        scene.step(10.5, quoted(minor, eta_s))
    };
    // Half take $20 and ten minutes; this rider's draw is just at the half.
    assert_eq!(answer(1_990, 600), [REQUEST]);
    let lost = [RiderAction::Leave(RiderEnd::QuoteLost)];
    assert_eq!(answer(2_010, 600), lost);
    assert_eq!(answer(1_990, 630), lost);
}

#[test]
fn unserved_and_cancelled_rides_end() {
    let because = UnservedReason::PatienceOver;
    let mut scene = Scene::requested(world(1));
    scene.step(16.0, RiderEvent::Wake);
    let end = RiderAction::Leave(RiderEnd::Unserved { because });
    assert_eq!(
        scene.step(16.1, RiderEvent::Seen(TripState::Unserved { because })),
        [end]
    );
    let (by, stage) = (CancelledBy::Driver, CancelStage::Arrived);
    let mut scene = Scene::following(world(1));
    scene.step(80.0, RiderEvent::FollowEnded);
    scene.step(81.0, RiderEvent::Wake);
    let end = RiderAction::Leave(RiderEnd::Cancelled { by, stage });
    assert_eq!(
        scene.step(81.1, RiderEvent::Seen(TripState::Cancelled { by, stage })),
        [end]
    );
}

#[test]
fn a_rider_whose_driver_is_lost_waits_again() {
    let mut scene = Scene::following(world(1));
    scene.step(22.0, RiderEvent::FollowEnded);
    // Not sooner than a poll interval after the last.
    assert_eq!(scene.rider.wake_at(), Some(at(26.1)));
    assert_eq!(scene.step(26.1, RiderEvent::Wake), [POLL]);
    assert_eq!(scene.step(26.2, RiderEvent::Seen(TripState::Requested)), []);
    assert_eq!(scene.step(31.2, RiderEvent::Wake), [POLL]);
    assert_eq!(
        scene.step(31.3, RiderEvent::Seen(TripState::Arrived)),
        [FOLLOW]
    );
}

fn cancelling(cancellation: Cancellation) -> World {
    let mut world = world(1);
    world.riders.cancellation = cancellation;
    world
}

#[test]
fn a_cancel_comes_within_the_promised_wait() {
    let mut scene = Scene::following(cancelling(Cancellation::Constant(0.6)));
    // Half of 200 s after the driver was found.
    assert_eq!(scene.rider.wake_at(), Some(at(121.2)));
    assert_eq!(scene.step(121.2, RiderEvent::Wake), [CANCEL]);
    let (by, stage) = (CancelledBy::Rider, CancelStage::Accepted);
    // The stream may end first.
    assert_eq!(scene.step(121.3, RiderEvent::FollowEnded), []);
    let end = RiderAction::Leave(RiderEnd::Cancelled { by, stage });
    assert_eq!(
        scene.step(121.4, RiderEvent::Seen(TripState::Cancelled { by, stage })),
        [end]
    );
    assert_eq!(
        Scene::following(cancelling(Cancellation::Constant(0.4)))
            .rider
            .wake_at(),
        None
    );
}

#[test]
fn one_who_is_picked_up_does_not_cancel() {
    let mut scene = Scene::following(cancelling(Cancellation::Constant(0.6)));
    assert_eq!(scene.step(60.0, RiderEvent::PickedUp), []);
    assert_eq!(scene.rider.wake_at(), None);
    let mut scene = Scene::following(cancelling(Cancellation::Constant(0.6)));
    assert_eq!(scene.step(121.2, RiderEvent::Wake), [CANCEL]);
    assert_eq!(scene.step(121.3, RiderEvent::CancelRefused), [POLL]);
    assert_eq!(
        scene.step(121.4, RiderEvent::Seen(TripState::PickedUp)),
        [FOLLOW]
    );
    assert_eq!(scene.rider.wake_at(), None);
}

#[test]
fn a_hazard_grows_when_the_promise_is_broken() {
    // The draw 0.5 takes a hazard of ln 2 = 0.693.
    let at_rate = |per_minute_on_time, per_minute_late| {
        let hazard = Cancellation::Hazard {
            per_minute_on_time,
            per_minute_late,
        };
        Scene::following(cancelling(hazard))
            .rider
            .wake_at()
            .map(|t| t.since(at(0.0)).as_secs_f64())
    };
    let ln_2 = std::f64::consts::LN_2;
    assert_eq!(at_rate(0.0, 0.0), None);
    let on_time = at_rate(1.0, 0.0).unwrap();
    assert!((on_time - (21.2 + 60.0 * ln_2)).abs() < 1e-3, "{on_time}");
    // Promised until 210.5 s, then a minute of late hazard 1 at a time.
    let late = at_rate(0.0, 1.0).unwrap();
    assert!((late - (210.5 + 60.0 * ln_2)).abs() < 1e-3, "{late}");
    assert_eq!(at_rate(0.01, 0.0), None);
    let both = at_rate(0.1, 1.0).unwrap();
    let left = ln_2 - 0.1 * (210.5 - 21.2) / 60.0;
    assert!((both - (210.5 + 60.0 * left)).abs() < 1e-3, "{both}");
}

#[test]
fn failures_that_may_pass_are_tried_again_with_the_same_key_ever_later() {
    let mut scene = Scene::new(world(1));
    scene.step(10.0, RiderEvent::Wake);
    scene.step(10.5, quoted(1_000, 200));
    let mut now = 10.6;
    let mut waits = Vec::new();
    for _ in 0..RETRIES_MAX {
        assert_eq!(scene.step(now, RiderEvent::Failed(Failure::TryAgain)), []);
        let next = scene.rider.wake_at().unwrap().as_micros() as f64 / 1e6;
        waits.push(next - now);
        now = next;
        assert_eq!(scene.step(now, RiderEvent::Wake), [REQUEST]);
    }
    for (i, wait) in waits.iter().enumerate() {
        let whole = 0.25 * f64::from(1 << i);
        assert!(
            (whole / 2.0 - 1e-5..=whole + 1e-5).contains(wait),
            "{waits:?}"
        );
    }
    let end = RiderAction::Leave(RiderEnd::Failed(Call::Ride));
    assert_eq!(
        scene.step(now, RiderEvent::Failed(Failure::TryAgain)),
        [end]
    );
}

#[test]
fn a_refusal_is_final_and_a_success_forgets_failures() {
    let mut scene = Scene::requested(world(1));
    for poll in 0..20 {
        let now = scene.rider.wake_at().unwrap().as_micros() as f64 / 1e6;
        assert_eq!(scene.step(now, RiderEvent::Wake), [POLL], "{poll}");
        let event = if poll % 2 == 0 {
            RiderEvent::Failed(Failure::TryAgain)
        } else {
            RiderEvent::Seen(TripState::Requested)
        };
        assert_eq!(scene.step(now, event), []);
    }
    let now = scene.rider.wake_at().unwrap().as_micros() as f64 / 1e6;
    scene.step(now, RiderEvent::Wake);
    let end = RiderAction::Leave(RiderEnd::Failed(Call::Poll));
    assert_eq!(scene.step(now, RiderEvent::Failed(Failure::Refused)), [end]);
}

#[test]
fn compression_shortens_patience_and_not_polls() {
    let mut world = world(1);
    world.pace = Pace::new(20.0, at(100.0), Duration::ZERO).unwrap();
    let mut scene = Scene::new(world);
    assert_eq!(scene.rider.wake_at(), Some(at(100.5)));
    scene.step(100.5, RiderEvent::Wake);
    let actions = scene.step(100.6, quoted(1_000, 200));
    assert_eq!(
        actions,
        [RiderAction::RequestRide {
            idempotency_key: 77,
            patience: 15 * SECOND
        }]
    );
    scene.step(100.7, RiderEvent::Requested { trip: TRIP });
    assert_eq!(scene.rider.wake_at(), Some(at(105.7)));
}

#[test]
fn a_rider_under_way_at_the_start_follows_the_car() {
    let world = world(1);
    let mut scene = Scene {
        rider: Rider::under_way(&world, plan(), TRIP),
        world,
    };
    assert_eq!(scene.step(0.0, RiderEvent::Wake), [POLL]);
    assert_eq!(
        scene.step(0.1, RiderEvent::Seen(TripState::PickedUp)),
        [FOLLOW]
    );
}
