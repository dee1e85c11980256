//! How long calls take, and how much of it they wait for other calls.
//!
//! Adapters have each call of theirs go through [`Calls::port`]; hosts have each piece of work go through
//! [`Calls::work`]. What is left of a piece of work when the time is taken off in which it waited for calls
//! of ports is its own: the service time that a model of the system wants. Nobody need listen: without an
//! observer a call passes straight through.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a piece of work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// From begin to end.
    pub took: Duration,
    /// Of that, the time in which no call of a port was under way.
    pub own: Duration,
    /// What it worked at, as [`add_items`] was told: riders of a round, for instance.
    pub items: u64,
}

/// Who is told of calls as they end.
pub trait CallObserver: Send + Sync {
    /// A call of a port has ended.
    fn called(&self, call: &str, took: Duration);
    /// A piece of work has ended.
    fn worked(&self, work: &str, spent: Spent);
}

/// What a piece of work has waited for so far.
#[derive(Debug)]
struct Scope {
    /// Calls of ports under way, side by side.
    pending: Cell<u32>,
    /// Since when there is at least one.
    since: Cell<Instant>,
    waited: Cell<Duration>,
    items: Cell<u64>,
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// A call of a port under way, in the piece of work that this task is at. Ends when dropped, for a call may
/// be given up.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        let _ = SCOPE.try_with(|scope| {
            if scope.pending.get() == 0 {
                scope.since.set(Instant::now());
            }
            scope.pending.set(scope.pending.get() + 1);
        });
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = SCOPE.try_with(|scope| {
            let left = scope.pending.get().saturating_sub(1);
            scope.pending.set(left);
            if left == 0 {
                let waited = scope.waited.get() + scope.since.get().elapsed();
                scope.waited.set(waited);
            }
        });
    }
}

/// Counts what the piece of work that this task is at has been given to work at.
pub fn add_items(count: u64) {
    let _ = SCOPE.try_with(|scope| scope.items.set(scope.items.get() + count));
}

/// Has a piece of work done, and says what it took.
pub async fn measure<T>(work: impl Future<Output = T>) -> (T, Spent) {
    let began = Instant::now();
    let scope = Scope {
        pending: Cell::new(0),
        since: Cell::new(began),
        waited: Cell::new(Duration::ZERO),
        items: Cell::new(0),
    };
    let within = async {
        let output = work.await;
        let took = began.elapsed();
        let spent = SCOPE.with(|scope| Spent {
            took,
            own: took.saturating_sub(scope.waited.get()),
            items: scope.items.get(),
        });
        (output, spent)
    };
    SCOPE.scope(scope, within).await
}

/// Where calls are told to, if anywhere. Cheap to clone.
#[derive(Clone, Default)]
pub struct Calls(Option<Arc<dyn CallObserver>>);

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calls").field(&self.0.is_some()).finish()
    }
}

impl Calls {
    /// Calls that an observer is told of.
    #[must_use]
    pub fn told_to(observer: Arc<dyn CallObserver>) -> Self {
        Self(Some(observer))
    }

    /// Makes a call of a port: the work around it waits for it.
    pub fn port<F: Future>(&self, call: &'static str, port: F) -> impl Future<Output = F::Output> {
        // Calls of an SDK are large futures, and would be held twice.
        let port = Box::pin(port);
        async move {
            let Some(observer) = &self.0 else {
                return port.await;
            };
            let waiting = Waiting::begin();
            let began = Instant::now();
            let output = port.await;
            observer.called(call, began.elapsed());
            drop(waiting);
            output
        }
    }

    /// Has a piece of work done.
    pub async fn work<T>(&self, name: &str, work: impl Future<Output = T>) -> T {
        let Some(observer) = &self.0 else {
            return work.await;
        };
        let (output, spent) = measure(work).await;
        observer.worked(name, spent);
        output
    }

    /// Tells of a piece of work that was measured elsewhere.
    pub fn worked(&self, name: &str, spent: Spent) {
        if let Some(observer) = &self.0 {
            observer.worked(name, spent);
        }
    }

    /// Tells of a span that was measured elsewhere.
    pub fn took(&self, call: &str, took: Duration) {
        if let Some(observer) = &self.0 {
            observer.called(call, took);
        }
    }
}
