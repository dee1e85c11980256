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
/// Pings of one driver's stream whose acknowledgements are told apart; the oldest beyond it are acknowledged with the next.
pub const PINGS_UNACKNOWLEDGED_MAX: usize = 32;
/// How long the system has to work off what was sent, after riders stop coming.
pub const SETTLE_MAX: Duration = Duration::from_secs(20);
/// How long the tokens of riders and drivers are good for: short, so that runs of minutes renew them too.
pub const TOKEN_TTL: Duration = Duration::from_secs(600);
/// Over how many moments renewals are spread.
pub const RENEWALS_SPREAD: u32 = 256;
/// Riders who take their last look at once, to begin with.
pub const ASKING_AT_ONCE: usize = 16;
/// How long a rider who was turned away waits before asking again; each further time doubles it.
pub const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// The longest wait before asking again.
pub const ASK_AGAIN_AFTER_MAX: Duration = Duration::from_secs(5);
/// When none of those who take their last look was answered for so long, nobody will be: longer than a request takes.
pub const LOOK_SILENCE_MAX: Duration = Duration::from_secs(35);
/// How long the last look may take: that of ten thousands of riders at a hundred answers a second.
pub const LOOK_MAX: Duration = Duration::from_secs(300);
/// Riders who ask for another's trip as well.
pub const STRANGERS: usize = 50;
