use domain::Attempt;
use report::latency::step;

use super::*;

const STARTED_AT: Timestamp = Timestamp::from_millis(1_000_000);

fn recorder() -> Recorder {
    let until = STARTED_AT + Duration::from_secs(600);
    Recorder::new(STARTED_AT, Duration::from_secs(60), until)
}

fn after(seconds: u64) -> Timestamp {
    STARTED_AT + Duration::from_secs(seconds)
}

#[test]
fn only_what_was_scheduled_in_the_window_counts() {
    let recorder = recorder();
    for at in [0, 59, 60, 599, 600] {
        recorder.scheduled(after(at));
        recorder.done(step::QUOTE, after(at), after(at + 1));
        recorder.answered(after(at), None);
        recorder.in_flight(600 - at.min(590), after(at));
    }
    assert_eq!(recorder.glance().scheduled, 5);
    let recorded = recorder.finish();
    assert_eq!(recorded.counts.offered, 2);
    assert_eq!(recorded.counts.completed, 2);
    assert_eq!(recorded.in_flight_max, 540);
    assert_eq!(recorded.latencies.step(step::QUOTE).unwrap().count(), 2);
}

#[test]
fn what_is_counted_in_bulk_is_what_comes_one_by_one() {
    let (bulk, single) = (recorder(), recorder());
    let latency = Duration::from_millis(7);
    bulk.done_many(step::PING_ACK, after(100), latency, 250);
    bulk.done_many(step::PING_ACK, after(100), latency, 0);
    bulk.pings_counted(250);
    for _ in 0..250 {
        single.done(step::PING_ACK, after(100), after(100) + latency);
        single.ping_sent(after(100), after(100));
    }
    let (bulk, single) = (bulk.finish(), single.finish());
    assert_eq!(bulk.latencies, single.latencies);
    assert_eq!(bulk.pings, single.pings);
    let timeline = |recorded: Recorded| {
        let bins = report::distill::Bins::of(&[], 1);
        let window = report::distill::Window {
            from: after(0),
            until: after(1_000),
        };
        recorded.timeline.finish(window, &[], bins).to_json()
    };
    assert_eq!(timeline(bulk), timeline(single));
}

#[test]
fn a_trip_is_told_by_all_who_saw_it() {
    let recorder = recorder();
    let (trip, rider) = (TripId(9), RiderId(3));
    let key = HoldKey {
        trip,
        attempt: Attempt(1),
        driver: DriverId(4),
    };
    // Nobody has asked for it yet.
    recorder.shown(trip, after(70), TripState::Requested, None);
    recorder.requesting(trip, rider, after(71), Money::from_minor(1_250));
    recorder.confirmed(trip, after(72));
    recorder.confirmed(trip, after(90));
    recorder.offer_received(trip, after(74), after(75));
    recorder.offer_received(trip, after(80), after(81));
    recorder.accepted(key, 640.0, after(76));
    recorder.accepted(key, 640.0, after(77));
    recorder.shown(trip, after(78), TripState::Requested, None);
    assert_eq!(recorder.glance().requested, 1);
    let recorded = recorder.finish();
    assert_eq!(recorded.seen.iter().count(), 1);
    let seen = recorded.seen.get(trip).unwrap();
    assert_eq!(seen.answered_at, Some(after(72)));
    assert_eq!(seen.first_offer_at, Some(after(75)));
    assert_eq!(seen.accepts.len(), 1);
    assert_eq!(seen.state_at, Some(after(78)));
    let delivery = recorded.latencies.step(step::OFFER_DELIVERY).unwrap();
    assert_eq!(delivery.count(), 2);
}

#[test]
fn drivers_are_where_they_last_turned() {
    let recorder = recorder();
    recorder.turned(None, Some(Activity::Idle));
    recorder.turned(None, Some(Activity::Idle));
    recorder.turned(Some(Activity::Idle), Some(Activity::OnTrip));
    let now = recorder.drivers_now(5);
    assert_eq!((now.idle, now.on_trip, now.offline), (1, 1, 3));
    recorder.turned(Some(Activity::OnTrip), None);
    assert_eq!(recorder.drivers_now(5).offline, 4);
}
