//! Looking at a run while it goes on: progress, the counters at the end of the warm-up, queue depths.

use std::time::Duration;

use domain::Timestamp;
use drive::counted::Counted;
use drive::recorder::Recorder;
use drive::watched::Watched;
use host::WallClock;
use services::ports::Clock;

use super::interrupt::Interrupt;
use super::reads::AtWarmup;
use super::redeploy::Redeploy;
use crate::call_log::CallLog;
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
    pub(super) at_warmup: AtWarmup,
    pub(super) most: Counted,
    pub(super) redeploy: Option<&'a mut Redeploy>,
}

impl Watcher<'_> {
    /// Watches until the run's time is over, or it ends before.
    pub(super) async fn watch(&mut self, interrupt: &Interrupt) -> Ending {
        loop {
            let now = WallClock.now();
            if now >= self.until {
                return Ending::Whole;
            }
            if interrupt.came() {
                return Ending::Interrupted;
            }
            if let Some(what) = self.system.died() {
                return self.died(&what);
            }
            let counts = now >= self.recorder.counted_from();
            if counts && !self.at_warmup.was_tried() {
                self.system.reset_maxima();
                self.most = Counted::default();
                self.watched.count(true);
                self.calls.count(true);
            }
            if counts && !self.at_warmup.is_read() {
                let counted = self.system.counted(now.since(self.started_at)).await;
                let late = now.since(self.recorder.counted_from());
                self.at_warmup.note(counted, late);
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
            if let Some(redeploy) = &mut self.redeploy {
                match redeploy.look(self.system, self.started_at).await {
                    Ok(more) => next = more.map_or(next, |more| next.min(more)),
                    Err(error) => return self.died(&error.message),
                }
            }
            if !counts {
                // On the moment: what is counted late is missing in every rate.
                next = next.min(self.recorder.counted_from().since(now));
            }
            tokio::time::sleep(next.max(Duration::from_millis(1))).await;
        }
    }

    /// A part of the system died now.
    fn died(&self, what: &str) -> Ending {
        let after_s = WallClock.now().since(self.started_at).as_secs_f64();
        let what = format!("{what} {after_s:.0} s after the start");
        self.progress.say(&what);
        Ending::Died(what)
    }
}
