//! What a load is told as: figures for people and scripts, with the histograms that they come from, so that the parts of
//! one load that several machines sent can be put together.

use std::collections::BTreeMap;

use report::latency::{Latencies, LatencyFigures, LatencyHistogram, step};
use report::summary::rounded;
use serde::{Deserialize, Serialize};

use crate::grpc;
use crate::run::{Pace, Plan, Ran};
use crate::tally::add;
use crate::target::Scheme;
use crate::threshold::Verdict;

/// The format that [`Document`] is.
const FORMAT: u32 = 1;
/// From the time that a request was due to its answer.
const LATENCY: &str = "latency";
/// From the sending to the answer.
const SERVICE: &str = "service";
/// From the time that somebody looked after a request until there was a connection for it.
const CONNECTION_WAIT: &str = "connection_wait";

/// What came of a load.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Document {
    /// The version of this format, 1.
    pub format: u32,
    /// The URL.
    pub target: String,
    /// What was asked for, in words.
    pub load: String,
    /// How it ended: `whole`, `interrupted` or `died`.
    pub ended: String,
    /// How long requests were sent, in seconds. Answers may come after that.
    pub seconds: f64,
    /// When the last answer came, in seconds since the start. Not there if none came, or in files of before it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_answer_s: Option<f64>,
    /// Requests that fell due; in a closed loop those sent.
    pub due: u64,
    /// Of those, not sent: too much was in flight, or the end came.
    pub dropped: u64,
    /// Answers, errors included.
    pub answered: u64,
    /// Answers a second, over `seconds` or until the last answer if that came later: what an overloaded target answers
    /// after the end does not make it faster.
    pub rate_per_s: f64,
    /// Requests without an answer, and answers that are errors: HTTP from 400 on, gRPC all but `0 Ok`.
    pub errors: u64,
    /// Answers by status code.
    pub statuses: BTreeMap<String, u64>,
    /// Requests without an answer, by what happened.
    pub failures: BTreeMap<String, u64>,
    /// Bytes of answers: over HTTP/1.1 all that were read, over HTTP/2 those of bodies.
    pub bytes_in: u64,
    /// Bytes of requests, in the same way.
    pub bytes_out: u64,
    /// Connections opened.
    pub connections_opened: u64,
    /// Of those, in the place of one that was closed.
    pub connections_reopened: u64,
    /// Milliseconds: `latency` from the time that a request was due, `service` from its sending, `schedule_lag` until
    /// somebody looked after it, `connection_wait` from then until there was a connection for it, or over HTTP/2
    /// one of the streams that the server allows at once.
    pub latency_ms: BTreeMap<String, LatencyFigures>,
    /// Thresholds.
    pub thresholds: Vec<Judged>,
    /// The same latencies as an interval log of HdrHistogram.
    #[serde(with = "hlog")]
    pub histograms: Latencies,
}

/// A threshold and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// As it was written.
    pub threshold: String,
    /// What was measured.
    pub found: String,
    /// Whether it was kept.
    pub kept: bool,
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self {
            threshold: verdict.threshold,
            found: verdict.found,
            kept: verdict.kept,
        }
    }
}

/// Why documents cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// No document.
    #[error("{0}, expected a file that rushhour load wrote with --json")]
    Malformed(String),
    /// Another version.
    #[error("found format {0}, expected {FORMAT}")]
    Format(u32),
    /// None at all.
    #[error("found no file, expected one at least")]
    Nothing,
    /// Loads on different targets.
    #[error("found target {found}, expected {expected} as in the first file")]
    Target {
        /// In this file.
        found: String,
        /// In the first.
        expected: String,
    },
}

impl Document {
    pub(crate) fn new(plan: &Plan, ran: Ran, ended: &str) -> Self {
        let tally = ran.tally;
        let seconds = ran.span.as_secs_f64();
        let last_answer_s = ran.last_answer.map(|last| last.as_secs_f64());
        let grpc = plan.target.scheme == Scheme::Grpc;
        let is_error = |status: u16| if grpc { status != 0 } else { status >= 400 };
        let name = |status: u16| {
            if grpc {
                grpc::name(status)
            } else {
                status.to_string()
            }
        };
        let answered: u64 = tally.statuses.values().sum();
        let failed: u64 = tally.failures.values().sum();
        let wrong = tally
            .statuses
            .iter()
            .filter(|(status, _)| is_error(**status));
        let wrong: u64 = wrong.map(|(_, count)| count).sum();
        let mut histograms = Latencies::default();
        for (name, histogram) in [
            (LATENCY, tally.latency),
            (SERVICE, tally.service),
            (step::SCHEDULE_LAG, tally.lag),
            (CONNECTION_WAIT, tally.wait),
        ] {
            if histogram.count() > 0 {
                histograms.step_mut(name).merge(&histogram);
            }
        }
        let statuses = tally
            .statuses
            .iter()
            .map(|(status, count)| (name(*status), *count));
        let failures = tally
            .failures
            .iter()
            .map(|(why, count)| (why.to_string(), *count));
        Self {
            format: FORMAT,
            target: plan.target.to_string(),
            load: words(plan),
            ended: ended.to_owned(),
            seconds: rounded(seconds, 3),
            last_answer_s: last_answer_s.map(|last| rounded(last, 3)),
            due: tally.due,
            dropped: tally.dropped,
            answered,
            rate_per_s: rate(answered, seconds, last_answer_s),
            errors: failed + wrong,
            statuses: statuses.collect(),
            failures: failures.collect(),
            bytes_in: tally.bytes_in,
            bytes_out: tally.bytes_out,
            connections_opened: tally.opened,
            connections_reopened: tally.reopened,
            latency_ms: figures(&histograms),
            thresholds: Vec::new(),
            histograms,
        }
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// If it is anything else, or of another format.
    pub fn from_json(text: &str) -> Result<Self, DocumentError> {
        let read = serde_json::from_str::<Self>(text);
        let document = read.map_err(|error| DocumentError::Malformed(format!("found {error}")))?;
        if document.format == FORMAT {
            Ok(document)
        } else {
            Err(DocumentError::Format(document.format))
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("its keys are strings and its numbers finite") + "\n"
    }

    /// The parts of one load, sent at the same time by several processes, as one: counts add up, and so do rates.
    ///
    /// # Errors
    /// If there are none, or they were sent to different targets.
    pub fn merged(parts: &[Self]) -> Result<Self, DocumentError> {
        let (first, others) = parts.split_first().ok_or(DocumentError::Nothing)?;
        let mut all = first.clone();
        all.thresholds.clear();
        for part in others {
            if part.target != all.target {
                return Err(DocumentError::Target {
                    found: part.target.clone(),
                    expected: all.target,
                });
            }
            if part.load != first.load {
                all.load = format!("{} and {}", all.load, part.load);
            }
            if part.ended != "whole" {
                all.ended.clone_from(&part.ended);
            }
            all.seconds = all.seconds.max(part.seconds);
            let last_answers = all.last_answer_s.into_iter().chain(part.last_answer_s);
            all.last_answer_s = last_answers.reduce(f64::max);
            all.due += part.due;
            all.dropped += part.dropped;
            all.answered += part.answered;
            all.errors += part.errors;
            add(&mut all.statuses, &part.statuses);
            add(&mut all.failures, &part.failures);
            all.bytes_in += part.bytes_in;
            all.bytes_out += part.bytes_out;
            all.connections_opened += part.connections_opened;
            all.connections_reopened += part.connections_reopened;
            all.histograms.merge(&part.histograms);
        }
        if parts.len() > 1 {
            all.load = format!("{} parts: {}", parts.len(), all.load);
        }
        all.rate_per_s = rate(all.answered, all.seconds, all.last_answer_s);
        all.latency_ms = figures(&all.histograms);
        Ok(all)
    }

    /// Latencies from the time that requests were due.
    #[must_use]
    pub fn latency(&self) -> Option<&LatencyHistogram> {
        self.histograms.step(LATENCY)
    }

    /// How late requests were looked after.
    #[must_use]
    pub fn lag(&self) -> Option<&LatencyHistogram> {
        self.histograms.step(step::SCHEDULE_LAG)
    }

    /// Requests that were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.due.saturating_sub(self.dropped)
    }

    /// The share of sent requests that failed or were answered with an error.
    #[must_use]
    pub fn error_share(&self) -> Option<f64> {
        (self.sent() > 0).then(|| self.errors as f64 / self.sent() as f64)
    }

    /// The share of due requests that were dropped.
    #[must_use]
    pub fn drop_share(&self) -> Option<f64> {
        (self.due > 0).then(|| self.dropped as f64 / self.due as f64)
    }
}

fn rate(answered: u64, seconds: f64, last_answer_s: Option<f64>) -> f64 {
    let seconds = last_answer_s.map_or(seconds, |last| last.max(seconds));
    if seconds > 0.0 {
        rounded(answered as f64 / seconds, 3)
    } else {
        0.0
    }
}

fn figures(histograms: &Latencies) -> BTreeMap<String, LatencyFigures> {
    let figures = histograms
        .iter()
        .map(|(name, step)| (name.to_owned(), step.figures()));
    figures.collect()
}

fn words(plan: &Plan) -> String {
    let connections = plan.connections;
    match &plan.pace {
        Pace::Open(schedule) => format!("open loop, {schedule}, {connections} connections"),
        Pace::Closed(span) => format!("closed loop, {span:?}, {connections} connections"),
    }
}

/// Histograms as text: the interval log that `latency.hlog` of a run directory is.
mod hlog {
    use std::time::Duration;

    use report::latency::Latencies;
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        histograms: &Latencies,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut log = Vec::new();
        histograms
            .write_hlog(&mut log, Duration::ZERO)
            .map_err(S::Error::custom)?;
        serializer.serialize_str(&String::from_utf8(log).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Latencies, D::Error> {
        let log = String::deserialize(deserializer)?;
        Latencies::read_hlog(log.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    /// 1,000 answers within 1 to 1,000 ms, 10 of them errors, 10 more failed and 10 dropped, over 10 s.
    pub(crate) fn sample() -> Document {
        let mut histograms = Latencies::default();
        for ms in 1..=1_000 {
            histograms.record(LATENCY, Duration::from_millis(ms));
            histograms.record(step::SCHEDULE_LAG, Duration::from_micros(ms));
        }
        Document {
            format: FORMAT,
            target: "http://127.0.0.1:8080/".to_owned(),
            load: "open loop, 10s at 102/s".to_owned(),
            ended: "whole".to_owned(),
            seconds: 10.0,
            last_answer_s: Some(9.9),
            due: 1_020,
            dropped: 10,
            answered: 1_000,
            rate_per_s: 100.0,
            errors: 20,
            statuses: [("200".to_owned(), 990), ("503".to_owned(), 10)].into(),
            failures: [("timed out".to_owned(), 10)].into(),
            bytes_in: 1_000_000,
            bytes_out: 50_000,
            connections_opened: 8,
            connections_reopened: 1,
            latency_ms: figures(&histograms),
            thresholds: Vec::new(),
            histograms,
        }
    }

    #[test]
    fn a_document_reads_back() {
        let document = sample();
        let back = Document::from_json(&document.to_json()).unwrap();
        assert_eq!(back, document);
        let error = Document::from_json("{}").unwrap_err().to_string();
        assert!(
            error.contains("expected a file that rushhour load wrote"),
            "{error}"
        );
        let newer = document.to_json().replace("\"format\": 1", "\"format\": 2");
        assert_eq!(Document::from_json(&newer), Err(DocumentError::Format(2)));
    }

    #[test]
    fn a_document_that_does_not_tell_of_the_last_answer_is_read_as_it_was() {
        let mut older = sample();
        older.last_answer_s = None;
        let text = older.to_json();
        assert!(!text.contains("last_answer_s"), "{text}");
        let back = Document::from_json(&text).unwrap();
        assert_eq!(back, older);
        let all = Document::merged(&[back.clone(), back]).unwrap();
        assert_eq!((all.last_answer_s, all.rate_per_s), (None, 200.0));
        let all = Document::merged(&[older, sample()]).unwrap();
        assert_eq!((all.last_answer_s, all.rate_per_s), (Some(9.9), 200.0));
    }

    #[test]
    fn parts_add_up() {
        let part = sample();
        let mut longer = sample();
        longer.seconds = 20.0;
        longer.ended = "interrupted".to_owned();
        let all = Document::merged(&[part.clone(), longer]).unwrap();
        assert_eq!((all.due, all.errors, all.statuses["503"]), (2_040, 40, 20));
        assert_eq!(
            (all.seconds, all.rate_per_s, all.ended.as_str()),
            (20.0, 100.0, "interrupted")
        );
        let mut overloaded = part.clone();
        overloaded.last_answer_s = Some(25.0);
        for parts in [[&part, &overloaded], [&overloaded, &part]] {
            let all = Document::merged(&parts.map(Clone::clone)).unwrap();
            assert_eq!(
                (all.seconds, all.last_answer_s, all.rate_per_s),
                (10.0, Some(25.0), 80.0)
            );
        }
        assert_eq!(all.latency().unwrap().count(), 2_000);
        assert_eq!(all.latency_ms[LATENCY].p99, part.latency_ms[LATENCY].p99);
        let mut elsewhere = sample();
        elsewhere.target = "http://other/".to_owned();
        assert!(Document::merged(&[part, elsewhere]).is_err());
        assert_eq!(Document::merged(&[]), Err(DocumentError::Nothing));
    }
}
