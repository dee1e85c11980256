//! Scenarios: the file ([`model`]), how it is read ([`parse`]), and what becomes of it ([`mod@resolve`]).

mod files;
pub mod market;
pub mod model;
mod parse;
mod pricing;
mod products;
mod resolve;
mod sizes;
mod slo;
mod streets;
pub mod values;

use std::path::Path;

pub use files::beside;
pub use model::Scenario;
pub use parse::ScenarioError;
pub use resolve::{Resolved, resolve};

/// The scenarios that are built in, the first being the default.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("peak-hour", include_str!("../../scenarios/peak-hour.toml")),
    (
        "new-york-peak",
        include_str!("../../scenarios/new-york-peak.toml"),
    ),
    (
        "new-york-saturday",
        include_str!("../../scenarios/new-york-saturday.toml"),
    ),
    ("recorded", include_str!("../../scenarios/recorded.toml")),
    (
        "validation",
        include_str!("../../scenarios/validation.toml"),
    ),
];

/// A scenario that was read, to be changed before it is resolved.
#[derive(Debug, Clone)]
pub struct Source {
    /// As it was stated, its files named from the root on.
    pub scenario: Scenario,
}

impl Source {
    /// Takes out what is of predictions alone, because a live system has it of its target: the API's limits, how long and
    /// how often its queues give out a message, and how many environments of its functions are kept ready, which would be
    /// billed and serve nobody. Whether there was something of it.
    pub fn leave_to_target(&mut self) -> bool {
        let scenario = &mut self.scenario;
        let mut stated = !scenario.api.is_unlimited();
        scenario.api = model::Api::default();
        for function in scenario.functions.values_mut() {
            stated |= function.visibility_timeout.take().is_some();
            stated |= function.receives_max.take().is_some();
            stated |= function.provisioned_concurrency.take().is_some();
        }
        stated
    }

    /// Turns it into what runs.
    ///
    /// # Errors
    /// Names the key whose value cannot be.
    pub fn resolve(&self) -> Result<Resolved, ScenarioError> {
        resolve(self.scenario.clone())
    }
}

/// Reads a scenario by built-in name or by path, with `sets` laid over it, and resolves it.
///
/// # Errors
/// If there is none, or it is wrong: the message says where.
pub fn load(name: Option<&str>, sets: &[String]) -> Result<Resolved, ScenarioError> {
    read(name, sets)?.resolve()
}

/// Reads a scenario by built-in name or by path, with `sets` laid over it.
///
/// # Errors
/// If there is none, or it is wrong: the message says where.
pub fn read(name: Option<&str>, sets: &[String]) -> Result<Source, ScenarioError> {
    let name = name.unwrap_or(BUILT_IN[0].0);
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        let mut scenario = parse::parse(name, text, sets)?;
        files::find(&mut scenario, None);
        return Ok(Source { scenario });
    }
    let path = Path::new(name);
    let text = std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable {
        path: path.to_owned(),
        source,
        known: BUILT_IN.map(|(known, _)| known).join(", "),
    })?;
    let mut scenario = parse::parse(name, &text, sets)?;
    files::find(&mut scenario, Some(path));
    Ok(Source { scenario })
}

/// What a reader must know of recorded demand.
fn provenance(trips: &workload::import::Trips) -> String {
    use workload::import::TimeMeaning;
    let times = match trips.provenance.time {
        TimeMeaning::Request => "the times at which rides were requested",
        TimeMeaning::Pickup => {
            "pick-up times, for the source has no request times: riders ask when they were once picked up"
        }
    };
    let sources = trips.provenance.sources.join(", ");
    let rounding = match trips.provenance.dejitter {
        Some(found) => format!(
            " Stamps that were rounded to {} s when published ({:.0} % of them) are spread over that span.",
            found.rounded_to_s,
            found.rounded_share * 100.0
        ),
        None => String::new(),
    };
    format!("Recorded demand of {sources}: its times are {times}.{rounding}")
}
