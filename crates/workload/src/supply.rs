//! Supply: which drivers work when, where they begin, and what they are at when the scenario begins.
//!
//! [`Fleet::plans`] gives them by number, the same for the same seed. Every driver's own draws come from a
//! stream of their own: a larger fleet adds drivers and changes none of those there are.

mod stationary;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::{DriverId, Place, RiderId, VehicleClass};

pub use stationary::{Shares, UnderWayFrom, shares};

use crate::demand::{Demand, RiderPlan};
use crate::law::SpanLaw;
use crate::places::Places;
use crate::world::World;

/// The most drivers.
pub const DRIVERS_MAX: u32 = 1_000_000;
/// A driver who takes over from another is numbered from here on, and so forth.
pub const SUCCESSOR_STRIDE: u64 = 10_000_000;
/// The drivers of an hour do not come and go in one second: over how long it spreads. City time.
const CHANGE_SPREAD: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3_600);

/// Supply as a scenario states it.
#[derive(Debug, Clone)]
pub struct FleetSpec {
    /// How many drivers work.
    pub drivers: Drivers,
    /// Where they begin.
    pub placement: Places,
    /// How long each works. Not used with drivers by hour, which say it themselves.
    pub shifts: Shifts,
    /// What they are at when the scenario begins.
    pub start: Start,
}

/// How many drivers work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drivers {
    /// So many at all times.
    Count(u32),
    /// So many in each hour of the city's day: who came first leaves first.
    ByHour([u32; 24]),
}

/// How long a driver works.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shifts {
    /// As long as the scenario lasts.
    Throughout,
    /// So long; then another driver takes over. Those at work at the start are somewhere in their shift.
    Lasting(SpanLaw),
}

/// What drivers are at when the scenario begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Start {
    /// Without a ride.
    Idle,
    /// On trip and on the way in the shares of the steady state, which [`shares`] works out from demand.
    Stationary,
}

/// Why supply cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FleetError {
    /// No driver ever works.
    #[error("found a fleet of no drivers, expected at least one")]
    NoDrivers,
    /// More drivers than fit.
    #[error("found {0} drivers, expected at most {DRIVERS_MAX}")]
    TooMany(u32),
    /// Shifts so short that drivers do nothing but change.
    #[error("found shifts of {0:?} on average, expected at least a minute")]
    Shifts(Duration),
}

/// One driver who will work.
#[derive(Debug, Clone, PartialEq)]
pub struct DriverPlan {
    /// Who.
    pub driver: DriverId,
    /// In what.
    pub vehicle: VehicleClass,
    /// Where the driver begins; of one who has a ride, where the car is at the start.
    pub place: Place,
    /// When the shift starts: city time since the scenario's start. Zero is from the start on.
    pub shift_starts: Duration,
    /// When it ends, a ride under way apart; none: not within the scenario.
    pub shift_ends: Option<Duration>,
    /// The share of the ping interval at which this driver pings, in [0, 1).
    pub ping_phase: f64,
    /// The ride the driver has when the scenario begins.
    pub under_way: Option<Box<RideUnderWay>>,
}

/// A ride that is under way when the scenario begins. All spans are city time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RideUnderWay {
    /// Whose, and from where to where. The rider is numbered from [`RIDERS_UNDER_WAY_FROM`] on.
    pub rider: RiderPlan,
    /// Where the driver set out to the pick-up.
    pub from: Place,
    /// How long before the start the driver accepted.
    pub accepted_before: Duration,
    /// How long before it the driver arrived, if so.
    pub arrived_before: Option<Duration>,
    /// How long before it the rider was picked up, if so.
    pub picked_up_before: Option<Duration>,
    /// What remains of the stage: of the way to the pick-up, of boarding, or of the trip.
    pub remaining: Duration,
}

/// Riders whose rides are under way at the start are numbered from here on: by their drivers.
pub const RIDERS_UNDER_WAY_FROM: u64 = 1 << 40;

/// Supply that can be scheduled.
#[derive(Debug, Clone)]
pub struct Fleet {
    spec: FleetSpec,
}

impl Fleet {
    /// Checks supply.
    ///
    /// # Errors
    /// If there are no drivers or too many, or shifts hardly last.
    pub fn new(spec: FleetSpec) -> Result<Self, FleetError> {
        let most = match &spec.drivers {
            Drivers::Count(count) => *count,
            Drivers::ByHour(counts) => counts.iter().copied().max().unwrap_or(0),
        };
        if most == 0 {
            return Err(FleetError::NoDrivers);
        }
        if most > DRIVERS_MAX {
            return Err(FleetError::TooMany(most));
        }
        if let Shifts::Lasting(law) = spec.shifts
            && law.mean() < Duration::from_secs(60)
        {
            return Err(FleetError::Shifts(law.mean()));
        }
        Ok(Self { spec })
    }

    /// What was stated.
    #[must_use]
    pub fn spec(&self) -> &FleetSpec {
        &self.spec
    }

    /// The drivers who work within `span` (city time) of the scenario's start, by number. Demand says what
    /// they are at if the start is stationary.
    #[must_use]
    pub fn plans(&self, world: &World, demand: &Demand, span: Duration) -> Vec<DriverPlan> {
        let mut plans: Vec<_> = self
            .shifts(world, span)
            .into_iter()
            .map(|shift| self.plan(world, shift))
            .collect();
        plans.sort_by_key(|plan| plan.driver);
        if self.spec.start == Start::Stationary {
            let on_shift: Vec<_> = plans
                .iter_mut()
                .filter(|plan| plan.shift_starts == Duration::ZERO)
                .collect();
            stationary::set_under_way(world, demand, on_shift);
        }
        plans
    }

    fn plan(&self, world: &World, shift: Shift) -> DriverPlan {
        let mut stream = world.streams.stream("driver", shift.driver);
        let driver = DriverId(shift.driver);
        DriverPlan {
            driver,
            vehicle: world.products.of_driver(&world.streams, driver),
            ping_phase: stream.uniform(),
            place: self.spec.placement.draw(&world.city, &mut stream),
            shift_starts: shift.starts,
            shift_ends: shift.ends,
            under_way: None,
        }
    }

    fn shifts(&self, world: &World, span: Duration) -> Vec<Shift> {
        match (&self.spec.drivers, self.spec.shifts) {
            (Drivers::Count(count), Shifts::Throughout) => (1..=u64::from(*count))
                .map(|driver| Shift {
                    driver,
                    starts: Duration::ZERO,
                    ends: None,
                })
                .collect(),
            (Drivers::Count(count), Shifts::Lasting(law)) => (1..=u64::from(*count))
                .flat_map(|slot| succession(world, slot, law, span))
                .collect(),
            (Drivers::ByHour(counts), _) => by_hour(world, counts, span),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Shift {
    driver: u64,
    starts: Duration,
    ends: Option<Duration>,
}

/// One driver after another in the same place of the fleet.
fn succession(world: &World, slot: u64, law: SpanLaw, span: Duration) -> Vec<Shift> {
    let mut stream = world.streams.stream("shifts", slot);
    // The shift under way at the start is more likely a long one, and anywhere within it.
    let whole = law.sample_under_way(&mut stream);
    let mut starts = Duration::ZERO;
    let mut ends = stream.uniform_span(whole);
    let mut shifts = Vec::new();
    loop {
        shifts.push(Shift {
            driver: slot + shifts.len() as u64 * SUCCESSOR_STRIDE,
            starts,
            ends: (ends < span).then_some(ends),
        });
        if ends >= span {
            return shifts;
        }
        // A shift of no length would never come to the end of the scenario.
        starts = ends.max(Duration::from_millis(1));
        ends = starts + law.sample(&mut stream).max(Duration::from_secs(1));
    }
}

/// Drivers who come and go as the counts of the hours rise and fall.
fn by_hour(world: &World, counts: &[u32; 24], span: Duration) -> Vec<Shift> {
    let count_at = |offset| counts[world.pace.city_time_at(offset).hour_of_day()];
    let moment = |driver: u64, purpose: &str, change: Duration| {
        change
            + world
                .streams
                .stream(purpose, driver)
                .uniform_span(CHANGE_SPREAD)
    };
    let mut shifts: Vec<Shift> = (1..=u64::from(count_at(Duration::ZERO)))
        .map(|driver| Shift {
            driver,
            starts: Duration::ZERO,
            ends: None,
        })
        .collect();
    let mut first_working = 0;
    // The first change of the hour after the start, then every hour.
    let into_hour = world
        .pace
        .city_time_at(Duration::ZERO)
        .as_micros()
        .rem_euclid(3_600_000_000);
    let mut change = HOUR - Duration::from_micros(u64::try_from(into_hour).unwrap_or(0));
    while change < span {
        let target = count_at(change) as usize;
        while shifts.len() - first_working > target {
            let shift = &mut shifts[first_working];
            shift.ends = Some(moment(shift.driver, "shift-end", change).max(shift.starts));
            first_working += 1;
        }
        while shifts.len() - first_working < target {
            let driver = shifts.len() as u64 + 1;
            shifts.push(Shift {
                driver,
                starts: moment(driver, "shift-start", change),
                ends: None,
            });
        }
        change += HOUR;
    }
    shifts
}

/// The rider of the ride that this driver has at the start.
pub(crate) fn rider_under_way(driver: DriverId) -> RiderId {
    RiderId(RIDERS_UNDER_WAY_FROM + driver.0)
}
