//! Ringing for the match round that is to see what was just written.

use domain::Region;

use crate::config::Market;
use crate::ports::{Clock, Doorbell, PortError};

/// Rings for the round of now, a window from now. By a moment before the write the round could be one that
/// has run meanwhile without what was written, and a round runs once: who waits would wait for the sweep.
pub(crate) async fn ring<B: Doorbell, C: Clock>(
    doorbell: &B,
    clock: &C,
    market: &Market,
    region: &Region,
) -> Result<(), PortError> {
    let dispatch = &market.dispatch;
    let round = dispatch.round_at(clock.now());
    doorbell.ring(region, round, dispatch.window).await
}
