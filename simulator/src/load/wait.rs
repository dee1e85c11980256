//! Waiting for a time of the run.

use domain::Timestamp;
use services::ports::Clock;

/// Waits until `at`; not at all if it has passed.
pub(super) async fn until(clock: &impl Clock, at: Timestamp) {
    let wait = at.since(clock.now());
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

/// Waits until `at`; for ever where there is nothing to wait for.
pub(super) async fn until_some(clock: &impl Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => until(clock, at).await,
        None => std::future::pending().await,
    }
}
