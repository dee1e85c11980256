//! The matching function: events in, use case, response out.
