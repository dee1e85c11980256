//! The drivers' holds: one live hold for a driver, one for a trip.

use std::sync::{Arc, Mutex};

use domain::hold::{self, Hold, HoldKey, HoldStage, Refusal};
use domain::{DriverId, Timestamp, TripId};
use services::ports::{HoldEnd, HoldStore, PortError, Reserved};

use super::{StoreCounters, lock};
use crate::lookup::Lookup;

/// Holds in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryHolds {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// A driver's last hold. It may be void: past its deadline and not accepted.
    by_driver: Lookup<DriverId, Hold>,
    /// Whose hold a trip has: each names a hold in `by_driver`.
    by_trip: Lookup<TripId, DriverId>,
    counters: StoreCounters,
}

impl State {
    fn of(&self, key: &HoldKey) -> Option<&Hold> {
        let hold = self.by_driver.get(key.driver);
        hold.filter(|hold| hold.key == *key)
    }

    fn of_trip(&self, trip: TripId) -> Option<&Hold> {
        let driver = self.by_trip.get(trip)?;
        Some(
            self.by_driver
                .get(*driver)
                .expect("a trip names a hold that is there"),
        )
    }

    /// Puts a hold where there is none of its trip and its driver, or in the place of itself at another stage.
    fn put(&mut self, hold: Hold) {
        self.by_trip.insert(hold.key.trip, hold.key.driver);
        self.by_driver.insert(hold.key.driver, hold);
    }

    fn write(&mut self, hold: Hold) {
        self.counters.writes += 1;
        self.put(hold);
    }

    fn remove(&mut self, key: &HoldKey) {
        self.by_trip.remove(key.trip);
        self.by_driver.remove(key.driver);
    }
}

impl MemoryHolds {
    /// No holds yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts holds there as they are, before a run begins.
    pub fn fill(&self, holds: &[Hold]) {
        let state = &mut *lock(&self.state);
        for hold in holds {
            state.put(*hold);
        }
    }

    /// Every hold that was not ended, void ones too, by driver: for the audit.
    #[must_use]
    pub fn all(&self) -> Vec<Hold> {
        lock(&self.state).by_driver.in_order(|_| true)
    }

    /// What the store was asked.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        lock(&self.state).counters
    }
}

impl HoldStore for MemoryHolds {
    async fn reserve(&self, hold: &Hold, now: Timestamp) -> Result<Reserved, PortError> {
        let mut state = lock(&self.state);
        let key = hold.key;
        let of_driver = state
            .by_driver
            .get(key.driver)
            .copied()
            .filter(|held| held.is_live(now));
        let of_trip = state.of_trip(key.trip).copied();
        let of_trip = of_trip.filter(|held| held.is_live(now) && held.key.driver != key.driver);
        let refusal = match (of_driver, of_trip) {
            (Some(held), _) if held.key == key => return Ok(Reserved::Held),
            (_, Some(held))
                if held.stage == HoldStage::Accepted || held.key.attempt >= key.attempt =>
            {
                Some(Reserved::TripHeldBy(held.key.driver))
            }
            (Some(_), _) => Some(Reserved::DriverTaken),
            (None, _) => None,
        };
        if let Some(refusal) = refusal {
            state.counters.conditional_failures += 1;
            return Ok(refusal);
        }
        // What this hold takes the place of: the driver's void one, and the trip's of an earlier attempt.
        let void = state.by_driver.get(key.driver).map(|held| held.key);
        let earlier = state.of_trip(key.trip).map(|held| held.key);
        for replaced in [void, earlier].into_iter().flatten() {
            state.remove(&replaced);
        }
        state.write(*hold);
        Ok(Reserved::Held)
    }

    async fn mark_offered(&self, key: HoldKey) -> Result<bool, PortError> {
        let mut state = lock(&self.state);
        let Some(held) = state.of(&key).copied() else {
            state.counters.conditional_failures += 1;
            return Ok(false);
        };
        if held.stage == HoldStage::Reserved {
            state.write(Hold {
                stage: HoldStage::Offered,
                ..held
            });
        }
        Ok(true)
    }

    async fn accept(
        &self,
        key: HoldKey,
        now: Timestamp,
    ) -> Result<Result<Hold, Refusal>, PortError> {
        let mut state = lock(&self.state);
        let held = state.of(&key).copied().ok_or(Refusal::NotOffered);
        let accepted = held.and_then(|held| hold::accept(&held, &key, now));
        match accepted {
            Ok(accepted) if held != Ok(accepted) => state.write(accepted),
            Ok(_) => {}
            Err(_) => state.counters.conditional_failures += 1,
        }
        Ok(accepted)
    }

    async fn end(&self, key: HoldKey, why: HoldEnd) -> Result<bool, PortError> {
        let mut state = lock(&self.state);
        let Some(held) = state.of(&key) else {
            return Ok(true);
        };
        if why == HoldEnd::Expired && held.stage == HoldStage::Accepted {
            state.counters.conditional_failures += 1;
            return Ok(false);
        }
        state.counters.writes += 1;
        state.remove(&key);
        Ok(true)
    }

    async fn live(&self, now: Timestamp) -> Result<Vec<Hold>, PortError> {
        let mut state = lock(&self.state);
        state.counters.reads += state.by_driver.len().max(1) as u64;
        Ok(state.by_driver.in_order(|hold| hold.is_live(now)))
    }
}
