//! From text to a scenario, with one message for what is wrong: file, line or key, what was found, what
//! was expected.

use std::path::PathBuf;

use workload::document::{explain, lay, line_at};

use super::model::{DemandKind, Scenario};

/// Why a scenario cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file is not there, or cannot be read.
    #[error("{}: cannot be read ({source}), expected a scenario file or one of {known}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// The scenarios that are built in.
        known: String,
    },
    /// The text is wrong.
    #[error("{place}: {message}")]
    Wrong {
        /// File and line, or the key that was set.
        place: String,
        /// What was found, and what was expected.
        message: String,
    },
}

impl ScenarioError {
    pub(super) fn wrong(place: impl ToString, message: impl ToString) -> Self {
        Self::Wrong {
            place: place.to_string(),
            message: message.to_string(),
        }
    }
}

/// Reads a scenario from text that came from `origin`, with `sets` (`key.path=value`) laid over it.
///
/// # Errors
/// If the text or a set is wrong.
pub fn parse(origin: &str, text: &str, sets: &[String]) -> Result<Scenario, ScenarioError> {
    let from_text = |text: &str| toml::from_str::<Scenario>(text);
    from_text(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        ScenarioError::wrong(format!("{origin}:{line}"), explain(error.message()))
    })?;
    let mut table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| ScenarioError::wrong(origin, error.message()))?;
    let mut scenario =
        from_table(&table).map_err(|message| ScenarioError::wrong(origin, message))?;
    for set in sets {
        let wrong = |message: String| ScenarioError::wrong(format!("--set {set}"), message);
        lay(&mut table, set).map_err(wrong)?;
        scenario = from_table(&table).map_err(wrong)?;
    }
    check_rate(&scenario, sets)?;
    Ok(scenario)
}

/// A rate that was asked for and means nothing would go unnoticed.
fn check_rate(scenario: &Scenario, sets: &[String]) -> Result<(), ScenarioError> {
    // What a set would state by itself, however it is spelled.
    let states_a_rate = |set: &&String| {
        let mut stated = toml::Table::new();
        let demand = lay(&mut stated, set)
            .ok()
            .and_then(|()| stated.get("demand"));
        demand.is_some_and(|demand| demand.get("rides_per_hour").is_some())
    };
    let rate = sets.iter().find(states_a_rate);
    match (rate, scenario.demand.kind) {
        (None, _) | (_, DemandKind::Poisson) => Ok(()),
        (Some(set), DemandKind::Hourly | DemandKind::Trips) => Err(ScenarioError::wrong(
            format!("--set {set}"),
            "found a rate beside demand that has its own, by the hour or recorded, expected `demand.scale`, which multiplies that",
        )),
    }
}

fn from_table(table: &toml::Table) -> Result<Scenario, String> {
    Scenario::deserialize_from(table.clone()).map_err(|error| explain(error.message()))
}

impl Scenario {
    fn deserialize_from(table: toml::Table) -> Result<Self, toml::de::Error> {
        table.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::values::Span;

    fn message(text: &str, sets: &[&str]) -> String {
        let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
        parse("city.toml", text, &sets).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_names_the_nearest_and_its_line() {
        let found = message("name = \"a\"\n\n[fleet]\ndriver = 3\n", &[]);
        assert!(
            found.starts_with("city.toml:4: found the unknown key `driver`, expected `drivers`"),
            "{found}"
        );
        let found = message("", &["dispatch.windw=2s"]);
        assert!(
            found.contains("--set dispatch.windw=2s") && found.contains("`window`"),
            "{found}"
        );
    }

    #[test]
    fn wrong_values_say_what_was_expected() {
        let found = message("duration = \"soon\"", &[]);
        assert!(
            found.contains("city.toml:1") && found.contains("\"soon\"") && found.contains("10m"),
            "{found}"
        );
        let found = message("[city]\nkind = \"moon\"", &[]);
        assert!(found.contains("moon") && found.contains("geo"), "{found}");
        assert!(message("name = ", &[]).starts_with("city.toml:1: "));
    }

    #[test]
    fn sets_lie_over_the_file() {
        let sets = [
            "duration=90s".to_owned(),
            "functions.pricing.memory_mb=512".to_owned(),
        ];
        let scenario = parse("city.toml", "duration = \"10m\"", &sets).unwrap();
        assert_eq!(scenario.duration, Span::secs(90));
        assert_eq!(scenario.functions["pricing"].memory_mb, 512);
    }

    #[test]
    fn a_rate_that_means_nothing_is_refused() {
        let hourly = "[demand]\nkind = \"hourly\"\nrides_per_hour = 7.0";
        assert!(
            parse("x", hourly, &[]).is_ok(),
            "as a resolved file states it"
        );
        let set = "demand.rides_per_hour=100.0".to_owned();
        let found = parse("x", hourly, std::slice::from_ref(&set)).unwrap_err();
        assert!(
            found.to_string().contains("expected `demand.scale`"),
            "{found}"
        );
        let poisson = "demand.kind=poisson".to_owned();
        assert!(parse("x", hourly, &[set, poisson]).is_ok());
        for set in [
            "demand={kind=\"hourly\",rides_per_hour=100.0}",
            "demand.rides_per_hour=7.0",
        ] {
            assert!(parse("x", hourly, &[set.to_owned()]).is_err(), "{set}");
        }
    }

    #[test]
    fn what_is_written_reads_back_as_the_same() {
        let scenario = parse("x", "[demand]\nquote_acceptance = { intercept = 2.0 }", &[]).unwrap();
        let text = toml::to_string(&scenario).unwrap();
        assert_eq!(parse("y", &text, &[]).unwrap(), scenario);
    }
}
