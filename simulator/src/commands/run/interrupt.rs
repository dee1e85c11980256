//! Control-C.

use std::time::Duration;

use tokio::sync::watch;

use crate::exit::{Exit, Failure};

/// Control-C, from the first moment on: once drains and writes, twice ends at once.
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on, as long as the runtime lives.
    fn listen() -> Self {
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                // Nobody listens any more only if the run is over.
                let _ = sender.send(true);
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                eprintln!("rushhour: interrupted again: ended without writing the run");
                std::process::exit(Exit::Interrupted as i32);
            }
        });
        Self(receiver)
    }

    /// Listens on a thread of its own: for as long as the command takes, whatever runtimes come and go in it.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(crate) fn in_background() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::target)?;
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            runtime.block_on(async move {
                // The other end waits for it.
                let _ = sender.send(Self::listen());
                std::future::pending::<()>().await;
            });
        });
        receiver.recv().map_err(Failure::target)
    }

    /// One that was pressed, or was not.
    #[cfg(test)]
    pub(crate) fn stands(pressed: bool) -> Self {
        Self(watch::channel(pressed).1)
    }

    /// Waits for so long, or until it is pressed.
    pub(crate) async fn or_after(&self, span: Duration) {
        let mut pressed = self.0.clone();
        // Whoever listens lives as long as the process.
        let _ = tokio::time::timeout(span, pressed.wait_for(|pressed| *pressed)).await;
    }

    /// Whether it was pressed.
    pub(crate) fn came(&self) -> bool {
        *self.0.borrow()
    }
}
