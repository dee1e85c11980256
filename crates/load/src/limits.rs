//! The bounds of a load, in one place.

use std::time::Duration;

/// Requests a second, all stages and workers together.
pub const RATE_MAX: f64 = 10_000_000.0;
/// The longest that all stages may take together: a week.
pub const SPAN_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Connections held at once: half of the files that a process may usually be allowed.
pub const CONNECTIONS_MAX: usize = 30_000;
/// Requests under way or waiting for a connection, beyond which what falls due is dropped and counted.
pub const IN_FLIGHT_MAX: usize = 1_000_000;
/// Threads that send.
pub const THREADS_MAX: usize = 256;
/// The longest that one request may be waited for.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(3_600);
/// Bytes of a request's body.
pub const BODY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of an answer's status line and headers, or of a chunk's size and trailers.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of an answer.
pub(crate) const HEADERS_MAX: usize = 64;
/// Bytes that are read at once.
pub(crate) const READ_BYTES: usize = 16 * 1024;
/// A target that answers nothing for so long, though asked, has died.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(15);
/// After so long with nothing due or under way a silence begins anew: longer than the pauses between requests of all but
/// the slowest loads, of which a dead target fails the few requests that there are.
pub(crate) const QUIET_MAX: Duration = Duration::from_secs(5);
/// The pause of a connection that could not be opened, so that a target that is gone is not knocked at in a loop.
pub(crate) const RECONNECT_PAUSE: Duration = Duration::from_millis(100);
/// How long after the end connections have to notice it, beyond a request's time-out.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_millis(200);
/// How long requests under way are waited for after Control-C.
pub(crate) const INTERRUPTED_DRAIN_MAX: Duration = Duration::from_secs(2);
/// How often whoever runs a load is told how it stands.
pub(crate) const GLANCE_EVERY: Duration = Duration::from_millis(100);
/// What one thread sends before a second one pays: above it its own lateness would show in latencies.
pub(crate) const RATE_PER_THREAD: f64 = 25_000.0;
/// How often one request is sent over HTTP/2, as long as it is handed back unread each time.
pub(crate) const TRIES_MAX: usize = 4;
