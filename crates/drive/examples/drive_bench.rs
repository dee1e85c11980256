//! Times what it takes to record a city-day of rides: `cargo run --release -p rushhour-drive --example drive_bench`.
//!
//! Rides are told as a host in virtual time tells them, with a few thousand under way at once, under names
//! without order. Times are CPU time of this thread, as Linux counts it.

use std::time::Duration;

use domain::hold::HoldKey;
use domain::trip::TripState;
use domain::{Attempt, DriverId, Money, RiderId, Timestamp, TripId};
use report::latency::step;
use report::trips::Seen;
use rushhour_drive::recorder::Recorder;

const RIDES: u64 = 809_000;
/// Each ride is told of in so many parts, and the parts of many rides take turns.
const PARTS: u64 = 6;
/// From one part of a ride to the next, in rides that come meanwhile.
const APART: u64 = 2_000;
const CALLS_PER_RIDE: u64 = 15;
const DAY: Duration = Duration::from_secs(86_400);

fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    let first = text.split(' ').next().expect("the time on CPU comes first");
    first.parse::<f64>().expect("nanoseconds") / 1e9
}

/// SplitMix64: names without order, as hashes are.
fn trip(ride: u64) -> TripId {
    let mut word = (ride + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    TripId((u128::from(word ^ (word >> 31)) << 64) | u128::from(ride))
}

fn tell(recorder: &Recorder, ride: u64, part: u64, now: Timestamp) {
    let trip = trip(ride);
    let answered_at = now + Duration::from_millis(7 + ride % 40);
    match part {
        0 => {
            recorder.scheduled(now);
            recorder.sent(now, now);
            recorder.done(step::QUOTE, now, answered_at);
            recorder.answered(now, None);
            recorder.quoted(now, answered_at, 1.0);
        }
        1 => {
            recorder.requesting(trip, RiderId(ride), now, Money::from_minor(1_800));
            recorder.answered(now, None);
            recorder.done(step::REQUEST, now, answered_at);
            recorder.confirmed(trip, answered_at);
        }
        2 => recorder.offer_received(trip, now, answered_at),
        3 => {
            let key = HoldKey {
                trip,
                attempt: Attempt(1),
                driver: DriverId(ride % 23_500),
            };
            recorder.accepted(key, 900.0, now);
        }
        4 => {
            recorder.done(step::READ, now, answered_at);
            recorder.shown(trip, now, TripState::Accepted, None);
        }
        _ => {
            recorder.done(step::READ, now, answered_at);
            recorder.shown(
                trip,
                now,
                TripState::Completed,
                Some(Money::from_minor(1_800)),
            );
        }
    }
}

fn main() {
    let started_at = Timestamp::from_millis(1_796_000_400_000);
    let recorder = Recorder::new(started_at, Duration::ZERO, started_at + DAY);
    let before = cpu_s();
    for turn in 0..RIDES + (PARTS - 1) * APART {
        let now = started_at + DAY.mul_f64(turn as f64 / (RIDES + PARTS * APART) as f64);
        for part in 0..PARTS {
            if let Some(ride) = turn.checked_sub(part * APART).filter(|ride| *ride < RIDES) {
                tell(&recorder, ride, part, now);
            }
        }
    }
    let spent = cpu_s() - before;
    let recorded = recorder.finish();
    println!(
        "{} rides recorded in {spent:.2} s: {:.0} ns a call; {} bytes of each ride",
        recorded.seen.iter().count(),
        spent * 1e9 / (RIDES * CALLS_PER_RIDE) as f64,
        size_of::<Seen>(),
    );
}
