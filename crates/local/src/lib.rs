//! The embedded host: the whole system in one process, over real sockets.
//!
//! Start at [`stack`], which joins the parts: DynamoDB and SQS on loopback ([`servers`]), a Lambda host
//! ([`lambda_host`]) with the four functions, event source mappings from the queues ([`event_source_host`]),
//! the HTTP API in front ([`http_front`]), the minute's [`schedule`], and the fleet tracker. The functions,
//! their adapters and the tracker are those that are deployed; they may also run in processes of their own
//! ([`invoke_api`]).

pub mod event_source_host;
pub mod http_front;
pub mod invoke_api;
pub mod lambda_host;
pub mod limits;
pub mod schedule;
pub mod servers;
pub mod stack;
mod stop;
