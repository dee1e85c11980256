//! The last look: when all is quiet, every rider whose ride had not ended asks once more how it stands, so
//! that what riders saw can be held against the store, ride by ride. The host asks; this is what it found.

use std::collections::BTreeMap;

use domain::trip::{Trip, TripState};
use domain::{RiderId, Timestamp, TripId};
use report::trips::Seen;

/// What the last look found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LastLook {
    /// Trips that were confirmed and are not to be found now.
    pub missing: Vec<TripId>,
    /// Trips of others that were shown.
    pub foreign_shown: Vec<(RiderId, TripId)>,
    /// Trips of others that were refused, as they must be.
    pub foreign_refused: u64,
}

/// The last look of riders who need no network for it: those whose ride had not ended are shown how it stands
/// in the store. One whose request was never answered learns whether there is a trip.
#[must_use]
pub fn look_into(trips: &[Trip], now: Timestamp, seen: &mut BTreeMap<TripId, Seen>) -> LastLook {
    let stored: BTreeMap<TripId, &Trip> = trips.iter().map(|trip| (trip.id, trip)).collect();
    let mut last = LastLook::default();
    let open = |seen: &Seen| seen.state.is_none_or(|state: TripState| !state.is_final());
    let ids: Vec<TripId> = seen
        .iter()
        .filter(|(_, seen)| open(seen))
        .map(|(trip, _)| *trip)
        .collect();
    for id in ids {
        let Some(known) = seen.get_mut(&id) else {
            continue;
        };
        match stored.get(&id) {
            Some(trip) => {
                known.answered_at.get_or_insert(now);
                known.state = Some(trip.state);
                known.state_at = Some(now);
                known.charged_total = trip.state.is_final().then(|| trip.charge.rider_pays());
            }
            None if known.answered_at.is_none() => {
                seen.remove(&id);
            }
            None => last.missing.push(id),
        }
    }
    last
}
