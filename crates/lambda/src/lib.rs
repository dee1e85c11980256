//! What the functions share: how an event becomes a call of a use case, and its result an answer.
//!
//! A [`Function`] takes an event's bytes and gives back a response's. [`http`] reads HTTP API events
//! (payload format 2.0), [`sqs`] reads batches and reports the items that failed, [`event`] tells them
//! apart where one function takes several, and [`run`] hands the function to the Lambda runtime. What each invocation
//! says of itself is in [`account`]; each goes on in the trace that its event is from. Nothing here names the AWS SDK.

pub mod account;
pub mod event;
pub mod function;
pub mod http;
pub mod limits;
pub mod run;
pub mod sqs;

pub use function::{BoxFunction, DynFunction, Function, FunctionError};
