//! The head of the page: what was run, the verdicts, the figures that matter most; and the maps.

use maud::{Markup, html};

use super::map::map;
use crate::distill::Window;
use crate::format::{Unit, count, decimals, show, show_some};
use crate::summary::{ClockKind, Summary};
use crate::zones::Zone;

/// The product's name with its mark.
pub(super) fn brand() -> Markup {
    html! {
        div.brand {
            svg viewBox="0 0 18 18" aria-hidden="true" {
                polygon points="9,1 16,5 16,13 9,17 2,13 2,5" fill="#2F6FB3" {}
                polyline points="5.5,11.5 8,8 10,10 12.8,6" fill="none" stroke="#fff" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" {}
            }
            "Rushhour"
        }
    }
}

/// What was run, and whether it went well.
pub(super) fn header(summary: &Summary) -> Markup {
    let clock = match summary.clock {
        ClockKind::Wall => "measured in wall time",
        ClockKind::Virtual => "predicted in virtual time",
    };
    let seconds = &summary.seconds;
    html! {
        header {
            (brand())
            h1 { (summary.scenario) }
            p.meta {
                b { (summary.target) } ", " (clock)
                " · " (show(seconds.simulated, Unit::Seconds)) " of scenario in " (show(seconds.wall, Unit::Seconds))
                @if summary.speedup != 1.0 { " · speed-up " (decimals(summary.speedup, 0)) " ×" }
                " · seed " (summary.seed)
            }
            (verdicts(summary))
            @if !summary.notes.is_empty() {
                ul.notes.warn { @for note in &summary.notes { li { (note) } } }
            }
        }
    }
}

fn verdicts(summary: &Summary) -> Markup {
    let violations = summary.audit.violations_count();
    let kept = summary.slo.iter().filter(|slo| slo.passed).count();
    let limits = summary.slo.len();
    html! {
        ul.verdicts {
            @if violations == 0 {
                li.good { "✓ Audit clean: " (count(summary.audit.checked)) " facts checked" }
            } @else {
                li.bad { "✕ Audit: " (count(violations)) " violations" }
            }
            @if limits == 0 {
                li.warn { "No limits set" }
            } @else if kept == limits {
                li.good { "✓ All " (limits) " limits kept" }
            } @else {
                li.bad { "✕ " (limits - kept) " of " (limits) " limits broken" }
            }
            @if summary.load.errors > 0 || summary.load.dropped > 0 {
                li.warn { (count(summary.load.errors)) " errors, " (count(summary.load.dropped)) " requests dropped" }
            } @else {
                li.good { "✓ No errors, nothing dropped" }
            }
            @if summary.speedup > 1.0 {
                li.warn { "Compressed: marketplace figures are not comparable" }
            }
        }
    }
}

/// The figures that matter most.
pub(super) fn tiles(summary: &Summary, window: &Window) -> Markup {
    let latency = |step: &str| summary.latency_ms.get(step).copied().unwrap_or_default();
    let (quote, offer) = (latency("quote"), latency("request_to_offer"));
    let ms = |value| show_some(value, Unit::Milliseconds);
    let (rides, drivers, pickup) = (&summary.rides, &summary.drivers, &summary.pickup);
    let rate = rides.requested as f64 / window.seconds().max(1.0);
    let (ride, month) = match &summary.cost_usd {
        Some(cost) => {
            let month = cost.show(cost.per_month_at_this_load);
            let ride = cost.show(cost.per_completed_ride);
            (ride, format!("{month} a month at this load"))
        }
        None => (show_some(None, Unit::Dollars), "no prices given".to_owned()),
    };
    html! {
        div.tiles {
            (tile("Rides requested", &count(rides.requested), &format!("{} a second", decimals(rate, 1))))
            (tile("Rides completed", &count(rides.completed), &format!("{} still under way", count(rides.in_progress))))
            (tile("Driver found", &show_some(summary.served_share(), Unit::Share), &format!("{} unserved, {} cancelled", count(rides.unserved), count(rides.cancelled))))
            (tile("Drivers online", &show_some(drivers.online_mean, Unit::Count), &format!("{} utilised", show_some(drivers.utilisation, Unit::Share))))
            (tile("Quote, p99", &ms(quote.p99), &format!("p50 {}", ms(quote.p50))))
            (tile("Request to offer, p99", &ms(offer.p99), &format!("p50 {}", ms(offer.p50))))
            (tile("Wait for the car", &show_some(pickup.wait_s.mean, Unit::Seconds), &format!("p90 {}", show_some(pickup.wait_s.p90, Unit::Seconds))))
            (tile("Cost a completed ride", &ride, &month))
        }
    }
}

fn tile(name: &str, value: &str, more: &str) -> Markup {
    // The unit stands smaller behind its number.
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    html! {
        div.tile {
            div.name { (name) }
            div.value { (number) @if !unit.is_empty() { " " small { (unit) } } }
            div.more { (more) }
        }
    }
}

/// Three maps of the same zones.
pub(super) fn maps(zones: &[Zone]) -> Markup {
    if zones.is_empty() {
        return html! { p.none { "No ride was requested." } };
    }
    html! {
        div.grid.three {
            (map("Pick-ups", "Rides requested in each cell.", zones, |z| Some(z.requested as f64), |v| decimals(v, 0)))
            (map("Surge", "Mean multiplier quoted.", zones, |z| Some(z.surge_mean), |v| show(v, Unit::Factor)))
            (map("Waiting", "Mean time until the car is there.", zones, |z| z.wait_s_mean, |v| show(v, Unit::Seconds)))
        }
    }
}

/// What made the page.
pub(super) fn footer(summary: &Summary) -> Markup {
    html! {
        footer {
            "Rushhour " (summary.version)
            @if let Some(commit) = &summary.git_commit { " · commit " code { (commit) } }
            " · " (decimals(summary.seconds.cpu, 1)) " s of CPU"
            @if let Some(bytes) = summary.peak_rss_bytes { " · " (decimals(bytes as f64 / 1_048_576.0, 0)) " MiB at the peak" }
            @if summary.load.streams > 0 {
                " · " (count(summary.load.streams)) " driver streams over " (count(summary.load.stream_connections)) " connections"
            }
        }
    }
}
