//! The log of a deployed process.

/// Starts logging: a JSON object per line on standard output, which is where CloudWatch Logs reads.
/// `RUST_LOG` sets the level, `info` if absent. To be called once, first of all.
pub fn start() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_current_span(false)
        .without_time() // CloudWatch stamps each line itself.
        .init();
}
