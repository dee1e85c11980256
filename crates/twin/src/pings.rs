//! Pings that are counted and not sent one by one: what they take of the tracker's processors, and how
//! long their acknowledgement would take. So are the positions that riders are told of the car they follow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Timestamp;
use report::latency::step;

use crate::run::Shared;
use crate::tracker::WATCH_EVERY;

/// How often pings are counted, and one of them is tried.
const EVERY: Duration = Duration::from_secs(1);

/// Pings so far.
#[derive(Debug, Default)]
pub(crate) struct PingCount(AtomicU64);

impl PingCount {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds the whole ones of what is owed, and says how many those are.
    fn settle(&self, owed: &mut f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of messages in a second"
        )]
        let whole = *owed as u64;
        *owed -= whole as f64;
        self.0.fetch_add(whole, Ordering::Relaxed);
        whole
    }
}

/// Counts pings from the first driver on.
pub(crate) async fn count(shared: Arc<Shared>, from: Timestamp) {
    let ping_every_s = shared.world.drivers.ping_every.as_secs_f64();
    let (mut owed, mut positions_owed) = (0.0, 0.0);
    shared.time.sleep_until_us(from.as_micros()).await;
    loop {
        let scheduled_at = shared.now();
        let per_s = shared.tracker.streams.len() as f64 / ping_every_s;
        let told_per_s = shared.tracker.followers() as f64 / WATCH_EVERY.as_secs_f64();
        shared.tracker.counts_per_s(per_s, told_per_s);
        let took = shared.tracker.ping_would_take().await;
        owed += per_s * EVERY.as_secs_f64();
        let pings = shared.tracker.pings.settle(&mut owed);
        positions_owed += told_per_s * EVERY.as_secs_f64();
        shared.tracker.positions_told.settle(&mut positions_owed);
        shared
            .recorder
            .done_many(step::PING_ACK, scheduled_at, took, pings);
        let recorder = &shared.recorder;
        if (recorder.counted_from()..recorder.counted_until()).contains(&scheduled_at) {
            recorder.pings_counted(pings);
        }
        let next_us = (scheduled_at + EVERY).as_micros();
        shared.time.sleep_until_us(next_us).await;
    }
}
