//! The fleet tracker: the gRPC service around `services::track`, as a long-lived container.
//!
//! Start at [`FleetTracker::start`]. [`Callers`] are known by their tokens, `service` answers calls, `redis` those of
//! clients of Redis, `streams` keeps the drivers' live streams, [`metrics`] counts for Prometheus. What a call *does* is in
//! `services::track`.

mod accept;
mod callers;
mod follow;
pub mod health;
pub mod limits;
pub mod metrics;
mod redis;
mod report;
mod server;
mod service;
mod streams;
mod track;

pub use callers::{Callers, IssuerConfig, IssuerError};
pub use metrics::{Metrics, MetricsSnapshot};
pub use server::{FleetTracker, StartError, TrackerConfig, runtime};
pub use streams::Streams;
