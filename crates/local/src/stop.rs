//! How the parts of the host are told to stop.

use tokio::sync::watch;

/// Hears of the stop.
pub(crate) type Stopped = watch::Receiver<bool>;

/// Returns once the stop was asked for, or nobody is left to ask.
pub(crate) async fn wait(stopped: &mut Stopped) {
    // An error means that the sender is gone: a stop as well.
    drop(stopped.wait_for(|stop| *stop).await);
}
