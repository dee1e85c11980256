//! The whole system over real sockets, as riders, drivers and operators meet it. No load generator here:
//! what it drives is checked by its own tests.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

mod gateways;
mod hosts;
mod outages;
mod rides;
mod streams;
mod trackers;
