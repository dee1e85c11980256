use std::time::Duration;

use domain::hold::{HoldKey, Offer};
use domain::{Attempt, DriverId, Money, Place, RiderId, TripId, VehicleClass};
use kernel::Streams;
use report::latency::step;
use workload::city::{City, CitySpec, Ground};
use workload::driver::{AnswerOutcome, DriverEvent};
use workload::law::{SpanLaw, Willingness};
use workload::pace::Pace;
use workload::products::Products;
use workload::supply::DriverPlan;
use workload::world::{Cancellation, DriverRules, Idle, RideRules, RiderRules, TripDuration};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
/// The counted span, in seconds.
const COUNTED: (u64, u64) = (60, 600);

fn at(seconds: f64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs_f64(seconds)
}

/// 36 km/h, at real pace; a ping each four seconds.
fn world() -> World {
    let city = CitySpec {
        ground: Ground::Plane {
            width_m: 10_000.0,
            height_m: 10_000.0,
            wraps: true,
        },
        speed_kmh: [36.0; 24],
        circuity: 1.0,
    };
    World {
        city: City::new(city).unwrap(),
        pace: Pace::new(1.0, Timestamp::ZERO, Duration::ZERO).unwrap(),
        streams: Streams::new(1),
        products: Products::default(),
        rides: RideRules {
            duration: TripDuration::FromDistance,
            boarding: 5 * SECOND,
        },
        riders: RiderRules {
            quote_acceptance: Willingness::Constant(1.0),
            cancellation: Cancellation::Constant(0.0),
            poll_every: 5 * SECOND,
        },
        drivers: DriverRules {
            ping_every: 4 * SECOND,
            acceptance: Willingness::Constant(1.0),
            reaction: SpanLaw::Constant(2 * SECOND),
            idle: Idle::Stay,
            lead: Duration::ZERO,
        },
    }
}

/// On shift all the time, with pings due a second after each multiple of four.
fn plan() -> DriverPlan {
    DriverPlan {
        driver: DriverId(7),
        vehicle: VehicleClass::new(1).unwrap(),
        place: Place::from_metres(0.0, 0.0),
        shift_starts: Duration::ZERO,
        shift_ends: None,
        ping_phase: 0.25,
        under_way: None,
    }
}

/// A driver, and a host that steps the driver when the test says.
struct Scene {
    world: World,
    recorder: Recorder,
    driver: Driver,
    accounts: KeptAccounts,
}

impl Scene {
    /// Online since time zero.
    fn online() -> Self {
        let world = world();
        let plan = plan();
        let (from, until) = COUNTED;
        let mut scene = Self {
            driver: Driver::new(&world, &plan),
            recorder: Recorder::new(Timestamp::ZERO, from as u32 * SECOND, at(until as f64)),
            world,
            accounts: KeptAccounts::default(),
        };
        scene.step(0.0, DriverEvent::Wake);
        scene.step(0.0, DriverEvent::Connected);
        scene
    }

    fn step(&mut self, seconds: f64, event: DriverEvent) {
        let (driver, world, now) = (&mut self.driver, &self.world, at(seconds));
        self.accounts.keep(&self.recorder, driver, world, now);
        driver.step(world, event, now, &mut Vec::new());
    }

    /// Wakes the driver whenever due, until a time.
    fn wake_until(&mut self, seconds: f64) {
        while let Some(due) = self.driver.wake_at().filter(|due| *due <= at(seconds)) {
            self.step(due.as_micros() as f64 / 1e6, DriverEvent::Wake);
        }
    }

    /// Has the driver take a ride: `pickup_m` to the pick-up and `ride_m` from there.
    fn takes(&mut self, seconds: f64, trip: u128, (pickup_m, ride_m): (f64, f64)) {
        let here = self.driver.place(&self.world, at(seconds));
        let north = |metres| Place::from_metres(here.east_m(), here.north_m() + metres);
        let key = HoldKey {
            trip: TripId(trip),
            attempt: Attempt(1),
            driver: DriverId(7),
        };
        let offer = Offer {
            rider: RiderId(3),
            pickup: north(pickup_m),
            dropoff: north(pickup_m + ride_m),
            driver_pay: Money::from_minor(900),
            pickup_distance_m: pickup_m,
        };
        let deadline = at(seconds + 15.0);
        let offered = DriverEvent::Offered {
            key,
            offer,
            deadline,
        };
        self.step(seconds, offered);
        let outcome = AnswerOutcome::Accepted { at: at(seconds) };
        self.step(seconds, DriverEvent::Answered { key, outcome });
    }

    /// What the counted span came to, handed over at a time.
    fn counted(self, seconds: f64) -> DriverAccount {
        let (driver, world) = (&self.driver, &self.world);
        self.accounts
            .hand_over(&self.recorder, driver, world, at(seconds));
        let accounts = self.recorder.finish().accounts;
        let [(DriverId(7), at_warmup, at_end)] = accounts[..] else {
            panic!("found {accounts:?}, expected one");
        };
        at_end.since(&at_warmup)
    }
}

#[test]
fn who_wakes_with_each_ping_is_online_for_all_of_the_counted_span() {
    // Quiet before the first ping after the end, with it, and long after.
    for quiet_at in [600.0, 600.3, 601.0, 620.0] {
        let mut scene = Scene::online();
        scene.wake_until(quiet_at);
        let counted = scene.counted(quiet_at);
        assert_eq!(counted.online, 540 * SECOND, "{quiet_at}");
        assert_eq!(counted.counts.pings_due, 135, "{quiet_at}");
    }
}

#[test]
fn a_run_that_is_cut_short_counts_until_then() {
    for (quiet_at, online) in [(30.0, 0), (60.0, 0), (62.5, 2_500), (400.5, 340_500)] {
        let mut scene = Scene::online();
        scene.wake_until(quiet_at);
        let counted = scene.counted(quiet_at);
        assert_eq!(counted.online.as_millis(), online, "{quiet_at}");
    }
}

/// Takes one ride around each end, and is woken at some times beside.
fn woken(early: &[f64], late: &[f64]) -> DriverAccount {
    let mut scene = Scene::online();
    // At the pick-up at 50 s, on the way again at 55 s, and at the destination at 155 s.
    scene.takes(10.0, 1, (400.0, 1_000.0));
    for seconds in early {
        scene.step(*seconds, DriverEvent::Wake);
    }
    scene.step(200.0, DriverEvent::Wake);
    // The same at 530 s, 535 s, and 595 s.
    scene.takes(500.0, 2, (300.0, 600.0));
    for seconds in late {
        scene.step(*seconds, DriverEvent::Wake);
    }
    scene.counted(630.0)
}

#[test]
fn the_account_is_as_of_both_ends_whenever_the_driver_is_woken() {
    let punctual = woken(&[50.0, 55.0, 60.0, 155.0], &[530.0, 535.0, 595.0, 600.0]);
    assert_eq!(punctual.online, 540 * SECOND);
    assert_eq!(punctual.on_trip, (95 + 60) * SECOND);
    assert_eq!(punctual.to_pickup, 30 * SECOND);
    assert_eq!(punctual.waiting, 5 * SECOND);
    assert!((punctual.trip_m - 1_550.0).abs() < 0.01);
    assert_eq!(punctual.counts.completed, 2);
    // Between ends and milestones, after them, and not at all.
    for (early, late) in [
        (&[50.0, 55.0][..], &[530.0, 535.0][..]),
        (&[57.0, 63.9], &[597.0, 603.9]),
        (&[52.0, 170.0], &[532.0, 620.0]),
        (&[], &[]),
    ] {
        let otherwise = woken(early, late);
        let metres = |account: &DriverAccount| [account.pickup_m, account.trip_m, account.idle_m];
        for (one, other) in metres(&punctual).into_iter().zip(metres(&otherwise)) {
            assert!((one - other).abs() < 1e-6, "{early:?} {late:?}");
        }
        let times = |account: &DriverAccount| {
            let driven = (account.idle, account.to_pickup, account.on_trip);
            (
                driven,
                account.waiting,
                account.pay,
                account.counts.completed,
            )
        };
        assert_eq!(times(&punctual), times(&otherwise), "{early:?} {late:?}");
    }
}

#[test]
fn what_happens_at_an_end_belongs_to_what_follows() {
    // At the destination at the end of the warm-up, and at the end.
    let mut scene = Scene::online();
    scene.takes(10.0, 1, (0.0, 450.0));
    scene.step(60.0, DriverEvent::Wake);
    scene.takes(500.0, 2, (0.0, 950.0));
    scene.step(600.0, DriverEvent::Wake);
    let counted = scene.counted(600.0);
    assert_eq!(
        (counted.counts.completed, counted.on_trip),
        (1, 95 * SECOND)
    );
}

/// Overloaded for a while, or for good.
struct Busy {
    may_pass: bool,
}

impl CallFailure for Busy {
    fn kind(&self) -> String {
        "503".into()
    }

    fn may_pass(&self) -> bool {
        self.may_pass
    }
}

fn counted() -> Recorder {
    Recorder::new(at(0.0), Duration::ZERO, at(600.0))
}

#[test]
fn a_call_counts_from_its_first_sending() {
    let recorder = counted();
    let mut call = CallUnderWay::default();
    assert_eq!(call.sent(Call::Ride, at(10.0)), at(10.0));
    let busy: Result<(), _> = Err(Busy { may_pass: true });
    assert_eq!(
        call.answered(&recorder, at(11.0), busy),
        Err(Failure::TryAgain)
    );
    assert_eq!(call.sent(Call::Ride, at(12.0)), at(10.0));
    assert_eq!(call.answered(&recorder, at(13.0), Ok::<_, Busy>(7)), Ok(7));
    // Another is another's.
    assert_eq!(call.sent(Call::Poll, at(20.0)), at(20.0));
    let recorded = recorder.finish();
    let figures = recorded.latencies.figures();
    let request = figures[step::REQUEST];
    assert_eq!(
        (request.count, request.max.map(f64::round)),
        (1, Some(3_000.0))
    );
    assert_eq!((recorded.counts.sent, recorded.counts.errors), (2, 1));
}

#[test]
fn what_was_given_up_counts_for_as_long_as_it_was_waited_for() {
    let failed = |may_pass| {
        let recorder = counted();
        let mut call = CallUnderWay::default();
        call.sent(Call::Quote, at(10.0));
        let busy: Result<(), _> = Err(Busy { may_pass });
        assert!(call.answered(&recorder, at(40.0), busy).is_err());
        call.left(&recorder, at(40.0));
        // Nothing is left to give up.
        call.left(&recorder, at(50.0));
        recorder.finish().latencies.figures()[step::QUOTE]
    };
    let given_up = failed(true);
    // As exact as a histogram is.
    let waited_ms = given_up.max.unwrap();
    assert!((waited_ms / 30_000.0 - 1.0).abs() < 0.002, "{waited_ms}");
    assert_eq!(given_up.count, 1);
    assert_eq!(failed(false).count, 0, "who is refused has an answer");
}

#[test]
fn what_is_scheduled_after_a_run_was_cut_short_does_not_count() {
    let recorder = counted();
    recorder.cut_short(at(100.0));
    recorder.cut_short(at(300.0));
    assert_eq!(recorder.counted_until(), at(100.0));
    for scheduled_at in [99.0, 100.0] {
        recorder.done(step::QUOTE, at(scheduled_at), at(scheduled_at + 1.0));
    }
    assert_eq!(recorder.finish().latencies.figures()[step::QUOTE].count, 1);
}

#[test]
fn of_a_run_that_is_cut_short_in_its_warm_up_nothing_counts() {
    let mut scene = Scene::online();
    scene.wake_until(50.0);
    scene.recorder.cut_short(at(50.0));
    assert_eq!(scene.recorder.counted_until(), at(COUNTED.0 as f64));
    // Drivers go on until what was sent has been worked off.
    scene.wake_until(70.0);
    let counted = scene.counted(70.0);
    assert_eq!(
        (counted.online, counted.counts.pings_due),
        (Duration::ZERO, 0)
    );
}

/// What was recorded of pings: seconds, in order.
fn waited(recorder: &Recorder) -> Vec<u64> {
    let recorded = recorder.finish();
    let pings = recorded.latencies.step(step::PING_ACK);
    pings.map_or_else(Vec::new, |pings| {
        let all = pings.count();
        let at = |rank: u64| pings.quantile_ms((rank as f64 + 0.5) / all as f64);
        (0..all)
            .map(|rank| (at(rank).unwrap() / 1_000.0).round() as u64)
            .collect()
    })
}

#[test]
fn pings_wait_until_the_driver_is_acknowledged_again() {
    let mut scene = Scene::online();
    let mut acknowledged = AcknowledgedPings::default();
    scene.wake_until(602.0);
    let (recorder, driver) = (&scene.recorder, &scene.driver);
    // All up to the one due at 561 s are, and long after that those of 565 s, which says so for 569 s too.
    acknowledged.acknowledged(recorder, driver, at(561.0), at(561.0));
    assert_eq!(waited(recorder).len(), 126);
    acknowledged.acknowledged(recorder, driver, at(569.0), at(570.0));
    // An acknowledgement that was overtaken says nothing new.
    acknowledged.acknowledged(recorder, driver, at(565.0), at(571.0));
    assert_eq!(waited(recorder), [1, 5]);
    // Due before the end of the counted span, and never heard of: as long as they have waited.
    acknowledged.hand_over(recorder, driver, at(602.0));
    assert_eq!(waited(recorder), [5, 9, 13, 17, 21, 25, 29]);
}

#[test]
fn who_is_off_shift_waits_for_nothing() {
    let mut scene = Scene::online();
    let (recorder, world) = (&scene.recorder, &scene.world);
    let plan = DriverPlan {
        shift_starts: 300 * SECOND,
        shift_ends: Some(400 * SECOND),
        ..plan()
    };
    scene.driver = Driver::new(world, &plan);
    AcknowledgedPings::default().hand_over(recorder, &scene.driver, at(299.0));
    assert_eq!(waited(recorder), [0; 0]);
}
