//! The tracker's bounds, in one place.

use std::time::Duration;

use wire::resp::CommandLimits;

/// Messages that wait for one driver's stream before the driver counts as a slow reader.
pub const STREAM_BACKLOG_MAX: usize = 64;
/// Bytes of one message from a driver, a rider, or matching.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Pings of one batch of a gateway.
pub const PINGS_PER_BATCH_MAX: usize = 10_000;
/// Answers to batches that wait for a gateway to read them.
pub const BATCH_ANSWERS_MAX: usize = 16;
/// How long a gateway may leave that many unread before it counts as a slow reader.
pub const BATCH_ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// What a client of Redis' protocol may send before its token is known: any token, and any search, to hear that it has to
/// show one.
pub const REDIS_STRANGER: CommandLimits = CommandLimits {
    words: 16,
    bytes: 16 * 1024,
};
/// How long it may be before it shows one.
pub const REDIS_STRANGER_PATIENCE: Duration = Duration::from_secs(10);
/// Clients of Redis' protocol at once: no more are let in before one has gone.
pub const REDIS_CLIENTS_MAX: usize = 10_000;
/// How long what such a client still sends is read over when its connection has ended.
pub const REDIS_FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that are read of such a client at once.
pub const REDIS_READ_BYTES: usize = 16 * 1024;
/// Searches of a pipeline that are done together.
pub const REDIS_SEARCHES_AT_ONCE: usize = 128;
/// Bytes of answers to it that may gather before they are sent: beyond it, at most the answers to the searches that are
/// done together.
pub const REDIS_ANSWER_BYTES: usize = 64 * 1024;
/// How long a connection may be quiet before its peer is asked whether it is there.
pub const KEEPALIVE: Duration = Duration::from_secs(300);
/// The pause after a connection could not be taken.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Queries of one `Candidates` call.
pub const QUERIES_MAX: usize = 20_000;
/// Streams of one connection: above what the load generator multiplexes, below what HTTP/2 can number.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 10_000;
/// How often a rider's `Watch` is told where the car is.
pub const WATCH_EVERY: Duration = Duration::from_secs(4);
/// Positions that wait for a rider to read them.
pub const WATCH_BACKLOG_MAX: usize = 1;
/// Positions that one `Watch` sends at most: an hour's worth.
pub const WATCH_POSITIONS_MAX: usize = 900;
/// The longest the expiry loop sleeps.
pub const EXPIRY_SLEEP_MAX: Duration = Duration::from_secs(1);
/// The shortest the expiry loop sleeps, so that a store that is down is not asked in a tight loop.
pub const EXPIRY_SLEEP_MIN: Duration = Duration::from_millis(20);
/// How long a stop waits for calls under way.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How often an issuer's keys are fetched anew.
pub const KEYS_REFRESH_EVERY: Duration = Duration::from_secs(600);
/// The least time between two fetches, however many tokens name a key that is not known.
pub const KEYS_REFRESH_GAP: Duration = Duration::from_secs(30);
/// How long one document of an issuer may take to come.
pub const KEY_FETCH_MAX: Duration = Duration::from_secs(5);
/// Bytes of one document of an issuer.
pub const KEY_DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// How often keys are asked for at the start, before the tracker gives up.
pub const KEY_FETCHES_AT_START_MAX: u32 = 3;
/// The pause between two of those.
pub const KEY_FETCH_PAUSE: Duration = Duration::from_secs(2);
