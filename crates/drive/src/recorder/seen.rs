//! What was seen of each trip, for as many as a city-day has.

use std::collections::BTreeMap;

use domain::{RiderId, Timestamp, TripId};
use report::trips::Seen;

/// How many of a trip's leading bits say in which part its number is kept: so many that of a city-day's trips
/// a part holds a dozen, which is one node of a tree. A single tree would be read from memory a few times for
/// each question, and there are seven questions a ride.
const PART_BITS: u32 = 16;

/// What was seen of each trip, in the order in which they were first heard of, so that rides under way lie
/// together. Trips are named by hashes: parts by their leading bits are alike in size, and one part after the
/// other is the order of names.
#[derive(Debug)]
pub(super) struct SeenTrips {
    parts: Vec<BTreeMap<TripId, u32>>,
    seen: Vec<Seen>,
}

impl Default for SeenTrips {
    fn default() -> Self {
        Self {
            parts: vec![BTreeMap::new(); 1 << PART_BITS],
            seen: Vec::new(),
        }
    }
}

fn part(trip: TripId) -> usize {
    usize::try_from(trip.0 >> (u128::BITS - PART_BITS)).expect("a few leading bits fit")
}

impl SeenTrips {
    pub(super) fn get_mut(&mut self, trip: TripId) -> Option<&mut Seen> {
        let number = *self.parts[part(trip)].get(&trip)?;
        self.seen.get_mut(number as usize)
    }

    pub(super) fn get_or_insert(
        &mut self,
        trip: TripId,
        first: impl FnOnce() -> Seen,
    ) -> &mut Seen {
        let next = u32::try_from(self.seen.len()).expect("a run has fewer than 4 billion trips");
        let number = *self.parts[part(trip)].entry(trip).or_insert(next);
        if number == next {
            self.seen.push(first());
        }
        &mut self.seen[number as usize]
    }

    /// All of them in one map.
    pub(super) fn into_map(mut self) -> BTreeMap<TripId, Seen> {
        let mut map = BTreeMap::new();
        for part in self.parts {
            map.extend(part.into_iter().map(|(trip, number)| {
                let nothing = Seen::scheduled(RiderId(0), Timestamp::ZERO);
                let seen = std::mem::replace(&mut self.seen[number as usize], nothing);
                (trip, seen)
            }));
        }
        map
    }
}

#[cfg(test)]
mod tests {
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
