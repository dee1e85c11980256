//! What a scenario is driven against.

pub mod embedded;
pub mod template;
pub mod twin;
