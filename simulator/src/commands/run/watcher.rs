//! Looking at a run while it goes on: progress, the counters at the end of the warm-up, queue depths.

use std::time::Duration;

use domain::Timestamp;
use drive::counted::Counted;
use drive::recorder::Recorder;
use drive::watched::Watched;
use host::WallClock;
use local::stack::Stack;
use services::ports::Clock;

use super::interrupt::Interrupt;
use crate::call_log::CallLog;
use crate::counted::{counted_now, queues_now};
use crate::exit::Failure;
use crate::progress::Progress;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks at a run while it goes on.
pub(super) struct Watcher<'a> {
    pub(super) stack: &'a Stack,
    pub(super) recorder: &'a Recorder,
    pub(super) watched: &'a Watched,
    pub(super) calls: &'a CallLog,
    pub(super) progress: &'a mut Progress,
    pub(super) started_at: Timestamp,
    pub(super) until: Timestamp,
    pub(super) all_drivers: u64,
    pub(super) at_warmup: Option<Counted>,
    pub(super) most: Counted,
}

impl Watcher<'_> {
    /// Watches until the run's time is over; true if it was interrupted.
    pub(super) async fn watch(&mut self, interrupt: &Interrupt) -> Result<bool, Failure> {
        loop {
            let now = WallClock.now();
            if now >= self.until {
                return Ok(false);
            }
            if interrupt.came() {
                return Ok(true);
            }
            if self.at_warmup.is_none() && now >= self.recorder.counted_from() {
                let counted = counted_now(self.stack, now.since(self.started_at)).await;
                self.at_warmup = Some(counted.map_err(Failure::target)?);
                self.watched.count(true);
                self.calls.count(true);
            }
            if now >= self.started_at {
                self.recorder.sample_drivers(now, self.all_drivers);
                self.progress
                    .show(now.since(self.started_at), self.recorder);
            }
            if let Ok(queues) = queues_now(self.stack).await {
                self.most.note_depth(&queues);
            }
            let mut next = LOOK_EVERY.min(self.until.since(now));
            if self.at_warmup.is_none() {
                // On the moment: what is counted late is missing in every rate.
                next = next.min(self.recorder.counted_from().since(now));
            }
            tokio::time::sleep(next.max(Duration::from_millis(1))).await;
        }
    }
}
