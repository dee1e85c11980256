//! The plots of latencies: how they spread, over time, and where they come from.

use maud::Markup;
use plotters::prelude::{Color, IntoLogRange, LineSeries, RGBColor, Rectangle};

use super::chart::{
    AMBER, BLUE, Labels, RED, SERIES, TEAL, VIOLET, axes, decades, drawing, figure, legend, line,
    up_to,
};
use super::plots::{HALF, end_s, grouped, plain, time_axis};
use crate::distill::PathSlice;
use crate::format::decimals;
use crate::latency::{Latencies, step};
use crate::timeline::Timeline;

/// The steps worth a line, in the order of a ride.
fn steps(latencies: &Latencies) -> Vec<(&'static str, RGBColor)> {
    [
        step::QUOTE,
        step::REQUEST,
        step::REQUEST_TO_OFFER,
        step::REQUEST_TO_ACCEPT,
        step::PING_ACK,
        step::OFFER_DELIVERY,
    ]
    .into_iter()
    .zip(SERIES)
    .filter(|(name, _)| latencies.step(name).is_some_and(|step| step.count() > 0))
    .collect()
}

pub(super) fn milliseconds(value: &f64) -> String {
    match *value {
        v if v >= 1_000.0 => format!("{} s", decimals(v / 1_000.0, 0)),
        v if v >= 1.0 => format!("{} ms", decimals(v, 0)),
        v => format!("{} µs", decimals(v * 1_000.0, 0)),
    }
}

/// How latencies spread, out to the slowest in ten thousand.
pub(super) fn percentiles(latencies: &Latencies) -> Markup {
    let steps = steps(latencies);
    // x counts nines: 1 is 90 %, 2 is 99 %.
    let curve = |name: &str| -> Vec<(f64, f64)> {
        let Some(step) = latencies.step(name) else {
            return Vec::new();
        };
        let last = (step.count() as f64).log10().clamp(0.3, 4.0);
        (0..=80)
            .map(|n| f64::from(n) * last / 80.0)
            .filter_map(|nines| Some((nines, step.quantile_ms(1.0 - 10f64.powf(-nines))?)))
            .collect()
    };
    let curves: Vec<_> = steps
        .iter()
        .map(|(name, colour)| (*colour, curve(name)))
        .collect();
    let range = decades(
        curves
            .iter()
            .flat_map(|(_, points)| points)
            .map(|(_, ms)| *ms),
    );
    let plot = drawing("Latency by percentile and step", HALF, |area| {
        let labels = Labels {
            x: "percentile",
            y_width: 58,
            x_count: 5,
            ..Labels::default()
        };
        let nines = |nines: &f64| match nines.round() as i64 {
            0 => "0 %".to_owned(),
            1 => "90 %".to_owned(),
            2 => "99 %".to_owned(),
            3 => "99.9 %".to_owned(),
            _ => "99.99 %".to_owned(),
        };
        let mut chart = axes(
            area,
            0.0..4.15,
            range.clone().log_scale(),
            labels,
            &nines,
            &milliseconds,
        )?;
        for (colour, points) in curves {
            let points = points.into_iter().map(|(x, ms)| (x, ms.max(range.start)));
            chart.draw_series(LineSeries::new(points, line(colour, 20)))?;
        }
        Ok(())
    });
    figure(
        "Latency by percentile",
        "From the scheduled time, so that a stalled system cannot hide. Both axes logarithmic.",
        legend(&named(&steps)),
        plot,
    )
}

fn named(steps: &[(&'static str, RGBColor)]) -> Vec<(&'static str, RGBColor)> {
    let known = [
        (step::QUOTE, "quote"),
        (step::REQUEST, "request"),
        (step::REQUEST_TO_OFFER, "request to offer"),
        (step::REQUEST_TO_ACCEPT, "request to accept"),
        (step::PING_ACK, "ping acknowledged"),
        (step::OFFER_DELIVERY, "offer delivery"),
    ];
    let name = |step| {
        known
            .iter()
            .find(|(name, _)| *name == step)
            .map_or(step, |(_, words)| *words)
    };
    steps
        .iter()
        .map(|(step, colour)| (name(*step), *colour))
        .collect()
}

/// The 99th percentile of each step over time.
pub(super) fn over_time(timeline: &Timeline, latencies: &Latencies) -> Markup {
    let steps = steps(latencies);
    let (divisor, unit) = time_axis(timeline);
    let curve = |name: &str| -> Vec<(f64, f64)> {
        grouped(timeline)
            .filter_map(|(from, until, buckets)| {
                // The worst of its buckets: a mean of percentiles would be nobody's latency.
                let worst = buckets
                    .iter()
                    .filter_map(|b| b.latency_ms.get(name))
                    .map(|l| l.p99)
                    .reduce(f64::max)?;
                Some((f64::midpoint(from, until) / divisor, worst))
            })
            .collect()
    };
    let curves: Vec<_> = steps
        .iter()
        .map(|(name, colour)| (*colour, curve(name)))
        .collect();
    let range = decades(
        curves
            .iter()
            .flat_map(|(_, points)| points)
            .map(|(_, ms)| *ms),
    );
    let plot = drawing(
        "99th percentile of latency over time, by step",
        HALF,
        |area| {
            let labels = Labels {
                x: unit,
                y_width: 58,
                x_count: 6,
                ..Labels::default()
            };
            let x = 0.0..end_s(timeline) / divisor;
            let mut chart = axes(
                area,
                x,
                range.clone().log_scale(),
                labels,
                &plain,
                &milliseconds,
            )?;
            for (colour, points) in curves {
                let points = points.into_iter().map(|(x, ms)| (x, ms.max(range.start)));
                chart.draw_series(LineSeries::new(points, line(colour, 14)))?;
            }
            Ok(())
        },
    );
    figure(
        "99th percentile over time",
        "The worst span behind each point.",
        legend(&named(&steps)),
        plot,
    )
}

/// Where the time from request to accept went, by tenths of the rides.
pub(super) fn path(slices: &[PathSlice]) -> Markup {
    let parts = [
        ("request stored", BLUE),
        ("window and match round", AMBER),
        ("drivers who did not take it", RED),
        ("offer delivered", VIOLET),
        ("driver answers", TEAL),
    ];
    let top = slices.iter().map(PathSlice::total_s).fold(0.0, f64::max);
    let plot = drawing(
        "Parts of the time from request to accept, by tenths of the rides",
        HALF,
        |area| {
            let labels = Labels {
                x: "rides, quickest tenth to slowest",
                x_count: 11,
                ..Labels::default()
            };
            let tenth = |at: &f64| {
                if (at.fract() - 0.5).abs() < 0.01 || slices.is_empty() {
                    String::new()
                } else {
                    format!("{} %", decimals(at * 100.0 / slices.len() as f64, 0))
                }
            };
            let seconds = |value: &f64| format!("{} s", plain(value));
            let x = 0.0..slices.len().max(1) as f64;
            let mut chart = axes(area, x, up_to(top), labels, &tenth, &seconds)?;
            for (slice, at) in slices.iter().zip(0u32..) {
                let mut floor = 0.0;
                for (part, (_, colour)) in slice.parts().into_iter().zip(parts) {
                    let corners = [
                        (f64::from(at) + 0.12, floor),
                        (f64::from(at) + 0.88, floor + part),
                    ];
                    chart.draw_series(std::iter::once(Rectangle::new(corners, colour.filled())))?;
                    floor += part;
                }
            }
            Ok(())
        },
    );
    figure(
        "From request to accept",
        "Where the time went, in the mean of each tenth of the rides accepted.",
        legend(&parts),
        plot,
    )
}
