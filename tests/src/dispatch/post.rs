//! Time and the queues: what is due is done, and messages are handed to the functions.

use std::time::Duration;

use domain::Timestamp;
use domain::trip::TripEvent;
use kernel::random::{Stream, Streams};
use services::error::MessageError;
use services::matching::RoundReport;
use wire::messages::Ring;

use super::executor::{killed_after, ready};
use super::{Dispatch, locked};

/// How often the sweep comes.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Steps of one [`Dispatch::advance`] at most: beyond it time stands still.
const STEPS_MAX: usize = 1_000_000;
/// Deliveries at one moment at most: beyond it functions make messages for each other without end.
const DELIVERIES_MAX: usize = 100_000;

/// What becomes of a message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives once.
    Arrives,
    /// It arrives twice.
    Twice,
    /// It arrives so much later.
    Late(Duration),
    /// It does not arrive. Of rings alone: a queue keeps its messages, but a ring may be one that was
    /// never sent.
    Lost,
}

/// What is due, and what becomes of messages.
#[derive(Debug)]
pub(super) struct Post {
    next_sweep: Timestamp,
    next_count: Timestamp,
    rings: Fate,
    at_random: Option<(Stream, f64)>,
    kill_round_after: Option<usize>,
    sweeps: bool,
}

impl Post {
    pub(super) fn beginning(at: Timestamp) -> Self {
        Self {
            next_sweep: at + SWEEP_EVERY,
            next_count: at,
            rings: Fate::Arrives,
            at_random: None,
            kill_round_after: None,
            sweeps: true,
        }
    }

    fn fate(&mut self, is_ring: bool) -> Fate {
        if is_ring && self.rings != Fate::Arrives {
            return self.rings;
        }
        let Some((stream, probability)) = &mut self.at_random else {
            return Fate::Arrives;
        };
        if !stream.chance(*probability) {
            return Fate::Arrives;
        }
        match stream.below(if is_ring { 3 } else { 2 }) {
            0 => Fate::Twice,
            1 => Fate::Late(Duration::from_secs(1 + stream.below(120) as u64)),
            _ => Fate::Lost,
        }
    }
}

impl Dispatch {
    /// What becomes of every ring from now on.
    pub fn rings_are(&self, fate: Fate) {
        locked(&self.post).rings = fate;
    }

    /// Messages are doubled, late, and, if rings, lost with this probability, by the seed.
    pub fn messages_at_random(&self, seed: u64, probability: f64) {
        locked(&self.post).at_random = Some((Streams::new(seed).stream("post", 0), probability));
    }

    /// Every message arrives once from now on, and no round dies.
    pub fn messages_arrive(&self) {
        let mut post = locked(&self.post);
        post.rings = Fate::Arrives;
        post.at_random = None;
        post.kill_round_after = None;
    }

    /// The next match round dies after so many turns.
    pub fn kill_next_round_after(&self, turns: usize) {
        locked(&self.post).kill_round_after = Some(turns);
    }

    /// Whether the sweep comes each minute.
    pub fn sweeps(&self, sweeps: bool) {
        locked(&self.post).sweeps = sweeps;
    }

    /// Lets time run: at each moment at which something is due, it is done.
    ///
    /// # Panics
    /// If the system finds something to do without end.
    pub fn advance(&self, span: Duration) {
        let until = self.now() + span;
        for _ in 0..STEPS_MAX {
            self.pump();
            let next = self.next_at().filter(|next| *next <= until);
            let Some(next) = next else {
                self.clock.move_to(until);
                self.pump();
                return;
            };
            // Something that is due and was not done is tried again a moment later.
            self.clock
                .move_to(next.max(self.now() + Duration::from_millis(1)));
        }
        panic!("{STEPS_MAX} moments were not enough for {span:?}");
    }

    fn next_at(&self) -> Option<Timestamp> {
        let expiry = self.link.running().and_then(|tracker| {
            let counts = tracker.counts();
            let holds = counts.reserved + counts.offered > 0;
            holds.then(|| self.now() + Duration::from_secs(1))
        });
        let post = locked(&self.post);
        [
            self.cloud.rings.next_visible_at(),
            self.cloud.events.next_visible_at(),
            self.cloud.snapshots.next_visible_at(),
            locked(&self.drivers).next_at(),
            Some(post.next_sweep.min(post.next_count)),
            expiry,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does everything that is due now.
    pub fn pump(&self) {
        self.expire();
        self.count_supply_if_due();
        self.sweep_if_due();
        self.drive();
        for _ in 0..DELIVERIES_MAX {
            let delivered = self.deliver_rings() + self.deliver_events() + self.deliver_snapshots();
            self.drive();
            if delivered == 0 {
                self.watch();
                return;
            }
        }
        panic!("messages make messages without end");
    }

    /// The tracker does what time has made due.
    pub fn expire(&self) {
        let asking = self
            .link
            .ask(|tracker| Box::pin(async move { tracker.expire().await }));
        // An error says that no tracker runs: then nothing expires.
        let _ = ready(asking);
    }

    fn count_supply_if_due(&self) {
        {
            let mut post = locked(&self.post);
            if post.next_count > self.now() {
                return;
            }
            post.next_count = self.now() + self.market.snapshot_every;
        }
        let asking = self
            .link
            .ask(|tracker| Box::pin(async move { tracker.count_supply().await }));
        let _ = ready(asking);
    }

    fn sweep_if_due(&self) {
        {
            let mut post = locked(&self.post);
            if post.next_sweep > self.now() {
                return;
            }
            post.next_sweep = self.now() + SWEEP_EVERY;
            if !post.sweeps {
                return;
            }
        }
        // A sweep that fails is done again in a minute.
        let _ = ready(self.sweep.sweep(&self.market.region));
    }

    fn deliver_rings(&self) -> usize {
        let deliveries = self.cloud.rings.receive(10).expect("ten at a time");
        let count = deliveries.len();
        for delivery in deliveries {
            let fate = locked(&self.post).fate(true);
            let done = match fate {
                Fate::Arrives => self.ring(&delivery.body),
                Fate::Twice => self.ring(&delivery.body) & self.ring(&delivery.body),
                Fate::Lost => true,
                Fate::Late(by) => self.cloud.rings.push(delivery.body, by).is_ok(),
            };
            if done {
                self.cloud.rings.delete(delivery.receipt);
            }
        }
        count
    }

    fn ring(&self, ring: &Ring) -> bool {
        let kill_after = locked(&self.post).kill_round_after.take();
        let round = self.matching.round(&ring.region, ring.round);
        match kill_after {
            None => ready(round).is_ok(),
            Some(turns) => {
                self.faults.give_way(true);
                let report = killed_after(turns, round);
                self.faults.give_way(false);
                matches!(report, Some(Ok(_)))
            }
        }
    }

    /// Runs the round of now, as if it was rung for.
    ///
    /// # Errors
    /// As the use case.
    pub async fn round(&self) -> Result<RoundReport, MessageError> {
        let round = self.market.dispatch.round_at(self.now());
        self.matching.round(&self.market.region, round).await
    }

    fn deliver_events(&self) -> usize {
        let deliveries = self.cloud.events.receive(10).expect("ten at a time");
        let count = deliveries.len();
        for delivery in deliveries {
            let fate = locked(&self.post).fate(false);
            let apply = || ready(self.progress.apply(&delivery.body)).is_ok();
            let done = match fate {
                Fate::Twice => apply() & apply(),
                Fate::Late(by) => self.cloud.events.push(delivery.body, by).is_ok(),
                Fate::Arrives | Fate::Lost => apply(),
            };
            if done {
                self.cloud.events.delete(delivery.receipt);
            }
        }
        count
    }

    /// Takes all events that wait, so that a test can apply them as it likes.
    #[must_use]
    pub fn take_events(&self) -> Vec<TripEvent> {
        let mut events = Vec::new();
        loop {
            let deliveries = self.cloud.events.receive(10).expect("ten at a time");
            if deliveries.is_empty() {
                return events;
            }
            for delivery in deliveries {
                events.push(delivery.body);
                self.cloud.events.delete(delivery.receipt);
            }
        }
    }

    fn deliver_snapshots(&self) -> usize {
        let deliveries = self.cloud.snapshots.receive(10).expect("ten at a time");
        let count = deliveries.len();
        for delivery in deliveries {
            if ready(self.surge.update(&delivery.body)).is_ok() {
                self.cloud.snapshots.delete(delivery.receipt);
            }
        }
        count
    }
}
