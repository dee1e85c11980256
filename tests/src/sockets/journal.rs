//! What riders and drivers saw of their rides, and the audit of it against what the store has.

use std::collections::BTreeMap;

use domain::trip::TripState;
use domain::{Attempt, DriverId, Money, RiderId, Timestamp, TripId};
use local::stack::Stack;
use report::audit::{AuditInput, Evidence, LiveHold, audit};
use report::summary::AuditFigures;
use report::trips::{Seen, SeenAccept, TripRow};
use wire::api::TripView;
use wire::grpc::v1;

use super::{Requested, now};

/// What was seen from outside.
#[derive(Debug)]
pub struct Journal {
    begun_at: Timestamp,
    seen: BTreeMap<TripId, Seen>,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            begun_at: now(),
            seen: BTreeMap::new(),
        }
    }
}

impl Journal {
    /// A ride was requested, and that was confirmed.
    pub fn requested(&mut self, requested: &Requested) {
        let mut seen = Seen::scheduled(RiderId(requested.rider), requested.asked_at);
        seen.answered_at = Some(now());
        seen.quoted_total = Some(Money::from_minor(requested.quote.total_minor));
        self.seen.insert(requested.trip, seen);
    }

    /// A driver's accept was confirmed.
    pub fn accepted(&mut self, key: &v1::HoldKey) {
        let trip = wire::grpc::trip_id(&key.trip).unwrap();
        let accept = SeenAccept {
            attempt: Attempt(key.attempt),
            driver: DriverId(key.driver),
            at: now(),
        };
        self.seen.get_mut(&trip).unwrap().accepts.push(accept);
    }

    /// A rider was shown how a ride stands.
    pub fn shown(&mut self, view: &TripView) {
        let trip: TripId = view.trip_id.parse().unwrap();
        let seen = self.seen.get_mut(&trip).unwrap();
        seen.state = TripState::from_words(&view.state, view.because.as_deref());
        seen.state_at = Some(now());
        seen.charged_total = view.charged_minor.map(Money::from_minor);
    }

    /// Holds all that was seen against what the stack's tables have, by every rule.
    ///
    /// # Panics
    /// If a rule is broken.
    pub async fn audit(&self, stack: &Stack) -> AuditFigures {
        let trips = stack.trips().all_trips().await.unwrap();
        let holds = stack.holds().all_holds().await.unwrap();
        let rows: Vec<TripRow> = trips
            .iter()
            .map(|trip| TripRow {
                seen: self.seen.get(&trip.id).cloned(),
                ..TripRow::from(trip.clone())
            })
            .collect();
        let ended_at = now();
        let mut evidence = Evidence::new(self.begun_at, ended_at);
        let live = holds.iter().filter(|hold| hold.is_live(ended_at));
        evidence.holds = live.map(LiveHold::from).collect();
        for (trip, seen) in &self.seen {
            evidence.load.requested += 1;
            match seen.state {
                Some(TripState::Completed) => evidence.load.completed += 1,
                Some(TripState::Cancelled { .. }) => evidence.load.cancelled += 1,
                Some(TripState::Unserved { .. }) => evidence.load.unserved += 1,
                _ => evidence.load.in_progress += 1,
            }
            if !trips.iter().any(|stored| stored.id == *trip) {
                evidence.missing.push(*trip);
            }
        }
        let figures = audit(&AuditInput {
            rows: &rows,
            evidence: &evidence,
        });
        assert_eq!(figures.violations, [], "{figures:#?}");
        assert!(figures.checked > 0);
        figures
    }
}
