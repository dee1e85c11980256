//! Looking at a run while it goes on: progress, the counters at the end of the warm-up, queue depths.

use std::time::Duration;

use domain::Timestamp;
use drive::counted::Counted;
use drive::recorder::Recorder;
use drive::watched::Watched;
use host::WallClock;
use services::ports::Clock;

use super::interrupt::Interrupt;
use super::redeploy::Redeploy;
use crate::call_log::CallLog;
use crate::exit::Failure;
use crate::outcome::Ending;
use crate::progress::{Progress, of_rides};
use crate::target::system::System;

/// How often the run is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks at a run while it goes on.
pub(super) struct Watcher<'a> {
    pub(super) system: &'a mut System,
    pub(super) recorder: &'a Recorder,
    pub(super) watched: &'a Watched,
    pub(super) calls: &'a CallLog,
    pub(super) progress: &'a mut Progress,
    pub(super) started_at: Timestamp,
    pub(super) until: Timestamp,
    pub(super) all_drivers: u64,
    pub(super) at_warmup: Option<Counted>,
    pub(super) most: Counted,
    pub(super) redeploy: Option<&'a mut Redeploy>,
}

impl Watcher<'_> {
    /// Watches until the run's time is over, or it ends before.
    pub(super) async fn watch(&mut self, interrupt: &Interrupt) -> Result<Ending, Failure> {
        loop {
            let now = WallClock.now();
            if now >= self.until {
                return Ok(Ending::Whole);
            }
            if interrupt.came() {
                return Ok(Ending::Interrupted);
            }
            if let Some(what) = self.system.died() {
                let after_s = now.since(self.started_at).as_secs_f64();
                let what = format!("{what} {after_s:.0} s after the start");
                self.progress.say(&what);
                return Ok(Ending::Died(what));
            }
            if self.at_warmup.is_none() && now >= self.recorder.counted_from() {
                self.system.reset_maxima();
                self.most = Counted::default();
                let counted = self.system.counted(now.since(self.started_at)).await;
                self.at_warmup = Some(counted.map_err(Failure::target)?);
                self.watched.count(true);
                self.calls.count(true);
            }
            if now >= self.started_at {
                self.recorder.sample_drivers(now, self.all_drivers);
                let elapsed = now.since(self.started_at);
                let line = || of_rides(elapsed, self.recorder, self.all_drivers);
                self.progress.show(elapsed, line);
            }
            if let Ok(queues) = self.system.queues().await {
                self.most.note_depth(&queues);
            }
            let mut next = LOOK_EVERY.min(self.until.since(now));
            if let Some(redeploy) = &mut self.redeploy
                && let Some(more) = redeploy.look(self.system, self.started_at).await?
            {
                next = next.min(more);
            }
            if self.at_warmup.is_none() {
                // On the moment: what is counted late is missing in every rate.
                next = next.min(self.recorder.counted_from().since(now));
            }
            tokio::time::sleep(next.max(Duration::from_millis(1))).await;
        }
    }
}
