//! Load on any HTTP or gRPC endpoint. Start at [`run`] with a [`Plan`]; what comes of it is a [`Document`].
//!
//! The load is **open loop** unless asked otherwise: requests are due when a [`Schedule`] says, however slow the target is,
//! and latency counts from that time, so that a target that stands still is seen to stand still. How late requests were
//! looked after here, and how long they waited for a connection, is told apart. What is due while too much is in flight
//! is dropped and counted.
//!
//! One thread sends, or several, each with a runtime of its own and its part of the schedule and of the
//! connections, so that nothing is shared while requests go there and back. HTTP/1.1 is spoken by a client that writes the
//! same bytes each time and looks for the end of answers; HTTP/2 and gRPC by `hyper`.

mod alarm;
mod answer;
mod connect;
mod document;
mod grpc;
mod http1;
mod http2;
mod lane;
pub mod limits;
mod run;
mod schedule;
mod tally;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod threshold;
mod worker;

use std::ops::ControlFlow;

pub use connect::TlsError;
pub use document::{Document, DocumentError, Judged};
pub use grpc::{GrpcError, request as grpc_request};
pub use run::{Ending, Glance, LoadError, Pace, Plan, Protocol};
pub use schedule::{Arrivals, Due, Schedule, ScheduleError, Stage};
pub use tally::Failure;
pub use target::{Request, Scheme, Target, TargetError};
pub use text::text;
pub use threshold::{Threshold, ThresholdError, Verdict};

/// Runs a load to its end, and says what came of it and how it ended. `look` is told how it stands ten times a second, and
/// may break it off.
///
/// # Errors
/// If the target cannot be reached at the start, or this machine has no room for the threads.
pub fn run(
    plan: Plan,
    look: &mut dyn FnMut(&Glance) -> ControlFlow<()>,
) -> Result<(Document, Ending), LoadError> {
    let told = plan.clone();
    let ran = run::run(plan, look)?;
    let ended = match ran.ending {
        Ending::Whole => "whole",
        Ending::Interrupted => "interrupted",
        Ending::Died(_) => "died",
    };
    let ending = ran.ending;
    Ok((Document::new(&told, ran, ended), ending))
}
