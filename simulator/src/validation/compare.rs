//! Predicted against measured: which figures are compared, and how they are read from a summary.

use report::latency::step;
use report::summary::Summary;
use report::validation::{Kind, Row};

/// Steps of a ride whose percentiles are compared.
const STEPS: [&str; 7] = [
    step::QUOTE,
    step::REQUEST,
    step::READ,
    step::REQUEST_TO_OFFER,
    step::REQUEST_TO_ACCEPT,
    step::PING_ACK,
    step::OFFER_DELIVERY,
];
/// Fewest events of which a rate or a median is judged: of fewer, one more or less is as much as a prediction
/// may be off.
const COUNT_MIN: u64 = 50;
/// Fewest measurements of which a 99th percentile is compared.
const P99_COUNT_MIN: u64 = 100;

/// A figure of a run: its name, unit and kind, and what it came to.
struct Read {
    name: String,
    unit: &'static str,
    kind: Kind,
    value: Option<f64>,
}

/// The figures of a run that counted for so many seconds.
fn figures(summary: &Summary, counted_s: f64) -> Vec<Read> {
    let mut figures = Vec::new();
    let mut push = |name: String, unit, kind, value| {
        figures.push(Read {
            name,
            unit,
            kind,
            value,
        });
    };
    let rate = |count: u64| Some(count as f64 / counted_s);
    for (name, count) in [
        ("rides quoted", summary.rides.quoted),
        ("rides requested", summary.rides.requested),
        ("rides completed", summary.rides.completed),
    ] {
        push(name.to_owned(), "/s", Kind::Throughput, rate(count));
    }
    for (name, function) in &summary.functions {
        let ran = &function.duration_ms;
        let busy_s = ran.mean.map(|mean| mean * ran.count as f64 / 1_000.0);
        let called = format!("{name} calls");
        let judged = |kind| {
            if function.invocations >= COUNT_MIN {
                kind
            } else {
                Kind::Told
            }
        };
        let throughput = judged(Kind::Throughput);
        push(called, "/s", throughput, rate(function.invocations));
        let concurrency = busy_s.map(|busy_s| busy_s / counted_s);
        let name_of = format!("{name} concurrency");
        push(name_of, "", judged(Kind::Concurrency), concurrency);
        let throttles = Some(function.throttles as f64);
        push(format!("{name} throttles"), "", Kind::Told, throttles);
    }
    let steps = STEPS
        .into_iter()
        .filter_map(|step| Some((step.to_owned(), summary.latency_ms.get(step)?)));
    let functions = summary
        .functions
        .iter()
        .map(|(name, function)| (format!("{name} duration"), &function.duration_ms));
    for (name, latency) in steps.chain(functions) {
        let p50 = if latency.count >= COUNT_MIN {
            Kind::P50
        } else {
            Kind::Told
        };
        push(format!("{name} p50"), "ms", p50, latency.p50);
        // Of few measurements the 99th percentile is the longest one, which says nothing.
        let p99 = if latency.count >= P99_COUNT_MIN {
            Kind::P99
        } else {
            Kind::Told
        };
        push(format!("{name} p99"), "ms", p99, latency.p99);
    }
    figures
}

/// A row for each figure of the measured runs, each of which counted for so many seconds.
pub fn rows(predicted: &Summary, measured: &[&Summary], counted_s: f64) -> Vec<Row> {
    let predicted = figures(predicted, counted_s);
    let runs: Vec<Vec<Read>> = measured
        .iter()
        .map(|summary| figures(summary, counted_s))
        .collect();
    let Some(first) = runs.first() else {
        return Vec::new();
    };
    first
        .iter()
        .map(|figure| {
            let same = |read: &&Read| read.name == figure.name;
            let values: Vec<f64> = runs
                .iter()
                .filter_map(|run| run.iter().find(same)?.value)
                .collect();
            let foretold = predicted.iter().find(same).and_then(|read| read.value);
            Row::new(&figure.name, figure.unit, figure.kind, foretold, &values)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use report::latency::LatencyFigures;
    use report::summary::{ClockKind, Function};

    use super::*;

    fn summary(invocations: u64, mean_ms: f64) -> Summary {
        let mut summary = Summary::new("s", 1, "embedded", ClockKind::Wall);
        let duration_ms = LatencyFigures {
            count: invocations,
            mean: Some(mean_ms),
            p50: Some(mean_ms),
            p99: Some(mean_ms),
            ..LatencyFigures::default()
        };
        let function = Function {
            invocations,
            duration_ms,
            ..Function::default()
        };
        summary.functions.insert("pricing".into(), function);
        summary
    }

    #[test]
    fn rates_and_concurrency_follow_from_counts_and_durations() {
        let (predicted, measured) = (
            summary(600, 100.0),
            [summary(500, 100.0), summary(700, 100.0)],
        );
        let measured: Vec<&Summary> = measured.iter().collect();
        let rows = rows(&predicted, &measured, 60.0);
        let row = |name: &str| rows.iter().find(|row| row.name == name).unwrap();
        assert_eq!(row("pricing calls").predicted, Some(10.0));
        assert_eq!(row("pricing calls").measured, Some(10.0));
        assert_eq!(row("pricing concurrency").predicted, Some(1.0));
        assert_eq!(row("pricing concurrency").within, Some(true));
        assert_eq!(row("pricing duration p99").kind, Kind::P99);
        assert_eq!(row("pricing throttles").within, None);
    }

    #[test]
    fn a_99th_percentile_of_few_is_told_only() {
        let few = summary(99, 1.0);
        let rows = rows(&few, &[&few], 1.0);
        let row = rows.iter().find(|row| row.name == "pricing duration p99");
        assert_eq!(row.unwrap().kind, Kind::Told);
    }
}
