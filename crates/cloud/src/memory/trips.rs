//! Trips, their two sparse indexes, and the leases of match rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use domain::trip::{SweepPolicy, Trip, TripState};
use domain::{Region, Round, Timestamp, TripId};
use services::ports::{Created, DueTrips, OpenTrips, PortError, RoundLease, Swap, TripStore};

use super::{Rows, StoreCounters, TripNumbers, lock};

/// Leases kept of each region; the oldest rounds are forgotten first. The database forgets them by time.
pub const LEASES_MAX: usize = 10_000;

/// Trips and round leases in memory.
#[derive(Debug, Clone)]
pub struct MemoryTrips {
    sweep: SweepPolicy,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they were created, which numbers them: those under way lie together.
    trips: Rows<Trip>,
    numbers: TripNumbers,
    regions: BTreeMap<Region, Indexes>,
    counters: StoreCounters,
}

#[derive(Debug, Default)]
struct Indexes {
    /// Requested trips, by number, by the time of the request.
    open: BTreeSet<(Timestamp, u32)>,
    /// Trips that are not final, by number, by when the sweep is to look.
    due: BTreeSet<(Timestamp, u32)>,
    leases: BTreeMap<Round, Lease>,
}

#[derive(Debug, Clone, Copy)]
enum Lease {
    Until(Timestamp),
    Finished,
}

impl State {
    /// Where a trip stands in the indexes of its region.
    fn index(&mut self, trip: &Trip, number: u32, sweep: &SweepPolicy, present: bool) {
        let open = (trip.state == TripState::Requested).then_some(trip.requested_at);
        let due = trip.due_at(sweep);
        if !self.regions.contains_key(&trip.region) {
            self.regions.insert(trip.region.clone(), Indexes::default());
        }
        let region = self
            .regions
            .get_mut(&trip.region)
            .expect("inserted where it was missing");
        for (index, at) in [(&mut region.open, open), (&mut region.due, due)] {
            let Some(at) = at else { continue };
            if present {
                index.insert((at, number));
            } else {
                index.remove(&(at, number));
            }
        }
    }

    fn find(&self, id: TripId) -> Option<(u32, &Trip)> {
        let trips = &self.trips;
        let number = self.numbers.find(id, |number| trips[number].id)?;
        Some((number, &trips[number]))
    }

    fn add(&mut self, trip: &Trip, sweep: &SweepPolicy) {
        let number = self.trips.push(trip.clone());
        self.index(trip, number, sweep, true);
        let trips = &self.trips;
        self.numbers
            .insert(trip.id, number, |number| trips[number].id);
    }
}

impl MemoryTrips {
    /// No trips yet; `sweep` says when each is due.
    #[must_use]
    pub fn new(sweep: SweepPolicy) -> Self {
        Self {
            sweep,
            state: Arc::default(),
        }
    }

    /// Puts trips there as they are, before a run begins.
    pub fn fill(&self, trips: &[Trip]) {
        let state = &mut *lock(&self.state);
        for trip in trips {
            state.add(trip, &self.sweep);
        }
    }

    /// Every trip by its id.
    #[must_use]
    pub fn all(&self) -> Vec<Trip> {
        let mut trips: Vec<Trip> = lock(&self.state).trips.iter().cloned().collect();
        trips.sort_unstable_by_key(|trip| trip.id);
        trips
    }

    /// Hands over every trip, in the order in which they were created: after a run, whose bulk they are. The store
    /// is empty then.
    #[must_use]
    pub fn hand_over(&self) -> Rows<Trip> {
        std::mem::take(&mut *lock(&self.state)).trips
    }

    /// What the store was asked.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        lock(&self.state).counters
    }
}

impl TripStore for MemoryTrips {
    async fn create(&self, trip: &Trip) -> Result<Created, PortError> {
        let mut state = lock(&self.state);
        if let Some((_, stored)) = state.find(trip.id) {
            let stored = Box::new(stored.clone());
            state.counters.conditional_failures += 1;
            return Ok(Created::Exists(stored));
        }
        state.counters.writes += 1;
        state.add(trip, &self.sweep);
        Ok(Created::New)
    }

    async fn get(&self, id: TripId) -> Result<Option<Trip>, PortError> {
        let mut state = lock(&self.state);
        state.counters.reads += 1;
        Ok(state.find(id).map(|(_, trip)| trip.clone()))
    }

    async fn transition(&self, next: &Trip) -> Result<Swap, PortError> {
        let mut state = lock(&self.state);
        let expected = next.version.checked_sub(1);
        let stored = state.find(next.id);
        let Some((number, _)) = stored.filter(|(_, stored)| Some(stored.version) == expected)
        else {
            state.counters.conditional_failures += 1;
            return Ok(Swap::Lost);
        };
        let previous = std::mem::replace(&mut state.trips[number], next.clone());
        state.counters.writes += 1;
        state.index(&previous, number, &self.sweep, false);
        state.index(next, number, &self.sweep, true);
        Ok(Swap::Done)
    }
}

impl OpenTrips for MemoryTrips {
    async fn open(&self, region: &Region, limit: usize) -> Result<Vec<Trip>, PortError> {
        let mut state = lock(&self.state);
        let open = state.regions.get(region).map(|indexes| &indexes.open);
        let mut trips = Vec::with_capacity(open.map_or(0, |open| open.len().min(limit)));
        let open = open.into_iter().flatten().take(limit);
        trips.extend(open.map(|(_, number)| state.trips[*number].clone()));
        state.counters.reads += trips.len().max(1) as u64;
        Ok(trips)
    }
}

impl DueTrips for MemoryTrips {
    async fn due(
        &self,
        region: &Region,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<TripId>, PortError> {
        let mut state = lock(&self.state);
        let due = state.regions.get(region).map(|indexes| &indexes.due);
        let due = due.into_iter().flatten().take_while(|(at, _)| *at <= now);
        let due = due.take(limit).map(|(_, number)| state.trips[*number].id);
        let due: Vec<_> = due.collect();
        state.counters.reads += due.len().max(1) as u64;
        Ok(due)
    }
}

impl RoundLease for MemoryTrips {
    async fn take(
        &self,
        region: &Region,
        round: Round,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        let mut state = lock(&self.state);
        let leases = &mut state.regions.entry(region.clone()).or_default().leases;
        let free = match leases.get(&round) {
            None => true,
            Some(Lease::Until(until)) => *until <= now,
            Some(Lease::Finished) => false,
        };
        if free {
            put(leases, round, Lease::Until(until));
            state.counters.writes += 1;
        } else {
            state.counters.conditional_failures += 1;
        }
        Ok(free)
    }

    async fn finish(&self, region: &Region, round: Round) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        put(
            &mut state.regions.entry(region.clone()).or_default().leases,
            round,
            Lease::Finished,
        );
        state.counters.writes += 1;
        Ok(())
    }
}

fn put(leases: &mut BTreeMap<Round, Lease>, round: Round, lease: Lease) {
    leases.insert(round, lease);
    if leases.len() > LEASES_MAX {
        leases.pop_first();
    }
}
