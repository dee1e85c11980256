//! The log: warnings and worse to standard error, more with `RUST_LOG`.

use tracing_subscriber::EnvFilter;

/// Starts it.
pub fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
