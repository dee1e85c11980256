//! What was seen of each trip, for as many as a city-day has.

use std::fmt;

use cloud::memory::{Rows, TripNumbers};
use domain::TripId;
use report::trips::Seen;

/// What was seen of each trip, in the order in which they were first heard of, so that rides under way lie
/// together.
#[derive(Clone, Default)]
pub struct SeenTrips {
    numbers: TripNumbers,
    /// None of a trip that was taken out.
    seen: Rows<(TripId, Option<Seen>)>,
}

impl SeenTrips {
    fn find(&self, trip: TripId) -> Option<u32> {
        self.numbers.find(trip, |number| self.seen[number].0)
    }

    /// What was seen of a trip.
    #[must_use]
    pub fn get(&self, trip: TripId) -> Option<&Seen> {
        self.seen[self.find(trip)?].1.as_ref()
    }

    /// The same, to be added to.
    pub fn get_mut(&mut self, trip: TripId) -> Option<&mut Seen> {
        let number = self.find(trip)?;
        self.seen[number].1.as_mut()
    }

    /// The same; `first` if nothing was seen of it yet.
    pub fn get_or_insert(&mut self, trip: TripId, first: impl FnOnce() -> Seen) -> &mut Seen {
        let number = self.find(trip).unwrap_or_else(|| {
            let next = self.seen.push((trip, None));
            let seen = &self.seen;
            self.numbers.insert(trip, next, |number| seen[number].0);
            next
        });
        self.seen[number].1.get_or_insert_with(first)
    }

    /// Takes out what was seen of a trip.
    pub fn remove(&mut self, trip: TripId) -> Option<Seen> {
        let number = self.find(trip)?;
        self.seen[number].1.take()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (TripId, &Seen)> {
        let each = self.seen.iter();
        each.filter_map(|(trip, seen)| Some((*trip, seen.as_ref()?)))
    }
}

impl fmt::Debug for SeenTrips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Extend<(TripId, Seen)> for SeenTrips {
    fn extend<I: IntoIterator<Item = (TripId, Seen)>>(&mut self, seen: I) {
        for (trip, seen) in seen {
            self.remove(trip);
            self.get_or_insert(trip, || seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{RiderId, Timestamp};

    use super::*;

    #[test]
    fn trips_are_found_again_and_stay_in_their_order() {
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
        assert!(seen.iter().map(|(trip, _)| trip).eq(trips));
        assert_eq!(seen.remove(trips[2]).unwrap().rider, RiderId(3));
        assert!(seen.get(trips[2]).is_none() && seen.remove(trips[2]).is_none());
        let mut again = Seen::scheduled(RiderId(7), Timestamp::ZERO);
        seen.extend([(trips[2], again.clone()), (trips[0], again.clone())]);
        again.rider = RiderId(8);
        seen.extend([(trips[2], again)]);
        let riders: Vec<u64> = seen.iter().map(|(_, seen)| seen.rider.0).collect();
        assert_eq!(riders, [7, 2, 8, 4, 5, 6]);
    }
}
