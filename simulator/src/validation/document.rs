//! A profile calibrated on a run, and what is said of where its figures come from.

use cloud::mark::Mark;
use cloud::profile::{Profile, Provenance};
use domain::Timestamp;
use report::latency::{Latencies, step};

use super::fit::{Fit, SAMPLES_MIN, fit};
use crate::exit::Failure;
use crate::process;

/// The name of the measured figures' source within a profile.
const SOURCE: &str = "measured";
/// Keys whose samples a source names; the others are as many or more.
const KEYS_NAMED: [&str; 6] = [
    "table.get",
    "queue.send",
    "http_api.overhead",
    "container.grpc_rtt",
    "service.trips.request.cpu",
    "service.matching.round.cpu",
];

/// What was run to calibrate on.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The scenario's name.
    pub scenario: String,
    /// When the run began.
    pub at: Timestamp,
    /// What else is to be known, such as the load.
    pub remark: String,
}

impl Origin {
    /// The day, `YYYY-MM-DD`.
    pub fn date(&self) -> String {
        let text = workload::import::local_time_text(self.at);
        text.split('T').next().unwrap_or_default().to_owned()
    }
}

/// What a measured figure says of where it comes from.
pub fn provenance(date: &str) -> Provenance {
    Provenance {
        mark: Mark::Measured,
        source: SOURCE.to_owned(),
        as_of: Some(date.to_owned()),
    }
}

/// This machine, in words.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let model =
        process::cpu_model().unwrap_or_else(|| "a processor that does not say its name".to_owned());
    format!("{model}, {cores} cores")
}

/// The embedded profile with every figure that the calls of a run give, and the keys that they do not give.
/// `seen` is what riders and drivers saw of it.
///
/// # Errors
/// If calls that happen all the time are too few; `whose` says of which run.
pub fn calibrated(
    calls: &Latencies,
    seen: &Latencies,
    origin: &Origin,
    whose: &str,
) -> Result<(Profile, Vec<String>), Failure> {
    let Fit { figures, kept } = fit(calls, seen.step(step::PING_ACK)).map_err(|short| {
        let list: Vec<String> = short
            .iter()
            .map(|shortage| format!("{}: found {}", shortage.call, shortage.found))
            .collect();
        Failure::input(format!(
            "{whose}: too few calls to calibrate on ({}), expected at least {SAMPLES_MIN} of each: a longer or busier run",
            list.join(", ")
        ))
    })?;
    let samples: Vec<String> = figures
        .iter()
        .filter(|(key, ..)| KEYS_NAMED.contains(&key.as_str()))
        .map(|(key, _, count)| format!("{key} {count}"))
        .collect();
    let mut profile = Profile::embedded().named("calibrated");
    profile.add_source(
        SOURCE,
        &format!(
            "rushhour calibrate: scenario {}{}, {}, on {}; samples: {}",
            origin.scenario,
            origin.remark,
            origin.date(),
            machine(),
            samples.join(", ")
        ),
    );
    let figures = figures.into_iter().map(|(key, figure, _)| (key, figure));
    profile
        .set(figures, &provenance(&origin.date()))
        .map_err(|error| {
            Failure::input(format!("{whose}: what was measured is no profile: {error}"))
        })?;
    Ok((profile, kept))
}
