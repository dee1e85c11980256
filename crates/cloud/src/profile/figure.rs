//! One figure of a profile: its value in one of the forms, its mark and its source.

use std::fmt::Write as _;

use toml::Value;

use super::law::{Factors, LawFigures, Spans};
use crate::mark::{Mark, is_date};

/// A value of a profile, in the form in which the file has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// A number: `value = 1000`.
    Number(f64),
    /// A law of spans in milliseconds: `ms = 5`, `p50 = 3, p99 = 10`, or `q = […], ms = […]`.
    Spans(Spans),
    /// A law of factors: `q = […], value = […]`.
    Factors(Factors),
    /// Steps, each up to a limit: `steps = [[3008, 2], …]`.
    Steps(Vec<(f64, f64)>),
}

/// Where a figure comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// How far it can be trusted.
    pub mark: Mark,
    /// A name under the profile's sources.
    pub source: String,
    /// Its date, if it is not the profile's.
    pub as_of: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) figure: Figure,
    pub(super) provenance: Provenance,
}

/// What was found and what was expected at a key below an entry's.
pub(super) struct Fault {
    pub(super) field: &'static str,
    pub(super) found: String,
    pub(super) expected: String,
}

fn fault<T>(
    field: &'static str,
    found: impl ToString,
    expected: impl ToString,
) -> Result<T, Fault> {
    Err(Fault {
        field,
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

const FORMS: &str = "value; ms; p50 and p99; q and ms; q and value; or steps";
const FIELDS: [&str; 9] = [
    "value", "ms", "p50", "p99", "q", "steps", "mark", "source", "as_of",
];

impl Entry {
    pub(super) fn read(table: &toml::Table) -> Result<Self, Fault> {
        if let Some(unknown) = table.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return fault("", format!("the key {unknown}"), FIELDS.join(", "));
        }
        Ok(Self {
            figure: figure(table)?,
            provenance: provenance(table)?,
        })
    }

    /// As an inline table of TOML.
    pub(super) fn write(&self) -> String {
        let mut text = match &self.figure {
            Figure::Number(value) => format!("value = {value}"),
            Figure::Spans(spans) => law_text(&spans.figures_ms(), "ms"),
            Figure::Factors(factors) => law_text(&factors.figures(), "value"),
            Figure::Steps(steps) => {
                let steps: Vec<String> = steps
                    .iter()
                    .map(|(limit, value)| format!("[{limit}, {value}]"))
                    .collect();
                format!("steps = [{}]", steps.join(", "))
            }
        };
        let Provenance {
            mark,
            source,
            as_of,
        } = &self.provenance;
        let quoted = |text: &str| Value::String(text.to_owned()).to_string();
        let _ = write!(text, ", mark = \"{mark}\", source = {}", quoted(source));
        if let Some(as_of) = as_of {
            let _ = write!(text, ", as_of = {}", quoted(as_of));
        }
        format!("{{ {text} }}")
    }
}

fn law_text(figures: &LawFigures, unit: &str) -> String {
    match figures {
        LawFigures::Constant(value) => format!("{unit} = {value}"),
        LawFigures::Lognormal { p50, p99 } => format!("p50 = {p50}, p99 = {p99}"),
        LawFigures::Table { quantiles, values } => {
            let list = |numbers: &[f64]| {
                let texts: Vec<String> = numbers.iter().map(f64::to_string).collect();
                texts.join(", ")
            };
            format!("q = [{}], {unit} = [{}]", list(quantiles), list(values))
        }
    }
}

fn provenance(table: &toml::Table) -> Result<Provenance, Fault> {
    let text = |field: &'static str, expected: &str| match table.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => fault(field, other, expected),
        None => fault(field, "nothing", expected),
    };
    let letters = "one of the marks D, P, M, G, C, X";
    let letter = text("mark", letters)?;
    let Some(mark) = Mark::from_letter(&letter) else {
        return fault("mark", letter, letters);
    };
    let as_of = match table.get("as_of") {
        None => None,
        Some(_) => Some(text("as_of", "a date such as 2026-11-22")?),
    };
    if let Some(date) = as_of.as_ref().filter(|date| !is_date(date)) {
        return fault("as_of", date, "a date such as 2026-11-22");
    }
    Ok(Provenance {
        mark,
        source: text("source", "a name under [sources]")?,
        as_of,
    })
}

fn figure(table: &toml::Table) -> Result<Figure, Fault> {
    let given: Vec<&str> = FIELDS[..6]
        .iter()
        .copied()
        .filter(|field| table.contains_key(*field))
        .collect();
    match given[..] {
        ["value"] => Ok(Figure::Number(number(table, "value")?)),
        ["ms"] => spans("ms", &LawFigures::Constant(number(table, "ms")?)),
        ["p50", "p99"] => {
            let (p50, p99) = (number(table, "p50")?, number(table, "p99")?);
            spans("p99", &LawFigures::Lognormal { p50, p99 })
        }
        ["ms", "q"] => spans("q", &quantiles(table, "ms")?),
        ["value", "q"] => match Factors::from_figures(&quantiles(table, "value")?) {
            Ok(factors) => Ok(Figure::Factors(factors)),
            Err(error) => fault("q", error.found, error.expected),
        },
        ["steps"] => steps(table),
        [] => fault("", "no figure", FORMS),
        _ => fault("", given.join(" and "), FORMS),
    }
}

fn spans(field: &'static str, figures: &LawFigures) -> Result<Figure, Fault> {
    match Spans::from_figures_ms(figures) {
        Ok(spans) => Ok(Figure::Spans(spans)),
        Err(error) => fault(field, error.found, error.expected),
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "whole figures of a profile are far below 2^53"
        )]
        Value::Integer(whole) => Some(*whole as f64),
        Value::Float(float) => Some(*float).filter(|float| float.is_finite()),
        _ => None,
    }
}

fn number(table: &toml::Table, field: &'static str) -> Result<f64, Fault> {
    let value = table.get(field).expect("the caller has seen the field");
    match as_number(value) {
        Some(number) => Ok(number),
        None => fault(field, value, "a number"),
    }
}

fn numbers(table: &toml::Table, field: &'static str) -> Result<Vec<f64>, Fault> {
    let value = table.get(field).expect("the caller has seen the field");
    let list = value.as_array().map(|list| list.iter().map(as_number));
    match list.and_then(Iterator::collect::<Option<Vec<f64>>>) {
        Some(numbers) => Ok(numbers),
        None => fault(field, value, "a list of numbers"),
    }
}

fn quantiles(table: &toml::Table, field: &'static str) -> Result<LawFigures, Fault> {
    Ok(LawFigures::Table {
        quantiles: numbers(table, "q")?,
        values: numbers(table, field)?,
    })
}

fn steps(table: &toml::Table) -> Result<Figure, Fault> {
    let value = table.get("steps").expect("the caller has seen the field");
    let pair = |step: &Value| match step.as_array().map(Vec::as_slice) {
        Some([limit, value]) => Some((as_number(limit)?, as_number(value)?)),
        _ => None,
    };
    let list = value.as_array().map(|list| list.iter().map(pair));
    let Some(steps) = list.and_then(Iterator::collect::<Option<Vec<(f64, f64)>>>) else {
        return fault("steps", value, "a list of pairs of numbers");
    };
    if steps.is_empty() {
        return fault("steps", "none", "at least one");
    }
    if let Some(pair) = steps
        .windows(2)
        .find(|pair| pair[1].0 <= pair[0].0 || pair[1].1 < pair[0].1)
    {
        let found = format!("{:?} after {:?}", pair[1], pair[0]);
        return fault("steps", found, "steps that rise");
    }
    Ok(Figure::Steps(steps))
}
