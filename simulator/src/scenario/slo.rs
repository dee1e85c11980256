//! `[slo]`: limits of what a run measures, looked at before it begins.

use std::collections::BTreeMap;

use report::slo::{Unit, known, names, unit};
use workload::document::nearest;

use super::model::Limit;
use super::parse::ScenarioError;

/// Checks that each limit is one of something, and can be kept.
///
/// # Errors
/// Names the first that is not, and the nearest that is.
pub(super) fn check(limits: &BTreeMap<String, Limit>) -> Result<(), ScenarioError> {
    for (name, limit) in limits {
        let unit = unit(name).map_err(|_| ScenarioError::wrong("slo", unknown(name)))?;
        let expected = match (unit, limit) {
            (Unit::Milliseconds, Limit::Span(_)) => continue,
            (Unit::Share, Limit::Number(share)) if (0.0..=1.0).contains(share) => continue,
            (Unit::Milliseconds, Limit::Number(_)) => "a span such as \"150ms\"",
            (Unit::Share, _) => "a share from 0 to 1",
        };
        let found = match limit {
            Limit::Span(span) => span.to_string(),
            Limit::Number(number) => number.to_string(),
        };
        let message = format!("found {found}, expected {expected}");
        return Err(ScenarioError::wrong(format!("slo.{name}"), message));
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let nearest = nearest(name, &names).unwrap_or_default();
    let known = known();
    format!("found the unknown key `{name}`, expected `{nearest}` (known here: {known})")
}

#[cfg(test)]
mod tests {
    use crate::scenario;

    #[test]
    fn what_cannot_be_kept_is_refused() {
        for (set, expected) in [
            (
                "slo.qoute_p99=50ms",
                "slo: found the unknown key `qoute_p99`, expected `quote_p99` (known here: served_share, ",
            ),
            (
                "slo.quote_p98=50ms",
                "slo: found the unknown key `quote_p98`, expected `quote_p9",
            ),
            (
                "slo.serve_share=0.9",
                "slo: found the unknown key `serve_share`, expected `served_share`",
            ),
            (
                "slo.quote_p99=50",
                "slo.quote_p99: found 50, expected a span such as \"150ms\"",
            ),
            (
                "slo.served_share=95",
                "slo.served_share: found 95, expected a share from 0 to 1",
            ),
            ("slo.served_share=nan", "slo.served_share: found NaN"),
            ("slo.error_share=-0.1", "slo.error_share: found -0.1"),
            ("slo.drop_share=5s", "slo.drop_share: found 5s, expected a"),
        ] {
            let said = scenario::load(None, &[set.to_owned()]).unwrap_err();
            let said = said.to_string();
            assert!(said.starts_with(expected), "{said}");
        }
        let sets = ["slo.read_p99=50ms", "slo.drop_share=0"].map(str::to_owned);
        assert!(scenario::load(None, &sets).is_ok());
    }
}
