//! Cities, demand, supply, and the behaviour of riders and drivers as step(event, now) -> actions.

pub mod import;
pub mod profile;
pub mod zones;
