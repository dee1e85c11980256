//! Calibrating on runs and holding predictions against them: what is refused, and what is written.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{fits_schema, run, text, tiny};

#[test]
fn what_is_no_live_run_is_no_calibration() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("mine.toml");
    let calibrate = |run_dir: &Path| run(&["calibrate", text(run_dir), "-o", text(&profile)]);
    calibrate(folder.path()).refused(2, &["found no summary.json", "expected a run directory"]);
    // A run of before calls were timed, or one of the twin.
    let predicted = folder.path().join("predicted");
    fs::create_dir(&predicted).unwrap();
    fs::write(predicted.join("summary.json"), "{}").unwrap();
    calibrate(&predicted).refused(2, &["found no calls.hlog", "rushhour run"]);
    fs::write(predicted.join("calls.hlog"), "nonsense").unwrap();
    calibrate(&predicted).refused(2, &["calls.hlog", "expected an interval log"]);
    assert!(!profile.exists());
}

#[test]
fn a_run_is_timed_and_a_short_one_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let (path, profile) = (folder.path().join("run"), folder.path().join("mine.toml"));
    run(&tiny(&path, &["--quiet"])).well();
    assert!(path.join("calls.hlog").is_file());
    let short = run(&["calibrate", text(&path), "-o", text(&profile)]);
    short.refused(
        2,
        &["too few calls", "found", "expected at least 20 of each"],
    );
    run(&["validate", text(&path)]).refused(2, &["too few calls"]);

    let given = "crates/cloud/profiles/embedded.toml";
    let given = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(given);
    let args = ["validate", text(&path), "--profile", text(&given), "--json"];
    let ended = run(&args);
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    let written = fs::read_to_string(path.join("validation.json")).unwrap();
    assert_eq!(written, ended.stdout);
    let json: Value = serde_json::from_str(&written).unwrap();
    fits_schema(&json, "validation.schema.json");
    assert_eq!(json["within"] == true, ended.code == Some(0));
    let table = fs::read_to_string(path.join("validation.md")).unwrap();
    assert!(table.contains("| quote p50, ms |"), "{table}");
    let missing = ["validate", text(&path), "--profile", "no-such.toml"];
    run(&missing).refused(2, &["no-such.toml", "rushhour calibrate"]);
}

#[test]
fn loads_and_runs_that_cannot_be_are_refused() {
    for (args, said) in [
        (&["--loads", "0"][..], "--loads: found \"0\""),
        (&["--loads", "1,1"], "--loads: found \"1,1\""),
        (&["--loads", "half"], "--loads: found \"half\""),
        (&["--runs", "0"], "--runs: found 0, expected 1 to 20"),
        (&["no-such-scenario"], "no-such-scenario"),
        (&["--set", "functions.pricing.added_latency=soon"], "soon"),
    ] {
        run(&[&["validate"], args].concat()).refused(2, &[said]);
    }
}
