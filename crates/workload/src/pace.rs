//! The pace of a run: how the city's time maps to the time of the run.
//!
//! `speedup` divides everything outside the system: arrivals, travel, boarding, patience, shifts, and a
//! driver's reaction to an offer. The system's and the apps' own timers stay as they are: pings, windows,
//! offer deadlines, polls, retries. Every conversion is here; what is converted is a *city* span (as the
//! scenario states it) or a *run* span (as a clock of the run measures it).

use std::time::Duration;

use domain::Timestamp;
use domain::travel::CityClock;

/// The fastest and slowest paces that make sense.
const SPEEDUP_MAX: f64 = 1e5;

/// A pace that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("found a speedup of {0}, expected a number from 0.00001 to 100000")]
pub struct PaceError(pub f64);

/// How the city's time maps to the run's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    clock: CityClock,
}

impl Pace {
    /// A pace of `speedup` city seconds to each second of the run, for a run whose scenario begins at
    /// `started_at` in the run and at `day_offset` past midnight in the city.
    ///
    /// # Errors
    /// If the speedup is not between 0.00001 and 100,000.
    pub fn new(
        speedup: f64,
        started_at: Timestamp,
        day_offset: Duration,
    ) -> Result<Self, PaceError> {
        if !(1.0 / SPEEDUP_MAX..=SPEEDUP_MAX).contains(&speedup) {
            return Err(PaceError(speedup));
        }
        let clock = CityClock {
            started_at,
            day_offset,
            speedup,
        };
        Ok(Self { clock })
    }

    /// The same pace for a run that begins at another time.
    #[must_use]
    pub fn starting(mut self, started_at: Timestamp) -> Self {
        self.clock.started_at = started_at;
        self
    }

    /// City seconds to each second of the run.
    #[must_use]
    pub fn speedup(&self) -> f64 {
        self.clock.speedup
    }

    /// When the scenario begins, in the run's time.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.clock.started_at
    }

    /// How long a city span takes in the run.
    #[must_use]
    pub fn in_run(&self, city: Duration) -> Duration {
        self.clock.by_the_other(city)
    }

    /// How long a span of the run is in the city.
    #[must_use]
    pub fn in_city(&self, run: Duration) -> Duration {
        self.clock.in_city(run)
    }

    /// When in the run a moment of the schedule is: `offset` is city time since the scenario's start.
    #[must_use]
    pub fn run_time(&self, offset: Duration) -> Timestamp {
        self.clock.started_at + self.in_run(offset)
    }

    /// City time since the scenario's start; zero before it.
    #[must_use]
    pub fn offset(&self, now: Timestamp) -> Duration {
        self.clock.since_start(now)
    }

    /// The city's clock at a time of the run, for speeds and rates by hour of day.
    #[must_use]
    pub fn city_time(&self, now: Timestamp) -> Timestamp {
        self.city_time_at(self.offset(now))
    }

    /// The city's clock at an offset of the schedule.
    #[must_use]
    pub fn city_time_at(&self, offset: Duration) -> Timestamp {
        self.clock.time_after(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn an_hour_of_the_city_takes_two_minutes_at_thirty() {
        let start = Timestamp::from_millis(500_000);
        let pace = Pace::new(30.0, start, 17 * HOUR).unwrap();
        assert_eq!(pace.in_run(HOUR), Duration::from_secs(120));
        assert_eq!(pace.in_city(Duration::from_secs(120)), HOUR);
        assert_eq!(pace.run_time(HOUR), start + Duration::from_secs(120));
        assert_eq!(pace.city_time(start).hour_of_day(), 17);
        assert_eq!(pace.city_time(pace.run_time(2 * HOUR)).hour_of_day(), 19);
        assert_eq!(pace.offset(Timestamp::ZERO), Duration::ZERO);
        assert_eq!(
            pace.starting(Timestamp::ZERO).run_time(HOUR),
            Timestamp::from_millis(120_000)
        );
    }

    #[test]
    fn a_pace_that_stands_is_refused() {
        for speedup in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Pace::new(speedup, Timestamp::ZERO, Duration::ZERO).is_err());
        }
    }
}
