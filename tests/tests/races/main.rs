//! Each race of the protocol, made to happen on purpose, and random ones besides.
//!
//! After each: the audit finds nothing, every trip ends in bounded virtual time, every driver is free
//! again. Where a race depends on who comes first, `explore` runs every order of the tasks' turns with a
//! few preemptions, and says how many there were.

mod answers;
mod cancels;
mod crashes;
mod endings;
mod messages;
mod random;
mod requests;
mod rounds;
mod trackers;

use std::time::Duration;

use domain::DriverId;
use domain::hold::HoldKey;
use rushhour_tests::dispatch::drivers::Behaviour;
use rushhour_tests::dispatch::{Dispatch, east_of_corner};

/// Within this every trip of a test has ended.
const BOUND: Duration = Duration::from_secs(3_600);

/// The nearest driver, who does what the test says.
const NEAR: DriverId = DriverId(1);
/// A driver farther off, who takes what is offered.
const FAR: DriverId = DriverId(2);

/// A world with a near driver, led by hand, and a rider who has just asked.
fn asked() -> (Dispatch, domain::TripId) {
    let world = Dispatch::default();
    world.driver(NEAR, east_of_corner(100.0), Behaviour::ByHand);
    world.advance(Duration::from_secs(5));
    let trip = world.request(1);
    (world, trip)
}

/// A world in which the near driver was offered the ride of a rider.
fn offered() -> (Dispatch, HoldKey) {
    let (world, _) = asked();
    world.advance(Duration::from_secs(3));
    let key = world
        .offer_to(NEAR)
        .expect("the near driver is offered the ride");
    (world, key)
}

/// Everybody goes on as they should, and everything must end.
#[track_caller]
fn settle(world: &Dispatch) {
    world.all_take();
    world.settle(BOUND);
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
