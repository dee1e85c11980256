//! The bounds of the functions, in one place.

/// The largest HTTP body that is read, in bytes. The largest real one, a trip request, is under 2 KB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Messages of one batch that are handled at once.
pub const MESSAGES_IN_FLIGHT_MAX: usize = 10;
/// Seconds after which a caller who was throttled, or met an outage, may try again.
pub const RETRY_AFTER_S: u32 = 1;
