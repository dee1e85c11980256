//! The pricing function: events in, use case, response out.
