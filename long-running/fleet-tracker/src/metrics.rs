//! What the tracker counts, for Prometheus and for a run's summary.

use std::fmt::Write as _;

use fleet::{Counts, PingOutcome};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use wire::grpc::v1;

/// The outcome of something counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// In one word.
    outcome: &'static str,
}

/// The tracker's counters and gauges.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pings: Family<Outcome, Counter>,
    notices: Family<Outcome, Counter>,
    reservations: Family<Outcome, Counter>,
    answers: Family<Outcome, Counter>,
    progress: Family<Outcome, Counter>,
    drivers: Family<Outcome, Gauge>,
    pub(crate) streams_opened: Counter,
    pub(crate) slow_readers: Counter,
    pub(crate) bad_messages: Counter,
    pub(crate) candidate_queries: Counter,
    pub(crate) messages: Counter,
}

/// The counts that a run's summary takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MetricsSnapshot {
    /// Messages taken from drivers and callers.
    pub messages: u64,
    /// Pings among them.
    pub pings: u64,
    /// Streams that ended because their driver did not read.
    pub slow_readers: u64,
    /// Messages that did not say what they should.
    pub bad_messages: u64,
    /// Drivers whose stream is open.
    pub streaming: u64,
}

impl MetricsSnapshot {
    /// The same, with what trackers before this one counted.
    #[must_use]
    pub fn after(self, before: Self) -> Self {
        Self {
            messages: self.messages + before.messages,
            pings: self.pings + before.pings,
            slow_readers: self.slow_readers + before.slow_readers,
            bad_messages: self.bad_messages + before.bad_messages,
            streaming: self.streaming,
        }
    }

    /// Reads back what [`Metrics::render`] wrote. What is not there counts as 0.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut snapshot = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let counter = match name.split('{').next() {
                Some("fleet_messages_total") => &mut snapshot.messages,
                Some("fleet_pings_total") => &mut snapshot.pings,
                Some("fleet_slow_readers_total") => &mut snapshot.slow_readers,
                Some("fleet_bad_messages_total") => &mut snapshot.bad_messages,
                Some("fleet_drivers") if name.contains("\"streaming\"") => &mut snapshot.streaming,
                _ => continue,
            };
            *counter += value.parse::<u64>().unwrap_or(0);
        }
        snapshot
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("fleet"),
            pings: Family::default(),
            notices: Family::default(),
            reservations: Family::default(),
            answers: Family::default(),
            progress: Family::default(),
            drivers: Family::default(),
            streams_opened: Counter::default(),
            slow_readers: Counter::default(),
            bad_messages: Counter::default(),
            candidate_queries: Counter::default(),
            messages: Counter::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let all = &mut self.registry;
        all.register("pings", "Pings by outcome", self.pings.clone());
        all.register(
            "notices",
            "Notices pushed, by outcome",
            self.notices.clone(),
        );
        all.register(
            "reservations",
            "Reservations by outcome",
            self.reservations.clone(),
        );
        all.register(
            "answers",
            "Answers of drivers by outcome",
            self.answers.clone(),
        );
        all.register(
            "progress",
            "Reports of drivers by outcome",
            self.progress.clone(),
        );
        all.register("drivers", "Drivers by status", self.drivers.clone());
        all.register(
            "streams_opened",
            "Driver streams opened",
            self.streams_opened.clone(),
        );
        all.register(
            "slow_readers",
            "Streams ended because nobody read",
            self.slow_readers.clone(),
        );
        all.register(
            "bad_messages",
            "Messages refused as malformed",
            self.bad_messages.clone(),
        );
        all.register(
            "candidate_queries",
            "Queries for nearby drivers",
            self.candidate_queries.clone(),
        );
        all.register("messages", "Messages taken", self.messages.clone());
    }

    pub(crate) fn ping(&self, outcome: PingOutcome) {
        let outcome = match outcome {
            PingOutcome::Moved => "moved",
            PingOutcome::Stale => "stale",
            PingOutcome::FromTheFuture => "from_the_future",
            PingOutcome::NotOnline => "not_online",
        };
        self.add_pings(outcome, 1);
    }

    /// A ping of a place that is none.
    pub(crate) fn bad_place(&self) {
        self.add_pings("bad_place", 1);
    }

    /// The pings of a batch.
    pub(crate) fn ping_batch(&self, taken: &v1::PingBatchTaken) {
        for (outcome, count) in [
            ("moved", taken.moved),
            ("stale", taken.stale),
            ("from_the_future", taken.from_the_future),
            ("bad_place", taken.bad_place),
            ("not_online", taken.not_online),
        ] {
            self.add_pings(outcome, count);
        }
    }

    /// Places that were told as of now.
    pub(crate) fn placed(&self, drivers: usize) {
        self.add_pings("moved", u32::try_from(drivers).unwrap_or(u32::MAX));
    }

    fn add_pings(&self, outcome: &'static str, count: u32) {
        let counter = self.pings.get_or_create(&Outcome { outcome });
        counter.inc_by(u64::from(count));
    }

    pub(crate) fn notice(&self, sent: bool) {
        let outcome = if sent { "sent" } else { "no_stream" };
        self.notices.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn reservation(&self, outcome: &'static str) {
        self.reservations.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn answer(&self, outcome: &'static str) {
        self.answers.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn progress(&self, outcome: &'static str) {
        self.progress.get_or_create(&Outcome { outcome }).inc();
    }

    /// All of it in the text format of Prometheus.
    #[must_use]
    pub fn render(&self, counts: Counts, streams: usize) -> String {
        let gauges = [
            ("online", counts.online),
            ("available", counts.available),
            ("reserved", counts.reserved),
            ("offered", counts.offered),
            ("accepted", counts.accepted),
            ("streaming", streams),
        ];
        for (outcome, count) in gauges {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.drivers.get_or_create(&Outcome { outcome }).set(count);
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            let _ = writeln!(text, "# could not be encoded");
        }
        text
    }

    /// What a run's summary takes.
    #[must_use]
    pub fn snapshot(&self, streams: usize) -> MetricsSnapshot {
        let outcomes = [
            "moved",
            "stale",
            "from_the_future",
            "not_online",
            "bad_place",
        ];
        let ping = |outcome| self.pings.get_or_create(&Outcome { outcome }).get();
        MetricsSnapshot {
            messages: self.messages.get(),
            pings: outcomes.into_iter().map(ping).sum(),
            slow_readers: self.slow_readers.get(),
            bad_messages: self.bad_messages.get(),
            streaming: streams as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rendered_is_read_back() {
        let metrics = Metrics::default();
        metrics.ping(PingOutcome::Moved);
        metrics.ping(PingOutcome::Moved);
        metrics.bad_place();
        metrics.messages.inc_by(7);
        metrics.slow_readers.inc();
        metrics.bad_messages.inc_by(2);
        let read = MetricsSnapshot::read(&metrics.render(Counts::default(), 9));
        let expected = MetricsSnapshot {
            messages: 7,
            pings: 3,
            slow_readers: 1,
            bad_messages: 2,
            streaming: 9,
        };
        assert_eq!(read, expected);
        assert_eq!(read, metrics.snapshot(9));
    }
}
