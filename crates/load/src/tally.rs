//! What one worker counted.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

use report::latency::LatencyHistogram;

/// Why a request was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The connection was refused.
    Refused,
    /// There was no way to the target, or no room for another connection here.
    Unreachable,
    /// TLS did not come about.
    Tls,
    /// The certificate is signed by nobody who is believed, is another's, or is out of date.
    Untrusted,
    /// The version of HTTP is not spoken there.
    Unspoken,
    /// The connection was closed before the answer was whole.
    Closed,
    /// What came was no answer in the protocol.
    Malformed,
    /// There was no whole answer within the time-out.
    TimedOut,
    /// It was under way when the load was broken off.
    BrokenOff,
}

impl Failure {
    /// Whether there was a connection before it.
    pub(crate) fn is_after_connecting(self) -> bool {
        !matches!(
            self,
            Self::Refused | Self::Unreachable | Self::Tls | Self::Untrusted | Self::Unspoken
        )
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::Unreachable => "unreachable",
            Self::Tls => "no TLS",
            Self::Untrusted => "untrusted certificate",
            Self::Unspoken => "no common protocol",
            Self::Closed => "connection closed",
            Self::Malformed => "malformed answer",
            Self::TimedOut => "timed out",
            Self::BrokenOff => "broken off",
        })
    }
}

/// An answer, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The status code, of HTTP or of gRPC.
    pub(crate) status: u16,
    /// Bytes that were read.
    pub(crate) bytes: u64,
}

/// How a request ended.
pub(crate) type Outcome = Result<Answered, Failure>;

/// What was counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Requests that fell due; in a closed loop those sent.
    pub(crate) due: u64,
    /// Of those, the ones that were not sent because too much was in flight.
    pub(crate) dropped: u64,
    /// Answers by status code.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub(crate) failures: BTreeMap<Failure, u64>,
    /// When the last answer came.
    pub(crate) last_answer: Option<Instant>,
    /// Bytes read.
    pub(crate) bytes_in: u64,
    /// Bytes written.
    pub(crate) bytes_out: u64,
    /// Connections opened.
    pub(crate) opened: u64,
    /// Of those, the ones opened after the start, in the place of one that had been closed.
    pub(crate) reopened: u64,
    /// From the time that a request was due to its answer.
    pub(crate) latency: LatencyHistogram,
    /// From the time that it was sent, where that is another.
    pub(crate) service: LatencyHistogram,
    /// From the time that it was due until somebody looked after it here.
    pub(crate) lag: LatencyHistogram,
    /// From then until there was a connection for it.
    pub(crate) wait: LatencyHistogram,
}

impl Tally {
    /// Counts how a request ended at some time, `latency` after it was due and, unless that was the same time, `service`
    /// after it was sent.
    pub(crate) fn count(
        &mut self,
        outcome: Outcome,
        at: Instant,
        latency: Duration,
        service: Option<Duration>,
    ) {
        match outcome {
            Ok(answered) => {
                self.last_answer = self.last_answer.max(Some(at));
                *self.statuses.entry(answered.status).or_default() += 1;
                self.bytes_in += answered.bytes;
            }
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
        // Whom nobody answered in time has waited that long at least: to leave it out would flatter the tail.
        if matches!(outcome, Ok(_) | Err(Failure::TimedOut)) {
            self.latency.record(latency);
            if let Some(service) = service {
                self.service.record(service);
            }
        }
    }

    /// Adds all that another holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.dropped += other.dropped;
        add(&mut self.statuses, &other.statuses);
        add(&mut self.failures, &other.failures);
        self.last_answer = self.last_answer.max(other.last_answer);
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.opened += other.opened;
        self.reopened += other.reopened;
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.lag.merge(&other.lag);
        self.wait.merge(&other.wait);
    }
}

/// Adds counts to counts.
pub(crate) fn add<K: Ord + Clone>(to: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *to.entry(key.clone()).or_default() += count;
    }
}
