//! The commands, one module each.

pub mod audit;
pub mod import;
pub mod report;
pub mod run;
