//! The JSON Schemas of every JSON file, generated from the types and committed under
//! `simulator/schema/`. A test compares them; with `RUSHHOUR_BLESS=1` it writes them.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::audit::Evidence;
use crate::compare::Comparison;
use crate::import::ImportFigures;
use crate::summary::Summary;
use crate::sweep::Sweep;
use crate::timeline::Timeline;
use crate::validation::Validation;

/// Every schema: the name of its file under `simulator/schema/`, and its text.
#[must_use]
pub fn schemas() -> Vec<(&'static str, String)> {
    vec![
        ("summary.schema.json", text(&of::<Summary>())),
        ("compare.schema.json", text(&of::<Comparison>())),
        ("sweep.schema.json", text(&of::<Sweep>())),
        ("import.schema.json", text(&of::<ImportFigures>())),
        ("timeline.schema.json", text(&of::<Timeline>())),
        ("evidence.schema.json", text(&of::<Evidence>())),
        ("validation.schema.json", text(&of::<Validation>())),
    ]
}

/// Of what is written: keys that are always there are required, also where they may be null.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<T>()
}

fn text(schema: &Schema) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a schema is JSON");
    text.push('\n');
    text
}
