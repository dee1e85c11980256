//! The surge function: events in, use case, response out.
