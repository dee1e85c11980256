//! `rushhour predict`: the same files as a run, in no time, and the same to the byte for a seed.

use std::path::Path;

use serde_json::Value;

use crate::command::{Ended, fits_schema, run, text};

/// Ten minutes of a small fleet.
const SMALL: [&str; 8] = [
    "--duration",
    "10m",
    "--drivers",
    "120",
    "--rides-per-hour",
    "360",
    "--set",
    "warmup=\"2m\"",
];

fn predict(out: &Path, options: &[&str]) -> Ended {
    let args = ["predict", "--quiet", "--json", "--out", text(out)];
    run(&[&args[..], &SMALL, options].concat())
}

/// The summary without what the machine had to do with it.
fn lasting(summary: &str) -> Value {
    let mut summary: Value = serde_json::from_str(summary).unwrap();
    for key in ["seconds", "peak_rss_bytes", "git_commit"] {
        summary[key] = Value::Null;
    }
    summary
}

#[test]
fn a_seed_predicts_the_same_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let runs = ["first", "second", "other"].map(|name| {
        let out = folder.path().join(name);
        let seed = if name == "other" { "8" } else { "7" };
        let told = predict(&out, &["--seed", seed, "--set", "slo={}"]).well();
        fits_schema(&told.json(), "summary.schema.json");
        (out, told.stdout)
    });
    let [first, second, other] = &runs;
    assert_eq!(lasting(&first.1), lasting(&second.1));
    assert_ne!(lasting(&first.1), lasting(&other.1));
    for file in [
        "trips.parquet",
        "latency.hlog",
        "timeline.json",
        "evidence.json",
        "scenario.toml",
    ] {
        let read = |out: &Path| std::fs::read(out.join(file)).unwrap();
        assert!(read(&first.0) == read(&second.0), "{file} differs");
        assert!(
            file == "scenario.toml" || read(&first.0) != read(&other.0),
            "{file} is the same for another seed"
        );
    }
    let summary = first.1.as_str();
    let summary: Value = serde_json::from_str(summary).unwrap();
    assert_eq!(
        (&summary["target"], &summary["clock"], &summary["speedup"]),
        (&"twin".into(), &"virtual".into(), &1.0.into())
    );
    assert!(summary["rides"]["completed"].as_u64().unwrap() > 20);
    assert!(
        summary["functions"]["trips"]["invocations"]
            .as_u64()
            .unwrap()
            > 100
    );
    assert!(summary["cost_usd"]["total"].as_f64().unwrap() > 0.0);
    let audit = run(&["audit", text(&first.0)]).well();
    assert!(audit.stdout.contains(" 0 violations"), "{audit:?}");
}

#[test]
fn a_cloud_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let set = |profile: &str| format!("cloud.profile=\"{profile}\"");
    let refused = predict(&out, &["--set", &set("nowhere")]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("cloud.profile: nowhere"),
        "{refused:?}"
    );
    let file = folder.path().join("cloud.toml");
    std::fs::write(&file, "schema = \"rushhour.cloud_profile/0\"\n").unwrap();
    let refused = predict(&out, &["--set", &set(text(&file))]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("schema") && refused.stderr.contains("expected"),
        "{refused:?}"
    );
    assert!(!out.exists(), "nothing is written for what is refused");
}
