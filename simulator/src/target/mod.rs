//! What a scenario is driven against.

pub mod embedded;
pub mod twin;
