//! Wiring of the trips function.
fn main() {}
