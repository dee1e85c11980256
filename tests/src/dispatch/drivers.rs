//! Drivers who ping, answer and drive by the clock, each as its behaviour says.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::hold::HoldKey;
use domain::trip::{Stamps, TripEventKind};
use domain::{DriverId, Place, Timestamp, VehicleClass};
use fleet::Ping;
use services::track::{AnswerOutcome, DriverLinks, Notice, ProgressOutcome, ProgressReport};

use super::executor::ready;
use super::faults::Call;
use super::{Dispatch, locked};

/// What a driver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes what is offered and drives it: a minute for each step.
    Takes,
    /// Says no.
    Declines,
    /// Is there and answers nothing; a ride already taken is driven on.
    Ignores,
    /// Pings, and else does only what the test does for the driver.
    ByHand,
    /// Is not heard of: no stream, no pings.
    Gone,
}

/// How often a driver pings.
pub const PING_EVERY: Duration = Duration::from_secs(4);
/// How long a driver takes for each step of a ride.
pub const STEP: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);
const STEPS: [TripEventKind; 3] = [
    TripEventKind::Arrived,
    TripEventKind::PickedUp,
    TripEventKind::DroppedOff,
];

#[derive(Debug, Clone, Copy)]
struct Ride {
    key: HoldKey,
    /// Which of [`STEPS`] is next.
    step: usize,
    stamps: Stamps,
    due_at: Timestamp,
    try_at: Timestamp,
}

#[derive(Debug, Clone)]
struct Driver {
    place: Place,
    vehicle: VehicleClass,
    behaviour: Behaviour,
    pings: u64,
    ping_at: Timestamp,
    answer: Option<(HoldKey, bool, Timestamp)>,
    ride: Option<Ride>,
}

impl Driver {
    /// When there is something to do next.
    fn next_at(&self) -> Option<Timestamp> {
        if self.behaviour == Behaviour::Gone {
            return None;
        }
        if self.behaviour == Behaviour::ByHand {
            return Some(self.ping_at);
        }
        let answer_at = self.answer.map(|(_, _, at)| at);
        let ride_at = self.ride.map(|ride| ride.try_at);
        [Some(self.ping_at), answer_at, ride_at]
            .into_iter()
            .flatten()
            .min()
    }
}

/// All drivers of a world.
#[derive(Debug, Default)]
pub(super) struct Drivers(BTreeMap<DriverId, Driver>);

impl Drivers {
    pub(super) fn put(&mut self, id: DriverId, place: Place, behaviour: Behaviour, now: Timestamp) {
        let driver = self.0.entry(id).or_insert(Driver {
            place,
            vehicle: VehicleClass::default(),
            behaviour,
            pings: 0,
            ping_at: now,
            answer: None,
            ride: None,
        });
        driver.place = place;
        driver.behaviour = behaviour;
        driver.ping_at = driver.ping_at.max(now);
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.0.values().filter_map(Driver::next_at).min()
    }
}

impl Dispatch {
    /// A driver's stream comes up, or goes if the driver has gone.
    pub(super) fn connect(&self, id: DriverId) {
        let online = {
            let mut drivers = locked(&self.drivers);
            let driver = drivers.0.get_mut(&id).expect("a driver on the map");
            driver.pings = 0;
            (driver.behaviour != Behaviour::Gone).then_some((driver.place, driver.vehicle))
        };
        match (online, self.link.running()) {
            (Some((place, vehicle)), Some(tracker)) => {
                self.inboxes.connect(id);
                if let Some(notice) = tracker.go_online(id, place, vehicle) {
                    self.inboxes.push(id, notice);
                }
            }
            _ => self.inboxes.disconnect(id),
        }
    }

    pub(super) fn reconnect_drivers(&self) {
        let drivers: Vec<DriverId> = locked(&self.drivers).0.keys().copied().collect();
        for driver in drivers {
            self.connect(driver);
        }
    }

    /// What the driver drives from now on.
    ///
    /// # Panics
    /// If there is no such driver.
    pub fn drives(&self, id: DriverId, vehicle: VehicleClass) {
        let mut drivers = locked(&self.drivers);
        drivers.0.get_mut(&id).expect("a driver on the map").vehicle = vehicle;
        drop(drivers);
        self.connect(id);
    }

    pub(super) fn vehicles(&self) -> BTreeMap<DriverId, VehicleClass> {
        let drivers = locked(&self.drivers);
        let vehicles = drivers.0.iter();
        vehicles.map(|(id, driver)| (*id, driver.vehicle)).collect()
    }

    /// What the driver does from now on, where the driver is.
    ///
    /// # Panics
    /// If there is no such driver.
    pub fn behave(&self, id: DriverId, behaviour: Behaviour) {
        let place = locked(&self.drivers)
            .0
            .get(&id)
            .expect("a driver on the map")
            .place;
        self.driver(id, place, behaviour);
    }

    /// All drivers are back and take what they are offered.
    pub fn all_take(&self) {
        let drivers: Vec<DriverId> = locked(&self.drivers).0.keys().copied().collect();
        for driver in drivers {
            self.behave(driver, Behaviour::Takes);
        }
    }

    /// Answers an offer as a driver. None: the stream broke before an answer came.
    pub async fn answer_as(
        &self,
        driver: DriverId,
        key: HoldKey,
        accept: bool,
    ) -> Option<AnswerOutcome> {
        let asking = self
            .link
            .ask(|tracker| Box::pin(async move { tracker.answer(driver, key, accept).await }));
        let outcome = self.faults.guard(Call::Answer, asking).await.ok();
        if let Some(AnswerOutcome::Accepted(at)) = outcome {
            locked(&self.journal).accepted(key, self.now());
            self.begin_ride(driver, key, at);
        }
        outcome
    }

    /// The driver believes to have the ride from now on.
    fn begin_ride(&self, id: DriverId, key: HoldKey, at: Timestamp) {
        let mut drivers = locked(&self.drivers);
        let Some(driver) = drivers.0.get_mut(&id) else {
            return;
        };
        if let Some(ride) = driver.ride.filter(|ride| ride.key != key) {
            panic!("{id} has {:?} and is given {key:?} as well", ride.key);
        }
        let stamps = Stamps {
            accepted_at: Some(at),
            ..Stamps::default()
        };
        let due_at = self.now() + STEP;
        driver.ride.get_or_insert(Ride {
            key,
            step: 0,
            stamps,
            due_at,
            try_at: due_at,
        });
    }

    /// Answers an offer as the driver it was made to.
    #[must_use]
    pub fn answer(&self, key: HoldKey, accept: bool) -> Option<AnswerOutcome> {
        ready(self.answer_as(key.driver, key, accept))
    }

    /// Reports a step of a ride as a driver. None: the stream broke before an answer came.
    pub async fn report_as(
        &self,
        driver: DriverId,
        report: ProgressReport,
    ) -> Option<ProgressOutcome> {
        if report.stamps.picked_up_at.is_some() {
            locked(&self.journal).picked_up(report.key.trip);
        }
        let asking = self
            .link
            .ask(|tracker| Box::pin(async move { tracker.progress(driver, &report).await }));
        self.faults.guard(Call::Report, asking).await.ok()
    }

    /// The offer that a driver was shown last, if the stream has one that was not looked at.
    #[must_use]
    pub fn offer_to(&self, driver: DriverId) -> Option<HoldKey> {
        let notices = self.inboxes.take(driver);
        notices.into_iter().rev().find_map(|notice| match notice {
            Notice::Offer { key, .. } => Some(key),
            Notice::Released { .. } => None,
        })
    }

    /// Every driver does what is due.
    pub(super) fn drive(&self) {
        let ids: Vec<DriverId> = locked(&self.drivers).0.keys().copied().collect();
        for id in ids {
            let mut driver = locked(&self.drivers).0[&id].clone();
            if driver.behaviour != Behaviour::Gone {
                self.act(id, &mut driver);
                locked(&self.drivers).0.insert(id, driver);
            }
        }
    }

    fn act(&self, id: DriverId, driver: &mut Driver) {
        let now = self.now();
        if driver.ping_at <= now {
            driver.ping_at = now + PING_EVERY;
            driver.pings += 1;
            if let Some(tracker) = self.link.running() {
                let (sequence, place) = (driver.pings, driver.place);
                let sent_at = now;
                tracker.ping(
                    id,
                    Ping {
                        sequence,
                        place,
                        sent_at,
                    },
                );
            }
        }
        if driver.behaviour == Behaviour::ByHand {
            return;
        }
        for notice in self.inboxes.take(id) {
            hear(driver, notice, now);
        }
        // An accept that is confirmed looks at what the driver believes to have.
        locked(&self.drivers).0.insert(id, driver.clone());
        self.answer_due(driver, now);
        self.drive_due(id, driver, now);
    }

    fn answer_due(&self, driver: &mut Driver, now: Timestamp) {
        let Some((key, accept, _)) = driver.answer.filter(|(_, _, at)| *at <= now) else {
            return;
        };
        match self.answer(key, accept) {
            None | Some(AnswerOutcome::TryAgain) => {
                driver.answer = Some((key, accept, now + RETRY));
            }
            Some(AnswerOutcome::Accepted(_)) => {
                driver.answer = None;
                driver.ride = locked(&self.drivers).0[&key.driver].ride;
            }
            Some(_) => driver.answer = None,
        }
    }

    fn drive_due(&self, id: DriverId, driver: &mut Driver, now: Timestamp) {
        let Some(ride) = driver.ride.as_mut().filter(|ride| ride.try_at <= now) else {
            return;
        };
        let kind = STEPS[ride.step];
        let stamp = match kind {
            TripEventKind::Arrived => &mut ride.stamps.arrived_at,
            TripEventKind::PickedUp => &mut ride.stamps.picked_up_at,
            _ => &mut ride.stamps.dropped_off_at,
        };
        let at = *stamp.get_or_insert(ride.due_at);
        let report = ProgressReport {
            key: ride.key,
            sequence: u32::try_from(ride.step + 2).expect("a ride has few steps"),
            kind,
            at,
            stamps: ride.stamps,
        };
        match ready(self.report_as(id, report)) {
            None | Some(ProgressOutcome::TryAgain) => ride.try_at = now + RETRY,
            Some(ProgressOutcome::NotYours) => driver.ride = None,
            Some(ProgressOutcome::Recorded) => {
                ride.step += 1;
                (ride.due_at, ride.try_at) = (now + STEP, now + STEP);
                if ride.step == STEPS.len() {
                    driver.ride = None;
                }
            }
        }
    }
}

fn hear(driver: &mut Driver, notice: Notice, now: Timestamp) {
    match notice {
        Notice::Offer { key, .. } => {
            let accept = match driver.behaviour {
                Behaviour::Takes => true,
                Behaviour::Declines => false,
                _ => return,
            };
            // An offer of another ride says that the last one is off, should the stream have missed it.
            driver.ride = driver.ride.filter(|ride| ride.key == key);
            if driver.ride.is_none() {
                driver.answer = Some((key, accept, now));
            }
        }
        Notice::Released { key } => {
            driver.answer = driver.answer.filter(|(of, _, _)| *of != key);
            driver.ride = driver.ride.filter(|ride| ride.key != key);
        }
    }
}
