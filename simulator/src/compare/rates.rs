//! The same city with more and fewer rides, drivers in proportion: at which rates the cost is looked at.

use std::time::Duration;

use crate::scenario::Resolved;
use crate::scenario::model::{DemandKind, Scenario};
use crate::scenario::values::{ByHour, Span};

/// Multiples of the scenario's demand and drivers.
const FACTORS: [f64; 7] = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
/// The highest of them.
const HIGHEST: f64 = FACTORS[FACTORS.len() - 1];
/// The most drivers of a point: what is beyond is not looked at.
const DRIVERS_MAX: f64 = 60_000.0;
/// Rides of a point, about.
const RIDES: f64 = 300.0;
/// Left out at the beginning of a point: city time.
const WARMUP: Duration = Duration::from_secs(60);
/// How long a rate is taken to be the same.
const STEP_S: u64 = 60;
/// The shortest and the longest that a point counts: city time.
const COUNTED: (Duration, Duration) = (Duration::from_secs(180), Duration::from_secs(3_600));

/// The points at which the cost is looked at.
#[derive(Debug, PartialEq)]
pub struct Points {
    /// Of the scenario's demand and drivers.
    pub factors: Vec<f64>,
    /// Riders an hour of each, in rising order: those of its own time, of which the cost is.
    pub rides_per_hour: Vec<f64>,
    /// What a reader must know of points that were left out.
    pub note: Option<String>,
}

impl Points {
    /// Those of a scenario, about which so many riders ask in an hour, as far as there can be such a city.
    pub fn of(
        scenario: &Scenario,
        rides_per_hour: f64,
        resolve: impl Fn(Scenario) -> Option<Resolved>,
    ) -> Self {
        let (mut found, mut rates) = (Vec::new(), Vec::new());
        let (mut highest, mut flat) = (0.0, 0);
        for factor in factors(scenario) {
            let Some(point) = resolve(at(scenario, factor, rides_per_hour)) else {
                continue;
            };
            highest = factor;
            let rate = report::summary::rounded(counted(&point), 3);
            if rate > rates.last().copied().unwrap_or(0.0) {
                found.push(factor);
                rates.push(rate);
            } else {
                flat += 1;
            }
        }
        let beyond = (highest < HIGHEST).then(|| {
            format!("Break-even was looked for up to {highest} times this rate: beyond, there would be too many drivers or rides.")
        });
        let flat = (flat > 0).then(|| {
            format!("Break-even leaves out {flat} points at which no more riders ask than at the one before: demand changes while they count.")
        });
        let notes: Vec<String> = beyond.into_iter().chain(flat).collect();
        let note = match (&found[..], &notes[..]) {
            ([], _) => Some(
                "Nobody asks for a ride at the scenario's start: break-even was not looked for."
                    .to_owned(),
            ),
            (_, []) => None,
            (_, notes) => Some(notes.join(" ")),
        };
        Self {
            factors: found,
            rides_per_hour: rates,
            note,
        }
    }
}

/// Multiples that are looked at: no more than may be.
fn factors(scenario: &Scenario) -> Vec<f64> {
    let drivers = drivers(scenario);
    let fits = |factor: &f64| *factor <= 1.0 || drivers * factor <= DRIVERS_MAX;
    FACTORS.into_iter().filter(fits).collect()
}

/// The most drivers of any hour.
pub fn drivers(scenario: &Scenario) -> f64 {
    match &scenario.fleet.drivers {
        ByHour::Constant(drivers) => *drivers,
        ByHour::Hours(hours) => hours.iter().copied().fold(0.0, f64::max),
    }
}

/// The scenario with so many times the rides and drivers, as long as it takes for its cost to be seen.
pub fn at(scenario: &Scenario, factor: f64, rides_per_hour: f64) -> Scenario {
    let mut point = scenario.clone();
    match point.demand.kind {
        DemandKind::Poisson => point.demand.rides_per_hour *= factor,
        DemandKind::Hourly | DemandKind::Trips => point.demand.scale *= factor,
    }
    let scaled = |drivers: f64| {
        let least = if drivers > 0.0 { 1.0 } else { 0.0 };
        (drivers * factor).round().max(least)
    };
    point.fleet.drivers = match &scenario.fleet.drivers {
        ByHour::Constant(drivers) => ByHour::Constant(scaled(*drivers)),
        ByHour::Hours(hours) => ByHour::Hours(hours.iter().map(|hour| scaled(*hour)).collect()),
    };
    let hours = RIDES / (rides_per_hour * factor).max(f64::MIN_POSITIVE);
    let longest = match point.demand.kind {
        // A record ends when it ends.
        DemandKind::Trips => COUNTED.1.min(scenario.duration.0.saturating_sub(WARMUP)),
        DemandKind::Poisson | DemandKind::Hourly => COUNTED.1,
    };
    let counted_s = (hours * 3_600.0).clamp(COUNTED.0.as_secs_f64(), COUNTED.1.as_secs_f64());
    let counted =
        Duration::from_secs_f64(counted_s.ceil()).min(longest.max(Duration::from_secs(1)));
    point.duration = Span(WARMUP + counted);
    point.warmup = Span(WARMUP);
    // Limits are the scenario's at its own rate.
    point.slo.clear();
    point
}

/// Riders an hour, on average over what is counted of a scenario: where demand changes over the day, not what all of it has.
fn counted(point: &Resolved) -> f64 {
    let (from, until) = (point.scenario.warmup.0, point.scenario.duration.0);
    if point.scenario.demand.kind == DemandKind::Trips {
        let riders = |span: Duration| point.demand.riders(&point.world, span) as f64;
        let hours = until.saturating_sub(from).as_secs_f64() / 3_600.0;
        return (riders(until) - riders(from)) / hours.max(f64::MIN_POSITIVE);
    }
    let steps = until.saturating_sub(from).as_secs().div_ceil(STEP_S).max(1);
    let width = until.saturating_sub(from).as_secs_f64() / steps as f64;
    let rates = (0..steps).map(|step| {
        let offset = from + Duration::from_secs_f64((step as f64 + 0.5) * width);
        point.demand.rides_per_hour(&point.world, offset)
    });
    rates.sum::<f64>() / steps as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rides_and_drivers_grow_alike() {
        let mut scenario = Scenario::default();
        scenario.demand.rides_per_hour = 1_000.0;
        scenario.fleet.drivers = ByHour::Constant(500.0);
        let point = at(&scenario, 0.1, 1_000.0);
        assert_eq!(point.demand.rides_per_hour, 100.0);
        assert_eq!(drivers(&point), 50.0);
        assert_eq!(point.duration, Span::secs(3_660));
        assert_eq!(at(&scenario, 10.0, 1_000.0).duration, Span::secs(240));
        assert_eq!(drivers(&at(&scenario, 0.0001, 1_000.0)), 1.0);
        scenario.demand.kind = DemandKind::Hourly;
        scenario.fleet.drivers = ByHour::Hours(vec![0.0, 10.0]);
        let point = at(&scenario, 3.0, 1_000.0);
        assert_eq!((point.demand.scale, drivers(&point)), (3.0, 30.0));
    }

    /// A city with so many riders in each hour, from two on.
    fn hourly(riders: impl Fn(u32) -> u32, sets: &[&str]) -> Resolved {
        let hours: Vec<String> = (0..24).map(|hour| riders(hour).to_string()).collect();
        let text = format!(
            "duration = '4h'\nwarmup = '0s'\nstarts_at = '2h'\n[demand]\nkind = 'hourly'\nhourly = [{}]",
            hours.join(", ")
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.toml");
        std::fs::write(&path, text).unwrap();
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        crate::scenario::load(path.to_str(), &sets).unwrap()
    }

    #[test]
    fn points_that_say_nothing_are_left_out_and_told() {
        let points = |riders: &dyn Fn(u32) -> u32| {
            let city = hourly(riders, &[]).scenario;
            Points::of(&city, 100.0, |point| crate::scenario::resolve(point).ok())
        };
        let all = points(&|_| 100);
        assert_eq!((&all.factors[..], &all.note), (&FACTORS[..], &None));
        assert_eq!(all.rides_per_hour[4], 100.0);
        let none = points(&|hour| if hour == 2 { 0 } else { 10_000 });
        assert!(none.factors.len() < FACTORS.len());
        let nobody = points(&|hour| if hour < 4 { 0 } else { 100 });
        assert!(nobody.factors.is_empty());
        assert!(nobody.note.unwrap().starts_with("Nobody asks"));
        // At ten times the rate a quarter of an hour counts, and at three times one whose end has a hundred times as many.
        let step = hourly(
            |hour| if hour == 2 { 10 } else { 1_000 },
            &["starts_at=150m"],
        );
        let step = Points::of(&step.scenario, 100.0, |point| {
            crate::scenario::resolve(point).ok()
        });
        assert_eq!(step.factors.last(), Some(&3.0));
        let note = step.note.unwrap();
        assert!(note.starts_with("Break-even leaves out 1 points"), "{note}");
    }

    #[test]
    fn a_point_has_the_rate_of_its_own_time() {
        let read = |sets: &[&str]| hourly(|hour| 100 * (hour + 1), sets);
        // From two to six, from three to six, and a quarter of an hour on both sides of three.
        assert!((counted(&read(&[])) - 450.0).abs() < 1e-6);
        assert!((counted(&read(&["warmup=1h"])) - 500.0).abs() < 1e-6);
        let around = counted(&read(&["warmup=45m", "duration=75m"]));
        assert!((around - 350.0).abs() < 1e-6, "{around}");
    }

    #[test]
    fn a_large_fleet_is_not_multiplied_further() {
        let mut scenario = Scenario::default();
        assert_eq!(factors(&scenario), FACTORS);
        scenario.fleet.drivers = ByHour::Constant(23_500.0);
        assert_eq!(factors(&scenario).last(), Some(&1.0));
        scenario.fleet.drivers = ByHour::Constant(100_000.0);
        assert_eq!(
            factors(&scenario).last(),
            Some(&1.0),
            "its own rate is always looked at"
        );
    }
}
