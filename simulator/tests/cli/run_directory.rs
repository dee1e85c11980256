//! A run, what it prints, the directory it leaves, and the commands that read that directory again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use domain::Money;
use domain::trip::TripState;
use report::trips::columns::{read_trips, write_trips};
use serde_json::Value;
use tempfile::TempDir;

use crate::command::{Ended, fits_schema, run, text, tiny};

/// The largest report there may be.
const REPORT_BYTES_MAX: usize = 2_000_000;
const FILES: [&str; 8] = [
    "calls.hlog",
    "evidence.json",
    "latency.hlog",
    "report.html",
    "scenario.toml",
    "summary.json",
    "timeline.json",
    "trips.parquet",
];

/// One tiny run that all these tests read.
fn the_run() -> (&'static Path, &'static Ended) {
    static RUN: OnceLock<(PathBuf, Ended)> = OnceLock::new();
    let (path, ended) = RUN.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("the-run");
        // Of an earlier time, if there was one.
        let _ = std::fs::remove_dir_all(&path);
        let ended = run(&tiny(&path, &["--json", "--quiet"]));
        (path, ended)
    });
    (path, ended)
}

/// A copy of that run, to be tampered with.
fn a_copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        std::fs::copy(the_run().0.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn a_tiny_run_leaves_a_whole_directory() {
    let (path, ended) = the_run();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary = ended.json();
    fits_schema(&summary, "summary.schema.json");
    assert_eq!(
        summary,
        json(path, "summary.json"),
        "what is printed is what is written"
    );
    fits_schema(&json(path, "evidence.json"), "evidence.schema.json");
    fits_schema(&json(path, "timeline.json"), "timeline.schema.json");
    let entries = std::fs::read_dir(path).unwrap();
    let names: BTreeSet<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, FILES.map(str::to_owned).into(), "those and no more");

    let number = |at: &str| {
        summary
            .pointer(at)
            .and_then(Value::as_u64)
            .unwrap_or_else(|| panic!("no {at}"))
    };
    assert!(
        number("/rides/requested") > 0 && number("/rides/offered") > 0,
        "{}",
        summary["rides"]
    );
    assert!(
        number("/load/pings") > 60 && number("/load/streams") == 60,
        "{}",
        summary["load"]
    );
    assert_eq!(
        (number("/load/errors"), number("/load/dropped")),
        (0, 0),
        "{}",
        summary["load"]
    );
    assert_eq!(summary["audit"]["violations"], Value::Array(vec![]));
    assert!(number("/audit/checked") > 100);
    assert_eq!(
        (&summary["target"], &summary["clock"]),
        (&"embedded".into(), &"wall".into())
    );
    let scenario = std::fs::read_to_string(path.join("scenario.toml")).unwrap();
    assert!(
        scenario.contains("seed = 7") && scenario.contains("quote_ttl = "),
        "{scenario}"
    );
}

#[test]
fn the_report_is_one_file_for_a_reader_offline() {
    let page = std::fs::read(the_run().0.join("report.html")).unwrap();
    assert!(page.len() <= REPORT_BYTES_MAX, "{} bytes", page.len());
    let page = String::from_utf8(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<svg"));
    for (at, _) in page.match_indices("://") {
        // The name of a namespace is fetched by nobody.
        let around = &page[at.saturating_sub(5)..(at + 17).min(page.len())];
        assert!(
            around.contains("://www.w3.org/"),
            "it reaches for {around:?}"
        );
    }
    for outside in [
        "<link",
        "@import",
        "<iframe",
        "src=\"//",
        "href=\"//",
        "url(//",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_audit_runs_again_from_the_files_alone() {
    let (path, _) = the_run();
    let told = run(&["audit", text(path)]).well();
    assert!(
        told.stdout.contains("conservation") && !told.stdout.contains("BROKEN"),
        "{told:?}"
    );
    let figures = run(&["audit", text(path), "--json"]).well().json();
    assert_eq!(
        figures,
        json(path, "summary.json")["audit"],
        "as the run's own audit found"
    );
}

#[test]
fn what_was_tampered_with_is_found() {
    let rules_broken = |folder: &TempDir| {
        let ended = run(&["audit", text(folder.path()), "--json"]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let violations = ended.json()["violations"].as_array().unwrap().clone();
        let rules = violations
            .iter()
            .map(|v| v["rule"].as_str().unwrap().to_owned());
        rules.collect::<BTreeSet<String>>()
    };
    let lost = a_copy();
    let mut evidence = json(lost.path(), "evidence.json");
    let requested = evidence["load"]["requested"].as_u64().unwrap();
    evidence["load"]["requested"] = (requested + 1).into();
    std::fs::write(lost.path().join("evidence.json"), evidence.to_string()).unwrap();
    assert_eq!(rules_broken(&lost), ["conservation".to_owned()].into());

    let dear = a_copy();
    let trips = dear.path().join("trips.parquet");
    let mut rows = read_trips(std::fs::read(&trips).unwrap(), "trips.parquet").unwrap();
    let row = rows
        .iter_mut()
        .find(|row| row.state == TripState::Completed)
        .expect("a ride was completed");
    row.rider_pays = Money::from_minor(row.rider_pays.minor() + 1);
    let mut bytes = Vec::new();
    write_trips(&mut bytes, &rows).unwrap();
    std::fs::write(&trips, bytes).unwrap();
    let broken = rules_broken(&dear);
    assert!(
        broken.contains("money_adds_up") || broken.contains("fare_as_quoted"),
        "{broken:?}"
    );
}

#[test]
fn files_that_are_broken_are_named() {
    let folder = a_copy();
    let whole = std::fs::read(folder.path().join("trips.parquet")).unwrap();
    std::fs::write(
        folder.path().join("trips.parquet"),
        &whole[..whole.len() / 2],
    )
    .unwrap();
    run(&["audit", text(folder.path())]).refused(2, &["trips.parquet", "found"]);
    std::fs::write(folder.path().join("trips.parquet"), &whole).unwrap();
    std::fs::write(folder.path().join("evidence.json"), b"{\"schema\": ").unwrap();
    run(&["audit", text(folder.path())]).refused(2, &["evidence.json"]);
    std::fs::write(folder.path().join("latency.hlog"), b"nonsense").unwrap();
    run(&["report", text(folder.path())]).refused(2, &["latency.hlog"]);
    std::fs::write(folder.path().join("summary.json"), b"[]").unwrap();
    run(&["report", text(folder.path())]).refused(2, &["summary.json"]);
    std::fs::remove_file(folder.path().join("evidence.json")).unwrap();
    run(&["audit", text(folder.path())]).refused(2, &["evidence.json", "cannot be read"]);
}

#[test]
fn the_report_is_rendered_again_the_same() {
    let folder = a_copy();
    let page = folder.path().join("report.html");
    let first = std::fs::read_to_string(&page).unwrap();
    std::fs::remove_file(&page).unwrap();
    let ended = run(&["report", text(folder.path())]).well();
    assert!(ended.stderr.contains("report.html"), "{ended:?}");
    assert!(
        first == std::fs::read_to_string(&page).unwrap(),
        "the page differs"
    );
    let summary = run(&["report", text(folder.path()), "--json"])
        .well()
        .json();
    assert_eq!(summary, json(folder.path(), "summary.json"));
}

#[test]
fn a_run_of_before_the_share_served_is_told_with_it() {
    let folder = a_copy();
    let summary = json(folder.path(), "summary.json");
    let mut before = summary.clone();
    before["rides"]
        .as_object_mut()
        .unwrap()
        .remove("served_share");
    std::fs::write(folder.path().join("summary.json"), before.to_string()).unwrap();
    let told = run(&["report", text(folder.path()), "--json"])
        .well()
        .json();
    assert!(
        summary["rides"]["served_share"].is_f64(),
        "{}",
        summary["rides"]
    );
    assert_eq!(told["rides"], summary["rides"]);
}

#[test]
fn two_runs_are_told_apart() {
    let (before, _) = the_run();
    let after = a_copy();
    let path = after.path().join("summary.json");
    let mut summary = json(after.path(), "summary.json");
    summary["latency_ms"]["quote"]["p99"] = 12_345.0.into();
    std::fs::write(&path, summary.to_string()).unwrap();
    let args = [
        "report",
        text(after.path()),
        "--against",
        text(before),
        "--json",
    ];
    let differences = run(&args).well().json();
    let quote = differences
        .as_array()
        .unwrap()
        .iter()
        .find(|d| d["after"] == 12_345.0);
    assert!(
        quote.is_some_and(|d| d["before"].is_number()),
        "{differences}"
    );
    let told = run(&args[..4]).well();
    assert!(told.stdout.contains("12") && !told.stdout.is_empty());
    let page = std::fs::read_to_string(after.path().join("difference.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.len() < REPORT_BYTES_MAX);
}
