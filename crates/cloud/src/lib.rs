//! The modelled cloud as pure state machines in a `now` that the host supplies: no I/O, no clock, no entropy.
//!
//! The embedded host drives them with tokio in wall time, the digital twin in virtual time.
//! - [`event_source`]: from an SQS queue to a function: pollers, batches, windows, partial failures.
//! - [`lambda_pool`]: a function's execution environments: warm, cold, throttled, reclaimed.
//! - [`lambda_function`]: a function within its [`account`], provisioned environments included.
//! - [`queue`]: a standard SQS queue.
//! - [`table_capacity`]: what a DynamoDB table on demand lets through.
//! - [`http_api`]: what an HTTP API lets through.
//! - [`processor_sharing`]: the processors of containers as a queue.
//! - [`autoscaling`]: how many containers there are.
//! - [`profile`]: how long each step takes and what is allowed, by a dated file with sources.
//! - [`prices`]: counted operations times a dated price file.
//! - [`lookup`]: maps that are looked into one by one.
//! - [`memory`]: the store and queue ports of the use cases, in memory.
//! - [`timed`]: the same ports in virtual time: what a call takes, consumes and may be refused.

pub mod account;
pub mod autoscaling;
pub mod event_source;
pub mod http_api;
pub mod lambda_function;
pub mod lambda_pool;
pub mod lookup;
pub mod mark;
pub mod memory;
pub mod prices;
pub mod processor_sharing;
pub mod profile;
pub mod queue;
pub mod table_capacity;
pub mod timed;
pub mod token_bucket;
