//! What was seen of each trip, for as many as a city-day has.

use std::collections::BTreeMap;

use cloud::memory::{Rows, TripNumbers};
use domain::TripId;
use report::trips::Seen;

/// What was seen of each trip, in the order in which they were first heard of, so that rides under way lie
/// together.
#[derive(Debug, Default)]
pub(super) struct SeenTrips {
    numbers: TripNumbers,
    seen: Rows<(TripId, Seen)>,
}

impl SeenTrips {
    fn find(&self, trip: TripId) -> Option<u32> {
        self.numbers.find(trip, |number| self.seen[number].0)
    }

    pub(super) fn get_mut(&mut self, trip: TripId) -> Option<&mut Seen> {
        let number = self.find(trip)?;
        Some(&mut self.seen[number].1)
    }

    pub(super) fn get_or_insert(
        &mut self,
        trip: TripId,
        first: impl FnOnce() -> Seen,
    ) -> &mut Seen {
        let number = self.find(trip).unwrap_or_else(|| {
            let next = self.seen.push((trip, first()));
            let seen = &self.seen;
            self.numbers.insert(trip, next, |number| seen[number].0);
            next
        });
        &mut self.seen[number].1
    }

    /// All of them in one map.
    pub(super) fn into_map(self) -> BTreeMap<TripId, Seen> {
        self.seen.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::{RiderId, Timestamp};

    use super::*;

    #[test]
    fn trips_are_found_again_and_come_out_in_order() {
        let mut seen = SeenTrips::default();
        let trips = [0, 1, u128::MAX, 1 << 127, (1 << 112) - 1, 1 << 112].map(TripId);
        for (rider, trip) in (1..).zip(trips) {
            let first = || Seen::scheduled(RiderId(rider), Timestamp::ZERO);
            assert_eq!(seen.get_or_insert(trip, first).rider, RiderId(rider));
        }
        assert!(seen.get_mut(TripId(7)).is_none());
        for (rider, trip) in (1..).zip(trips) {
            assert_eq!(seen.get_mut(trip).unwrap().rider, RiderId(rider));
        }
        let mut expected = trips.to_vec();
        expected.sort_unstable();
        let found: Vec<TripId> = seen.into_map().into_keys().collect();
        assert_eq!(found, expected);
    }
}
