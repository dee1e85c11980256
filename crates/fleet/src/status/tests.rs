//! The fleet against a naive model, and its rules one by one.
