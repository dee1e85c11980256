//! Reads typed values out of a profile's entries, and notes which were read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::ProfileError;
use super::figure::{Entry, Figure};
use super::law::{Factors, Spans};
use super::sections::WORKS_OF_ITEMS;

/// Figures that profiles had once.
const FORMER: [&str; 6] = [
    "lambda.init_image_arm64",
    "lambda.init_image_x86_64",
    "lambda.duration_max",
    "queue.delete",
    "container.cpu_per_call",
    "container.cpu_per_candidate_query",
];

/// Whether a key is one of those; of most use cases there once was a figure for each item.
fn is_former(key: &str) -> bool {
    let service = key.strip_prefix("service.");
    let work = service.and_then(|key| key.strip_suffix(".per_item"));
    FORMER.contains(&key) || work.is_some_and(|work| !WORKS_OF_ITEMS.contains(&work))
}

pub(super) struct Reader<'a> {
    profile: &'a str,
    entries: &'a BTreeMap<String, Entry>,
    read: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(profile: &'a str, entries: &'a BTreeMap<String, Entry>) -> Self {
        Self {
            profile,
            entries,
            read: BTreeSet::new(),
        }
    }

    pub(super) fn error(
        &self,
        key: &str,
        found: impl ToString,
        expected: impl ToString,
    ) -> ProfileError {
        ProfileError::at(self.profile, key, found, expected)
    }

    /// Checks a figure against another that bounds it.
    pub(super) fn at_most(
        &self,
        key: &str,
        found: u32,
        bound: &str,
        limit: u32,
    ) -> Result<(), ProfileError> {
        if found > limit {
            return Err(self.error(key, found, format!("at most {bound} = {limit}")));
        }
        Ok(())
    }

    /// The names `NAME` of all keys `service.NAME.field`.
    pub(super) fn services(&self) -> BTreeSet<String> {
        let names = self.entries.keys().filter_map(|key| {
            let (name, _) = key.strip_prefix("service.")?.rsplit_once('.')?;
            Some(name.to_owned())
        });
        names.collect()
    }

    /// The first key that nobody has asked for, if there is one.
    pub(super) fn finish(self) -> Result<(), ProfileError> {
        match self.entries.keys().find(|key| !self.read.contains(*key)) {
            Some(former) if is_former(former) => {
                let found = "a figure of an older version, on which nothing rests any more";
                Err(self.error(former, found, "none"))
            }
            Some(unknown) => Err(self.error(unknown, "an unknown key", "a key of the schema")),
            None => Ok(()),
        }
    }

    fn figure(&mut self, key: &str, expected: &str) -> Result<&'a Figure, ProfileError> {
        self.read.insert(key.to_owned());
        match self.entries.get(key) {
            Some(entry) => Ok(&entry.figure),
            None => Err(self.error(key, "nothing", expected)),
        }
    }

    pub(super) fn spans(&mut self, key: &str) -> Result<Spans, ProfileError> {
        let expected = "a law of spans: ms; p50 and p99; or q and ms";
        match self.figure(key, expected)? {
            Figure::Spans(spans) => Ok(spans.clone()),
            other => Err(self.error(key, form(other), expected)),
        }
    }

    pub(super) fn span(&mut self, key: &str) -> Result<Duration, ProfileError> {
        let expected = "one span: ms";
        let spans = self.spans(key)?;
        let constant = spans.as_constant();
        constant.ok_or_else(|| self.error(key, "a law of several spans", expected))
    }

    /// The same, or none where nothing is said of it.
    pub(super) fn span_if_any(&mut self, key: &str) -> Result<Duration, ProfileError> {
        if self.entries.contains_key(key) {
            self.span(key)
        } else {
            Ok(Duration::ZERO)
        }
    }

    /// A span that something is divided by, or that a machine waits for.
    pub(super) fn positive_span(&mut self, key: &str) -> Result<Duration, ProfileError> {
        let span = self.span(key)?;
        if span.is_zero() {
            return Err(self.error(key, "0 ms", "more than 0 ms"));
        }
        Ok(span)
    }

    pub(super) fn factors(&mut self, key: &str) -> Result<Factors, ProfileError> {
        let expected = "a law of factors: q and value";
        match self.figure(key, expected)? {
            Figure::Factors(factors) => Ok(factors.clone()),
            Figure::Number(value) => {
                let figures = super::law::LawFigures::Constant(*value);
                Factors::from_figures(&figures)
                    .map_err(|error| self.error(key, error.found, error.expected))
            }
            other => Err(self.error(key, form(other), expected)),
        }
    }

    pub(super) fn steps(&mut self, key: &str) -> Result<Vec<(f64, f64)>, ProfileError> {
        let expected = "steps: [[limit, value], …]";
        match self.figure(key, expected)? {
            Figure::Steps(steps) => Ok(steps.clone()),
            other => Err(self.error(key, form(other), expected)),
        }
    }

    fn number(
        &mut self,
        key: &str,
        expected: &str,
        allowed: impl Fn(f64) -> bool,
    ) -> Result<f64, ProfileError> {
        match self.figure(key, expected)? {
            Figure::Number(value) if allowed(*value) => Ok(*value),
            Figure::Number(value) => Err(self.error(key, value, expected)),
            other => Err(self.error(key, form(other), expected)),
        }
    }

    pub(super) fn positive(&mut self, key: &str) -> Result<f64, ProfileError> {
        self.number(key, "a number above 0", |value| value > 0.0)
    }

    pub(super) fn probability(&mut self, key: &str) -> Result<f64, ProfileError> {
        self.number(key, "a probability of 0 to 1", |value| {
            (0.0..=1.0).contains(&value)
        })
    }

    pub(super) fn count(&mut self, key: &str, at_least: u32) -> Result<u32, ProfileError> {
        let expected = format!("a whole number of at least {at_least}");
        let whole = |value: f64| {
            value >= f64::from(at_least) && value <= f64::from(u32::MAX) && value.fract() == 0.0
        };
        let value = self.number(key, &expected, whole)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be a whole number of 32 bits"
        )]
        let count = value as u32;
        Ok(count)
    }
}

fn form(figure: &Figure) -> String {
    match figure {
        Figure::Number(value) => format!("the number {value}"),
        Figure::Spans(_) => "a law of spans".to_owned(),
        Figure::Factors(_) => "a law of factors".to_owned(),
        Figure::Steps(_) => "steps".to_owned(),
    }
}
