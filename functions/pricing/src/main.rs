//! Wiring of the pricing function.
fn main() {}
