//! Clients of the servers that are measured over the wire.

pub mod redis;
pub mod tracker;
