//! What is drawn: how long something takes, and how long it is until the next arrival.
//!
//! | text | as `service` | as `arrivals` |
//! | --- | --- | --- |
//! | `poisson 0.9/s` | | so many a unit of time (`us`, `ms`, `s`, `m`, `h`, `d`), at random |
//! | `constant 10/s` | | so many a unit of time, evenly |
//! | `250ms`, `constant 250ms` | always so long | always so long after the one before |
//! | `exponential 1.991s` | exponential with that mean | the same, between arrivals |
//! | `lognormal 80ms 0.5` | lognormal: its median, and sigma of its logarithm | the same, between arrivals |
//! | `file spans.txt` | any of the file's spans, evenly | the file's spans in their order, over and over |
//!
//! A file has a span such as `1.5s` in each line, or a number of seconds; empty lines and what follows a
//! `#` do not count.

use std::sync::Arc;

use kernel::Stream;
use workload::law::{LawError, SpanLaw, parse_span};

use crate::limits::{FILE_LINES_MAX, RATE_MAX};

/// How long something takes, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Always so long.
    Constant(f64),
    /// Exponential with a mean.
    Exponential(f64),
    /// Lognormal.
    Lognormal {
        /// The median.
        median_s: f64,
        /// The standard deviation of the logarithm.
        sigma: f64,
    },
    /// Any of these, evenly.
    Recorded(Arc<[f64]>),
}

impl Distribution {
    pub(crate) fn draw(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Constant(seconds) => *seconds,
            Self::Exponential(mean_s) => stream.exponential(*mean_s),
            Self::Lognormal { median_s, sigma } => stream.lognormal(*median_s, *sigma),
            Self::Recorded(spans) => spans[stream.below(spans.len())],
        }
    }

    /// The mean, in seconds.
    #[must_use]
    pub fn mean_s(&self) -> f64 {
        match self {
            Self::Constant(mean_s) | Self::Exponential(mean_s) => *mean_s,
            Self::Lognormal { median_s, sigma } => median_s * (sigma * sigma / 2.0).exp(),
            Self::Recorded(spans) => spans.iter().sum::<f64>() / spans.len() as f64,
        }
    }
}

impl From<SpanLaw> for Distribution {
    fn from(law: SpanLaw) -> Self {
        match law {
            SpanLaw::Constant(span) => Self::Constant(span.as_secs_f64()),
            SpanLaw::Exponential { mean } => Self::Exponential(mean.as_secs_f64()),
            SpanLaw::Lognormal { median, sigma } => Self::Lognormal {
                median_s: median.as_secs_f64(),
                sigma,
            },
        }
    }
}

/// Times between arrivals, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Gaps {
    /// Drawn each for itself.
    Drawn(Distribution),
    /// These in their order, over and over.
    Recorded(Arc<[f64]>),
}

impl Gaps {
    /// The mean number of arrivals a second.
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        match self {
            Self::Drawn(gaps) => gaps.mean_s().recip(),
            Self::Recorded(gaps) => gaps.len() as f64 / gaps.iter().sum::<f64>(),
        }
    }
}

/// Where the text of a file that a study names comes from.
pub(crate) type Resolver<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

pub(crate) fn service(text: &str, files: &Resolver<'_>) -> Result<Distribution, LawError> {
    const EXPECTED: &str =
        "a law such as 250ms, constant 250ms, exponential 1.991s, lognormal 80ms 0.5 or file PATH";
    if let Some(path) = file_of(text) {
        return read(path, files).map(Distribution::Recorded);
    }
    let law: Result<SpanLaw, _> = text.parse();
    law.map(Into::into)
        .map_err(|error| wrong(&error.found, EXPECTED))
}

pub(crate) fn arrivals(text: &str, files: &Resolver<'_>) -> Result<Gaps, LawError> {
    const EXPECTED: &str = "poisson 0.9/s, constant 10/s, or times between arrivals: \
        constant 100ms, exponential 1s, lognormal 1s 0.5 or file PATH";
    const SLOW_ENOUGH: &str = "more than 0 and at most 1000000 arrivals a second";
    let mut words = text.split_ascii_whitespace();
    let (law, rate) = (words.next(), words.next());
    let rate = rate
        .filter(|_| words.next().is_none())
        .and_then(|rate| rate.split_once('/'));
    let gaps = match (law, rate) {
        (Some(law), Some((count, unit))) if law == "poisson" || law == "constant" => {
            let per = parse_span(&format!("1{unit}")).map_err(|_| wrong(text, EXPECTED))?;
            let count: f64 = count.parse().map_err(|_| wrong(text, EXPECTED))?;
            let gap_s = per.as_secs_f64() / count;
            Gaps::Drawn(if law == "poisson" {
                Distribution::Exponential(gap_s)
            } else {
                Distribution::Constant(gap_s)
            })
        }
        _ => match file_of(text) {
            Some(path) => Gaps::Recorded(read(path, files)?),
            None => {
                let law: Result<SpanLaw, _> = text.parse();
                Gaps::Drawn(law.map_err(|error| wrong(&error.found, EXPECTED))?.into())
            }
        },
    };
    let rate = gaps.rate_per_s();
    if rate > 0.0 && rate <= RATE_MAX * (1.0 + 1e-9) {
        Ok(gaps)
    } else {
        Err(wrong(text, SLOW_ENOUGH))
    }
}

fn wrong(found: &str, expected: &'static str) -> LawError {
    let found = found.chars().take(64).collect();
    LawError { found, expected }
}

fn file_of(text: &str) -> Option<&str> {
    let (word, path) = text.trim().split_once(char::is_whitespace)?;
    (word == "file").then(|| path.trim())
}

fn read(path: &str, files: &Resolver<'_>) -> Result<Arc<[f64]>, LawError> {
    const EXPECTED: &str = "a span such as 1.5s or a number of seconds in each line";
    let text =
        files(path).map_err(|why| wrong(&format!("file {path} ({why})"), "a file of spans"))?;
    let mut spans = Vec::new();
    for (line, written) in (1..).zip(text.lines()) {
        let written = written.split('#').next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        // A number alone is of seconds, and keeps to the bounds of spans.
        let span = parse_span(written).or_else(|_| parse_span(&format!("{written}s")));
        let span = span.map_err(|_| wrong(&format!("{written} in {path}:{line}"), EXPECTED))?;
        spans.push(span.as_secs_f64());
        if spans.len() > FILE_LINES_MAX {
            return Err(wrong(
                &format!("file {path}"),
                "at most 10000000 lines of spans",
            ));
        }
    }
    if spans.is_empty() {
        return Err(wrong(&format!("file {path} with no span"), EXPECTED));
    }
    Ok(spans.into())
}

/// Arrivals one after the other, in ticks.
pub(crate) struct Coming<'a> {
    gaps: &'a Gaps,
    stream: Stream,
    ticks_per_s: f64,
    at: u64,
    /// The part of a tick by which the last arrival was told too early.
    rest: f64,
    recorded: usize,
}

impl<'a> Coming<'a> {
    pub(crate) fn new(gaps: &'a Gaps, stream: Stream, ticks_per_s: f64) -> Self {
        Self {
            gaps,
            stream,
            ticks_per_s,
            at: 0,
            rest: 0.0,
            recorded: 0,
        }
    }

    /// When the next one comes; not before the one before.
    pub(crate) fn next(&mut self) -> u64 {
        let gap_s = match self.gaps {
            Gaps::Drawn(gaps) => gaps.draw(&mut self.stream),
            Gaps::Recorded(gaps) => {
                let gap_s = gaps[self.recorded];
                self.recorded = (self.recorded + 1) % gaps.len();
                gap_s
            }
        };
        let ticks = gap_s * self.ticks_per_s + self.rest;
        let whole = to_ticks(ticks);
        self.rest = ticks - whole as f64;
        self.at = self.at.saturating_add(whole);
        self.at
    }
}

/// How long each takes, in ticks.
pub(crate) struct Taking<'a> {
    distribution: &'a Distribution,
    stream: Stream,
    ticks_per_s: f64,
}

impl<'a> Taking<'a> {
    pub(crate) fn new(distribution: &'a Distribution, stream: Stream, ticks_per_s: f64) -> Self {
        Self {
            distribution,
            stream,
            ticks_per_s,
        }
    }

    /// Rounded to the nearest tick, so that the mean stays what it is.
    pub(crate) fn next(&mut self) -> u64 {
        to_ticks(self.distribution.draw(&mut self.stream) * self.ticks_per_s + 0.5)
    }
}

/// The longest that anything takes: more than all the time of a study, and far from the end of a u64.
const TICKS_MAX: f64 = (1_u64 << 62) as f64;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole ticks are meant, a float is cut to the bounds of a u64, and this one is bounded"
)]
fn to_ticks(ticks: f64) -> u64 {
    ticks.min(TICKS_MAX) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_files(_: &str) -> Result<String, String> {
        Err("there are none".to_owned())
    }

    #[test]
    fn arrivals_are_rates_or_gaps() {
        for (text, rate) in [
            ("poisson 0.9/s", 0.9),
            ("constant 600/m", 10.0),
            ("constant 100ms", 10.0),
            ("exponential 2s", 0.5),
            ("lognormal 1s 0", 1.0),
            ("file x", 0.4),
        ] {
            let files = |_: &str| Ok("# spans\n1.5s\n\n3500ms # long\n".to_owned());
            let gaps = arrivals(text, &files).unwrap();
            assert!((gaps.rate_per_s() / rate - 1.0).abs() < 1e-12, "{text}");
        }
        for text in [
            "",
            "poisson",
            "poisson 3",
            "poisson 0/s",
            "poisson -1/s",
            "poisson nan/s",
            "poisson 1e9/s",
            "poisson 3/parsec",
            "poisson 3/s 4",
            "constant 0s",
            "file nowhere",
        ] {
            let error = arrivals(text, &no_files).unwrap_err().to_string();
            assert!(
                error.contains("found") && error.contains("expected"),
                "{error}"
            );
        }
    }

    #[test]
    fn files_are_read_by_line() {
        let spans = service("file a b.txt", &|path| {
            assert_eq!(path, "a b.txt");
            Ok("1\n250ms\n".to_owned())
        });
        assert_eq!(
            spans,
            Ok(Distribution::Recorded(Arc::from(vec![1.0, 0.25])))
        );
        for (content, said) in [
            ("1\n\nsoon", "soon in x:3"),
            ("# none", "no span"),
            ("-1", "-1 in x:1"),
        ] {
            let error = service("file x", &|_| Ok(content.to_owned())).unwrap_err();
            assert!(error.found.contains(said), "{error}");
        }
    }

    #[test]
    fn parts_of_a_tick_are_not_lost() {
        let gaps = Gaps::Drawn(Distribution::Constant(1.0 / 3.0));
        let mut coming = Coming::new(&gaps, kernel::Streams::new(1).stream("x", 0), 1.0);
        let at: Vec<u64> = (0..6).map(|_| coming.next()).collect();
        assert_eq!(&at[..2], [0, 0]);
        assert!(at[5] == 1 || at[5] == 2);
        let last = (0..3_000_000).map(|_| coming.next()).last();
        assert!(last.unwrap().abs_diff(1_000_002) <= 1);
    }
}
