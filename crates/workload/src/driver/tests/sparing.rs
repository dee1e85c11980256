//! A driver whose pings are spared behaves like any other, and the tracker knows as much where it matters.

use super::*;
use proptest::prelude::*;

/// What came of a script.
struct Played {
    /// What the driver did, pings apart.
    did: Vec<(Timestamp, DriverAction)>,
    pings: Vec<(Timestamp, Place)>,
    wakes: usize,
    /// Where the driver was after each event, and what the account said.
    states: Vec<(Place, DriverAccount)>,
    /// The place that the tracker was last told of a driver on the move, before each event.
    followed: Vec<(Timestamp, Place)>,
}

impl Played {
    /// The last place that the tracker was told until a time, by a ping.
    fn told(&self, until: Timestamp) -> Option<Place> {
        let told = self.pings.iter().rfind(|(at, _)| *at <= until);
        told.map(|(_, place)| *place)
    }
}

/// A host that opens streams and acknowledges reports at once, wakes the driver whenever due, passes on what the
/// script says, and follows the driver's course between steps.
fn play(world: &World, sparing: bool, script: &[(f64, DriverEvent)]) -> Played {
    let mut driver = Driver::new(world, &plan(Place::from_metres(0.0, 0.0)));
    if sparing {
        driver = driver.sparing_pings();
    }
    let mut played = Played {
        did: Vec::new(),
        pings: Vec::new(),
        wakes: 0,
        states: Vec::new(),
        followed: Vec::new(),
    };
    for (seconds, event) in script {
        let wake_at = |driver: &Driver| driver.wake_at().into_iter().chain(driver.look_at()).min();
        while let Some(now) = wake_at(&driver).filter(|wake| *wake <= at(*seconds)) {
            played.wakes += 1;
            step(&mut driver, world, DriverEvent::Wake, now, &mut played);
        }
        step(&mut driver, world, *event, at(*seconds), &mut played);
        let place = driver.place(world, at(*seconds));
        played
            .states
            .push((place, driver.account(world, at(*seconds))));
    }
    played
}

/// Makes up for the pings of a course, one by one; taken together they tell the same.
fn follow(driver: &Driver, world: &World, now: Timestamp, to: &mut Played) {
    let space = world.city.space();
    let Some(mut course) = driver.course() else {
        return;
    };
    let mut together = course.clone();
    let told_together = together.advance(space, now);
    let mut last = None;
    while course.next_at() <= now {
        let due_at = course.next_at();
        let passed = course.advance(space, due_at).unwrap();
        assert_eq!(passed.due_at, due_at);
        to.pings.push((passed.due_at, passed.place));
        last = Some(passed);
    }
    assert_eq!((told_together, together), (last, course));
    if let Some(last) = last {
        to.followed.push((now, last.place));
    }
}

fn step(driver: &mut Driver, world: &World, event: DriverEvent, now: Timestamp, to: &mut Played) {
    follow(driver, world, now, to);
    let mut events = vec![event];
    while let Some(event) = events.pop() {
        let mut actions = Vec::new();
        driver.step(world, event, now, &mut actions);
        for action in actions {
            match action {
                DriverAction::Ping { place, .. } => {
                    to.pings.push((now, place));
                    continue;
                }
                DriverAction::Connect => events.push(DriverEvent::Connected),
                DriverAction::Report(report) => events.push(DriverEvent::Reported {
                    key: report.key,
                    sequence: report.sequence,
                    outcome: ReportOutcome::Recorded,
                }),
                _ => {}
            }
            to.did.push((now, action));
        }
    }
}

fn accepted(trip: u128, seconds: f64) -> DriverEvent {
    let at = at(seconds);
    answered(trip, AnswerOutcome::Accepted { at })
}

/// A ride from 10.5 s to 342.5 s, another that is called off at 430.5 s, and an offer that comes to nothing.
fn two_rides() -> Vec<(f64, DriverEvent)> {
    let mut script = vec![
        (10.5, offered(1, 25.5)),
        (12.6, accepted(1, 12.6)),
        (400.5, offered(2, 415.5)),
        (402.6, accepted(2, 402.6)),
        (430.5, DriverEvent::Released { key: key(2) }),
        (450.5, offered(3, 465.5)),
        (470.5, answered(3, AnswerOutcome::Late)),
    ];
    // Looks in between: places and accounts are compared at each.
    script.extend((1..70).map(|look| (f64::from(look) * 10.0 + 0.1, DriverEvent::Wake)));
    script.sort_by(|one, other| one.0.total_cmp(&other.0));
    script
}

fn boarding_takes_a_while() -> World {
    let mut world = world(1);
    world.rides.boarding = 20 * SECOND;
    world
}

fn cruising() -> World {
    let mut world = boarding_takes_a_while();
    let hotspot = |north_m| Hotspot {
        centre: Place::from_metres(0.0, north_m),
        weight: 1.0,
        spread_m: 0.0,
    };
    let hotspots = Hotspots::new(vec![hotspot(1_000.0), hotspot(-300.0)]).unwrap();
    world.drivers.idle = Idle::Hotspots(hotspots);
    world
}

fn following_surge() -> World {
    let mut world = boarding_takes_a_while();
    world.drivers.idle = Idle::Surge { share: 0.75 };
    world
}

#[test]
fn who_parks_between_rides_tells_the_place_with_each_end_and_nothing_else() {
    let world = boarding_takes_a_while();
    let (spared, every) = (
        play(&world, true, &two_rides()),
        play(&world, false, &two_rides()),
    );
    assert_eq!(spared.did, every.did);
    assert_eq!(spared.states, every.states);
    let dropped_off_at = at(12.6 + 100.0 + 20.0 + 200.0);
    let dropoff = Place::from_metres(1_000.0, 2_000.0);
    let released_at = at(430.5);
    assert_eq!(spared.pings.len(), 2, "{:?}", spared.pings);
    assert_eq!(spared.pings[0], (dropped_off_at, dropoff));
    assert_eq!(spared.pings[1].0, released_at);
    // The tracker knows at once what it would have been told within a period.
    assert_eq!(
        spared.told(released_at),
        every.told(released_at + 4 * SECOND)
    );
    // From 1 s on, every 4 s.
    let account = spared.states.last().unwrap().1;
    assert_eq!(account.counts.pings_due, 173);
    assert_eq!(every.pings.len(), 173);
    let looks = 3;
    assert!(spared.wakes <= 2 * (5 + looks), "{} wakes", spared.wakes);
}

#[test]
fn who_cruises_pings_until_at_rest() {
    let world = cruising();
    let (spared, every) = (
        play(&world, true, &two_rides()),
        play(&world, false, &two_rides()),
    );
    assert_eq!(spared.did, every.did);
    assert_eq!(spared.states, every.states);
    // Until the first ride, and after the last for as long as it takes to drive there, it is the same.
    let first = |played: &Played| {
        played
            .pings
            .iter()
            .take_while(|ping| ping.0 < at(12.0))
            .count()
    };
    assert_eq!(first(&spared), first(&every));
    let free_again = at(430.6);
    let after = |played: &Played| -> Vec<_> {
        let pings = played.pings.iter().filter(|ping| ping.0 > free_again);
        pings.copied().collect()
    };
    let (spared_after, every_after) = (after(&spared), after(&every));
    assert!(spared_after.len() > 5 && spared_after.len() < every_after.len());
    assert_eq!(spared_after[..], every_after[..spared_after.len()]);
    let rest = spared_after.last().unwrap().1;
    assert!(
        every_after[spared_after.len()..]
            .iter()
            .all(|ping| ping.1 == rest)
    );
    // None while riding.
    let riding = |ping: &&(Timestamp, Place)| ping.0 > at(12.6) && ping.0 < at(332.6);
    assert_eq!(spared.pings.iter().filter(riding).count(), 0);
}

#[test]
fn who_follows_surge_looks_at_the_heat_map_now_and_then_but_on_rides() {
    let world = following_surge();
    let spared = play(&world, true, &two_rides());
    let every = play(&world, false, &two_rides());
    // The same looks at the same times, each with its ping.
    assert_eq!(spared.did, every.did);
    let looks: Vec<Timestamp> = spared
        .did
        .iter()
        .filter(|(_, action)| *action == DriverAction::LookForSurge)
        .map(|(at, _)| *at)
        .collect();
    assert!(looks.len() > 5);
    let pinged = |look: &Timestamp| spared.pings.iter().any(|(at, _)| at == look);
    assert!(looks.iter().all(pinged));
    for (from, to) in [(12.6, 332.6), (402.6, 430.5)] {
        assert!(!looks.iter().any(|look| *look > at(from) && *look <= at(to)));
    }
    let apart = looks.windows(2).map(|pair| pair[1].since(pair[0]));
    assert_eq!(apart.min(), Some(Duration::from_secs(28)));
    // Parked, nothing else is sent.
    assert!(spared.pings.len() <= looks.len() + 3);
    assert!(spared.pings.len() * 4 < every.pings.len());
}

#[test]
fn a_look_may_be_left_out_and_the_next_is_at_its_own_time() {
    let world = following_surge();
    let mut driver = Driver::new(&world, &plan(Place::from_metres(0.0, 0.0))).sparing_pings();
    let mut actions = Vec::new();
    driver.step(
        &world,
        DriverEvent::Wake,
        driver.wake_at().unwrap(),
        &mut actions,
    );
    driver.step(&world, DriverEvent::Connected, at(0.0), &mut actions);
    let first = driver.look_at().unwrap();
    let every = look_every(&world).unwrap();
    let looks_at = |driver: &mut Driver, now: Timestamp| {
        let mut actions = Vec::new();
        driver.step(&world, DriverEvent::Wake, now, &mut actions);
        actions.contains(&DriverAction::LookForSurge)
    };
    let third = first + every * 2;
    assert!(looks_at(&mut driver, third));
    assert_eq!(driver.look_at(), Some(third + every));
    // Woken for something else, the driver does not make up for a look.
    assert!(!looks_at(&mut driver, third + every + SECOND));
    assert_eq!(driver.look_at(), Some(third + every * 2));
}

#[test]
fn a_stream_that_was_down_owes_no_pings() {
    let world = boarding_takes_a_while();
    let script = [(9.5, DriverEvent::StreamLost), (40.1, DriverEvent::Wake)];
    let (spared, every) = (play(&world, true, &script), play(&world, false, &script));
    assert_eq!(spared.did, every.did);
    assert!(spared.pings.is_empty());
    let due = spared.states.last().unwrap().1.counts.pings_due;
    assert_eq!(due as usize, every.pings.len());
}

#[test]
fn pings_are_due_without_a_stream_as_well() {
    let seconds = |driver: &Driver, after: f64, until: f64| -> Vec<f64> {
        let times = driver.ping_times(at(after), at(until));
        times.map(|due| due.as_micros() as f64 / 1e6).collect()
    };
    // The stream opens at 0 s, and is down from 9.5 s until 20.5 s.
    let mut scene = Scene::online(world(1));
    scene.step(9.5, DriverEvent::StreamLost);
    assert_eq!(
        scene.step(10.1, DriverEvent::Wake),
        vec![DriverAction::Connect]
    );
    scene.step(20.5, DriverEvent::Connected);
    assert_eq!(
        seconds(&scene.driver, 0.0, 25.0),
        [1.0, 5.0, 9.0, 13.0, 17.0, 21.0, 25.0]
    );
    assert_eq!(seconds(&scene.driver, 9.0, 17.0), [13.0, 17.0]);
    assert_eq!(seconds(&scene.driver, 25.0, 25.0), [0.0; 0]);
    assert_eq!(seconds(&scene.driver, 25.0, 3.0), [0.0; 0]);
    // Before the shift nothing is due; from then on it is, even if no stream can be opened.
    let late = DriverPlan {
        shift_starts: 30 * SECOND,
        ..plan(Place::from_metres(0.0, 0.0))
    };
    let mut scene = Scene::of(world(1), &late);
    assert_eq!(seconds(&scene.driver, 0.0, 60.0), [0.0; 0]);
    scene.wake_until(30.0);
    scene.step(40.0, DriverEvent::StreamLost);
    assert_eq!(seconds(&scene.driver, 0.0, 42.0), [33.0, 37.0, 41.0]);
    // Who is let in at the first try has a stream from then on.
    let mut scene = Scene::of(world(1), &late);
    scene.wake_until(30.0);
    scene.step(34.0, DriverEvent::Connected);
    assert_eq!(seconds(&scene.driver, 0.0, 42.0), [37.0, 41.0]);
}

proptest! {
    #[test]
    fn sparing_pings_changes_nothing_else(
        script in prop::collection::vec((0.0..40.0f64, 0..10u8, 1..4u128), 1..60),
        idle in 0..3u8,
    ) {
        let world = match idle {
            0 => boarding_takes_a_while(),
            1 => cruising(),
            _ => following_surge(),
        };
        let mut seconds = 0.0;
        let script: Vec<(f64, DriverEvent)> = script.into_iter().map(|(wait, kind, trip)| {
            seconds += wait;
            let event = match kind {
                0..=2 => offered(trip, seconds + 15.0),
                3..=5 => accepted(trip, seconds),
                6 => answered(trip, AnswerOutcome::Late),
                7 => DriverEvent::Released { key: key(trip) },
                8 => DriverEvent::SurgeAt(Place::from_metres(0.0, 1_000.0 * (trip as f64 - 2.0))),
                _ => DriverEvent::StreamLost,
            };
            (seconds, event)
        }).collect();
        let (spared, every) = (play(&world, true, &script), play(&world, false, &script));
        prop_assert_eq!(&spared.did, &every.did);
        prop_assert_eq!(&spared.states, &every.states);
        let ends = script.iter().filter(|(_, event)| matches!(event, DriverEvent::Released { .. })).count()
            + every.states.last().map_or(0, |(_, account)| account.counts.completed as usize);
        prop_assert!(idle > 0 || spared.pings.len() <= ends);
        prop_assert!(spared.wakes <= every.wakes + ends);
        // Whenever the tracker is told of a driver on the move, it knows what every ping would have told it.
        for (at, place) in spared.followed {
            prop_assert_eq!(every.told(at), Some(place));
        }
    }
}
