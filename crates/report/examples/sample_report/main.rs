//! Writes a sample report.
fn main() {}
