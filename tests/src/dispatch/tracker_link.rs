//! The tracker as the functions and the drivers reach it: a process that can be killed and started again.
//!
//! Who was waiting for an answer of a tracker that is killed gets an error, and the tracker's own work
//! stops where it stands.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use cloud::memory::{MemoryHolds, MemoryQueue};
use domain::hold::{HoldKey, Offer};
use domain::trip::TripEvent;
use domain::{Attempt, DriverId, Timestamp, TripId};
use services::ports::{
    Candidate, CandidateQuery, Fleet, HoldStatus, MarketSnapshot, PortError, Reserved,
};
use services::track::{self, DriverLinks, Notice};

use super::clock::ManualClock;
use super::faults::{Call, Faults, Port, unavailable};

/// The tracker of a world.
pub type Tracker = track::Tracker<
    Port<MemoryHolds>,
    Port<MemoryQueue<TripEvent, ManualClock>>,
    Port<MemoryQueue<MarketSnapshot, ManualClock>>,
    Inboxes,
    ManualClock,
>;

/// What drivers were told on their streams and have not looked at; a driver without a stream has no entry.
#[derive(Debug, Clone, Default)]
pub struct Inboxes(Arc<Mutex<BTreeMap<DriverId, VecDeque<Notice>>>>);

impl Inboxes {
    fn inboxes(&self) -> MutexGuard<'_, BTreeMap<DriverId, VecDeque<Notice>>> {
        self.0
            .lock()
            .expect("no one panics while holding the inboxes")
    }

    /// A driver's stream is up.
    pub fn connect(&self, driver: DriverId) {
        self.inboxes().entry(driver).or_default();
    }

    /// A driver's stream is lost, and what was on it.
    pub fn disconnect(&self, driver: DriverId) {
        self.inboxes().remove(&driver);
    }

    /// All streams are lost.
    pub fn disconnect_all(&self) {
        self.inboxes().clear();
    }

    /// What a driver was told since the last look, oldest first.
    #[must_use]
    pub fn take(&self, driver: DriverId) -> Vec<Notice> {
        self.inboxes()
            .get_mut(&driver)
            .map(std::mem::take)
            .into_iter()
            .flatten()
            .collect()
    }
}

impl DriverLinks for Inboxes {
    fn push(&self, driver: DriverId, notice: Notice) -> bool {
        match self.inboxes().get_mut(&driver) {
            Some(inbox) => {
                inbox.push_back(notice);
                true
            }
            None => false,
        }
    }
}

#[derive(Debug, Default)]
struct Process {
    /// Counts starts and kills.
    generation: u64,
    tracker: Option<Arc<Tracker>>,
}

/// The way to the tracker; a clone is the same.
#[derive(Debug, Clone)]
pub struct TrackerLink {
    process: Arc<Mutex<Process>>,
    faults: Faults,
}

impl TrackerLink {
    /// No tracker runs yet.
    pub(super) fn new(faults: Faults) -> Self {
        Self {
            process: Arc::default(),
            faults,
        }
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process
            .lock()
            .expect("no one panics while holding the process")
    }

    /// The tracker that runs, if one does.
    #[must_use]
    pub fn running(&self) -> Option<Arc<Tracker>> {
        self.process().tracker.clone()
    }

    /// Puts a tracker in the place of the one that ran, which is killed. None: only kills.
    pub fn replace(&self, tracker: Option<Arc<Tracker>>) {
        let mut process = self.process();
        process.generation += 1;
        process.tracker = tracker;
    }

    /// Has the tracker do something; an error if none runs, or it is killed before it has answered.
    pub(super) async fn ask<'a, T: Send + 'a>(
        &self,
        doing: impl FnOnce(Arc<Tracker>) -> Pin<Box<dyn Future<Output = T> + Send + 'a>> + Send,
    ) -> Result<T, PortError> {
        let (generation, tracker) = {
            let process = self.process();
            (process.generation, process.tracker.clone())
        };
        let Some(tracker) = tracker else {
            return Err(unavailable("the tracker is down".to_owned()));
        };
        let mut answer = doing(tracker);
        poll_fn(|context| {
            let lives = || self.process().generation == generation;
            if lives() {
                let poll = answer.as_mut().poll(context);
                // It may have ended in this very turn, with nothing to say.
                if poll.is_ready() || lives() {
                    return poll.map(Ok);
                }
            }
            Poll::Ready(Err(unavailable("the tracker was killed".to_owned())))
        })
        .await
    }
}

impl Fleet for TrackerLink {
    async fn candidates(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> Result<Vec<Vec<Candidate>>, PortError> {
        let asking = self.ask(|tracker| {
            Box::pin(async move { Tracker::candidates(&tracker, queries, k, radius_m).to_vecs() })
        });
        self.faults.guard(Call::Candidates, asking).await
    }

    async fn reserve(
        &self,
        key: HoldKey,
        deadline: Timestamp,
        offer: &Offer,
    ) -> Result<Reserved, PortError> {
        let asking = self
            .ask(|tracker| Box::pin(async move { tracker.reserve(key, deadline, offer).await }));
        self.faults
            .guard(Call::Reserve, async { asking.await? })
            .await
    }

    async fn offer(&self, key: HoldKey) -> Result<bool, PortError> {
        let asking = self.ask(|tracker| Box::pin(async move { tracker.offer(key).await }));
        self.faults
            .guard(Call::Offer, async { asking.await? })
            .await
    }

    async fn release(&self, key: HoldKey) -> Result<(), PortError> {
        let asking = self.ask(|tracker| Box::pin(async move { tracker.release(key).await }));
        self.faults
            .guard(Call::Release, async { asking.await? })
            .await
    }

    async fn hold(&self, trip: TripId, attempt: Attempt) -> Result<Option<HoldStatus>, PortError> {
        let asking =
            self.ask(|tracker| Box::pin(async move { Tracker::hold(&tracker, trip, attempt) }));
        self.faults.guard(Call::AskHold, asking).await
    }
}
