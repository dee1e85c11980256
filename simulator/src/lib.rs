//! The rushhour command: scenario, targets, load generator.
