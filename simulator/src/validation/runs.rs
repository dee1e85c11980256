//! Runs of one scenario at several loads, on the embedded stack and on the twin.

use report::summary::Summary;

use crate::exit::Failure;
use crate::scenario::model::DemandKind;
use crate::scenario::values::ByHour;
use crate::scenario::{self, Resolved, Scenario};

/// Loads of one validation, at most.
pub const LOADS_MAX: usize = 16;
/// Runs of each load, at most.
pub const RUNS_MAX: u32 = 20;

/// The scenario's demand and drivers, so many times: as keys and values that are laid over it.
fn sets_of(scenario: &Scenario, load: f64) -> Vec<String> {
    let demand = match scenario.demand.kind {
        DemandKind::Poisson => format!(
            "demand.rides_per_hour={:?}",
            scenario.demand.rides_per_hour * load
        ),
        _ => format!("demand.scale={:?}", scenario.demand.scale * load),
    };
    let whole = |drivers: f64| format!("{:.1}", (drivers * load).round());
    let drivers = match &scenario.fleet.drivers {
        ByHour::Constant(drivers) => whole(*drivers),
        ByHour::Hours(hours) => {
            let hours: Vec<String> = hours.iter().map(|drivers| whole(*drivers)).collect();
            format!("[{}]", hours.join(","))
        }
    };
    vec![demand, format!("fleet.drivers={drivers}")]
}

/// A scenario at a load.
///
/// # Errors
/// If there is none, or it is wrong.
pub fn at_load(name: Option<&str>, sets: &[String], load: f64) -> Result<Resolved, Failure> {
    let base = scenario::load(name, sets).map_err(Failure::input)?;
    let mut sets = sets.to_vec();
    sets.extend(sets_of(&base.scenario, load));
    let mut source = scenario::read(name, &sets).map_err(Failure::input)?;
    // It is run before it is predicted.
    source.leave_to_target();
    source.resolve().map_err(Failure::input)
}

/// For how long figures of a scenario are counted, in seconds of the run.
pub fn counted_s(resolved: &Resolved) -> f64 {
    let (scenario, pace) = (&resolved.scenario, &resolved.world.pace);
    let span = pace
        .in_run(scenario.duration.0)
        .saturating_sub(pace.in_run(scenario.warmup.0));
    span.as_secs_f64()
}

/// The share of this machine's processors that runs used, on average.
pub fn cpu_share(runs: &[(f64, f64)]) -> Option<f64> {
    let cores = std::thread::available_parallelism().ok()?.get() as f64;
    let cpu_s: f64 = runs.iter().map(|(cpu_s, _)| cpu_s).sum();
    let wall_s: f64 = runs.iter().map(|(_, wall_s)| wall_s).sum();
    (wall_s > 0.0).then(|| cpu_s / wall_s / cores)
}

/// Reads loads such as `0.5,1,2`: numbers above nothing, each once, lowest first.
///
/// # Errors
/// Says what was found and expected.
pub fn loads(text: &str) -> Result<Vec<f64>, Failure> {
    let wrong = |found: &str| {
        Failure::input(format!(
            "--loads: found {found:?}, expected 1 to {LOADS_MAX} different numbers above 0, such as 0.5,1,2"
        ))
    };
    let numbers: Result<Vec<f64>, Failure> = text
        .split(',')
        .map(|part| {
            let number = part.trim().parse::<f64>().map_err(|_| wrong(part))?;
            let fits = number > 0.0 && number.is_finite();
            fits.then_some(number).ok_or_else(|| wrong(part))
        })
        .collect();
    let mut numbers = numbers?;
    numbers.sort_unstable_by(f64::total_cmp);
    let twice = numbers.windows(2).any(|pair| pair[0] >= pair[1]);
    if twice || numbers.len() > LOADS_MAX {
        return Err(wrong(text));
    }
    Ok(numbers)
}

/// What a measured run left: what the twin is held against.
pub struct MeasuredRun {
    /// Its figures.
    pub summary: Summary,
    /// Processor seconds, and how long it took.
    pub cpu_and_wall_s: (f64, f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_sorted_numbers_above_nothing() {
        assert_eq!(loads("2, 0.5,1").unwrap(), [0.5, 1.0, 2.0]);
        for wrong in ["", "0", "-1", "1,1", "one", "inf", "1,,2"] {
            let failure = loads(wrong).unwrap_err();
            assert!(failure.message.contains("expected 1 to 16"), "{wrong}");
        }
    }

    #[test]
    fn what_a_target_has_of_itself_is_not_predicted_otherwise() {
        let sets = [
            "api.burst=5",
            "functions.trips.receives_max=7",
            "functions.trips.provisioned_concurrency=4",
        ]
        .map(str::to_owned);
        let scenario = at_load(Some("validation"), &sets, 1.0).unwrap().scenario;
        assert!(scenario.api.is_unlimited());
        let trips = &scenario.functions["trips"];
        assert_eq!(
            (trips.receives_max, trips.provisioned_concurrency),
            (None, None)
        );
    }

    #[test]
    fn a_load_multiplies_demand_and_drivers() {
        let at = |load| at_load(Some("validation"), &[], load).unwrap().scenario;
        let (one, half) = (at(1.0), at(0.5));
        assert_eq!(half.demand.rides_per_hour * 2.0, one.demand.rides_per_hour);
        let drivers = |scenario: &Scenario| match scenario.fleet.drivers {
            ByHour::Constant(drivers) => drivers,
            ByHour::Hours(_) => panic!("the scenario has one number of drivers"),
        };
        assert_eq!(drivers(&half) * 2.0, drivers(&one));
    }
}
