//! Imported trips, packed: 32 bytes each, so that a month of a city fits into memory.

use std::time::Duration;

use domain::{Place, Timestamp};

/// Which moment [`Trip::time`] is. A report says so, because demand is requested before it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "formats", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "formats", serde(rename_all = "lowercase"))]
pub enum TimeMeaning {
    /// When the rider asked.
    Request,
    /// When the ride began; the file holds no request times.
    Pickup,
}

/// Where the places of the trips come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "formats", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "formats", serde(rename_all = "lowercase"))]
pub enum PlaceOrigin {
    /// Coordinates in the file.
    Stated,
    /// The file names zones; each place is drawn uniformly inside its zone.
    Zones,
    /// Several files, of both kinds.
    Mixed,
}

/// What [`dejitter`](super::dejitter) did to the stamps.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "formats", derive(serde::Serialize, serde::Deserialize))]
pub struct Dejitter {
    /// What the stamps were found to be rounded to, in seconds: 900, 60 or 1.
    pub rounded_to_s: u32,
    /// The share of stamps that are whole multiples of it, 0 to 1.
    pub rounded_share: f64,
    /// The seed of the spreading.
    pub seed: u64,
}

/// Where trips come from and what was done to them: the part of a demand file a report quotes.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "formats", derive(serde::Serialize, serde::Deserialize))]
pub struct Provenance {
    /// What the times are. They are local times as published, with neither zone nor daylight saving applied.
    pub time: TimeMeaning,
    /// Where the places come from.
    pub places: PlaceOrigin,
    /// The seed of places drawn in zones.
    pub seed: u64,
    /// The names of the imported files, without their folders.
    pub sources: Vec<String>,
    /// How the stamps were spread; none: they stand as published.
    pub dejitter: Option<Dejitter>,
}

/// One trip that happened, as demand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trip {
    pub(super) time_us: i64,
    pub(super) pickup: Place,
    pub(super) dropoff: Place,
    pub(super) distance_m: f32,
    pub(super) duration_s: f32,
}

impl Trip {
    /// A trip. Distance and duration are kept to seven digits.
    #[must_use]
    pub fn new(
        time: Timestamp,
        pickup: Place,
        dropoff: Place,
        distance_m: f64,
        duration: Duration,
    ) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "seven digits are finer than any odometer or meter"
        )]
        Self {
            time_us: time.as_micros(),
            pickup,
            dropoff,
            distance_m: distance_m as f32,
            duration_s: duration.as_secs_f64() as f32,
        }
    }

    /// When it was requested or began ([`Provenance::time`] says which), in the city's local time.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        Timestamp::from_micros(self.time_us)
    }

    /// Where it began.
    #[must_use]
    pub fn pickup(&self) -> Place {
        self.pickup
    }

    /// Where it ended.
    #[must_use]
    pub fn dropoff(&self) -> Place {
        self.dropoff
    }

    /// How long the way was, in metres, as the file states it.
    #[must_use]
    pub fn distance_m(&self) -> f64 {
        f64::from(self.distance_m)
    }

    /// How long it took from pick-up to drop-off, as the file states it.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f32(self.duration_s)
    }
}

/// Trips in the order of their times, and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Trips {
    /// Where they come from.
    pub provenance: Provenance,
    trips: Vec<Trip>,
}

impl Trips {
    /// Sorts the trips by time; equal times stay in the order given.
    #[must_use]
    pub fn new(provenance: Provenance, mut trips: Vec<Trip>) -> Self {
        trips.sort_by_key(|trip| trip.time_us);
        Self { provenance, trips }
    }

    /// The trips, by time.
    #[must_use]
    pub fn as_slice(&self) -> &[Trip] {
        &self.trips
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.trips.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.trips.is_empty()
    }

    /// Gives every trip the time that `time_us` says, in the present order, then sorts again.
    pub(super) fn retime(&mut self, mut time_us: impl FnMut(i64) -> i64) {
        for trip in &mut self.trips {
            trip.time_us = time_us(trip.time_us);
        }
        self.trips.sort_by_key(|trip| trip.time_us);
    }
}
