//! `rushhour import`: what it prints and returns, file by file, and the demand file driven.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{fits_schema, fixture, run, text};

/// Real records, that are no part of this repository; none, and a word about it, if absent.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: ../shared/data/{name} is absent");
    None
}

/// Holds text against a golden file, or writes it.
#[track_caller]
fn golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name}: UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn what_is_read_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trips.csv");
    std::fs::copy(fixture("tlc_yellow_2015.csv"), &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    let around = folder.path().join(".").join("trips.csv");
    let ended = run(&["import", text(&file), "-o", text(&around)]);
    ended.refused(2, &["--output", "trips.csv", "another file"]);
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn what_a_link_leads_to_is_written_and_the_link_stays() {
    let folder = tempfile::tempdir().unwrap();
    let [real, link] = ["real.trips", "link.trips"].map(|name| folder.path().join(name));
    std::fs::write(&real, "old").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let records = fixture("tlc_yellow_2015.csv");
    for is_there in [true, false] {
        if !is_there {
            std::fs::remove_file(&real).unwrap();
        }
        run(&["import", text(&records), "-o", text(&link)]).well();
        assert!(link.is_symlink());
        assert!(std::fs::read(&real).unwrap().starts_with(b"PAR1"));
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "nothing but the file and the link");
}

#[test]
fn every_fixture_gives_its_golden_figures() {
    let folder = tempfile::tempdir().unwrap();
    let zones = fixture("zones.geojson");
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixture(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "csv"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "mapped"))
        .collect();
    files.sort();
    assert!(files.len() >= 9, "{files:?}");
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let trips = folder.path().join(format!("{stem}.trips"));
        let args = [
            "import",
            text(&file),
            "-o",
            text(&trips),
            "--zones",
            text(&zones),
            "--json",
        ];
        let ended = run(&args).well();
        fits_schema(&ended.json(), "import.schema.json");
        golden(&format!("{stem}.json"), &ended.stdout);
        assert!(trips.is_file(), "{stem}");
        // The same as text, without the path that differs from test to test.
        let told = run(&args[..6]).well().stdout;
        golden(
            &format!("{stem}.txt"),
            &told.replace(text(&trips), "OUT.trips"),
        );
    }
}

#[test]
fn wrong_files_and_options_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.trips");
    let wrong = folder.path().join("wrong.csv");
    for (content, said) in [
        (&b""[..], "found an empty file"),
        (b"id,name\n1,a\n", "line 1: found \"id,name\""),
        (b"\x1f\x8b\x08\x00", "found gzip-compressed data"),
        (b"PAR1nonsense", "found a Parquet file that cannot be read"),
    ] {
        std::fs::write(&wrong, content).unwrap();
        let ended = run(&["import", text(&wrong), "-o", text(&out), "--json"]);
        ended.refused(2, &[text(&wrong), said, "expected"]);
    }
    let good = fixture("tlc_yellow_2015.csv");
    let import = |more: &[&str]| run(&[&["import", text(&good), "-o", text(&out)], more].concat());
    import(&["--bbox", "1,2,3"]).refused(2, &["--bbox", "found"]);
    import(&["--bbox", "-73,40,-74,41"]).refused(2, &["--bbox", "found"]);
    import(&["--duration-limit", "long"]).refused(2, &["--duration-limit", "long"]);
    import(&["--columns", "pick_up=x"]).refused(2, &["--columns", "pick_up"]);
    import(&["--zones", text(&wrong)]).refused(2, &["--zones", text(&wrong)]);
    let absent = folder.path().join("absent.csv");
    run(&["import", text(&absent), "-o", text(&out)]).refused(2, &[text(&absent)]);
    assert!(!out.exists(), "nothing was written");
    for out in [wrong.join("out.trips"), "/proc/out.trips".into()] {
        run(&["import", text(&good), "-o", text(&out)]).refused(3, &[text(&out)]);
    }
}

#[test]
fn ten_thousand_recorded_trips_are_imported_and_driven() {
    let Some(csv) = shared("nyc_2013-01-01_10k.csv") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let trips = folder.path().join("new-year.trips");
    let ended = run(&[
        "import",
        text(&csv),
        "-o",
        text(&trips),
        "--dejitter",
        "--json",
    ])
    .well();
    let figures = ended.json();
    fits_schema(&figures, "import.schema.json");
    let expected = r#"{"coordinate_out_of_range": 1, "zero_coordinate": 175, "nonpositive_duration": 26, "nonpositive_distance": 24}"#;
    assert_eq!(
        figures["rejected"],
        serde_json::from_str::<Value>(expected).unwrap()
    );
    assert_eq!(
        (&figures["rows"], &figures["kept"]),
        (&10_004.into(), &9_778.into())
    );
    assert_eq!(
        (&figures["vehicles"], &figures["peak_concurrent"]),
        (&4_539.into(), &2_971.into())
    );
    for said in ["no request times", "rounded to 60 s"] {
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
    }

    let out = folder.path().join("run");
    let file = format!("demand.file={}", text(&trips));
    let sets = [&file, "demand.scale=0.5", "warmup=0s", "slo={}"];
    let mut args = vec!["run", "recorded", "--out", text(&out), "--json", "--quiet"];
    args.extend(["--duration", "2m", "--speedup", "15", "--drivers", "150"]);
    args.extend(sets.iter().flat_map(|set| ["--set", *set]));
    let summary = run(&args).well().json();
    assert!(
        summary["rides"]["requested"].as_u64().unwrap() >= 10,
        "{}",
        summary["rides"]
    );
    assert_eq!(summary["audit"]["violations"], Value::Array(vec![]));
    assert_eq!(
        (&summary["load"]["errors"], &summary["load"]["dropped"]),
        (&0.into(), &0.into())
    );
    let notes = summary["notes"].to_string();
    for said in ["nyc_2013-01-01_10k.csv", "pick-up times", "rounded to 60 s"] {
        assert!(notes.contains(said), "{notes}");
    }
}
