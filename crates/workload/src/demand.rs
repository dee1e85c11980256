//! Demand: who asks for a ride, when, from where to where, and what kind of person it is.
//!
//! [`Demand::schedule`] gives the riders of a run in order, lazily, the same for the same seed. Every
//! rider's own draws come from a stream of their own, so that a change of the rate, the scale or the
//! length of a run leaves a rider of the same number the same person.

mod arrivals;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::{Place, ProductName, RiderId};

pub use arrivals::{Arrivals, RecordedDemand};

use crate::import::Trips;
use crate::law::SpanLaw;
use crate::places::{CellWeights, Places, WeightsError};
use crate::profile::Profile;
use crate::world::World;

/// Demand as a scenario states it.
#[derive(Debug, Clone)]
pub struct DemandSpec {
    /// When riders ask for a quote.
    pub arrivals: Arrivals,
    /// Where they are. Not used for recorded trips, which have their own places.
    pub origins: Places,
    /// Where they go. Not used for recorded trips.
    pub destinations: Places,
    /// How far they go; none: wherever the destinations lie. Not used for recorded trips.
    pub trip_lengths: Option<TripLengths>,
    /// How long they wait for a driver to be found. City time.
    pub patience: SpanLaw,
}

/// Lengths of trips along the streets.
#[derive(Debug, Clone, PartialEq)]
pub struct TripLengths {
    /// How they vary about their mean.
    pub shape: crate::profile::TripLengths,
    /// Their mean in metres, for each hour of the city's day.
    pub mean_m: [f64; 24],
}

impl DemandSpec {
    /// Demand as a profile has it: its hours, places and lengths.
    ///
    /// # Errors
    /// If the weights of its cells cannot be drawn from.
    pub fn of_profile(profile: &Profile, patience: SpanLaw) -> Result<Self, DemandError> {
        Ok(Self {
            arrivals: Arrivals::Hourly {
                rides_per_hour: profile.hours.map(|hour| hour.trips),
            },
            origins: Places::Cells(CellWeights::new(&profile.origins)?),
            destinations: Places::Cells(CellWeights::new(&profile.destinations)?),
            trip_lengths: Some(TripLengths {
                shape: profile.lengths.clone(),
                mean_m: profile.hours.map(|hour| hour.mean_distance_m()),
            }),
            patience,
        })
    }
}

/// Why demand cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DemandError {
    /// A rate is negative or not finite.
    #[error("found a rate of {0} rides an hour, expected a number of at least 0")]
    Rate(f64),
    /// No rate is above zero.
    #[error("found no rides in any hour, expected a rate above 0 in at least one")]
    NoRides,
    /// A rate is beyond all cities.
    #[error("found a rate of {0} rides an hour, expected at most {RATE_MAX}")]
    RateTooHigh(f64),
    /// The scale of recorded trips is wrong.
    #[error("found a scale of {0}, expected a number above 0 and at most {SCALE_MAX}")]
    Scale(f64),
    /// Recorded trips hold none.
    #[error("found a demand file of no trips, expected at least one")]
    NoTrips,
    /// A mean trip length is not positive.
    #[error("found a mean trip of {0} m, expected more than 0")]
    TripLength(f64),
    /// Weights of places are wrong.
    #[error(transparent)]
    Places(#[from] WeightsError),
}

/// The highest rate, in rides an hour: a hundred times New York's peak.
pub const RATE_MAX: f64 = 4_000_000.0;
/// The most copies of each recorded trip.
pub const SCALE_MAX: f64 = 100.0;

/// One rider who will ask for a ride.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiderPlan {
    /// Who.
    pub rider: RiderId,
    /// Which product the rider chooses; none where there is nothing to choose.
    pub product: Option<ProductName>,
    /// When the rider asks for a quote: city time since the scenario's start.
    pub at: Duration,
    /// From where.
    pub pickup: Place,
    /// To where.
    pub dropoff: Place,
    /// How long the rider waits for a driver to be found. City time.
    pub patience: Duration,
    /// How long the ride takes, if not from its distance. City time.
    pub trip_duration: Option<Duration>,
    /// Makes the request the same however often it is sent.
    pub idempotency_key: u128,
    /// What the rider's own choices are drawn with.
    pub draws: RiderDraws,
}

/// Uniform draws in [0, 1) behind a rider's choices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiderDraws {
    /// Takes the quote if below its acceptance.
    pub quote: f64,
    /// Cancels, or how much hazard it takes.
    pub cancel: f64,
    /// When, of those who cancel by a constant probability.
    pub cancel_when: f64,
    /// Spreads retries.
    pub retry: f64,
}

/// Demand that can be scheduled.
#[derive(Debug, Clone)]
pub struct Demand {
    spec: DemandSpec,
}

impl Demand {
    /// Checks demand.
    ///
    /// # Errors
    /// If a rate or scale is negative, too high or not a number, or nobody ever asks for a ride.
    pub fn new(spec: DemandSpec) -> Result<Self, DemandError> {
        spec.arrivals.check()?;
        if let Some(lengths) = &spec.trip_lengths {
            let wrong = |mean: &&f64| !(**mean > 0.0 && mean.is_finite());
            if let Some(mean) = lengths.mean_m.iter().find(wrong) {
                return Err(DemandError::TripLength(*mean));
            }
        }
        Ok(Self { spec })
    }

    /// Demand by recorded trips: their times, and their places.
    ///
    /// # Errors
    /// As [`Demand::new`].
    pub fn recorded(trips: &Trips, scale: f64, patience: SpanLaw) -> Result<Self, DemandError> {
        Self::new(DemandSpec {
            arrivals: Arrivals::Recorded(RecordedDemand::new(trips, scale)?),
            origins: Places::Uniform,
            destinations: Places::Uniform,
            trip_lengths: None,
            patience,
        })
    }

    /// What was stated.
    #[must_use]
    pub fn spec(&self) -> &DemandSpec {
        &self.spec
    }

    /// Riders an hour who ask for a quote around an offset of the schedule.
    #[must_use]
    pub fn rides_per_hour(&self, world: &World, offset: Duration) -> f64 {
        self.spec.arrivals.rides_per_hour(world, offset)
    }

    /// The riders who ask within `span` (city time) of the scenario's start, in the order of their times.
    #[must_use]
    pub fn schedule<'a>(&'a self, world: &'a World, span: Duration) -> Schedule<'a> {
        Schedule {
            demand: self,
            world,
            arrivals: self.spec.arrivals.iter(world, span),
        }
    }

    /// How many riders the schedule has.
    #[must_use]
    pub fn riders(&self, world: &World, span: Duration) -> usize {
        self.spec.arrivals.iter(world, span).count()
    }

    /// A rider by number, with places drawn as those of the schedule are.
    pub(crate) fn rider(&self, world: &World, arrival: &Arrival) -> RiderPlan {
        let rider = arrival.rider;
        let mut stream = world.streams.stream("rider", rider.0);
        let draws = RiderDraws {
            quote: stream.uniform(),
            cancel: stream.uniform(),
            cancel_when: stream.uniform(),
            retry: stream.uniform(),
        };
        let idempotency_key = u128::from(stream.bits()) << 64 | u128::from(stream.bits());
        let patience = self.spec.patience.sample(&mut stream);
        let (pickup, dropoff) = arrival.places.unwrap_or_else(|| {
            let city = &world.city;
            let pickup = self.spec.origins.draw(city, &mut stream);
            let destinations = &self.spec.destinations;
            let dropoff = match &self.spec.trip_lengths {
                None => destinations.draw(city, &mut stream),
                Some(lengths) => {
                    let hour = world.pace.city_time_at(arrival.at).hour_of_day();
                    let length_m = lengths.shape.multiple(stream.uniform()) * lengths.mean_m[hour];
                    let straight_m = length_m / city.circuity();
                    destinations.draw_at(city, pickup, straight_m, &mut stream)
                }
            };
            (pickup, dropoff)
        });
        RiderPlan {
            rider,
            product: world.products.of_rider(&world.streams, rider),
            at: arrival.at,
            pickup,
            dropoff,
            patience,
            trip_duration: world.rides.duration_of(&world.streams, rider),
            idempotency_key,
            draws,
        }
    }
}

/// Someone who comes, before the rest is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) rider: RiderId,
    pub(crate) at: Duration,
    pub(crate) places: Option<(Place, Place)>,
}

/// The riders of a run, in order.
pub struct Schedule<'a> {
    demand: &'a Demand,
    world: &'a World,
    arrivals: arrivals::Iter<'a>,
}

impl Iterator for Schedule<'_> {
    type Item = RiderPlan;

    fn next(&mut self) -> Option<RiderPlan> {
        let arrival = self.arrivals.next()?;
        Some(self.demand.rider(self.world, &arrival))
    }
}
