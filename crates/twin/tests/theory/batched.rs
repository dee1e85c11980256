//! Batched against first-come dispatch where drivers are scarce: pairs that are chosen together are nearer.

use std::time::Duration;

use rushhour_twin::textbook::Outcome;
use services::config::{Assignment, Queue};

use crate::{Estimate, law, per_hour, pickup_m, runs, textbook};

#[test]
fn batched_dispatch_has_shorter_ways_and_serves_no_fewer() {
    let mut city = textbook();
    city.side_m = 6_000.0;
    (city.speed_kmh, city.drivers) = (36.0, 60);
    (city.ride, city.rides_per_hour) = (Some(law("exponential 2m")), 1_000.0);
    (city.span, city.warmup) = (Duration::from_secs(3_600), Duration::from_secs(900));
    city.patience = Duration::from_secs(120);
    city.dispatch.queue = Queue::Wait;
    city.dispatch.window = Duration::from_secs(2);
    let first_come = runs(&city, 6);
    city.dispatch.assignment = Assignment::Batched {
        unserved_penalty: None,
    };
    let batched = runs(&city, 6);
    // The same riders and drivers with each seed, so that differences are of dispatch.
    let gain = |of: &dyn Fn(&Outcome) -> f64| {
        let pairs = batched.iter().zip(&first_come);
        let gains = pairs.map(|(batched, first_come)| of(batched) / of(first_come) - 1.0);
        Estimate::of(&gains.collect::<Vec<_>>())
    };
    // One over the way, of which half again as much is a way a third shorter.
    gain(&|outcome| 1.0 / pickup_m(outcome)).is_above("shorter ways", 0.5);
    gain(&per_hour).is_above("more rides", 0.2);
}
