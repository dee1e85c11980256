//! The last look: when all is quiet, every rider whose ride had not ended asks once more how it stands, so
//! that what riders saw can be held against the store, ride by ride. The host asks; this is what it found.

use std::collections::BTreeSet;

use cloud::memory::Rows;
use domain::trip::{Trip, TripState};
use domain::{RiderId, Timestamp, TripId};
use report::trips::Seen;

use crate::seen::SeenTrips;

/// What the last look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastLook {
    /// Trips that were confirmed and are not to be found now.
    pub missing: Vec<TripId>,
    /// Trips whose riders were not answered: how these stand is not known, whatever was seen of them before.
    pub unanswered: BTreeSet<TripId>,
    /// Trips of others that were shown.
    pub foreign_shown: Vec<(RiderId, TripId)>,
    /// Trips of others that were refused, as they must be.
    pub foreign_refused: u64,
}

/// The last look of riders who need no network for it: those whose ride had not ended are shown how it stands
/// in the store. One whose request was never answered learns whether there is a trip.
#[must_use]
pub fn look_into(trips: &Rows<Trip>, now: Timestamp, seen: &mut SeenTrips) -> LastLook {
    let open = |seen: &Seen| seen.state.is_none_or(|state: TripState| !state.is_final());
    let looking = seen.iter().filter(|(_, seen)| open(seen));
    let mut looking: BTreeSet<TripId> = looking.map(|(trip, _)| trip).collect();
    for trip in trips.iter() {
        if looking.remove(&trip.id)
            && let Some(known) = seen.get_mut(trip.id)
        {
            known.answered_at.get_or_insert(now);
            known.state = Some(trip.state);
            known.state_at = Some(now);
            known.charged_total = trip.state.is_final().then(|| trip.charge.rider_pays());
        }
    }
    let mut last = LastLook::default();
    for trip in looking {
        if seen
            .get(trip)
            .is_some_and(|seen| seen.answered_at.is_none())
        {
            seen.remove(trip);
        } else {
            last.missing.push(trip);
        }
    }
    last
}
