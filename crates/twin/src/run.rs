//! A run of the twin, from its plan to what it left.

use std::sync::Arc;
use std::time::Duration;

use cloud::memory::Rows;
use cloud::profile::Profile;
use domain::Timestamp;
use domain::hold::Hold;
use domain::trip::Trip;
use drive::counted::Counted;
use drive::heat::HeatMap;
use drive::recorder::Recorder;
use drive::seed::Seed;
use drive::watched::Watched;
use kernel::{Executor, Inbox, Local, Time};
use services::config::Market;
use workload::demand::RiderPlan;
use workload::driver::{DriverEvent, look_every};
use workload::supply::DriverPlan;
use workload::world::World;

use crate::api::Api;
use crate::driver::Scratch;
use crate::lookout::Lookout;
use crate::pings::Unacknowledged;
use crate::sizes::Sizes;
use crate::streams::Heard;
use crate::system::{System, SystemError};
use crate::tracker::Tracker;
use crate::{counting, driver, lookout, pings, rider};

/// From the start of the system to the time when the first drivers connect.
const HEAD_START: Duration = Duration::from_secs(2);
/// How long the system has to work off what was sent, after riders stop coming.
const SETTLE_MAX: Duration = Duration::from_secs(20);
/// How often it is looked at meanwhile.
const SETTLE_LOOK: Duration = Duration::from_millis(300);
/// How often drivers are counted for the run over time: each second, or so many times in a long run.
const SAMPLES_MAX: u32 = 4_000;

/// Riders in the order of their times, each as soon as it is asked for.
pub type Riders = Box<dyn Iterator<Item = RiderPlan> + Send>;

/// What a run is made of.
pub struct Plan {
    /// What riders and drivers share; the run begins at its pace's start.
    pub world: Arc<World>,
    /// The market that the system is told of.
    pub market: Arc<Market>,
    /// Who comes.
    pub riders: Riders,
    /// Drivers by number.
    pub drivers: Vec<DriverPlan>,
    /// The rides under way at the start.
    pub seeded: Seed,
    /// Until when riders come. Run time.
    pub until: Timestamp,
    /// How long the cloud takes, and what it allows.
    pub profile: Profile,
    /// What each part is given, and where it runs.
    pub sizes: Sizes,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("drivers", &self.drivers.len())
            .field("until", &self.until)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

/// What all riders and drivers share.
pub(crate) struct Shared {
    pub(crate) world: Arc<World>,
    pub(crate) time: Time,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) heat: HeatMap,
    /// Where drivers follow surge.
    pub(crate) lookout: Option<Lookout>,
    pub(crate) scratch: Local<Scratch>,
    pub(crate) api: Arc<Api>,
    pub(crate) tracker: Arc<Tracker>,
    pub(crate) unacknowledged: Unacknowledged,
}

impl Shared {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// What a driver hears of the tracker, said now.
    pub(crate) fn heard(&self, event: DriverEvent) -> Heard {
        Heard::Said {
            event,
            sent_at: self.now(),
        }
    }
}

/// What a run left.
#[derive(Debug)]
pub struct Left {
    /// Every trip of the store, in the order in which they were created.
    pub trips: Rows<Trip>,
    /// Every hold of the store.
    pub holds: Vec<Hold>,
    /// What the cloud counted after the warm-up.
    pub counted: Counted,
    /// When the store was read.
    pub ended_at: Timestamp,
    /// How often a task was polled: what the run has cost.
    pub polls: u64,
}

/// A twin that runs.
pub struct Twin {
    executor: Executor,
    system: System,
    shared: Arc<Shared>,
    recorder: Arc<Recorder>,
    watched: Arc<Watched>,
    until: Timestamp,
    inboxes: Vec<Inbox<Heard>>,
    at_warmup: Option<Counted>,
    at_end: Option<Counted>,
}

impl std::fmt::Debug for Twin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Twin")
            .field("executor", &self.executor)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl Twin {
    /// Puts the system together, its tables holding the rides under way, with drivers about to connect.
    ///
    /// # Errors
    /// If a mapping is set to what AWS would refuse.
    pub fn new(
        plan: Plan,
        recorder: Arc<Recorder>,
        watched: Arc<Watched>,
    ) -> Result<Self, SystemError> {
        let started_at = plan.world.pace.started_at();
        let begins_at = started_at - (HEAD_START + plan.world.drivers.lead);
        let executor = Executor::new(begins_at.as_micros());
        let time = executor.time().clone();
        let system = System::start(&plan, &time, &watched)?;
        let shared = Arc::new(Shared {
            world: plan.world.clone(),
            time: time.clone(),
            recorder: recorder.clone(),
            heat: HeatMap::new(plan.market.resolution),
            lookout: look_every(&plan.world).map(Lookout::new),
            scratch: Local::default(),
            api: system.api.clone(),
            tracker: system.tracker.clone(),
            unacknowledged: Unacknowledged::new(plan.world.drivers.ping_every),
        });
        let all_drivers = plan.drivers.len() as u64;
        let mut inboxes = Vec::with_capacity(plan.drivers.len());
        for driver_plan in plan.drivers {
            let under_way = plan.seeded.rides.get(&driver_plan.driver).copied();
            let inbox = Inbox::default();
            inboxes.push(inbox.clone());
            time.spawn(driver::drive(shared.clone(), driver_plan, under_way, inbox));
        }
        time.spawn(arrive(shared.clone(), plan.riders, plan.until));
        time.spawn(lookout::keep(shared.clone()));
        time.spawn(pings::count(shared.clone(), started_at));
        let span = plan.until.since(started_at);
        let every = Duration::from_secs(1).max(span / SAMPLES_MAX);
        time.spawn(sample(shared.clone(), started_at, every, all_drivers));
        Ok(Self {
            executor,
            system,
            shared,
            recorder,
            watched,
            until: plan.until,
            inboxes,
            at_warmup: None,
            at_end: None,
        })
    }

    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Runs on until a moment, at most until riders stop coming. True if that time has come.
    pub fn run_until(&mut self, at: Timestamp) -> bool {
        let counted_from = self.recorder.counted_from();
        if self.at_warmup.is_none() {
            self.executor
                .run_until(at.min(counted_from).min(self.until).as_micros());
            if self.now() < counted_from.min(self.until) {
                return false;
            }
            counting::begin(&self.system);
            self.at_warmup = Some(counting::counted(&self.system));
            self.watched.count(true);
        }
        self.executor.run_until(at.min(self.until).as_micros());
        self.now() >= self.until
    }

    /// Lets what was sent be worked off, and hands over what the run left. A run that is cut short counts
    /// until then.
    #[must_use]
    pub fn finish(mut self) -> Left {
        self.watched.count(false);
        let at_end = counting::counted(&self.system);
        self.at_end = Some(at_end);
        self.settle();
        for inbox in &self.inboxes {
            inbox.put(Heard::Quiet);
        }
        let now_us = self.executor.time().now_us();
        self.executor.run_until(now_us);
        self.shared
            .unacknowledged
            .hand_over(&self.recorder, self.shared.now());
        let at_warmup = self.at_warmup.take().unwrap_or_default();
        let at_end = self.at_end.take().unwrap_or_default();
        Left {
            trips: self.system.trips.at_rest().hand_over(),
            holds: self.system.holds.at_rest().all(),
            counted: at_end.since(&at_warmup),
            ended_at: self.shared.now(),
            polls: self.executor.polls(),
        }
    }

    /// Lets the events of trips be worked off, within bounds.
    fn settle(&mut self) {
        let give_up = self.now() + SETTLE_MAX;
        let mut empty = 0;
        while self.now() < give_up && empty < 2 {
            self.executor
                .run_until((self.now() + SETTLE_LOOK).as_micros());
            let (visible, in_flight) = self.system.queues.events.depth();
            empty = if visible + in_flight == 0 {
                empty + 1
            } else {
                0
            };
        }
    }
}

/// Lets riders come at their times.
async fn arrive(shared: Arc<Shared>, plans: Riders, until: Timestamp) {
    for plan in plans {
        let comes_at = shared.world.pace.run_time(plan.at);
        if comes_at >= until {
            return;
        }
        shared.time.sleep_until_us(comes_at.as_micros()).await;
        shared.recorder.scheduled(comes_at);
        shared.time.spawn(rider::ride(shared.clone(), plan));
    }
}

/// Notes now and then what drivers do.
async fn sample(shared: Arc<Shared>, from: Timestamp, every: Duration, all_drivers: u64) {
    shared.time.sleep_until_us(from.as_micros()).await;
    loop {
        shared.recorder.sample_drivers(shared.now(), all_drivers);
        shared.time.sleep(every).await;
    }
}
