//! Bad input over real sockets: every refusal has its status and its stable code, and stores nothing.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

mod calls;
mod requests;
mod streams;
mod tokens;

use domain::hold::Hold;
use domain::trip::Trip;
use local::stack::Stack;

/// All that the tables hold of rides.
async fn stored(stack: &Stack) -> (Vec<Trip>, Vec<Hold>) {
    let mut trips = stack.trips().all_trips().await.unwrap();
    trips.sort_by_key(|trip| trip.id);
    let mut holds = stack.holds().all_holds().await.unwrap();
    holds.sort_by_key(|hold| hold.key.driver);
    (trips, holds)
}
