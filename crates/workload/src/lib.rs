//! Cities, demand, supply, and the behaviour of riders and drivers as step(event, now) -> actions.
//!
//! One schedule and one behaviour serve live runs and virtual time: nothing here reads a clock, waits or
//! speaks to anyone. Start at [`world::World`], what agents share; then [`demand::Demand::schedule`] and
//! [`supply::Fleet::plans`], who comes when; then [`rider::Rider::step`] and [`driver::Driver::step`].

pub mod city;
pub mod demand;
pub mod document;
pub mod driver;
pub mod fingerprint;
pub mod import;
pub mod law;
pub mod leg;
pub mod pace;
pub mod places;
pub mod products;
pub mod profile;
pub mod rider;
pub mod supply;
pub mod world;
pub mod zones;

#[cfg(test)]
mod testing;
