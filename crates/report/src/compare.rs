//! A comparison of placements: the same scenario and seed with its parts on Lambda, in containers, or mixed,
//! what each costs, and at which rate of rides one overtakes another.

mod break_even;
pub(crate) mod table;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::replicas::Replicas;
use crate::summary::Summary;

pub use break_even::{BreakEven, Crossing, NoCrossing};
pub use table::{Row, rows, text};

/// The value of [`Comparison::schema`] that this version writes.
pub const SCHEMA: &str = "rushhour.compare/1";

/// All that is told of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Rushhour comparison of placements")]
pub struct Comparison {
    /// Name and version of this layout: `rushhour.compare/1`.
    pub schema: String,
    /// Name of the scenario.
    pub scenario: String,
    /// The seed that replays it.
    pub seed: u64,
    /// The placements in the order they were asked for.
    pub order: Vec<String>,
    /// The summary of each.
    pub placements: BTreeMap<String, Summary>,
    /// Where each part runs in each, `lambda` or `container`, and the size of its tasks.
    pub parts: BTreeMap<String, BTreeMap<String, String>>,
    /// With replicas: of each placement but the first, its figures less those of the first, seed by seed.
    pub differences: Option<BTreeMap<String, Replicas>>,
    /// What each costs by the rate of rides, and where one overtakes another.
    pub break_even: BreakEven,
    /// What a reader must know.
    pub notes: Vec<String>,
}

impl Comparison {
    /// The placements in their order, with their names.
    pub fn placements(&self) -> impl Iterator<Item = (&str, &Summary)> {
        self.order
            .iter()
            .filter_map(|name| Some((name.as_str(), self.placements.get(name)?)))
    }

    /// The comparison as `compare.json` holds it: indented, with a line end at the end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a comparison holds only strings, numbers and maps with string keys");
        text.push('\n');
        text
    }
}
