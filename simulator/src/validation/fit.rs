//! From how long the calls of a measured run took to the figures of a cloud profile.

use cloud::profile::{Figure, Spans, WORKS_OF_ITEMS};
use report::latency::{Latencies, LatencyHistogram};

use super::law::{Measured, line};
use crate::call_log::{CLIENT_RTT, GROWING};

/// Fewest samples of a call that happens all the time.
pub const SAMPLES_MIN: u64 = 20;
/// Fewest samples of a call that is rare; with fewer the base's figure stays.
pub const RARE_SAMPLES_MIN: u64 = 5;
/// The queue stamps messages in whole milliseconds, cut off: half of one too early on average.
const STAMP_CUT_MS: f64 = 0.5;
/// A message is stamped about half-way through its send.
const STAMPED_AT: f64 = 0.5;

/// Calls that happen all the time: without them there is nothing to calibrate on.
const NEEDED: [&str; 16] = [
    "table.get",
    "table.put",
    "table.query",
    "table.transact",
    "queue.send",
    "queue.age",
    "http.overhead",
    CLIENT_RTT,
    "pricing.quote",
    "trips.request",
    "trips.read",
    "trips.event",
    "matching.round",
    "tracker.candidates",
    "tracker.reserve",
    "tracker.offer",
];
/// Calls of the tracker, each with what its caller sees.
const TRACKER_CALLS: [(&str, &str); 5] = [
    ("grpc.candidates", "tracker.candidates"),
    ("grpc.reserve", "tracker.reserve"),
    ("grpc.offer", "tracker.offer"),
    ("grpc.release", "tracker.release"),
    ("grpc.hold", "tracker.hold"),
];
/// Service times that are each a law of their own.
const SERVICES: [&str; 12] = [
    "pricing.quote",
    "trips.request",
    "trips.read",
    "trips.cancel",
    "trips.event",
    "trips.sweep",
    "tracker.reserve",
    "tracker.offer",
    "tracker.release",
    "tracker.hold",
    "tracker.answer",
    "tracker.report",
];
/// A driver's ping, as the tracker handles it.
const PING: &str = "tracker.ping";

/// A call of which there are too few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Which.
    pub call: &'static str,
    /// How many there are.
    pub found: u64,
}

/// What a run's calls come to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fit {
    /// Figures by their key, each with how many samples it is of.
    pub figures: Vec<(String, Figure, u64)>,
    /// Keys of which there were too few samples: the base's figure stays.
    pub kept: Vec<String>,
}

struct Fitting<'a> {
    calls: &'a Latencies,
    fit: Fit,
}

/// Fits. `ping_ack` is what drivers waited for acknowledgements of their pings.
///
/// # Errors
/// If calls that happen all the time are too few.
pub fn fit(calls: &Latencies, ping_ack: Option<&LatencyHistogram>) -> Result<Fit, Vec<Shortage>> {
    let short: Vec<Shortage> = NEEDED
        .into_iter()
        .map(|call| Shortage {
            call,
            found: calls.step(call).map_or(0, LatencyHistogram::count),
        })
        .filter(|shortage| shortage.found < SAMPLES_MIN)
        .collect();
    if !short.is_empty() {
        return Err(short);
    }
    let mut fitting = Fitting {
        calls,
        fit: Fit::default(),
    };
    fitting.ports();
    fitting.networks(ping_ack);
    fitting.services();
    fitting.starts();
    Ok(fitting.fit)
}

impl Fitting<'_> {
    fn measured(&self, call: &str) -> Option<Measured> {
        self.calls.step(call).and_then(Measured::of)
    }

    fn set(&mut self, key: &str, law: Option<&Measured>, fewest: u64) {
        match law.filter(|law| law.count >= fewest) {
            Some(law) => {
                let spans = law.spans().expect("measured spans are a law");
                self.put(key, Figure::Spans(spans), law.count);
            }
            None => self.fit.kept.push(key.to_owned()),
        }
    }

    fn set_ms(&mut self, key: &str, ms: f64, samples: u64) {
        let span = std::time::Duration::from_secs_f64(ms.max(0.0) / 1_000.0);
        self.put(key, Figure::Spans(Spans::constant(span)), samples);
    }

    fn put(&mut self, key: &str, figure: Figure, samples: u64) {
        self.fit.figures.push((key.to_owned(), figure, samples));
    }

    /// Tables and queues, as their callers see them.
    fn ports(&mut self) {
        let gets: Vec<Measured> = ["table.get", "table.get_cell"]
            .into_iter()
            .filter_map(|call| self.measured(call))
            .collect();
        self.set("table.get", Measured::mixed(&gets).as_ref(), SAMPLES_MIN);
        for call in ["table.put", "table.query", "table.transact", "queue.send"] {
            let law = self.measured(call);
            self.set(call, law.as_ref(), SAMPLES_MIN);
        }
        let sent_ms = self
            .measured("queue.send")
            .map_or(0.0, |law| law.median_ms());
        let received = self
            .measured("queue.age")
            .map(|age| age.less(STAMP_CUT_MS + STAMPED_AT * sent_ms));
        self.set("queue.receive", received.as_ref(), SAMPLES_MIN);
    }

    /// What lies between callers and those who serve them. The way to the tracker is that of pings, whose
    /// acknowledgements drivers wait for; without them, that of its other calls.
    fn networks(&mut self, ping_ack: Option<&LatencyHistogram>) {
        let overhead = self.measured("http.overhead");
        self.set("http_api.overhead", overhead.as_ref(), SAMPLES_MIN);
        let client = self.measured(CLIENT_RTT);
        self.set("http_api.client_rtt", client.as_ref(), SAMPLES_MIN);
        let between: Vec<Measured> = TRACKER_CALLS
            .into_iter()
            .filter_map(|(call, work)| {
                let served = self.measured(&format!("{work}/took"))?;
                Some(self.measured(call)?.without(&served))
            })
            .collect();
        let acknowledged = ping_ack.and_then(Measured::of);
        let on_streams = match (acknowledged, self.measured(PING)) {
            (Some(acknowledged), Some(ping)) => Some(acknowledged.without(&ping)),
            _ => None,
        };
        let rtt = on_streams.or_else(|| Measured::mixed(&between));
        // On one machine it is the same way.
        for key in ["container.grpc_rtt", "container.app_rtt"] {
            self.set(key, rtt.as_ref(), SAMPLES_MIN);
        }
        let ping = self.measured(PING);
        self.service(PING, ping.as_ref());
        if let Some(ping) = ping {
            self.set_ms("container.cpu_per_ping", ping.mean_ms(), ping.count);
        }
    }

    /// What work takes by itself.
    fn services(&mut self) {
        // What a function's environment does besides is in the own time of its work.
        for key in ["lambda.warm_overhead_arm64", "lambda.warm_overhead_x86_64"] {
            self.set_ms(key, 0.0, self.count("trips.read"));
        }
        for work in SERVICES {
            let law = self.measured(work);
            self.service(work, law.as_ref());
        }
        for work in GROWING {
            self.growing(work);
        }
        self.surge();
    }

    /// An update writes its cells side by side. A model has each wave of them take as long as one write, so
    /// what they take more is the update's own.
    fn surge(&mut self) {
        let mean = |call| self.measured(call).map_or(0.0, |law| law.mean_ms());
        let modelled_ms = mean("table.get") + 2.0 * mean("table.put");
        let law = self
            .measured("surge.update/took")
            .map(|took| took.less(modelled_ms));
        self.service("surge.update", law.as_ref());
    }

    fn service(&mut self, work: &str, law: Option<&Measured>) {
        self.set(&format!("service.{work}.cpu"), law, RARE_SAMPLES_MIN);
        if let Some(law) = law.filter(|law| law.count >= RARE_SAMPLES_MIN)
            && WORKS_OF_ITEMS.contains(&work)
        {
            // What was measured is of all that a call has.
            self.set_ms(&format!("service.{work}.per_item"), 0.0, law.count);
        }
    }

    fn count(&self, call: &str) -> u64 {
        self.calls.step(call).map_or(0, LatencyHistogram::count)
    }

    fn by_items(&self, work: &str) -> Vec<(f64, Measured)> {
        let prefix = format!("{work}#");
        self.calls
            .iter()
            .filter_map(|(name, histogram)| {
                let items = name.strip_prefix(&prefix)?.parse().ok()?;
                Some((items, Measured::of(histogram)?))
            })
            .collect()
    }

    /// What each item takes: the slope of the line through the means by items, in milliseconds.
    fn slope(&self, work: &str) -> f64 {
        let points: Vec<(f64, f64, f64)> = self
            .by_items(work)
            .iter()
            .map(|(items, law)| (*items, law.mean_ms(), law.count as f64))
            .collect();
        line(&points).map_or(0.0, |(_, slope)| slope)
    }

    /// Work that grows with its items: a line through the means by items, and around it what is left. Calls
    /// that found nothing to work at say best what a call takes without.
    fn growing(&mut self, work: &str) {
        let slope = self.slope(work);
        let idle = self
            .measured(&format!("{work}#0"))
            .filter(|law| law.count >= SAMPLES_MIN);
        let law = idle.or_else(|| self.without_items(work, slope));
        let samples = self.count(work);
        let key = format!("service.{work}.cpu");
        self.set(&key, law.as_ref(), RARE_SAMPLES_MIN);
        self.set_ms(&format!("service.{work}.per_item"), slope, samples);
    }

    /// What is left of work when its items are taken off.
    fn without_items(&self, work: &str, slope: f64) -> Option<Measured> {
        let parts: Vec<Measured> = self
            .by_items(work)
            .iter()
            .map(|(items, law)| law.less(slope * items))
            .collect();
        Measured::mixed(&parts).or_else(|| self.measured(work))
    }

    /// What the first call of an environment takes besides: its making, and its connections.
    fn starts(&mut self) {
        let init = self.measured("lambda.init");
        for key in ["init_zip_arm64", "init_zip_x86_64"] {
            self.set(&format!("lambda.{key}"), init.as_ref(), RARE_SAMPLES_MIN);
        }
        let (mut longer_ms, mut colds) = (0.0, 0);
        for work in SERVICES.into_iter().chain(GROWING) {
            let cold = self.measured(&format!("{work}#cold/took"));
            let warm = self.measured(&format!("{work}/took"));
            if let (Some(cold), Some(warm)) = (cold, warm) {
                longer_ms += (cold.mean_ms() - warm.mean_ms()) * cold.count as f64;
                colds += cold.count;
            }
        }
        if colds >= RARE_SAMPLES_MIN {
            self.set_ms("lambda.first_call_cpu", 0.0, colds);
            self.set_ms("lambda.first_call_network", longer_ms / colds as f64, colds);
        } else {
            self.fit.kept.push("lambda.first_call_network".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run() -> Latencies {
        let mut calls = Latencies::default();
        for call in NEEDED {
            for us in 1..=SAMPLES_MIN {
                calls.record(call, Duration::from_micros(1_000 + us));
            }
        }
        calls
    }

    fn mean_ms(fit: &Fit, key: &str) -> f64 {
        let found = fit.figures.iter().find(|(found, ..)| found == key);
        match found {
            Some((_, Figure::Spans(spans), _)) => spans.mean().as_secs_f64() * 1_000.0,
            other => panic!("{key}: found {other:?}, expected spans"),
        }
    }

    #[test]
    fn a_run_without_a_call_says_which_and_how_many_there_are() {
        let short = fit(&Latencies::default(), None).unwrap_err();
        assert_eq!(short.len(), NEEDED.len());
        let mut calls = run();
        *calls.step_mut("queue.send") = LatencyHistogram::default();
        calls.record("queue.send", Duration::from_millis(1));
        let (call, found) = ("queue.send", 1);
        assert_eq!(fit(&calls, None).unwrap_err(), [Shortage { call, found }]);
    }

    #[test]
    fn the_network_is_what_callers_see_less_what_is_served() {
        let mut calls = run();
        for _ in 0..200 {
            calls.record("grpc.reserve", Duration::from_micros(1_500));
            calls.record("tracker.reserve/took", Duration::from_micros(1_000));
        }
        let fit = fit(&calls, None).unwrap();
        let found = mean_ms(&fit, "container.grpc_rtt");
        assert!((found - 0.5).abs() < 0.01, "{found}");
        assert!(fit.kept.iter().any(|key| key == "service.trips.sweep.cpu"));
    }

    #[test]
    fn a_round_takes_so_long_for_each_rider() {
        let mut calls = run();
        for riders in 1..=6_u64 {
            for _ in 0..50 {
                let own = Duration::from_micros(2_000 + 300 * riders);
                calls.record("matching.round", own);
                calls.record(&format!("matching.round#{riders}"), own);
            }
        }
        let fit = fit(&calls, None).unwrap();
        let found = mean_ms(&fit, "service.matching.round.per_item");
        assert!((found - 0.3).abs() < 0.01, "{found}");
        let found = mean_ms(&fit, "service.matching.round.cpu");
        assert!((found - 2.0).abs() < 0.02, "{found}");
    }
}
