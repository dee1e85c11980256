//! The trips function: events in, use case, response out.
