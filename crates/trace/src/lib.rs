//! One trace from rider to driver: across HTTP, queues and gRPC, without use cases knowing of it.
//!
//! A [`TraceContext`] is the `traceparent` of W3C Trace Context. Hosts read it where work comes in, and have the
//! work done [`within`] a [`Scope`]; adapters ask [`carried`] where work goes out. A round serves the rides of many
//! riders, so a scope also knows the traces of [`Rides`] by their trips: who reads a stored trip says whose it is
//! ([`ride_found`]), and what is done for that trip goes on in the trace in which the ride was requested.
//!
//! A [`Span`] is a piece of work in a trace. Nobody need listen: without a [`Recorder`] it is ids alone.

mod context;
mod rides;
mod span;

pub use context::{MalformedContext, TRACEPARENT, TraceContext};
pub use rides::{RIDES_MAX, Rides, Scope, carried, ride_found, within};
pub use span::{AttributeValue, FinishedSpan, Flush, Kind, Recorder, Span, flush, record_with};
