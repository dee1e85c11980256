//! Wiring of the matching function.
fn main() {}
