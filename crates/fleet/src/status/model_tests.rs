//! Random histories of a fleet against a naive model that keeps lists and searches them.

use super::tests::{Indexed, at, fleet, hold, ping, spot};
use super::*;
use crate::index::{Index, Nearby};
use domain::hold::accept;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Clone)]
enum Step {
    GoOnline(DriverId, f64),
    GoOffline(DriverId),
    Ping(DriverId, u64, f64, i64),
    Begin(DriverId, u128, u32, i64),
    Finish(DriverId, u128, u32, bool),
    Set(DriverId, u128, u32, HoldStage),
    End(DriverId, u128, u32),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let driver = || (0..5u64).prop_map(DriverId);
    let (trip, attempt, east) = (|| 0..4u128, || 1..3u32, || 0.0..3_000.0f64);
    let stage = prop::sample::select(vec![
        HoldStage::Reserved,
        HoldStage::Offered,
        HoldStage::Accepted,
    ]);
    prop_oneof![
        2 => (driver(), east()).prop_map(|(d, e)| Step::GoOnline(d, e)),
        1 => driver().prop_map(Step::GoOffline),
        6 => (driver(), 0..40u64, east(), -30..8i64).prop_map(|(d, n, e, s)| Step::Ping(d, n, e, s)),
        5 => (driver(), trip(), attempt(), -2..30i64).prop_map(|(d, t, a, s)| Step::Begin(d, t, a, s)),
        4 => (driver(), trip(), attempt(), any::<bool>()).prop_map(|(d, t, a, w)| Step::Finish(d, t, a, w)),
        3 => (driver(), trip(), attempt(), stage).prop_map(|(d, t, a, s)| Step::Set(d, t, a, s)),
        2 => (driver(), trip(), attempt()).prop_map(|(d, t, a)| Step::End(d, t, a)),
        4 => prop_oneof![4 => 0..8i64, 1 => 3_000..5_000i64].prop_map(Step::Wait),
    ]
}

#[derive(Debug, Clone, Copy)]
struct NaiveDriver {
    east_m: f64,
    seen_at: Timestamp,
    sent_at: Timestamp,
    sequence: Option<u64>,
    offline: bool,
    silent: bool,
}

#[derive(Debug, Clone, Copy)]
struct NaiveHold {
    hold: Hold,
    pending: bool,
    report_at: Timestamp,
}

/// The same rules, written the slow way.
#[derive(Debug, Default)]
struct Model {
    drivers: BTreeMap<DriverId, NaiveDriver>,
    holds: Vec<NaiveHold>,
}

const EXPIRY: Duration = Duration::from_secs(20);
const INSTANT: Duration = Duration::from_micros(1);

impl Model {
    fn online(&self, id: DriverId) -> bool {
        self.drivers
            .get(&id)
            .is_some_and(|driver| !driver.offline && !driver.silent)
    }

    fn held(&self, id: DriverId) -> Option<&NaiveHold> {
        self.holds.iter().find(|held| held.hold.key.driver == id)
    }

    fn of_trip(&self, trip: TripId) -> Option<&NaiveHold> {
        self.holds.iter().find(|held| held.hold.key.trip == trip)
    }

    fn same(&mut self, key: &HoldKey) -> Option<&mut NaiveHold> {
        self.holds.iter_mut().find(|held| held.hold.key == *key)
    }

    fn available(&self) -> Vec<(DriverId, f64)> {
        self.drivers
            .iter()
            .filter(|(id, _)| self.online(**id) && self.held(**id).is_none())
            .map(|(id, driver)| (*id, driver.east_m))
            .collect()
    }

    fn go_online(&mut self, id: DriverId, east_m: f64, now: Timestamp) {
        let driver = NaiveDriver {
            east_m,
            seen_at: now,
            sent_at: now,
            sequence: None,
            offline: false,
            silent: false,
        };
        self.drivers.insert(id, driver);
    }

    fn go_offline(&mut self, id: DriverId, now: Timestamp) {
        if let Some(driver) = self.drivers.get_mut(&id) {
            (driver.offline, driver.silent, driver.seen_at) = (true, false, now);
        }
    }

    fn ping(&mut self, id: DriverId, ping: Ping, now: Timestamp) -> PingOutcome {
        let known = self.drivers.get(&id);
        let is_old = |driver: &NaiveDriver| {
            let was_counted = driver.sequence.is_some_and(|last| last >= ping.sequence);
            was_counted && !(driver.silent && ping.sent_at > driver.sent_at)
        };
        if ping.sent_at > now + Duration::from_secs(5) {
            PingOutcome::FromTheFuture
        } else if known.is_some_and(|driver| driver.offline) {
            PingOutcome::NotOnline
        } else if known.is_some_and(is_old) {
            PingOutcome::Stale
        } else {
            self.go_online(id, ping.place.east_m(), now);
            let driver = self.drivers.get_mut(&id).unwrap();
            (driver.sequence, driver.sent_at) = (Some(ping.sequence), ping.sent_at);
            PingOutcome::Moved
        }
    }

    fn begin(&mut self, hold: Hold, now: Timestamp) -> ReserveStart {
        let fresh = |id| self.online(id) && now < self.drivers[&id].seen_at + EXPIRY;
        if let Some(same) = self.holds.iter().find(|held| held.hold.key == hold.key) {
            match (same.hold.is_live(now), same.pending) {
                (false, _) => ReserveStart::PastDeadline,
                (true, true) => ReserveStart::UnderWay,
                (true, false) => ReserveStart::AlreadyHeld,
            }
        } else if now > hold.deadline {
            ReserveStart::PastDeadline
        } else if let Some(held) = self.of_trip(hold.key.trip) {
            ReserveStart::TripHeldBy(held.hold.key.driver)
        } else if self.held(hold.key.driver).is_some() {
            ReserveStart::DriverTaken
        } else if !fresh(hold.key.driver) {
            ReserveStart::Unavailable
        } else {
            self.holds.push(NaiveHold {
                hold,
                pending: true,
                report_at: hold.deadline + INSTANT,
            });
            ReserveStart::Started
        }
    }

    fn finish(&mut self, key: &HoldKey, won: bool) -> bool {
        match self.same(key) {
            None => false,
            Some(held) if held.pending && !won => {
                self.end(key);
                false
            }
            Some(held) => {
                held.pending = false;
                true
            }
        }
    }

    fn set(&mut self, hold: Hold) -> bool {
        let new = NaiveHold {
            hold,
            pending: false,
            report_at: hold.deadline + INSTANT,
        };
        if let Some(held) = self.same(&hold.key) {
            held.pending = false;
            if hold.stage >= held.hold.stage {
                held.hold = hold;
            }
            held.report_at = held.hold.deadline + INSTANT;
        } else if self.held(hold.key.driver).is_some() || self.of_trip(hold.key.trip).is_some() {
            return false;
        } else {
            self.holds.push(new);
        }
        true
    }

    fn end(&mut self, key: &HoldKey) -> Option<Hold> {
        let hold = self.same(key)?.hold;
        self.holds.retain(|held| held.hold.key != *key);
        Some(hold)
    }

    fn expire(&mut self, now: Timestamp) -> (Vec<DriverId>, Vec<HoldKey>) {
        let mut silent = Vec::new();
        for (id, driver) in &mut self.drivers {
            if !driver.offline && !driver.silent && now >= driver.seen_at + EXPIRY {
                driver.silent = true;
                silent.push((driver.seen_at, *id));
            }
        }
        self.drivers.retain(|_, driver| {
            !(driver.offline || driver.silent) || now < driver.seen_at + EXPIRY + FORGET_AFTER
        });
        silent.sort();
        let mut holds = Vec::new();
        for held in &mut self.holds {
            if held.hold.stage != HoldStage::Accepted && held.report_at <= now {
                holds.push((held.report_at, held.hold.key));
                held.report_at = now + crate::limits::HOLD_REPORT_RETRY;
            }
        }
        holds.sort_by_key(|(at, key)| (*at, key.driver));
        (
            silent.into_iter().map(|(_, id)| id).collect(),
            holds.into_iter().map(|(_, key)| key).collect(),
        )
    }

    fn next_event(&self) -> Option<Timestamp> {
        let falls_silent = self
            .drivers
            .values()
            .filter(|driver| !driver.offline && !driver.silent)
            .map(|driver| driver.seen_at + EXPIRY);
        let reports = self
            .holds
            .iter()
            .filter(|held| held.hold.stage != HoldStage::Accepted);
        falls_silent.chain(reports.map(|held| held.report_at)).min()
    }
}

fn agree(fleet: &mut Indexed, model: &Model) -> Result<(), TestCaseError> {
    let mut expected = model.available();
    expected.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    let index = fleet.index();
    let found: Vec<(DriverId, f64)> = index
        .nearest(Nearby::any(spot(0.0), 10))
        .iter()
        .map(|candidate| (candidate.driver, candidate.place.east_m()))
        .collect();
    prop_assert_eq!(&found, &expected);
    let mut places: Vec<f64> = index
        .iter()
        .flat_map(Index::places)
        .map(|(_, at)| at.east_m())
        .collect();
    places.sort_by(f64::total_cmp);
    prop_assert_eq!(
        places,
        expected
            .iter()
            .map(|(_, east_m)| *east_m)
            .collect::<Vec<_>>()
    );

    let of_stage = |stage| {
        model
            .holds
            .iter()
            .filter(|held| held.hold.stage == stage)
            .count()
    };
    let counts = Counts {
        online: model.drivers.keys().filter(|id| model.online(**id)).count(),
        available: expected.len(),
        reserved: of_stage(HoldStage::Reserved),
        offered: of_stage(HoldStage::Offered),
        accepted: of_stage(HoldStage::Accepted),
    };
    prop_assert_eq!(fleet.counts(), counts);
    for id in (0..5).map(DriverId) {
        let held = model
            .held(id)
            .filter(|held| !held.pending)
            .map(|held| held.hold);
        prop_assert_eq!(fleet.hold_of_driver(id).copied(), held);
        let known = model.drivers.get(&id);
        prop_assert_eq!(fleet.last_ping_at(id), known.map(|driver| driver.seen_at));
    }
    for trip in (0..4).map(TripId) {
        let held = model
            .of_trip(trip)
            .filter(|held| !held.pending)
            .map(|held| held.hold);
        prop_assert_eq!(fleet.hold_of_trip(trip).copied(), held);
    }
    // The deadline may name an earlier time (somebody to look at again) but never miss an event.
    if let Some(event) = model.next_event() {
        prop_assert!(
            fleet
                .next_deadline()
                .is_some_and(|deadline| deadline <= event)
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_history_is_as_the_model_has_it(steps in prop::collection::vec(step(), 1..120)) {
        let (mut fleet, mut model, mut now) = (fleet(), Model::default(), at(100));
        let key = |driver, trip, attempt| hold(trip, attempt, driver, at(0)).key;
        for step in steps {
            match step {
                Step::GoOnline(driver, east_m) => {
                    fleet.go_online(driver, spot(east_m), now);
                    model.go_online(driver, spot(east_m).east_m(), now);
                }
                Step::GoOffline(driver) => {
                    fleet.go_offline(driver, now);
                    model.go_offline(driver, now);
                }
                Step::Ping(driver, sequence, east_m, ahead_s) => {
                    let ping = ping(sequence, east_m, at(now.as_secs() + ahead_s));
                    prop_assert_eq!(fleet.ping(driver, ping, now), model.ping(driver, ping, now));
                }
                Step::Begin(driver, trip, attempt, after_s) => {
                    let hold = hold(trip, attempt, driver, at(now.as_secs() + after_s));
                    prop_assert_eq!(fleet.begin_reserve(hold, now), model.begin(hold, now));
                }
                Step::Finish(driver, trip, attempt, won) => {
                    let key = key(driver, trip, attempt);
                    prop_assert_eq!(fleet.finish_reserve(&key, won), model.finish(&key, won));
                }
                Step::Set(driver, trip, attempt, stage) => {
                    let offered = hold(trip, attempt, driver, at(now.as_secs() + 10));
                    let offered = Hold { stage: stage.min(HoldStage::Offered), ..offered };
                    let hold = match stage {
                        HoldStage::Accepted => accept(&offered, &offered.key, now).unwrap(),
                        _ => offered,
                    };
                    prop_assert_eq!(fleet.set_hold(hold).is_ok(), model.set(hold));
                }
                Step::End(driver, trip, attempt) => {
                    let key = key(driver, trip, attempt);
                    prop_assert_eq!(fleet.end_hold(&key), model.end(&key));
                }
                Step::Wait(seconds) => {
                    now = now + Duration::from_secs(seconds.unsigned_abs());
                    let expired = fleet.expire(now);
                    let (silent, holds) = model.expire(now);
                    prop_assert_eq!(expired.silent, silent);
                    let reported: Vec<HoldKey> = expired.holds.iter().map(|h| h.key).collect();
                    prop_assert_eq!(reported, holds);
                    prop_assert!(fleet.next_deadline().is_none_or(|deadline| deadline > now));
                }
            }
            agree(&mut fleet, &model)?;
        }
    }
}
