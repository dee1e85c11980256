//! What bounds a study, and why.

/// Most parts of a study: a table that a person still reads.
pub const PARTS_MAX: usize = 1_000;
/// Most arrivals a second: machines count microseconds, and what comes faster would all come at once.
pub const RATE_MAX: f64 = 1e6;
/// Most arrivals of one part: about an hour of computing.
pub const ARRIVALS_MAX: f64 = 2e10;
/// Arrivals of a part that names no duration.
pub const ARRIVALS_DEFAULT: f64 = 1e6;
/// A part that names no duration runs for at least so many idle timeouts, so that its figures forget them.
pub(crate) const IDLE_TIMEOUTS_DEFAULT: u32 = 40;
/// Most servers of a service.
pub const SERVERS_MAX: u32 = 1_000_000;
/// Most calls that may wait in a bounded queue.
pub const WAITING_MAX: u32 = 100_000_000;
/// Most concurrency of a function.
pub const CONCURRENCY_MAX: u32 = 1_000_000;
/// Most lines of a file of spans.
pub const FILE_LINES_MAX: usize = 10_000_000;
/// Most characters of a name.
pub(crate) const NAME_CHARS_MAX: usize = 64;
