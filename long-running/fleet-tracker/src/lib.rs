//! The fleet tracker: the gRPC service around `services::track`, as a long-lived container.
//!
//! Start at [`FleetTracker::start`]. `service` answers calls, `streams` keeps the drivers' live
//! streams, [`metrics`] counts for Prometheus. What a call *does* is in `services::track`.

mod follow;
pub mod health;
pub mod limits;
pub mod metrics;
mod server;
mod service;
mod streams;
mod track;

pub use metrics::{Metrics, MetricsSnapshot};
pub use server::{FleetTracker, StartError, TrackerConfig};
pub use streams::Streams;
