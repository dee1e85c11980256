//! The bounds of the tracker's core, in one place.

use std::time::Duration;

/// Due drivers and due holds that one call of [`crate::Fleet::expire`] looks at, each; the rest stays due.
pub const EXPIRED_PER_CALL_MAX: usize = 4_096;
/// How long a void hold that nobody ended waits until it is reported again.
pub const HOLD_REPORT_RETRY: Duration = Duration::from_secs(2);
/// How long a driver who is offline or silent is remembered after the last sign of life.
pub const FORGET_AFTER: Duration = Duration::from_secs(3_600);
/// Cells along one axis at most; smaller cells than that allows are made larger.
pub const CELLS_PER_AXIS_MAX: i32 = 1 << 26;
/// Blocks of cells that a search looks at, beyond the number of occupied ones at hand, before it scans those instead.
pub const SPARE_BLOCKS_PER_SEARCH: usize = 16;
/// Searches that go on together: enough for what they read of memory to come at once, and few enough for the processor
/// to keep it.
pub const SEARCHES_AT_ONCE: usize = 8;
/// Cells are not halved below this side, in metres.
pub const CELL_M_MIN: f64 = 30.0;
/// The side of the widest cells, in metres.
pub const CELL_M_MAX: f64 = 1_000.0;
/// How many sizes of cells an index has at once, each half as wide as the one before.
pub const LEVELS_MAX: usize = 8;
/// Pings whose memory is fetched together.
pub const PINGS_AT_ONCE: usize = 64;
/// Changes whose memory an index fetches together.
pub const CHANGES_AT_ONCE: usize = 64;
/// Parts that an index has, each with a writer of its own. A power of two.
pub const SHARDS: usize = 8;
/// How many times as far as its farthest driver is, most likely, a search is taken to look.
pub const LIKELY_REACH: f64 = 1.5;
