//! How a run ends otherwise than well: a limit broken, Control-C, a disk that is full.

use std::path::Path;

use serde_json::Value;

use crate::command::{Ended, Running, fits_schema, run, rushhour, shell, text, tiny};

fn summary(folder: &Path) -> Value {
    let summary =
        serde_json::from_slice(&std::fs::read(folder.join("summary.json")).unwrap()).unwrap();
    fits_schema(&summary, "summary.schema.json");
    summary
}

/// An interrupted run is a whole run: what was measured is written, and nothing was lost.
#[track_caller]
fn interrupted_whole(ended: &Ended, folder: &Path) -> Value {
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let summary = summary(folder);
    assert!(
        summary["notes"].to_string().contains("interrupted"),
        "{}",
        summary["notes"]
    );
    assert_eq!(summary["audit"]["violations"], Value::Array(vec![]));
    run(&["audit", text(folder)]).well();
    assert!(folder.join("report.html").is_file());
    run(&["report", text(folder)]).well();
    summary
}

#[test]
fn a_broken_limit_is_told_from_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let more = [
        "--set",
        "duration=30s",
        "--set",
        "warmup=0s",
        "--set",
        "slo.quote_p99=1us",
        "--json",
        "--quiet",
    ];
    let ended = run(&tiny(folder.path(), &more));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let slo = &ended.json()["slo"][0];
    assert_eq!(
        (&slo["name"], &slo["passed"]),
        (&"quote_p99".into(), &false.into())
    );
    assert_eq!(
        summary(folder.path()),
        ended.json(),
        "the run is written all the same"
    );
}

/// A second without a tracker in the middle of a load: told with figures, and nothing is lost.
#[test]
fn a_redeploy_of_the_tracker_is_told_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let more = [
        "--set",
        "warmup=0s",
        "--redeploy-tracker",
        "2s",
        "--redeploy-gap",
        "1s",
        "--json",
        "--quiet",
    ];
    let ended = run(&tiny(folder.path(), &more)).well();
    let summary = summary(folder.path());
    assert_eq!(summary, ended.json());
    let notes = summary["notes"].to_string();
    assert!(notes.contains("redeployed 2 s after the start"), "{notes}");
    assert!(notes.contains("99 % of them were back"), "{notes}");
    assert!(notes.contains("count in ping_ack until"), "{notes}");
    // A ping each four seconds and a second without a tracker: some were due in it.
    let slowest = summary["latency_ms"]["ping_ack"]["max"].as_f64();
    assert!(slowest > Some(500.0), "{slowest:?} ms");
    assert_eq!(summary["audit"]["violations"], Value::Array(vec![]));
}

#[test]
fn a_redeploy_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (more, expected) in [
        (&["--redeploy-tracker", "2h"][..], "before the run is"),
        (&["--redeploy-tracker", "soon"], "\"soon\""),
        (&["--redeploy-gap", "1s"], "--redeploy-tracker"),
        (
            &["--redeploy-tracker", "5s", "--target", "aws"],
            "expected --target embedded",
        ),
    ] {
        let ended = run(&tiny(folder.path(), more));
        assert_eq!(ended.code, Some(2), "{more:?}: {ended:?}");
        assert!(ended.stderr.contains(expected), "{more:?}: {ended:?}");
    }
}

#[test]
fn control_c_in_the_middle_writes_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    // An hour at that speed takes two minutes, which nobody waits for.
    let mut running = Running::start(rushhour(&tiny(
        folder.path(),
        &["--set", "duration=1h", "--set", "warmup=0s"],
    )));
    running.wait_for("the system serves");
    std::thread::sleep(std::time::Duration::from_secs(8));
    running.interrupt();
    let summary = interrupted_whole(&running.end(), folder.path());
    assert!(
        summary["rides"]["requested"].as_u64().unwrap() > 0,
        "{}",
        summary["rides"]
    );
    assert!(summary["seconds"]["wall"].as_f64().unwrap() < 100.0);
}

#[test]
fn control_c_before_the_first_rider_writes_an_empty_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(rushhour(&tiny(folder.path(), &[])));
    running.wait_for("the system serves");
    running.interrupt();
    let summary = interrupted_whole(&running.end(), folder.path());
    assert_eq!(summary["rides"]["requested"], 0);
}

#[test]
fn control_c_twice_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(rushhour(&tiny(folder.path(), &[])));
    running.wait_for("the system serves");
    running.interrupt();
    running.wait_for("riders have stopped coming");
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(ended.stderr.contains("interrupted again"), "{ended:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_leaves_one_message_and_no_summary() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    // No file may be longer than a kilobyte: what a full disk is to a writer.
    let script = "ulimit -f 1; trap '' XFSZ; exec \"$0\" \"$@\"";
    let more = ["--set", "duration=30s", "--set", "warmup=0s", "--quiet"];
    let ended = Running::start(shell(script, &tiny(&out, &more))).end();
    ended.refused(3, &[text(&out), "cannot be written", "File too large"]);
    let left = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left
        .filter(|name| {
            name.to_str()
                .is_some_and(|n| n.starts_with('.') || n == "summary.json")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
