//! The plots of rides and drivers over time, and of what drivers earn.

use maud::{Markup, html};
use plotters::prelude::{AreaSeries, Color, LineSeries, Polygon, RGBColor, Rectangle};

use super::chart::{
    AMBER, BLUE, GREY, Labels, RED, TEAL, VIOLET, axes, drawing, figure, legend, line, up_to,
};
use crate::distill::{Bins, Window};
use crate::format::{Unit, decimals, show, words};
use crate::timeline::{Bucket, DriverCounts, Timeline};

/// A plot across the page.
const WIDE: (u32, u32) = (1080, 280);
/// A plot across half the page.
pub(super) const HALF: (u32, u32) = (520, 300);
/// A plot across half the page, beside a long table.
const TALL: (u32, u32) = (520, 390);
/// Points of a line at most.
const POINTS_MAX: usize = 120;

/// The time axis: what seconds are divided by, and its name.
pub(super) fn time_axis(timeline: &Timeline) -> (f64, &'static str) {
    let span = timeline.at_s(timeline.buckets.len());
    if span > 3.0 * 3_600.0 {
        (3_600.0, "hours since the start")
    } else if span > 300.0 {
        (60.0, "minutes since the start")
    } else {
        (1.0, "seconds since the start")
    }
}

/// Neighbouring buckets taken together, so that a line stays readable.
pub(super) fn grouped(timeline: &Timeline) -> impl Iterator<Item = (f64, f64, &[Bucket])> {
    let size = timeline.buckets.len().div_ceil(POINTS_MAX).max(1);
    timeline
        .buckets
        .chunks(size)
        .enumerate()
        .map(move |(index, buckets)| {
            let from = timeline.at_s(index * size);
            (
                from,
                from + timeline.bucket_s * buckets.len() as f64,
                buckets,
            )
        })
}

pub(super) fn end_s(timeline: &Timeline) -> f64 {
    timeline.at_s(timeline.buckets.len()).max(1.0)
}

pub(super) fn plain(value: &f64) -> String {
    decimals(*value, if value.fract().abs() > 1e-9 { 1 } else { 0 })
}

/// Demand and completion over time.
pub(super) fn flows(timeline: &Timeline, window: &Window) -> Markup {
    // What happened in a part of a bucket is no rate of it: the last one is often cut short.
    let last_s = (timeline.warmup_s + window.seconds()).max(timeline.bucket_s);
    type Part = fn(&Bucket) -> u64;
    let parts: [(&str, RGBColor, Part); 5] = [
        ("requested", BLUE, |b| b.requested),
        ("accepted", VIOLET, |b| b.accepted),
        ("completed", TEAL, |b| b.completed),
        ("cancelled", AMBER, |b| b.cancelled),
        ("unserved", RED, |b| b.unserved),
    ];
    let (divisor, unit) = time_axis(timeline);
    let series = |part: Part| -> Vec<(f64, f64)> {
        grouped(timeline)
            .filter(|(_, until, _)| *until <= last_s + 1e-6)
            .map(|(from, until, buckets)| {
                let total: u64 = buckets.iter().map(part).sum();
                let rate = total as f64 / (until - from) * 60.0;
                (f64::midpoint(from, until) / divisor, rate)
            })
            .collect()
    };
    let all: Vec<_> = parts
        .map(|(name, colour, part)| (name, colour, series(part)))
        .into();
    let top = all
        .iter()
        .flat_map(|(_, _, points)| points)
        .map(|(_, rate)| *rate)
        .fold(0.0, f64::max);
    let plot = drawing("Rides per minute over time", WIDE, |area| {
        let labels = Labels {
            x: unit,
            x_count: 12,
            ..Labels::default()
        };
        let x = 0.0..end_s(timeline) / divisor;
        let mut chart = axes(area, x, up_to(top), labels, &plain, &plain)?;
        warmup(timeline, divisor, up_to(top).end, &mut chart)?;
        for (name, colour, points) in all {
            if name == "requested" {
                let fill = colour.mix(0.12);
                chart.draw_series(AreaSeries::new(points.clone(), 0.0, fill))?;
            }
            chart.draw_series(LineSeries::new(points, line(colour, 18)))?;
        }
        Ok(())
    });
    let names = parts.map(|(name, colour, _)| (name, colour));
    figure(
        "Demand and completion",
        "Rides per minute. The shaded start is the warm-up, which counts for nothing.",
        legend(&names),
        plot,
    )
}

type Chart<'a, 'b> = plotters::prelude::ChartContext<
    'b,
    plotters::prelude::SVGBackend<'a>,
    plotters::prelude::Cartesian2d<
        plotters::coord::types::RangedCoordf64,
        plotters::coord::types::RangedCoordf64,
    >,
>;

fn warmup(
    timeline: &Timeline,
    divisor: f64,
    top: f64,
    chart: &mut Chart<'_, '_>,
) -> Result<(), super::chart::DrawError> {
    if timeline.warmup_s > 0.0 {
        let until = timeline.warmup_s.min(end_s(timeline)) / divisor;
        let shade = Rectangle::new([(0.0, 0.0), (until, top)], GREY.mix(0.25).filled());
        chart.draw_series(std::iter::once(shade))?;
    }
    Ok(())
}

/// Drivers by what they do, stacked over time.
pub(super) fn drivers(timeline: &Timeline) -> Markup {
    type Part = fn(&DriverCounts) -> u64;
    // From the bottom up: what earns money stands on the axis.
    let parts: [(&str, RGBColor, Part); 5] = [
        ("on trip", TEAL, |d| d.on_trip),
        ("waiting at the pick-up", VIOLET, |d| d.waiting),
        ("on the way to a pick-up", AMBER, |d| d.pickup),
        ("idle", GREY, |d| d.idle),
        ("offline", RED, |d| d.offline),
    ];
    let (divisor, unit) = time_axis(timeline);
    let seen: Vec<(f64, DriverCounts)> = grouped(timeline)
        .filter_map(|(from, _, buckets)| {
            let last = buckets.iter().rev().find_map(|bucket| bucket.drivers)?;
            Some((from / divisor, last))
        })
        .collect();
    let shown: Vec<_> = parts
        .iter()
        .filter(|(_, _, part)| seen.iter().any(|(_, d)| part(d) > 0))
        .collect();
    let total = |d: &DriverCounts| parts.iter().map(|(_, _, part)| part(d)).sum::<u64>() as f64;
    let top = seen.iter().map(|(_, d)| total(d)).fold(0.0, f64::max);
    let plot = drawing("Drivers by what they do over time", WIDE, |area| {
        let labels = Labels {
            x: unit,
            x_count: 12,
            y_width: 58,
            ..Labels::default()
        };
        let last = seen.last().map_or(1.0, |(at, _)| at.max(1e-3));
        let mut chart = axes(area, 0.0..last, up_to(top), labels, &plain, &plain)?;
        let mut floor: Vec<f64> = vec![0.0; seen.len()];
        for (_, colour, part) in &shown {
            let ceiling: Vec<f64> = seen
                .iter()
                .zip(&floor)
                .map(|((_, d), low)| low + part(d) as f64)
                .collect();
            let up = seen.iter().zip(&ceiling).map(|((at, _), y)| (*at, *y));
            let down = seen.iter().zip(&floor).map(|((at, _), y)| (*at, *y)).rev();
            let outline: Vec<_> = up.chain(down).collect();
            chart.draw_series(std::iter::once(Polygon::new(
                outline,
                colour.mix(0.9).filled(),
            )))?;
            floor = ceiling;
        }
        Ok(())
    });
    let names: Vec<_> = shown
        .iter()
        .map(|(name, colour, _)| (*name, *colour))
        .collect();
    figure(
        "Drivers by what they do",
        "Drivers at a moment.",
        legend(&names),
        plot,
    )
}

/// What drivers earn an hour online.
pub(super) fn earnings(bins: &Bins, currency: &str) -> Markup {
    let top = bins.counts.iter().copied().max().unwrap_or(0) as f64;
    let plot = drawing("Drivers by pay for an hour online", TALL, |area| {
        let labels = Labels {
            x: "pay for an hour online",
            ..Labels::default()
        };
        let right = (bins.counts.len() as f64 * bins.width).max(1e-3);
        let mut chart = axes(area, 0.0..right, up_to(top), labels, &plain, &plain)?;
        for (count, bin) in bins.counts.iter().zip(0u32..) {
            let left = f64::from(bin) * bins.width;
            let corners = [
                (left + 0.06 * bins.width, 0.0),
                (left + 0.94 * bins.width, *count as f64),
            ];
            chart.draw_series(std::iter::once(Rectangle::new(corners, TEAL.filled())))?;
        }
        Ok(())
    });
    let about = format!(
        "Drivers by what they were paid for an hour online, in {currency}; the last bar holds all above."
    );
    figure("Earnings", &about, html! {}, plot)
}

/// Counts by name as bars.
pub(super) fn bars(
    heading: &str,
    about: &str,
    counts: &[(String, u64)],
    colour: RGBColor,
) -> Markup {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let top = counts.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let height = u32::try_from(counts.len()).unwrap_or(8).clamp(1, 12);
    let plot = drawing(heading, (HALF.0, height * 30 + 6), |area| {
        for ((name, count), row) in counts.iter().take(12).zip(0u32..) {
            super::map::bar(area, row, words(name), *count, (top, total), colour)?;
        }
        Ok(())
    });
    let plot = if counts.is_empty() {
        html! { p.none { "None." } }
    } else {
        plot
    };
    figure(heading, about, html! {}, plot)
}

/// A share of a total as text.
pub(super) fn share(part: u64, total: u64) -> String {
    show(part as f64 / total.max(1) as f64, Unit::Share)
}
