//! The bounds of the use cases, in one place.

use std::time::Duration;

/// Compare-and-set attempts before a use case gives up and lets its caller retry.
pub const SWAP_ATTEMPTS_MAX: usize = 8;
/// Calls to other services that one use case has under way at once.
pub const CALLS_IN_FLIGHT_MAX: usize = 16;
/// Times a matcher reserves for a rider in one round: the first choice and two more.
pub const RESERVE_WAVES_MAX: usize = 3;
/// How long a round's lease lasts if its holder dies.
pub const ROUND_LEASE: Duration = Duration::from_secs(30);
/// The shortest wait before a round that left riders waiting rings again.
pub const RERING_DELAY_MIN: Duration = Duration::from_secs(1);
/// Trips that one sweep looks at.
pub const SWEEP_TRIPS_MAX: usize = 2_000;
/// Bytes of an idempotency key.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;
/// Bytes of a quote token.
pub const QUOTE_TOKEN_BYTES_MAX: usize = 1_024;
/// Drivers that one `Candidates` query may exclude.
pub const EXCLUDED_DRIVERS_MAX: usize = 64;
/// Drivers of a batch that are moved before whoever else waits for the fleet has it.
pub const DRIVERS_AT_ONCE: usize = 512;
