//! What riders and drivers saw, and the audit of it against what the stores have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::hold::HoldKey;
use domain::trip::{Trip, TripState};
use domain::{RiderId, Timestamp, TripId};
use report::audit::{AuditInput, Evidence, ForeignView, LiveHold, LoadCounts, ServedBy, audit};
use report::trips::{Seen, SeenAccept, TripRow};
use services::error::RideError;
use services::request::{RideRequest, trip_id};
use services::token::Quote;

use super::executor::ready;
use super::{BEGIN, Dispatch, locked};

/// What was seen from outside.
#[derive(Debug, Default)]
pub(super) struct Journal {
    seen: BTreeMap<TripId, Seen>,
    /// Requests whose answer was an error of a port: their trips may exist.
    unknown: BTreeSet<TripId>,
    /// Trips seen in a final state, as they were then.
    ended: BTreeMap<TripId, Trip>,
    /// Trips whose rider got into the car, whoever has heard of it.
    picked_up: BTreeSet<TripId>,
    /// How long things may take beyond their deadlines, where that is not as usual.
    search_grace: Option<Duration>,
}

impl Journal {
    pub(super) fn requested(
        &mut self,
        request: &RideRequest,
        quoted: Option<&Quote>,
        answer: &Result<Trip, RideError>,
        now: Timestamp,
    ) {
        let id = trip_id(request.rider, &request.idempotency_key);
        match answer {
            Ok(trip) => {
                assert_eq!(trip.id, id, "the key names the trip");
                self.unknown.remove(&id);
                let seen = self
                    .seen
                    .entry(id)
                    .or_insert_with(|| Seen::scheduled(request.rider, now));
                seen.answered_at.get_or_insert(now);
                seen.quoted_total = quoted.map(|quote| quote.fare.total());
            }
            Err(RideError::Port(_)) if !self.seen.contains_key(&id) => {
                self.unknown.insert(id);
            }
            Err(_) => {}
        }
    }

    pub(super) fn picked_up(&mut self, trip: TripId) {
        self.picked_up.insert(trip);
    }

    pub(super) fn accepted(&mut self, key: HoldKey, at: Timestamp) {
        // A trip whose request was never answered is seen by its driver alone.
        if let Some(seen) = self.seen.get_mut(&key.trip) {
            let HoldKey {
                attempt, driver, ..
            } = key;
            seen.accepts.push(SeenAccept {
                attempt,
                driver,
                at,
            });
        }
    }
}

impl Dispatch {
    /// Whether the rider of a trip got into the car, which the rider knows before the store does.
    #[must_use]
    pub fn was_picked_up(&self, trip: TripId) -> bool {
        locked(&self.journal).picked_up.contains(&trip)
    }

    /// Things go wrong for so long that searches end so much later.
    pub fn searches_end_within(&self, grace: Duration) {
        locked(&self.journal).search_grace = Some(grace);
    }

    /// Holds what must be true at every moment against the stores.
    ///
    /// # Panics
    /// If a trip left a final state, or two live holds share a trip.
    pub(super) fn watch(&self) {
        let mut journal = locked(&self.journal);
        for trip in self.cloud.trips.all() {
            match journal.ended.get(&trip.id) {
                Some(ended) => assert_eq!(*ended, trip, "the end is final"),
                None if trip.state.is_final() => {
                    journal.ended.insert(trip.id, trip);
                }
                None => {}
            }
        }
        let now = self.now();
        let mut kept = BTreeMap::new();
        for hold in self
            .cloud
            .holds
            .all()
            .into_iter()
            .filter(|hold| hold.is_live(now))
        {
            let other = kept.insert(hold.key.trip, hold.key);
            assert_eq!(other, None, "{:?} is held as well", hold.key);
        }
    }

    /// Lets time run until every trip has ended, and then until every driver must be free, and audits.
    /// Nothing goes wrong any more meanwhile.
    ///
    /// # Panics
    /// If a trip does not end within `bound`, a driver is not free, or the audit finds a violation.
    #[track_caller]
    pub fn settle(&self, bound: Duration) {
        self.faults.none();
        self.messages_arrive();
        if self.link.running().is_none() {
            self.start_tracker();
        }
        let limit = self.now() + bound;
        while let Some(open) = self
            .cloud
            .trips
            .all()
            .iter()
            .find(|trip| !trip.state.is_final())
        {
            assert!(self.now() < limit, "not ended within {bound:?}: {open:?}");
            self.advance(Duration::from_secs(10));
        }
        self.advance(Duration::from_secs(180));
        let now = self.now();
        let live: Vec<_> = self
            .cloud
            .holds
            .all()
            .into_iter()
            .filter(|h| h.is_live(now))
            .collect();
        assert_eq!(live, [], "every trip has ended, and a driver is still kept");
        let counts = self.tracker().counts();
        let kept = (counts.reserved, counts.offered, counts.accepted);
        assert_eq!(kept, (0, 0, 0), "the tracker remembers holds that are gone");
        self.assert_sound();
    }

    /// Audits.
    ///
    /// # Panics
    /// If the audit finds a violation, showing all of them.
    #[track_caller]
    pub fn assert_sound(&self) {
        let (rows, evidence) = self.evidence();
        let figures = audit(&AuditInput {
            rows: &rows,
            evidence: &evidence,
        });
        assert!(figures.checked > 0, "the audit has looked at something");
        assert!(figures.violations.is_empty(), "{:#?}", figures.violations);
    }

    /// Whose vehicles serve what, if there is anything to choose.
    fn served_by(&self) -> Option<ServedBy> {
        let products = &self.market.products;
        let classes = products.iter().map(|it| (it.name, it.classes));
        products
            .usual()
            .map(|_| ServedBy::new(classes, self.vehicles()))
    }

    fn evidence(&self) -> (Vec<TripRow>, Evidence) {
        let now = self.now();
        let journal = locked(&self.journal);
        let mut evidence = Evidence::new(BEGIN, now);
        evidence.served_by = self.served_by();
        if let Some(grace) = journal.search_grace {
            let milliseconds = u64::try_from(grace.as_millis()).expect("a span of hours");
            evidence.bounds.search_grace_ms = milliseconds;
        }
        let live = self
            .cloud
            .holds
            .all()
            .into_iter()
            .filter(|hold| hold.is_live(now));
        evidence.holds = live.map(|hold| LiveHold::from(&hold)).collect();
        evidence.load.unknown = journal.unknown.len() as u64;
        let stored = self.cloud.trips.all();
        let rows: Vec<TripRow> = stored
            .iter()
            .map(|trip| {
                let mut row = TripRow::from(trip.clone());
                row.seen = journal.seen.get(&trip.id).cloned();
                if let Some(seen) = &mut row.seen {
                    let shown =
                        ready(self.riding.read(seen.rider, trip.id)).expect("the rider's own trip");
                    seen.state = Some(shown.state);
                    seen.charged_total = shown.state.is_final().then(|| shown.charge.rider_pays());
                    count(&mut evidence.load, shown.state);
                }
                let stranger = RiderId(trip.rider.0 + 1_000_000);
                match ready(self.riding.read(stranger, trip.id)) {
                    Ok(shown) => evidence.foreign_views.push(ForeignView {
                        rider: stranger,
                        trip: shown.id,
                    }),
                    Err(_) => evidence.foreign_views_refused += 1,
                }
                row
            })
            .collect();
        let known: BTreeSet<TripId> = stored.iter().map(|trip| trip.id).collect();
        evidence.missing = journal
            .seen
            .keys()
            .filter(|id| !known.contains(id))
            .copied()
            .collect();
        (rows, evidence)
    }
}

fn count(load: &mut LoadCounts, state: TripState) {
    load.requested += 1;
    match state {
        TripState::Completed => load.completed += 1,
        TripState::Cancelled { .. } => load.cancelled += 1,
        TripState::Unserved { .. } => load.unserved += 1,
        _ => load.in_progress += 1,
    }
}
