//! Control-C in commands that predict: what was not predicted to its end is not told as if it were.

use std::path::Path;

use serde_json::Value;

use crate::command::{Ended, Running, fits_schema, rushhour, text};

/// A city of which a prediction takes a moment, and many of them longer than anybody waits.
const SMALL: [&str; 10] = [
    "--duration",
    "20m",
    "--drivers",
    "100",
    "--rides-per-hour",
    "900",
    "--set",
    "warmup=2m",
    "--set",
    "slo={}",
];

/// Presses Control-C when a job is done, and three others after it.
fn interrupted(command: &str, out: &Path, more: &[&str], job: &str) -> Ended {
    let args = [&[command, "--out", text(out)][..], &SMALL, more].concat();
    let mut running = Running::start(rushhour(&args));
    running.wait_for(job);
    for _ in 0..3 {
        running.wait_for("predicted ");
    }
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    ended
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn replicas_are_those_that_were_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    interrupted(
        "predict",
        out,
        &["--replicas", "9000"],
        ": peak-hour, seed 42",
    );
    let summary = json(&out.join("summary.json"));
    fits_schema(&summary, "summary.schema.json");
    let made = summary["replicas"]["n"].as_u64().unwrap();
    assert!((4..9_000).contains(&made), "{made}");
    let note = format!("interrupted: {made} of 9000 seeds were predicted");
    assert!(summary["notes"].to_string().contains(&note), "{summary}");
    // Every seed asks for about 270 rides: one that ended early would show.
    let requested = &summary["replicas"]["figures"]["rides_requested"];
    let (mean, ci95) = (&requested["mean"], &requested["ci95"]);
    let (mean, ci95) = (mean.as_f64().unwrap(), ci95.as_f64().unwrap());
    assert!((200.0..340.0).contains(&mean) && ci95 < 60.0, "{requested}");
}

#[test]
fn a_sweep_has_the_points_that_were_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let seeds: Vec<String> = (1..=9_000).map(|seed| seed.to_string()).collect();
    let sweep = format!("seed={}", seeds.join(","));
    let more = ["--yes", "--sweep", &sweep];
    let ended = interrupted("predict", out, &more, ": 1, seed 1");
    let csv = std::fs::read_to_string(out.join("sweep.csv")).unwrap();
    let mut rows = csv.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let heading = rows.next().unwrap();
    let column = heading.iter().position(|name| *name == "rides_requested");
    let requested: Vec<f64> = rows
        .map(|row| row[column.unwrap()].parse().unwrap())
        .collect();
    assert!((4..9_000).contains(&requested.len()), "{csv}");
    assert!(
        requested.iter().all(|rides| *rides > 150.0),
        "{requested:?}"
    );
    let told = format!("the table has {} of 9000 points", requested.len());
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
}

#[test]
fn placements_of_which_one_is_missing_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let more = ["--replicas", "3000"];
    let ended = interrupted("compare", out, &more, "predicted 1 of 9000");
    assert!(
        ended.stderr.contains("interrupted: found ")
            && ended.stderr.contains(" of 9000 predictions"),
        "{}",
        ended.stderr
    );
    assert!(!out.join("compare.json").exists());
}

#[test]
fn a_study_has_the_parts_that_were_studied() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("study.toml"), folder.path().join("out"));
    let part = |name: &str, duration: &str| {
        format!(
            "[[service]]\nname = '{name}'\narrivals = 'poisson 5/s'\nservice = 'exponential 100ms'\nservers = 1\nduration = '{duration}'\n"
        )
    };
    let content = [
        "name = 'long'\nseed = 1\n",
        &part("a", "200s"),
        &part("b", "60000000s"),
    ];
    std::fs::write(&file, content.concat()).unwrap();
    let args = ["study", text(&file), "--out", text(&out)];
    let mut running = Running::start(rushhour(&args));
    running.wait_for("studied 1 of 2");
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    let summary = json(&out.join("summary.json"));
    assert!(summary["study"]["a"].is_object() && summary["study"]["b"].is_null());
    let notes = summary["notes"].to_string();
    assert!(notes.contains("interrupted: 1 of 2 parts"), "{notes}");
}
