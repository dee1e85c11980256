//! What the functions share: how an event becomes a call of a use case, and its result an answer.
//!
//! A [`Function`] takes an event's bytes and gives back a response's. [`http`] reads HTTP API events
//! (payload format 2.0), [`sqs`] reads batches and reports the items that failed, [`event`] tells them
//! apart where one function takes several. [`settings`] resolves the environment once, in `main`, and
//! [`run`] hands the function to the Lambda runtime. Nothing here names the AWS SDK.

pub mod clock;
pub mod event;
pub mod function;
pub mod http;
pub mod limits;
pub mod market;
pub mod run;
pub mod settings;
pub mod sqs;

pub use clock::WallClock;
pub use function::{BoxFunction, DynFunction, Function, FunctionError};
