//! What the command says: results to standard output, the log to standard error, more with `RUST_LOG`.

use std::io::Write;

use tracing_subscriber::EnvFilter;

use crate::exit::Failure;

/// Starts it.
pub fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

/// Writes to standard output.
///
/// # Errors
/// If it takes no more: the disk behind it is full, or its reader has gone.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text.as_bytes());
    written.and_then(|()| output.flush()).map_err(|error| {
        Failure::target(format!(
            "standard output: cannot be written to ({error}), expected a reader with room"
        ))
    })
}
