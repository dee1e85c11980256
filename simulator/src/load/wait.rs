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
