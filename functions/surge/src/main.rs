//! Wiring of the surge function.
fn main() {}
