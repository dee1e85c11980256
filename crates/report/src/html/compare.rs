//! The page of a comparison of placements: the table, what each costs and of what, the cost against the rate
//! of rides with the break-even rates, and latencies side by side.

use maud::{Markup, html};
use plotters::prelude::{Circle, Color, IntoLogRange, LineSeries, RGBColor, Rectangle};

use super::chart::{
    GREY, INK, Labels, RED, SERIES, axes, decades, drawing, figure, legend, line, up_to,
};
use super::latency::milliseconds;
use super::page;
use super::plots::HALF;
use crate::compare::Comparison;
use crate::compare::table::{STEPS, components, footnotes, rows};
use crate::format::{decimals, words};

/// A plot across the page.
const WIDE: (u32, u32) = (1080, 340);
/// Components with a colour of their own; the others share the last.
const COMPONENTS_MAX: usize = 7;
/// Colours of components, and of the rest.
const STACK: [RGBColor; COMPONENTS_MAX + 1] = [
    SERIES[0], SERIES[1], SERIES[2], SERIES[3], SERIES[4], SERIES[5], RED, GREY,
];

/// The page of a comparison.
#[must_use]
pub fn render_compare(comparison: &Comparison) -> String {
    let body = html! {
        header {
            (page::brand())
            h1 { (comparison.scenario) ", by placement" }
            p.meta {
                "predicted in virtual time · seed " (comparison.seed)
                @if let Some(n) = replicas(comparison) { " · " (n) " paired seeds, ± is the half-width of a 95 % interval" }
            }
            @if !comparison.notes.is_empty() {
                ul.notes.warn { @for note in &comparison.notes { li { (note) } } }
            }
        }
        section.card.after.scroll { (table(comparison)) }
        section {
            h2 { "Break-even" }
            ul.notes { @for sentence in comparison.break_even.sentences() { li { (sentence) } } }
            div.stack { (by_rate(comparison)) }
        }
        section {
            h2 { "Cost and latency" }
            div.grid { (cost(comparison)) (latency(comparison)) }
        }
        @if comparison.differences.is_some() { (differences(comparison)) }
        section { h2 { "Where parts run" } (parts(comparison)) }
        @if let Some((_, summary)) = comparison.placements().next() {
            @if let Some(cost) = &summary.cost_usd {
                section {
                    h2 { "What the cost is made of" }
                    p.about { (cost.basis) @if let Some(date) = &summary.prices_as_of { " Prices as of " (date) "." } }
                }
            }
            (page::footer(summary))
        }
    };
    super::document(
        &format!("{} by placement · Rushhour", comparison.scenario),
        &body,
    )
}

fn replicas(comparison: &Comparison) -> Option<u64> {
    let mut placements = comparison.placements();
    placements.find_map(|(_, summary)| Some(summary.replicas.as_ref()?.n))
}

fn colour(index: usize) -> RGBColor {
    SERIES[index % SERIES.len()]
}

fn names(comparison: &Comparison) -> Vec<(&str, RGBColor)> {
    let named = comparison.placements().enumerate();
    named
        .map(|(index, (name, _))| (name, colour(index)))
        .collect()
}

fn table(comparison: &Comparison) -> Markup {
    let rows = rows(comparison);
    html! {
        table {
            thead { tr { th { "Figure" } @for (name, _) in comparison.placements() { th { (name) } } } }
            tbody {
                @for group in rows.chunk_by(|a, b| a.group == b.group) {
                    tr.group { th colspan=(comparison.order.len() + 1) { (group[0].group) } }
                    @for row in group {
                        tr { td { (row.name) } @for value in &row.values { td { (value) } } }
                    }
                }
            }
        }
        @for note in footnotes(comparison) { p.about { (note) } }
    }
}

fn differences(comparison: &Comparison) -> Markup {
    let first = comparison.order.first().map_or("", String::as_str);
    html! {
        section {
            h2 { "Differences to " (first) }
            div.card.scroll { table {
                thead { tr { th { "Figure" } @for name in comparison.order.iter().skip(1) { th { (name) } } } }
                tbody {
                    @for followed in crate::replicas::FOLLOWED {
                        tr {
                            td { (followed.words) }
                            @for name in comparison.order.iter().skip(1) {
                                @let interval = comparison.differences.as_ref()
                                    .and_then(|all| all.get(name)?.figures.get(followed.key));
                                td {
                                    @match interval {
                                        Some(interval) => {
                                            (interval.show(followed.unit))
                                            @if !interval.is_clear() { " " span.badge.plain { "not clear" } }
                                        }
                                        None => "–",
                                    }
                                }
                            }
                        }
                    }
                }
            } }
        }
    }
}

fn parts(comparison: &Comparison) -> Markup {
    html! {
        div.card.scroll { table {
            thead { tr { th { "Part" } @for (name, _) in comparison.placements() { th { (name) } } } }
            tbody {
                @for part in comparison.parts.values().next().into_iter().flat_map(|parts| parts.keys()) {
                    tr {
                        td { (part) }
                        @for (name, _) in comparison.placements() {
                            td { (comparison.parts.get(name).and_then(|parts| parts.get(part)).map_or("–", String::as_str)) }
                        }
                    }
                }
            }
        } }
    }
}

/// Writes the name of a bar under it: bars stand at whole numbers.
fn name_at(names: &[String], at: f64) -> String {
    let nearest = at.round();
    if (at - nearest).abs() > 0.01 || nearest < 0.0 {
        return String::new();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number that is not negative"
    )]
    names.get(nearest as usize).cloned().unwrap_or_default()
}

fn dollars(value: &f64) -> String {
    format!("${}", decimals(*value, if *value < 10.0 { 1 } else { 0 }))
}

/// What a month costs, stacked by component.
fn cost(comparison: &Comparison) -> Markup {
    let all = components(comparison);
    let (own, rest) = all.split_at(all.len().min(COMPONENTS_MAX));
    let stacks: Vec<Vec<f64>> = comparison
        .placements()
        .map(|(_, summary)| {
            let of = |name: &String| {
                let cost = summary.cost_usd.as_ref();
                cost.and_then(|cost| cost.per_month_by_component.get(name))
                    .copied()
                    .unwrap_or(0.0)
            };
            let others: f64 = rest.iter().map(of).sum();
            own.iter().map(of).chain([others]).collect()
        })
        .collect();
    let top = stacks
        .iter()
        .map(|stack| stack.iter().sum::<f64>())
        .fold(0.0, f64::max);
    let names: Vec<String> = comparison.order.clone();
    let plot = drawing("Cost of a month by component and placement", HALF, |area| {
        let labels = Labels {
            x_count: names.len() + 1,
            y_width: 64,
            ..Labels::default()
        };
        let x = -0.5..names.len().max(1) as f64 - 0.5;
        let name = |at: &f64| name_at(&names, *at);
        let mut chart = axes(area, x, up_to(top), labels, &name, &dollars)?;
        for (stack, at) in stacks.iter().zip(0u32..) {
            let mut floor = 0.0;
            for (usd, colour) in stack.iter().zip(stack_colours(own.len())) {
                let corners = [
                    (f64::from(at) - 0.32, floor),
                    (f64::from(at) + 0.32, floor + usd),
                ];
                chart.draw_series(std::iter::once(Rectangle::new(corners, colour.filled())))?;
                floor += usd;
            }
        }
        Ok(())
    });
    let worded: Vec<String> = own.iter().map(|name| words(name)).collect();
    let mut entries: Vec<(&str, RGBColor)> = worded
        .iter()
        .map(String::as_str)
        .zip(stack_colours(own.len()))
        .collect();
    if !rest.is_empty() {
        entries.push(("the rest", GREY));
    }
    figure(
        "A month at this load",
        "US dollars, by component.",
        legend(&entries),
        plot,
    )
}

/// A colour for each component of its own, then that of the rest.
fn stack_colours(own: usize) -> impl Iterator<Item = RGBColor> {
    STACK.into_iter().take(own).chain([GREY])
}

/// What a month costs against the rate of rides, and where lines cross.
fn by_rate(comparison: &Comparison) -> Markup {
    let found = &comparison.break_even;
    let curves: Vec<(RGBColor, Vec<(f64, f64)>)> = comparison
        .placements()
        .enumerate()
        .map(|(index, (name, _))| {
            let usd = found.per_month_usd.get(name).into_iter().flatten().copied();
            (
                colour(index),
                found.rides_per_hour.iter().copied().zip(usd).collect(),
            )
        })
        .collect();
    let y = decades(
        curves
            .iter()
            .flat_map(|(_, points)| points)
            .map(|(_, usd)| *usd),
    );
    let Some((low, high)) = found.range().filter(|(low, high)| 0.0 < *low && low < high) else {
        return html! { p.none { "Fewer than two rates were looked at." } };
    };
    let plot = drawing(
        "Cost of a month against the rate of rides, by placement",
        WIDE,
        |area| {
            let labels = Labels {
                x: "rides asked for in an hour",
                y_width: 64,
                x_count: 10,
                ..Labels::default()
            };
            let rate = |value: &f64| decimals(*value, 0);
            let mut chart = axes(
                area,
                (low * 0.9..high * 1.1).log_scale(),
                y.clone().log_scale(),
                labels,
                &rate,
                &dollars,
            )?;
            for crossing in &found.crossings {
                let at = crossing.rides_per_hour;
                let upright = [(at, y.start), (at, y.end)];
                chart.draw_series(LineSeries::new(upright, line(GREY, 10)))?;
                let point = Circle::new((at, crossing.per_month_usd), 12, INK.filled());
                chart.draw_series(std::iter::once(point))?;
            }
            for (colour, points) in &curves {
                let points = points.iter().map(|(rate, usd)| (*rate, usd.max(y.start)));
                chart.draw_series(LineSeries::new(points, line(*colour, 20)))?;
            }
            Ok(())
        },
    );
    figure(
        "Cost against the rate of rides",
        "Dollars a month, drivers in proportion to rides. Both axes logarithmic; a dot on an upright line is a break-even.",
        legend(&names(comparison)),
        plot,
    )
}

/// The 99th percentile of each step, side by side.
fn latency(comparison: &Comparison) -> Markup {
    let steps: Vec<String> = STEPS.iter().map(|step| words(step)).collect();
    let p99 = |step: &str| -> Vec<Option<f64>> {
        let of_each = comparison.placements();
        of_each
            .map(|(_, summary)| summary.latency_ms.get(step)?.p99)
            .collect()
    };
    let groups: Vec<Vec<Option<f64>>> = STEPS.iter().map(|step| p99(step)).collect();
    let range = decades(groups.iter().flatten().flatten().copied());
    let plot = drawing("99th percentile of each step by placement", HALF, |area| {
        let labels = Labels {
            x_count: steps.len() + 1,
            y_width: 58,
            ..Labels::default()
        };
        let x = -0.5..steps.len() as f64 - 0.5;
        let name = |at: &f64| name_at(&steps, *at);
        let mut chart = axes(
            area,
            x,
            range.clone().log_scale(),
            labels,
            &name,
            &milliseconds,
        )?;
        for (group, at) in groups.iter().zip(0u32..) {
            let width = 0.8 / group.len().max(1) as f64;
            for (ms, index) in group.iter().zip(0u32..) {
                let Some(ms) = ms else { continue };
                let left = f64::from(at) - 0.4 + f64::from(index) * width;
                let corners = [
                    (left, range.start),
                    (left + width * 0.9, ms.max(range.start)),
                ];
                let colour = colour(index as usize);
                chart.draw_series(std::iter::once(Rectangle::new(corners, colour.filled())))?;
            }
        }
        Ok(())
    });
    figure(
        "99th percentile by step",
        "From the scheduled time. The axis is logarithmic.",
        legend(&names(comparison)),
        plot,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::table::tests::comparison;

    #[test]
    fn a_page_is_one_small_file_that_loads_nothing_and_escapes_names() {
        for replicas in [false, true] {
            let page = render_compare(&comparison(replicas));
            assert!(page.len() < 2_000_000, "{}", page.len());
            for outside in ["src=", "href=", "url(", "@import", "<script", "all-<b>"] {
                assert!(!page.contains(outside), "{outside}");
            }
            assert_eq!(page.matches("role=\"img\"").count(), 3);
            assert!(page.contains("all-&lt;b&gt;") && page.contains("A month at this load"));
            assert!(page.contains("550 rides an hour") && page.contains("nobody has checked"));
            assert_eq!(page.contains("Differences to hybrid"), replicas);
            assert!(!page.contains("NaN"));
        }
    }

    #[test]
    fn names_stand_under_their_bars_alone() {
        let names = ["a".to_owned(), "b".to_owned()];
        for (at, name) in [(0.0, "a"), (1.0, "b"), (0.5, ""), (2.0, ""), (-1.0, "")] {
            assert_eq!(name_at(&names, at), name);
        }
    }
}
