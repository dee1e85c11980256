//! What every rider and driver of a run shares: the city, its pace, the seed's streams, and the rules by
//! which they behave. Agents borrow it at each step and hold no copy.

use std::time::Duration;

use domain::RiderId;
use kernel::Streams;

use crate::city::City;
use crate::law::{LawError, SpanLaw, Willingness, checked_probability};
use crate::pace::Pace;
use crate::places::Hotspots;
use crate::products::Products;

/// What riders and drivers share.
#[derive(Debug, Clone)]
pub struct World {
    /// The city.
    pub city: City,
    /// How its time maps to the run's.
    pub pace: Pace,
    /// The streams of the seed.
    pub streams: Streams,
    /// What riders choose and drivers drive.
    pub products: Products,
    /// How rides go.
    pub rides: RideRules,
    /// How riders behave.
    pub riders: RiderRules,
    /// How drivers behave.
    pub drivers: DriverRules,
}

impl World {
    /// The same world in a run whose scenario begins at another time.
    #[must_use]
    pub fn starting(mut self, started_at: domain::Timestamp) -> Self {
        self.pace = self.pace.starting(started_at);
        self
    }
}

/// How long a ride takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TripDuration {
    /// As long as the way at the city's speed.
    FromDistance,
    /// So long, whatever the distance: the driver ends at the destination. City time.
    Law(SpanLaw),
}

/// How rides go, once a driver is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RideRules {
    /// How long they take from pick-up to drop-off.
    pub duration: TripDuration,
    /// From the driver's arrival at the pick-up until the rider is in the car. City time.
    pub boarding: Duration,
}

impl RideRules {
    /// How long this rider's ride takes in the city's time, if not from its distance. It depends on the
    /// rider alone, so that drivers and schedules agree on it without a word.
    #[must_use]
    pub fn duration_of(&self, streams: &Streams, rider: RiderId) -> Option<Duration> {
        match self.duration {
            TripDuration::FromDistance => None,
            TripDuration::Law(law) => Some(law.sample(&mut streams.stream("ride", rider.0))),
        }
    }
}

/// How riders behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RiderRules {
    /// Whether the quoted price and wait are taken.
    pub quote_acceptance: Willingness,
    /// Whether a ride is cancelled after a driver was found.
    pub cancellation: Cancellation,
    /// How often the app asks whether a driver was found. Run time: the app is part of the system.
    pub poll_every: Duration,
}

/// When a rider cancels after a driver was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cancellation {
    /// With this probability, at a moment uniform over the wait that was promised (or over
    /// [`PROMISE_IF_NONE`] if none was). One who is picked up before does not cancel.
    Constant(f64),
    /// At a rate for each minute of waiting, city time: one while the wait is within what was promised
    /// with the quote, counted from the request, and another from then on.
    Hazard {
        /// Cancels a minute while the promise holds.
        per_minute_on_time: f64,
        /// Cancels a minute once it is broken.
        per_minute_late: f64,
    },
}

/// The wait that a rider assumes where the quote named none. City time.
pub const PROMISE_IF_NONE: Duration = Duration::from_secs(300);

impl RiderRules {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If a probability, a rate or the poll interval cannot be.
    pub fn checked(self) -> Result<Self, LawError> {
        self.quote_acceptance.checked()?;
        match self.cancellation {
            Cancellation::Constant(probability) => {
                checked_probability(probability)?;
            }
            Cancellation::Hazard {
                per_minute_on_time,
                per_minute_late,
            } => {
                for rate in [per_minute_on_time, per_minute_late] {
                    if !(rate >= 0.0 && rate.is_finite()) {
                        let found = rate.to_string();
                        let expected = "a rate of at least 0 a minute";
                        return Err(LawError { found, expected });
                    }
                }
            }
        }
        checked_interval(self.poll_every)?;
        Ok(self)
    }
}

/// What a driver does between rides.
#[derive(Debug, Clone, PartialEq)]
pub enum Idle {
    /// Waits where the last ride ended.
    Stay,
    /// Drives to a hotspot drawn by weight, and waits there.
    Hotspots(Hotspots),
    /// Drives to where surge is, whenever told.
    Surge {
        /// The driver's share of what surge adds to a ride, 0 to 1: without one, surge draws nobody.
        share: f64,
    },
}

/// How drivers behave.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverRules {
    /// How often a driver's app reports its place. Run time: the app is part of the system.
    pub ping_every: Duration,
    /// Whether an offer is taken: its minutes are those to the pick-up, its money the driver's pay.
    pub acceptance: Willingness,
    /// How long a driver looks at an offer. City time: a driver is outside the system.
    pub reaction: SpanLaw,
    /// What a driver does between rides.
    pub idle: Idle,
    /// How long before the scenario's start those who are then on shift connect, evenly spread over it, so
    /// that they do not all connect at once. Run time.
    pub lead: Duration,
}

impl DriverRules {
    /// Checks the numbers.
    ///
    /// # Errors
    /// If a probability, a share or the ping interval cannot be.
    pub fn checked(self) -> Result<Self, LawError> {
        self.acceptance.checked()?;
        if let Idle::Surge { share } = self.idle
            && !(0.0..=1.0).contains(&share)
        {
            let found = share.to_string();
            let expected = "a share of surge from 0 to 1";
            return Err(LawError { found, expected });
        }
        checked_interval(self.ping_every)?;
        Ok(self)
    }
}

/// The shortest interval at which an app asks or reports.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

fn checked_interval(interval: Duration) -> Result<(), LawError> {
    if interval >= INTERVAL_MIN {
        Ok(())
    } else {
        let found = format!("{interval:?}");
        let expected = "an interval of at least 10ms";
        Err(LawError { found, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Curve;

    #[test]
    fn rules_that_cannot_be_are_refused() {
        let riders = RiderRules {
            quote_acceptance: Willingness::Constant(1.0),
            cancellation: Cancellation::Constant(0.1),
            poll_every: Duration::from_secs(5),
        };
        assert!(riders.checked().is_ok());
        let hazard = |per_minute_late| Cancellation::Hazard {
            per_minute_on_time: 0.0,
            per_minute_late,
        };
        assert!(
            RiderRules {
                cancellation: hazard(0.2),
                ..riders
            }
            .checked()
            .is_ok()
        );
        assert!(
            RiderRules {
                cancellation: hazard(-0.2),
                ..riders
            }
            .checked()
            .is_err()
        );
        assert!(
            RiderRules {
                cancellation: Cancellation::Constant(2.0),
                ..riders
            }
            .checked()
            .is_err()
        );
        assert!(
            RiderRules {
                poll_every: Duration::ZERO,
                ..riders
            }
            .checked()
            .is_err()
        );
        let infinite = Curve {
            intercept: f64::INFINITY,
            per_minute: 0.0,
            per_currency_unit: 0.0,
        };
        let quote_acceptance = Willingness::Curve(infinite);
        assert!(
            RiderRules {
                quote_acceptance,
                ..riders
            }
            .checked()
            .is_err()
        );
        let drivers = DriverRules {
            ping_every: Duration::from_secs(4),
            acceptance: Willingness::Constant(1.0),
            reaction: SpanLaw::ZERO,
            idle: Idle::Stay,
            lead: Duration::ZERO,
        };
        assert!(drivers.clone().checked().is_ok());
        assert!(
            DriverRules {
                ping_every: Duration::ZERO,
                ..drivers
            }
            .checked()
            .is_err()
        );
    }
}
