//! `report.html`: one file, readable offline, light and dark, that a person wants to look at.
//!
//! [`render`] is the page of one run, [`render_diff`] that of two, [`render_compare`] that of placements. Nothing is loaded from elsewhere: the
//! style is inside and the plots are SVG. All text from files passes through maud, which escapes it.

mod chart;
mod compare;
mod latency;
mod map;
mod page;
mod plots;
mod tables;

use std::fmt::Write as _;

pub use compare::render_compare;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use plotters::prelude::RGBColor;

use crate::diff::{Verdict, cautions, diff};
use crate::distill::accept_path;
use crate::format::show_some;
use crate::latency::Latencies;
use crate::summary::Summary;
use crate::timeline::Timeline;
use crate::trips::TripRow;
use crate::zones::zones;

const STYLE: &str = include_str!("style.css");

/// All that the page of a run is made of.
#[derive(Debug, Clone, Copy)]
pub struct ReportInput<'a> {
    /// The figures.
    pub summary: &'a Summary,
    /// The run over time.
    pub timeline: &'a Timeline,
    /// The latencies by step.
    pub latencies: &'a Latencies,
    /// Every trip.
    pub rows: &'a [TripRow],
}

/// The page of a run.
#[must_use]
pub fn render(input: &ReportInput<'_>) -> String {
    let summary = input.summary;
    let window = input.timeline.window();
    let zones = zones(input.rows, &window);
    let path = accept_path(input.rows, &window);
    let title = format!("{} · Rushhour", summary.scenario);
    let body = html! {
        (page::header(summary))
        (page::tiles(summary, &window))
        (tables::replicas(summary))
        section {
            h2 { "Rides" }
            div.stack { (plots::flows(input.timeline, &window)) }
        }
        section {
            h2 { "Latency" }
            div.grid {
                (latency::percentiles(input.latencies))
                (latency::over_time(input.timeline, input.latencies))
                (latency::path(&path))
                (tables::slo(summary))
            }
            div.stack.after { (tables::latency(summary)) }
        }
        section {
            h2 { "Drivers" }
            div.stack { (plots::drivers(input.timeline)) }
            div.grid.after {
                (plots::earnings(&input.timeline.pay_per_online_hour, &summary.money.currency))
                (tables::market(summary))
            }
        }
        (tables::products(summary))
        section {
            h2 { "Where rides start" }
            (page::maps(&zones))
        }
        section {
            h2 { "Rides that did not happen" }
            div.grid {
                (plots::bars("Unserved, and why", "Rides that found no driver.", &counts(&summary.unserved_because), chart::RED))
                (plots::bars("Cancelled, by whom and when", "Who cancelled, and how far the ride had come.", &counts(&summary.cancels), chart::AMBER))
            }
        }
        (tables::infrastructure(summary))
        (tables::audit(summary))
        (page::footer(summary))
    };
    document(&title, &body)
}

fn counts(map: &std::collections::BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = map
        .iter()
        .map(|(name, count)| (name.clone(), *count))
        .collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// The page of the difference of two runs.
#[must_use]
pub fn render_diff(before: &Summary, after: &Summary) -> String {
    let differences = diff(before, after);
    let body = html! {
        header {
            (page::brand())
            h1 {
                (after.scenario)
                @if after.scenario == before.scenario { ", two runs" }
                @else { " against " (before.scenario) }
            }
            p.meta { "Figures that changed by less than a hundredth count as the same." }
            @let cautions = cautions(before, after);
            @if !cautions.is_empty() {
                ul.notes.warn { @for caution in cautions { li { (caution) } } }
            }
        }
        section.card.after.scroll {
            table {
                thead { tr { th { "Figure" } th { "Before" } th { "After" } th { "Change" } th { "" } } }
                tbody {
                    @for group in differences.chunk_by(|a, b| a.group == b.group) {
                        tr.group { th colspan="5" { (group[0].group) } }
                        @for difference in group {
                        tr {
                            td { (difference.name) }
                            td { (show_some(difference.before, difference.unit)) }
                            td { (show_some(difference.after, difference.unit)) }
                            td { (difference.change_text()) }
                            td { span class={ "badge " (class(difference.verdict)) } { (difference.verdict.word()) } }
                        }
                        }
                    }
                }
            }
        }
        (page::footer(after))
    };
    document("Two runs · Rushhour", &body)
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "good",
        Verdict::Worse => "bad",
        Verdict::Same | Verdict::Changed => "plain",
    }
}

fn document(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) (PreEscaped(recolouring())) }
            }
            body { main { (body) } }
        }
    }
    .into_string()
}

/// The colours of the plots in the dark, each beside the one it stands for.
const IN_THE_DARK: [(RGBColor, RGBColor); 11] = [
    (chart::INK, RGBColor(0x9A, 0xA7, 0xB0)),
    (chart::GRID, RGBColor(0x2E, 0x38, 0x3F)),
    (chart::BLUE, RGBColor(0x6F, 0xAB, 0xE8)),
    (chart::TEAL, RGBColor(0x45, 0xC2, 0xAC)),
    (chart::AMBER, RGBColor(0xE8, 0xB0, 0x57)),
    (chart::RED, RGBColor(0xE8, 0x7F, 0x74)),
    (chart::VIOLET, RGBColor(0xA7, 0x96, 0xDC)),
    (chart::PLUM, RGBColor(0xDE, 0x8F, 0xBC)),
    (chart::OLIVE, RGBColor(0xB3, 0xC4, 0x6A)),
    (chart::GREY, RGBColor(0x5E, 0x6A, 0x73)),
    (chart::NOTHING, RGBColor(0x22, 0x2A, 0x30)),
];

/// In the dark, much is bright: the order of the map's colours is the same, from the paper away.
const HEAT_IN_THE_DARK: [RGBColor; 7] = [
    RGBColor(0x1E, 0x2C, 0x38),
    RGBColor(0x1F, 0x40, 0x57),
    RGBColor(0x22, 0x58, 0x7B),
    RGBColor(0x2C, 0x75, 0xA1),
    RGBColor(0x4A, 0x98, 0xC4),
    RGBColor(0x83, 0xBD, 0xDE),
    RGBColor(0xCB, 0xE5, 0xF3),
];

fn recolouring() -> String {
    let mut rules = String::from("@media screen and (prefers-color-scheme: dark) {\n");
    let heat = chart::HEAT.into_iter().zip(HEAT_IN_THE_DARK);
    for (light, dark) in IN_THE_DARK.into_iter().chain(heat) {
        let (light, dark) = (chart::css(light), chart::css(dark));
        let _ = writeln!(rules, "  svg [fill=\"{light}\"] {{ fill: {dark}; }}");
        let _ = writeln!(rules, "  svg [stroke=\"{light}\"] {{ stroke: {dark}; }}");
    }
    rules.push_str("}\n");
    rules
}

#[cfg(test)]
mod tests;
