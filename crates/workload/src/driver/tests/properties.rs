//! What holds of a driver whatever the tracker says.

use super::*;
use proptest::prelude::*;

/// A tracker that says anything at any time.
fn anything() -> impl Strategy<Value = (f64, u8, u128, u32)> {
    (0.0..40.0f64, 0..14u8, 1..4u128, 2..5u32)
}

fn event(kind: u8, trip: u128, sequence: u32, now: Timestamp) -> DriverEvent {
    let key = key(trip);
    match kind {
        0 | 1 => DriverEvent::Offered {
            key,
            offer: offer(),
            deadline: now + 15 * SECOND,
        },
        2..=4 => answered(trip, AnswerOutcome::Accepted { at: now }),
        5 => answered(trip, AnswerOutcome::Late),
        6 => answered(trip, AnswerOutcome::TryAgain),
        7 => DriverEvent::Released { key },
        8 => DriverEvent::StreamLost,
        9 | 10 => DriverEvent::Connected,
        11 => DriverEvent::Reported {
            key,
            sequence,
            outcome: ReportOutcome::Recorded,
        },
        12 => DriverEvent::Reported {
            key,
            sequence,
            outcome: ReportOutcome::NotYours,
        },
        _ => DriverEvent::Wake,
    }
}

proptest! {
    #[test]
    fn whatever_the_tracker_says_the_driver_stays_sound(
        script in prop::collection::vec(anything(), 1..80),
        speedup in prop::sample::select(vec![1.0, 7.0, 30.0]),
    ) {
        let mut world = world(1);
        world.pace = Pace::new(speedup, Timestamp::ZERO, Duration::ZERO).unwrap();
        world.rides.boarding = 10 * SECOND;
        let mut scene = Scene::online(world);
        let mut seconds = 0.0;
        let mut seen = std::collections::BTreeMap::new();
        let (mut pings, mut completed) = (0, 0);
        for (wait, kind, trip, sequence) in script {
            seconds += wait;
            let mut actions = scene.wake_until(seconds);
            let event = event(kind, trip, sequence, scene.now);
            let before = scene.driver.riding();
            scene.driver.step(&scene.world, event, scene.now, &mut actions);
            // Never two rides at once: one begins only where none was.
            if let (Some(one), Some(other)) = (before, scene.driver.riding()) {
                prop_assert_eq!(one, other);
            }
            for action in actions {
                match action {
                    DriverAction::Ping { sequence, .. } => {
                        prop_assert_eq!(sequence, pings + 1);
                        pings = sequence;
                    }
                    DriverAction::Report(event) => {
                        // A number means one report, and stamps never run backwards.
                        let stamps = event.stamps;
                        let known = [stamps.accepted_at, stamps.arrived_at, stamps.picked_up_at, stamps.dropped_off_at];
                        prop_assert!(known.iter().flatten().is_sorted());
                        prop_assert_eq!(known.iter().flatten().count() as u32, event.sequence);
                        seen.insert((event.key, stamps.accepted_at, event.sequence), event.kind);
                    }
                    _ => {}
                }
            }
            let account = scene.account();
            prop_assert!(account.counts.completed >= completed);
            completed = account.counts.completed;
            let sum = account.idle + account.to_pickup + account.waiting + account.on_trip;
            prop_assert_eq!(sum, account.online);
            let online = scene.world.pace.in_city(scene.now.since(Timestamp::ZERO));
            let error = online.as_secs_f64() - account.online.as_secs_f64();
            prop_assert!(error.abs() < 1e-6, "{:?} {:?}", online, account.online);
            // Nobody drives faster than the city's speed.
            let most_m = 10.0 * (account.to_pickup + account.on_trip).as_secs_f64();
            prop_assert!(account.pickup_m + account.trip_m <= most_m + 0.1);
        }
        for ((key, accepted_at, sequence), kind) in &seen {
            let expected = [TripEventKind::Arrived, TripEventKind::PickedUp, TripEventKind::DroppedOff];
            prop_assert_eq!(*kind, expected[*sequence as usize - 2], "{:?} {:?}", key, accepted_at);
        }
    }
}
