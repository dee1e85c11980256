//! Wiring of the tracker.
fn main() {}
