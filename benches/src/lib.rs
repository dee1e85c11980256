//! What the benchmarks share: [`Comparison`], rows of ours against theirs with the ratio that is wanted, [`cpu`], the
//! processor time of this process and of others, and [`peers`], where the other sides come from.
//!
//! Each binary of this crate measures both sides in one run, says on standard error what it is at, and prints its table
//! on standard output: `cargo xtask bench` puts it into docs/performance.md. It ends with 1 if a ratio misses its target.

pub mod bare_grid;
pub mod city;
mod comparison;
pub mod cpu;
pub mod peers;
pub mod random;
pub mod wire;

pub use comparison::{Comparison, Figure};
