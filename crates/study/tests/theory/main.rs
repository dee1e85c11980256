//! Studies against closed forms and exact calculations.
//!
//! A figure must lie within twice the half-width of its 95 % interval around what theory says (for a sound
//! interval that fails once in some ten thousand figures, and the seeds are fixed), and the half-width must
//! be narrow enough for that to say something.

mod batches;
mod cold_starts;
mod erlang;
mod intervals;
mod single_server;

use std::collections::BTreeMap;

use rushhour_study::{Changes, Estimate, Figures, Study};

/// Where there is nothing to doubt, the interval is zero, and theory may be known less exactly.
const ROUNDING: f64 = 1e-6;

/// Runs a study that names no files.
#[track_caller]
pub(crate) fn run(text: &str) -> BTreeMap<String, Figures> {
    let study = Study::parse("theory", text, &Changes::default(), &|_| {
        Err("there are none".to_owned())
    });
    study.unwrap_or_else(|error| panic!("{error}")).run()
}

/// Runs a study of one part and gives its figures.
#[track_caller]
pub(crate) fn figures(text: &str) -> Figures {
    let mut figures = run(text);
    figures.pop_first().expect("there is a part").1
}

/// The figure is what theory says, and known to within a share of it.
#[track_caller]
pub(crate) fn holds(what: &str, found: Option<Estimate>, expected: f64, known_to: f64) {
    let found = found.unwrap_or_else(|| panic!("{what}: found nothing, expected {expected}"));
    let off = (found.value - expected).abs();
    assert!(
        off <= 2.0 * found.ci95 + ROUNDING * expected,
        "{what}: found {} ± {}, expected {expected}",
        found.value,
        found.ci95
    );
    assert!(
        found.ci95 <= known_to * expected,
        "{what}: found {} ± {}, expected an interval within {known_to} of {expected}",
        found.value,
        found.ci95
    );
}
