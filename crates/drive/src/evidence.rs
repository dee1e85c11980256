//! From what a run left to what the audit looks at.

use std::collections::{BTreeMap, BTreeSet};

use cloud::memory::Rows;
use domain::hold::Hold;
use domain::trip::{Trip, TripState};
use domain::{DriverId, Timestamp, TripId};
use report::audit::{Evidence, ForeignView, LiveHold, LoadCounts, ServedBy};
use report::trips::{Seen, TripRow};
use workload::world::World;

use crate::last_look::LastLook;
use crate::seen::SeenTrips;

/// What a run left, its trips aside.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    /// When the run began.
    pub started_at: Timestamp,
    /// When the store was read.
    pub ended_at: Timestamp,
    /// Trips that were under way at the start.
    pub under_way: &'a BTreeMap<TripId, Seen>,
    /// What was seen of each trip, those under way among them.
    pub seen: &'a SeenTrips,
    /// Every hold of the store.
    pub holds: &'a [Hold],
    /// What the last look found.
    pub last_look: &'a LastLook,
}

/// What the audit looks at beside the trips.
#[must_use]
pub fn evidence(ended: &Ended<'_>) -> Evidence {
    let mut evidence = Evidence::new(ended.started_at, ended.ended_at);
    evidence.holds = ended
        .holds
        .iter()
        .filter(|hold| hold.is_live(ended.ended_at))
        .map(LiveHold::from)
        .collect();
    evidence.load = load_counts(ended);
    evidence.missing.clone_from(&ended.last_look.missing);
    evidence.foreign_views = ended
        .last_look
        .foreign_shown
        .iter()
        .map(|(rider, trip)| ForeignView {
            rider: *rider,
            trip: *trip,
        })
        .collect();
    evidence.foreign_views_refused = ended.last_look.foreign_refused;
    evidence
}

/// Whose vehicles serve what, as far as rides were offered; none where riders have nothing to choose.
#[must_use]
pub fn served_by(world: &World, rows: &[TripRow]) -> Option<ServedBy> {
    let choices = world.products.choices();
    if choices.is_empty() {
        return None;
    }
    let asked: BTreeSet<DriverId> = rows
        .iter()
        .flat_map(|row| row.tries.iter().map(|tried| tried.driver))
        .collect();
    let class = |driver| world.products.of_driver(&world.streams, driver);
    Some(ServedBy::new(
        choices.iter().map(|choice| (choice.name, choice.classes)),
        asked.into_iter().map(|driver| (driver, class(driver))),
    ))
}

/// The store's trips, each with what was seen of it. Of a city-day these are the bulk of what a run holds, so
/// that they are moved and not copied.
#[must_use]
pub fn rows(
    trips: Rows<Trip>,
    mut seen: SeenTrips,
    under_way: &BTreeMap<TripId, Seen>,
) -> Vec<TripRow> {
    let mut rows = Vec::with_capacity(trips.len());
    rows.extend(trips.into_iter().map(TripRow::from));
    // Rows are large: their keys are sorted, then each row is moved once.
    rows.sort_by_cached_key(|row| (row.requested_at, row.trip));
    for row in &mut rows {
        row.in_progress_at_start = under_way.contains_key(&row.trip);
        row.seen = seen.remove(row.trip).filter(|_| !row.in_progress_at_start);
    }
    rows
}

/// What the load generator saw, ride by ride. What was seen of a ride before the last look may be long over: it counts
/// for nothing where that was not answered.
fn load_counts(ended: &Ended<'_>) -> LoadCounts {
    let mut counts = LoadCounts::default();
    for (trip, seen) in ended.seen.iter() {
        if ended.under_way.contains_key(&trip) {
            counts.in_progress_at_start += 1;
        } else if seen.answered_at.is_some() {
            counts.requested += 1;
        } else {
            counts.unknown += 1;
            continue;
        }
        if ended.last_look.unanswered.contains(&trip) {
            counts.state_unknown += 1;
            continue;
        }
        match seen.state {
            Some(TripState::Completed) => counts.completed += 1,
            Some(TripState::Cancelled { .. }) => counts.cancelled += 1,
            Some(TripState::Unserved { .. }) => counts.unserved += 1,
            _ => counts.in_progress += 1,
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use domain::RiderId;

    use super::*;

    #[test]
    fn a_ride_of_which_the_last_look_was_not_answered_counts_as_nothing_certain() {
        let (before, confirmed, lost) = (TripId(1), TripId(2), TripId(3));
        let mut seen = SeenTrips::default();
        for (trip, answered) in [(before, true), (confirmed, true), (lost, false)] {
            let first = seen.get_or_insert(trip, || Seen::scheduled(RiderId(7), Timestamp::ZERO));
            first.answered_at = answered.then_some(Timestamp::ZERO);
            first.state = Some(TripState::Accepted);
        }
        let under_way = BTreeMap::from([(before, seen.get(before).cloned().unwrap())]);
        let counts = |unanswered: &[TripId]| {
            let last_look = LastLook {
                unanswered: unanswered.iter().copied().collect(),
                ..LastLook::default()
            };
            load_counts(&Ended {
                started_at: Timestamp::ZERO,
                ended_at: Timestamp::ZERO,
                under_way: &under_way,
                seen: &seen,
                holds: &[],
                last_look: &last_look,
            })
        };
        let certain = LoadCounts {
            in_progress_at_start: 1,
            requested: 1,
            unknown: 1,
            in_progress: 2,
            ..LoadCounts::default()
        };
        assert_eq!(counts(&[]), certain);
        let uncertain = LoadCounts {
            in_progress: 0,
            state_unknown: 2,
            ..certain
        };
        assert_eq!(counts(&[before, confirmed, lost]), uncertain);
    }
}
