use std::time::Duration;

use super::*;
use crate::audit::{AuditInput, audit};
use crate::distill::{Bins, Window, trip_latencies};
use crate::sample::city::{Options, city};
use crate::summary::{ClockKind, Violation};
use crate::timeline::TimelineRecorder;
use domain::Timestamp;

fn page(mut summary: Summary, options: Option<Options>) -> String {
    let city = options.map(city);
    let (rows, start, until) = match &city {
        Some(city) => (
            &city.rows[..],
            city.evidence.started_at,
            city.evidence.ended_at,
        ),
        None => (&[][..], Timestamp::ZERO, Timestamp::ZERO),
    };
    if let Some(city) = &city {
        let audited = audit(&AuditInput {
            rows,
            evidence: &city.evidence,
        });
        summary.audit.rules = audited.rules;
    }
    let window = Window { from: start, until };
    let mut latencies = Latencies::default();
    trip_latencies(rows, &window, &mut latencies);
    let recorder = TimelineRecorder::new(start, Duration::from_secs(5));
    let timeline = recorder.finish(window, rows, Bins::of(&[3.0, 17.0], 10));
    render(&ReportInput {
        summary: &summary,
        timeline: &timeline,
        latencies: &latencies,
        rows,
    })
}

fn summary() -> Summary {
    Summary::new("peak", 1, "embedded", ClockKind::Wall)
}

const CITY: Options = Options {
    seed: 1,
    seconds: 600,
    drivers: 40,
    rides_per_second: 0.4,
};

#[test]
fn a_page_is_one_small_file_that_loads_nothing() {
    let page = page(summary(), Some(CITY));
    assert!(page.len() < 2_000_000, "{}", page.len());
    for outside in ["src=", "href=", "url(", "@import", "<script"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for heading in [
        "Demand and completion",
        "Latency by percentile",
        "From request to accept",
        "Drivers by what they do",
        "Earnings",
        "Pick-ups",
        "Unserved, and why",
        "Audit",
    ] {
        assert!(page.contains(heading), "{heading}");
    }
    let (drawings, titles) = (
        page.matches("role=\"img\"").count(),
        page.matches("<title>").count(),
    );
    assert!(drawings >= 9, "{drawings}");
    assert_eq!(
        titles,
        drawings + 1,
        "every drawing has a title, and so has the page"
    );
    assert!(!page.contains("NaN") && !page.contains("inf "));
}

#[test]
fn a_run_in_which_nothing_happened_has_a_page_too() {
    let page = page(summary(), None);
    assert!(page.contains("No ride was requested."));
}

#[test]
fn text_from_files_is_escaped() {
    let mut summary = summary();
    let evil = "<script>alert(1)</script>\"'&";
    summary.scenario = evil.into();
    summary.target = evil.into();
    summary.notes.push(evil.into());
    summary.cancels.insert(evil.into(), 1);
    summary.unserved_because.insert(evil.into(), 1);
    summary
        .functions
        .insert(evil.into(), crate::summary::Function::default());
    summary.audit.violations.push(Violation {
        rule: evil.into(),
        trip: Some(evil.into()),
        driver: Some(evil.into()),
        detail: evil.into(),
    });
    let both = render_diff(&summary, &summary);
    for page in [page(summary, Some(CITY)), both] {
        assert!(!page.contains("<script"), "unescaped text");
        assert!(page.contains("&lt;script&gt;"));
    }
}

#[test]
fn the_same_run_is_the_same_page() {
    assert_eq!(page(summary(), Some(CITY)), page(summary(), Some(CITY)));
}

#[test]
fn every_colour_of_a_plot_is_replaced_in_the_dark() {
    let page = page(summary(), Some(CITY));
    let rules = recolouring();
    for part in page.split("fill=\"#").skip(1) {
        let colour = part.split('"').next().unwrap();
        let known =
            rules.contains(&format!("fill=\"#{colour}\"")) || colour.eq_ignore_ascii_case("fff");
        assert!(known, "#{colour} has no colour for the dark");
    }
}

#[test]
fn a_difference_names_better_and_worse() {
    let (mut before, mut after) = (summary(), summary());
    before.rides.completed = 100;
    after.rides.completed = 200;
    before.rides.unserved = 10;
    after.rides.unserved = 20;
    after.seed = 2;
    let page = render_diff(&before, &after);
    assert!(page.contains("badge good\">better"));
    assert!(page.contains("badge bad\">worse"));
    assert!(page.contains("seed: 1 before, 2 now"));
}
