//! What is told of a run: histograms, the summary and its schema, the audit, text and HTML.
//!
//! A host fills a [`timeline::TimelineRecorder`] and [`latency::Latencies`] while it runs and reads the
//! [`trips::TripRow`]s from the store at its end. From these, [`audit::audit`] says whether all that
//! must always hold did, [`distill`] makes the figures of the [`summary::Summary`], and [`html`] and
//! [`text`] show them. Nothing here does I/O of its own; the Parquet file is behind the feature
//! `formats`, and the rest compiles for wasm32.

mod as_text;
pub mod audit;
pub mod compare;
pub mod diff;
pub mod distill;
pub mod format;
pub mod html;
pub mod import;
pub mod latency;
pub mod metrics;
pub mod replicas;
pub mod schema;
pub mod slo;
pub mod study;
pub mod summary;
pub mod sweep;
pub mod text;
pub mod timeline;
pub mod trips;
pub mod validation;
pub mod zones;

#[cfg(test)]
mod sample;
