//! Spreading stamps that were rounded before publication.
//!
//! 99 % of one city's stamps are whole minutes, with up to 292 requests in one second: driven as they
//! stand, they would be a burst each minute that never was.

use kernel::Streams;

use super::trip::{Dejitter, Trips};

/// A file is rounded to a unit if this share of its stamps are whole multiples of it. Of unrounded
/// stamps a sixtieth are whole minutes.
const ROUNDED_SHARE: f64 = 0.9;
/// The roundings that publishers use, in seconds, the coarsest first: Chicago's quarter of an hour,
/// the minute, the second.
const ROUNDINGS_S: [u32; 3] = [900, 60, 1];
const SECOND_US: i64 = 1_000_000;

/// Spreads each rounded stamp uniformly over the unit it was rounded to, `[stamp, stamp + unit)`.
///
/// The unit is found from the stamps. A stamp that is no whole multiple of it is one the publisher gave
/// to the second, and is spread over that second. The same trips and seed give the same times; the
/// trips are in order of time again afterwards. Where nothing is rounded nothing is changed and the
/// answer is `None`; otherwise it is also noted in [`Provenance::dejitter`](super::Provenance).
pub fn dejitter(trips: &mut Trips, seed: u64) -> Option<Dejitter> {
    let found = rounding(trips, seed)?;
    let unit_us = i64::from(found.rounded_to_s) * SECOND_US;
    let mut random = Streams::new(seed).stream("dejitter", 0);
    trips.retime(|time_us| {
        let share = random.uniform();
        let span_us = if time_us % unit_us == 0 {
            unit_us
        } else if time_us % SECOND_US == 0 {
            SECOND_US
        } else {
            return time_us;
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most 900 s of microseconds"
        )]
        let offset_us = (share * span_us as f64) as i64;
        time_us.saturating_add(offset_us.min(span_us - 1))
    });
    trips.provenance.dejitter = Some(found);
    Some(found)
}

fn rounding(trips: &Trips, seed: u64) -> Option<Dejitter> {
    ROUNDINGS_S.into_iter().find_map(|rounded_to_s| {
        let unit_us = i64::from(rounded_to_s) * SECOND_US;
        let whole = trips
            .as_slice()
            .iter()
            .filter(|trip| trip.time_us % unit_us == 0)
            .count();
        let rounded_share = whole as f64 / trips.len() as f64;
        // Of no trips at all the share is not a number, and no rounding is found.
        (rounded_share >= ROUNDED_SHARE).then_some(Dejitter {
            rounded_to_s,
            rounded_share,
            seed,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{Place, Timestamp};

    use super::super::trip::{PlaceOrigin, Provenance, TimeMeaning, Trip};
    use super::*;

    fn trips(times_us: impl Iterator<Item = i64>) -> Trips {
        let place = Place::new(40.7, -74.0).unwrap();
        let provenance = Provenance {
            time: TimeMeaning::Pickup,
            places: PlaceOrigin::Stated,
            seed: 0,
            sources: Vec::new(),
            dejitter: None,
        };
        let trip = |us| {
            Trip::new(
                Timestamp::from_micros(us),
                place,
                place,
                1.0,
                Duration::from_secs(1),
            )
        };
        Trips::new(provenance, times_us.map(trip).collect())
    }

    fn times(trips: &Trips) -> Vec<i64> {
        trips.as_slice().iter().map(|trip| trip.time_us).collect()
    }

    #[test]
    fn whole_minutes_spread_within_their_minute_and_odd_seconds_within_theirs() {
        // 300 in minute 7, 300 in minute 8, one at second 481.
        let published = || {
            trips((0..601).map(|i| {
                if i == 0 {
                    481_000_000
                } else {
                    (7 + i % 2) * 60_000_000
                }
            }))
        };
        let mut spread = published();
        let found = dejitter(&mut spread, 9).unwrap();
        assert_eq!(found.rounded_to_s, 60);
        assert!((found.rounded_share - 600.0 / 601.0).abs() < 1e-12);
        assert_eq!(spread.provenance.dejitter, Some(found));
        let at = times(&spread);
        assert!(at.is_sorted());
        assert_eq!(
            at.iter()
                .filter(|us| (420_000_000..480_000_000).contains(*us))
                .count(),
            300
        );
        assert_eq!(
            at.iter()
                .filter(|us| (480_000_000..540_000_000).contains(*us))
                .count(),
            301
        );
        for second in 0..120 {
            let from = 420_000_000 + second * SECOND_US;
            let burst = at
                .iter()
                .filter(|us| (from..from + SECOND_US).contains(*us))
                .count();
            assert!(burst < 20, "{burst} trips in second {second}");
        }
        assert!(at.iter().any(|us| (481_000_000..482_000_000).contains(us)));

        let mut again = published();
        dejitter(&mut again, 9);
        assert_eq!(times(&again), at);
        let mut other = published();
        dejitter(&mut other, 10);
        assert_ne!(times(&other), at);
    }

    #[test]
    fn the_rounding_is_found_from_the_stamps() {
        for (unit_us, found_s) in [
            (900_000_000, Some(900)),
            (60_000_000, Some(60)),
            (1_000_000, Some(1)),
            (1_003, None),
        ] {
            let mut some = trips((0..500).map(|i| i * 7 * unit_us));
            let before = times(&some);
            let found = dejitter(&mut some, 1);
            assert_eq!(found.map(|found| found.rounded_to_s), found_s);
            assert_eq!(times(&some) == before, found.is_none());
        }
        assert_eq!(dejitter(&mut trips(std::iter::empty()), 1), None);
    }
}
