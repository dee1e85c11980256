//! A function as its host sees it: bytes in, bytes out.

use std::future::Future;

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Why an invocation failed. The caller's mistakes are no failures: those have a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// The event is not of the kind that the function takes.
    #[error("found an event that cannot be read ({detail}), expected {expected}")]
    UnreadableEvent {
        /// Which kind.
        expected: &'static str,
        /// Where it went wrong.
        detail: String,
    },
    /// The work could not be done. Whoever invoked it may try again.
    #[error("{0}")]
    Failed(String),
}

impl FunctionError {
    /// The name under which the host reports it, as `errorType`.
    #[must_use]
    pub fn error_type(&self) -> &'static str {
        match self {
            Self::UnreadableEvent { .. } => "UnreadableEvent",
            Self::Failed(_) => "Failed",
        }
    }
}

/// A function: what a Lambda execution environment runs, one call at a time.
pub trait Function: Send + Sync + 'static {
    /// Handles one event.
    fn invoke(&self, payload: Bytes) -> impl Future<Output = Result<Bytes, FunctionError>> + Send;
}

/// [`Function`] as an object, for a host that holds several kinds.
pub trait DynFunction: Send + Sync + 'static {
    /// Handles one event.
    fn invoke_boxed(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>>;
}

/// Any function.
pub type BoxFunction = Box<dyn DynFunction>;

impl<F: Function> DynFunction for F {
    fn invoke_boxed(&self, payload: Bytes) -> BoxFuture<'_, Result<Bytes, FunctionError>> {
        Box::pin(self.invoke(payload))
    }
}
