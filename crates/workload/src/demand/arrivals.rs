//! When riders come: at a constant rate, at a rate by the hour, or when they came before.

use std::time::Duration;

use domain::{Place, RiderId};
use kernel::Stream;
use kernel::random::span;

use super::{Arrival, DemandError, RATE_MAX, SCALE_MAX};
use crate::import::Trips;
use crate::world::World;

const HOUR_S: f64 = 3_600.0;
const DAY_US: i64 = 86_400_000_000;
/// How far in time a copy of a recorded trip lies from it, at most, either way.
const COPY_SPREAD: Duration = Duration::from_secs(300);
/// How far a copy's places lie from those recorded: the standard deviation in metres, each way.
const COPY_SPREAD_M: f64 = 150.0;
/// Riders of the nth copy are numbered from n times this on.
const COPY_STRIDE: u64 = 1 << 32;

/// When riders ask for a quote.
#[derive(Debug, Clone)]
pub enum Arrivals {
    /// A Poisson process of constant rate.
    Poisson {
        /// Riders an hour.
        rides_per_hour: f64,
    },
    /// A Poisson process with a rate for each hour of the city's day.
    Hourly {
        /// Riders an hour, by hour.
        rides_per_hour: [f64; 24],
    },
    /// When they came before.
    Recorded(RecordedDemand),
}

/// Recorded trips as demand.
#[derive(Debug, Clone)]
pub struct RecordedDemand {
    /// From the first trip on, in order.
    trips: Vec<Recorded>,
    scale: f64,
    time_of_day: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Recorded {
    at: Duration,
    pickup: Place,
    dropoff: Place,
}

impl RecordedDemand {
    /// Demand by trips, the first at offset zero. With a scale below 1 each trip is kept with that
    /// probability; above 1 it is doubled as often as the whole part says, and once more with the
    /// probability of the rest. A copy is moved by up to five minutes and a few hundred metres.
    ///
    /// # Errors
    /// If there are no trips, or the scale is not above 0 and at most [`SCALE_MAX`].
    pub fn new(trips: &Trips, scale: f64) -> Result<Self, DemandError> {
        if !(scale > 0.0 && scale <= SCALE_MAX) {
            return Err(DemandError::Scale(scale));
        }
        let first = trips.as_slice().first().ok_or(DemandError::NoTrips)?;
        let first_at = first.time();
        let recorded = |trip: &crate::import::Trip| Recorded {
            at: trip.time().since(first_at),
            pickup: trip.pickup(),
            dropoff: trip.dropoff(),
        };
        Ok(Self {
            trips: trips.as_slice().iter().map(recorded).collect(),
            scale,
            time_of_day: Duration::from_micros(
                u64::try_from(first_at.as_micros().rem_euclid(DAY_US)).unwrap_or(0),
            ),
        })
    }

    /// The city's time of day at the first trip: where the scenario's clock begins.
    #[must_use]
    pub fn time_of_day(&self) -> Duration {
        self.time_of_day
    }

    /// The places of the trips, in their order.
    pub(crate) fn places(&self) -> impl Iterator<Item = (Place, Place)> {
        self.trips.iter().map(|trip| (trip.pickup, trip.dropoff))
    }

    fn arrivals(&self, world: &World, span: Duration) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for (row, trip) in self.trips.iter().enumerate() {
            if trip.at > span + COPY_SPREAD {
                break;
            }
            let mut stream = world.streams.stream("copies", row as u64);
            let more = f64::from(u8::from(stream.chance(self.scale.fract())));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "at most SCALE_MAX"
            )]
            let copies = (self.scale.trunc() + more) as u64;
            for copy in 0..copies {
                let rider = RiderId(copy * COPY_STRIDE + row as u64 + 1);
                let arrival = if copy == 0 {
                    let places = Some((trip.pickup, trip.dropoff));
                    Arrival {
                        rider,
                        at: trip.at,
                        places,
                    }
                } else {
                    let mut stream = world.streams.between("copy", copy, row as u64);
                    trip.copied(rider, world, &mut stream)
                };
                arrivals.push(arrival);
            }
        }
        arrivals.retain(|arrival| arrival.at < span);
        arrivals.sort_by_key(|arrival| (arrival.at, arrival.rider));
        arrivals
    }
}

impl Recorded {
    fn copied(&self, rider: RiderId, world: &World, stream: &mut Stream) -> Arrival {
        let shift = stream.uniform_span(2 * COPY_SPREAD);
        let mut near = |place: Place| {
            let (east, north) = (stream.normal(), stream.normal());
            world
                .city
                .moved(place, east * COPY_SPREAD_M, north * COPY_SPREAD_M)
        };
        Arrival {
            rider,
            // Before the first trip there is no demand to move into: what falls there is mirrored.
            at: if self.at + shift >= COPY_SPREAD {
                self.at + shift - COPY_SPREAD
            } else {
                COPY_SPREAD - self.at - shift
            },
            places: Some((near(self.pickup), near(self.dropoff))),
        }
    }
}

impl Arrivals {
    pub(super) fn check(&self) -> Result<(), DemandError> {
        let rates = match self {
            Self::Poisson { rides_per_hour } => std::slice::from_ref(rides_per_hour),
            Self::Hourly { rides_per_hour } => rides_per_hour.as_slice(),
            Self::Recorded(_) => return Ok(()),
        };
        if let Some(rate) = rates
            .iter()
            .find(|rate| !(rate.is_finite() && **rate >= 0.0))
        {
            return Err(DemandError::Rate(*rate));
        }
        let highest = rates.iter().copied().fold(0.0, f64::max);
        if highest > RATE_MAX {
            Err(DemandError::RateTooHigh(highest))
        } else if highest > 0.0 {
            Ok(())
        } else {
            Err(DemandError::NoRides)
        }
    }

    /// The rate around an offset. Of recorded trips, what the hour before and after it held.
    pub(super) fn rides_per_hour(&self, world: &World, offset: Duration) -> f64 {
        match self {
            Self::Poisson { rides_per_hour } => *rides_per_hour,
            Self::Hourly { rides_per_hour } => {
                rides_per_hour[world.pace.city_time_at(offset).hour_of_day()]
            }
            Self::Recorded(recorded) => {
                let half_hour = Duration::from_secs(1_800);
                let from = offset.saturating_sub(half_hour);
                let until = offset + half_hour;
                let last = recorded.trips.last().map_or(until, |trip| trip.at);
                let covered = until.min(last).saturating_sub(from).as_secs_f64();
                let within = |trip: &&Recorded| (from..until).contains(&trip.at);
                let count = recorded.trips.iter().filter(within).count() as f64;
                if covered > 0.0 {
                    count * recorded.scale * HOUR_S / covered
                } else {
                    0.0
                }
            }
        }
    }

    pub(super) fn iter<'a>(&'a self, world: &'a World, span: Duration) -> Iter<'a> {
        let highest = match self {
            Self::Poisson { rides_per_hour } => *rides_per_hour,
            Self::Hourly { rides_per_hour } => rides_per_hour.iter().copied().fold(0.0, f64::max),
            Self::Recorded(recorded) => {
                return Iter::Listed(recorded.arrivals(world, span).into_iter());
            }
        };
        Iter::Drawn {
            arrivals: self,
            world,
            stream: world.streams.stream("arrivals", 0),
            highest,
            at_s: 0.0,
            until_s: span.as_secs_f64(),
            riders: 0,
        }
    }
}

/// Arrivals in order.
#[expect(
    clippy::large_enum_variant,
    reason = "a run has one of these; what is large is the stream's state"
)]
pub(super) enum Iter<'a> {
    Listed(std::vec::IntoIter<Arrival>),
    Drawn {
        arrivals: &'a Arrivals,
        world: &'a World,
        stream: Stream,
        highest: f64,
        at_s: f64,
        until_s: f64,
        riders: u64,
    },
}

impl Iterator for Iter<'_> {
    type Item = Arrival;

    /// Where the rate varies, arrivals are drawn at the highest rate and kept with the probability
    /// rate ÷ highest: thinning (Lewis and Shedler, 1979).
    fn next(&mut self) -> Option<Arrival> {
        match self {
            Self::Listed(arrivals) => arrivals.next(),
            Self::Drawn {
                arrivals,
                world,
                stream,
                highest,
                at_s,
                until_s,
                riders,
            } => loop {
                *at_s += stream.exponential(HOUR_S / *highest);
                if *at_s >= *until_s {
                    return None;
                }
                let at = span(*at_s);
                let rate = arrivals.rides_per_hour(world, at);
                if stream.uniform() * *highest < rate {
                    *riders += 1;
                    return Some(Arrival {
                        rider: RiderId(*riders),
                        at,
                        places: None,
                    });
                }
            },
        }
    }
}
