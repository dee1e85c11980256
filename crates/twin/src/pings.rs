//! Pings that are counted and not sent one by one: what they take of the tracker's processors, and how
//! long their acknowledgement would take. So are the positions that riders are told of the car they follow.
//!
//! Each second one ping is tried, for all drivers who ping in it. They are a group, who ping together again a period
//! later: a ping that is not answered waits, as a driver's does, until one of the same group is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Timestamp;
use drive::recorder::Recorder;
use kernel::Local;

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

/// Pings that are not acknowledged yet: when they were due, and how many, by the group whose they are.
#[derive(Debug)]
pub(crate) struct Unacknowledged(Local<Vec<VecDeque<(Timestamp, u64)>>>);

impl Unacknowledged {
    /// Of drivers who each ping once in a period.
    pub(crate) fn new(ping_every: Duration) -> Self {
        let groups = ping_every.as_nanos().div_ceil(EVERY.as_nanos()).max(1);
        let groups = usize::try_from(groups).unwrap_or(usize::MAX);
        Self(Local::new(vec![VecDeque::new(); groups]))
    }

    fn groups(&self) -> usize {
        self.0.lock().len()
    }

    fn due(&self, group: usize, at: Timestamp, pings: u64) {
        self.0.lock()[group].push_back((at, pings));
    }

    /// The pings of a group that were due then are acknowledged, and all before.
    fn acknowledged(&self, group: usize, due_at: Timestamp, recorder: &Recorder, now: Timestamp) {
        let waiting = &mut self.0.lock()[group];
        let known = waiting.partition_point(|(at, _)| *at <= due_at);
        recorder.pings_waited(waiting.drain(..known), now);
    }

    /// The run is over: those that are left have waited until now.
    pub(crate) fn hand_over(&self, recorder: &Recorder, now: Timestamp) {
        for waiting in self.0.lock().iter_mut() {
            recorder.pings_waited(waiting.drain(..), now);
        }
    }
}

/// Counts pings from the first driver on.
pub(crate) async fn count(shared: Arc<Shared>, from: Timestamp) {
    let ping_every_s = shared.world.drivers.ping_every.as_secs_f64();
    let (mut owed, mut positions_owed) = (0.0, 0.0);
    let groups = shared.unacknowledged.groups();
    let mut due_at = from;
    for group in (0..groups).cycle() {
        shared.time.sleep_until_us(due_at.as_micros()).await;
        let per_s = shared.tracker.streams.len() as f64 / ping_every_s;
        let told_per_s = shared.tracker.followers() as f64 / WATCH_EVERY.as_secs_f64();
        shared.tracker.counts_per_s(per_s, told_per_s);
        owed += per_s * EVERY.as_secs_f64();
        let pings = shared.tracker.pings.settle(&mut owed);
        positions_owed += told_per_s * EVERY.as_secs_f64();
        shared.tracker.positions_told.settle(&mut positions_owed);
        let recorder = &shared.recorder;
        if (recorder.counted_from()..recorder.counted_until()).contains(&due_at) {
            recorder.pings_counted(pings);
        }
        shared.unacknowledged.due(group, due_at, pings);
        // By itself: the next are due however long these take.
        shared.time.spawn(try_one(shared.clone(), group, due_at));
        due_at = due_at + EVERY;
    }
}

/// Tries a ping for all that are due now.
async fn try_one(shared: Arc<Shared>, group: usize, due_at: Timestamp) {
    if shared.tracker.acknowledges_a_ping().await {
        let (recorder, now) = (&shared.recorder, shared.now());
        shared
            .unacknowledged
            .acknowledged(group, due_at, recorder, now);
    }
}
