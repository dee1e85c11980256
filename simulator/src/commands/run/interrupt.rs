//! Control-C.

use tokio::sync::watch;

use crate::exit::Exit;

/// Control-C, from the first moment on: once drains and writes, twice ends at once.
pub(super) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens from now on.
    pub(super) fn listen() -> Self {
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

    /// Whether it was pressed.
    pub(super) fn came(&self) -> bool {
        *self.0.borrow()
    }
}
