//! What came of a load as text for a terminal.

use std::fmt::Write as _;

use report::format::{Unit, count, decimals, show, show_some};
use report::latency::{LatencyFigures, step};

use crate::document::Document;

/// Above it the generator itself is late, in milliseconds.
const LAG_P99_MAX_MS: f64 = 5.0;

/// Counts, percentiles, errors by kind, thresholds, and what a reader of the figures must know.
#[must_use]
pub fn text(document: &Document) -> String {
    let mut out = String::new();
    let mut line = |name: &str, told: &str| {
        // A string takes what is written.
        let _ = writeln!(out, "  {name:<16} {told}");
    };
    line(
        "requests",
        &format!(
            "{} due, {} sent, {} dropped, {} answered, {}/s answered",
            count(document.due),
            count(document.sent()),
            count(document.dropped),
            count(document.answered),
            decimals(document.rate_per_s, 1),
        ),
    );
    line("errors", &errors(document));
    for (status, many) in &document.statuses {
        line("  status", &format!("{status}: {}", count(*many)));
    }
    for (why, many) in &document.failures {
        line("  failed", &format!("{why}: {}", count(*many)));
    }
    for (name, figures) in &document.latency_ms {
        line(&name.replace('_', " "), &percentiles(figures));
    }
    line(
        "bytes",
        &format!(
            "{} in, {} out",
            bytes(document.bytes_in),
            bytes(document.bytes_out)
        ),
    );
    line(
        "connections",
        &format!(
            "{} opened, of those {} in the place of closed ones",
            count(document.connections_opened),
            count(document.connections_reopened)
        ),
    );
    for judged in &document.thresholds {
        let kept = if judged.kept { "kept" } else { "BROKEN" };
        line(
            "threshold",
            &format!("{:<16} {:>14}   {kept}", judged.threshold, judged.found),
        );
    }
    for note in notes(document) {
        line("note", &note);
    }
    let ended = if document.ended == "whole" {
        String::new()
    } else {
        format!(", {}", document.ended)
    };
    format!("{}: {}{ended}\n{out}", document.target, document.load)
}

fn errors(document: &Document) -> String {
    let share = document.error_share().map(|share| share * 100.0);
    let share = share.map_or_else(String::new, |share| format!(" ({} %)", decimals(share, 2)));
    format!("{}{share}", count(document.errors))
}

fn percentiles(figures: &LatencyFigures) -> String {
    let ms = |value| show_some(value, Unit::Milliseconds);
    format!(
        "p50 {}, p90 {}, p99 {}, p99.9 {}, max {}, mean {}",
        ms(figures.p50),
        ms(figures.p90),
        ms(figures.p99),
        ms(figures.p999),
        ms(figures.max),
        ms(figures.mean)
    )
}

fn bytes(number: u64) -> String {
    match number {
        0..10_000 => format!("{} B", count(number)),
        10_000..10_000_000 => format!("{} kB", decimals(number as f64 / 1e3, 1)),
        _ => format!("{} MB", decimals(number as f64 / 1e6, 1)),
    }
}

/// What would otherwise be read wrongly.
fn notes(document: &Document) -> Vec<String> {
    let mut notes = Vec::new();
    if document.lag().is_none() && document.answered > 0 {
        notes.push(
            "closed loop: a target that stands still is asked less, so that its stalls hardly show in percentiles"
                .to_owned(),
        );
    }
    if document.dropped > 0 {
        notes.push(format!(
            "{} requests were dropped and are in no percentile: the target was slower than the load for too long",
            count(document.dropped)
        ));
    }
    let lag = document
        .latency_ms
        .get(step::SCHEDULE_LAG)
        .and_then(|lag| lag.p99);
    if let Some(lag) = lag.filter(|lag| *lag > LAG_P99_MAX_MS) {
        notes.push(format!(
            "this machine was {} late with requests (p99), which is in their latencies: a lower rate, or more machines",
            show(lag, Unit::Milliseconds)
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Judged;
    use crate::document::tests::sample;

    #[test]
    fn all_that_was_counted_is_told() {
        let mut document = sample();
        document.thresholds.push(Judged {
            threshold: "p99<1s".to_owned(),
            found: "990.208 ms".to_owned(),
            kept: true,
        });
        let expected = "\
http://127.0.0.1:8080/: open loop, 10s at 102/s
  requests         1,020 due, 1,010 sent, 10 dropped, 1,000 answered, 100.0/s answered
  errors           20 (1.98 %)
    status         200: 990
    status         503: 10
    failed         timed out: 10
  latency          p50 500 ms, p90 900 ms, p99 990 ms, p99.9 999 ms, max 1.00 s, mean 501 ms
  schedule lag     p50 0.50 ms, p90 0.90 ms, p99 0.99 ms, p99.9 1.00 ms, max 1.00 ms, mean 0.50 ms
  bytes            1,000.0 kB in, 50.0 kB out
  connections      8 opened, of those 1 in the place of closed ones
  threshold        p99<1s               990.208 ms   kept
  note             10 requests were dropped and are in no percentile: the target was slower than the load for too long
";
        assert_eq!(text(&document), expected);
    }
}
