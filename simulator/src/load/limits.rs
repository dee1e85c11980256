//! The load generator's bounds, in one place.

use std::time::Duration;

/// HTTP requests under way at once; beyond it riders are dropped and counted.
pub const IN_FLIGHT_MAX: u64 = 2_000;
/// The longest one HTTP request may take, as HTTP API has it.
pub const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Idle HTTP connections kept.
pub const IDLE_CONNECTIONS_MAX: usize = 256;
/// Bytes of an answer.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Messages that wait to go up one driver's stream.
pub const STREAM_BACKLOG_MAX: usize = 16;
/// Connections that carry riders' `Watch` streams.
pub const WATCH_CONNECTIONS: usize = 8;
/// How long opening a stream may take.
pub const OPEN_MAX: Duration = Duration::from_secs(10);
/// Pings of one driver that wait for their acknowledgement before the oldest is given up.
pub const PINGS_UNACKNOWLEDGED_MAX: usize = 32;
/// How long the system has to work off what was sent, after riders stop coming.
pub const SETTLE_MAX: Duration = Duration::from_secs(20);
/// How long the tokens of riders and drivers are good for: short, so that runs of minutes renew them too.
pub const TOKEN_TTL: Duration = Duration::from_secs(600);
/// Over how many moments renewals are spread.
pub const RENEWALS_SPREAD: u32 = 256;
