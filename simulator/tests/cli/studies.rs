//! `rushhour study`: what it says, what it writes, and what it refuses.

use std::path::Path;

use crate::command::{Ended, fits_schema, run, text};

const TINY: &str = "
name = 'tiny'
seed = 3
[[function]]
name = 'pricing'
arrivals = 'poisson 10/s'
service = 'exponential 80ms'
maximum_concurrency = 2
duration = '200s'
[[service]]
name = 'tracker'
arrivals = 'poisson 5/s'
service = 'file spans.txt'
servers = 1
duration = '200s'
[[queue]]
name = 'rings'
arrivals = 'poisson 4/s'
service = 'constant 10ms'
duration = '200s'
";

fn study(folder: &Path, name: &str, content: &str, options: &[&str]) -> Ended {
    let file = folder.join("study.toml");
    std::fs::write(&file, content).unwrap();
    let out = folder.join(name);
    let args = ["study", text(&file), "--quiet", "--out", text(&out)];
    run(&[&args[..], options].concat())
}

#[test]
fn a_study_is_told_written_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("spans.txt"), "100ms\n0.2 # s\n").unwrap();
    let told = study(folder.path(), "a", TINY, &[]).well();
    for said in [
        "pricing (function)",
        "rejected",
        "±",
        "wait, p99",
        "batch, mean",
    ] {
        assert!(told.stdout.contains(said), "{said}: {told:?}");
    }
    let first = study(folder.path(), "b", TINY, &["--json"]).well().json();
    fits_schema(&first, "summary.schema.json");
    assert_eq!(
        (&first["clock"], &first["seed"]),
        (&"virtual".into(), &3.into())
    );
    let pricing = &first["study"]["pricing"];
    assert!(pricing["rejected_probability"].as_f64().unwrap() > 0.0);
    assert!(pricing["rejected_probability_ci95"].as_f64().unwrap() > 0.0);
    assert!(pricing["wait_s"]["mean"].is_null() && pricing["batch_mean"].is_null());
    assert!(first["study"]["tracker"]["wait_s"]["mean_ci95"].is_number());
    assert!(first["study"]["rings"]["batches_per_s"].is_number());
    let written = std::fs::read(folder.path().join("b/summary.json")).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["study"], first["study"]);

    let again = study(folder.path(), "c", TINY, &["--json"]).well().json();
    assert_eq!(again["study"].to_string(), first["study"].to_string());
    let other = study(folder.path(), "d", TINY, &["--json", "--seed", "4"]).well();
    assert_ne!(other.json()["study"], first["study"]);
    let shown = run(&["report", text(&folder.path().join("b"))]).well();
    assert!(shown.stdout.contains("pricing (function)"), "{shown:?}");
    let [first_run, other_run] = ["b", "c"].map(|name| folder.path().join(name));
    let differ = ["report", text(&first_run), "--against", text(&other_run)];
    run(&differ).refused(2, &["found a study", "expected a run"]);
    // What is left behind can be studied again where it is, whatever became of the files that it names.
    std::fs::remove_file(folder.path().join("spans.txt")).unwrap();
    let left = folder.path().join("b/study.toml");
    let again = folder.path().join("e");
    let args = [
        "study",
        text(&left),
        "--quiet",
        "--json",
        "--out",
        text(&again),
    ];
    let replayed = run(&args).well().json();
    assert_eq!(replayed["study"], first["study"]);
}

#[test]
fn built_in_studies_are_sound() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["cold-starts", "queueing"] {
        let out = folder.path().join(name);
        let options = ["--quiet", "--json", "--duration", "2h", "--out", text(&out)];
        let told = run(&[&["study", name][..], &options].concat())
            .well()
            .json();
        fits_schema(&told, "summary.schema.json");
        for (part, figures) in told["study"].as_object().unwrap() {
            assert_eq!(figures["unstable"], false, "{part}");
        }
    }
}

#[test]
fn an_unstable_queue_says_so_and_has_no_mean() {
    let folder = tempfile::tempdir().unwrap();
    let unstable = "[[service]]\nname = 's'\narrivals = 'poisson 3/s'\nservice = 'constant 1s'\n\
        servers = 2\n[[service]]\nname = 'calm'\narrivals = 'poisson 1/s'\nservice = 'constant 1s'\n\
        servers = 2\nduration = '200s'\n";
    let ended = study(folder.path(), "a", unstable, &["--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stderr.contains("unstable: found a load of 1.5"),
        "{ended:?}"
    );
    let told = ended.json();
    fits_schema(&told, "summary.schema.json");
    let figures = &told["study"]["s"];
    assert_eq!(figures["unstable"], true);
    assert!(figures["wait_s"]["mean"].is_null() && figures["busy_mean"].is_null());
    assert!(told["study"]["calm"]["wait_s"]["mean"].is_number());
}

#[test]
fn studies_that_cannot_be_are_refused_by_line_or_key() {
    let folder = tempfile::tempdir().unwrap();
    let function = |keys: &str| {
        format!("[[function]]\nname = 'f'\narrivals = 'poisson 1/s'\nservice = '1s'\n{keys}\n")
    };
    let queue = |keys: &str| {
        format!("[[queue]]\nname = 'q'\narrivals = 'poisson 1/s'\nservice = '1ms'\n{keys}\n")
    };
    let service = |keys: &str| {
        format!("[[service]]\nname = 's'\narrivals = 'poisson 1/s'\nservice = '1ms'\n{keys}\n")
    };
    let cases: [(String, &[&str]); 24] = [
        (
            String::new(),
            &["study.toml", "found 0 parts", "[[function]]"],
        ),
        ("name = ".to_owned(), &["study.toml:1"]),
        (
            "[[functoin]]\nname = 'f'".to_owned(),
            &["`functoin`", "expected `function`"],
        ),
        (
            function("idle_timout = '1s'"),
            &["study.toml:5", "`idle_timout`", "expected `idle_timeout`"],
        ),
        (
            "[[function]]\nname = 'f'\nservice = '1s'".to_owned(),
            &["study.toml:1", "found no `arrivals`"],
        ),
        (
            function("idle_timeout = 'soon'"),
            &["function \"f\"", "idle_timeout", "soon", "10m"],
        ),
        (
            function("routing = 'oldest'"),
            &["function \"f\": routing", "oldest", "newest-idle"],
        ),
        (
            function("maximum_concurrency = 0"),
            &["maximum_concurrency", "found 0", "1 to"],
        ),
        (
            function("cold_service = 'gamma 1s'"),
            &["cold_service", "gamma 1s", "exponential"],
        ),
        (
            function("cold_service = 3"),
            &["study.toml:5", "integer `3`", "expected"],
        ),
        (
            function("duration = '0s'"),
            &["function \"f\": duration", "1 ms"],
        ),
        (
            function("duration = '1s'\nwarmup = '1s'"),
            &["warmup", "less than the duration"],
        ),
        (function("duration = '1000y'"), &["duration", "1000y"]),
        (
            function("") + &function(""),
            &["function \"f\": name", "another part"],
        ),
        (
            function("").replace("1/s", "9e6/s"),
            &["arrivals", "9e6/s", "at most 1000000"],
        ),
        (
            function("").replace("'1s'", "'file nowhere'"),
            &["service", "nowhere"],
        ),
        (
            function("duration = '99y'").replace("1/s", "1000/s"),
            &["duration"],
        ),
        (
            queue("batch_size = 11\nbatch_window = '0s'"),
            &["queue \"q\": batch_size", "found 11"],
        ),
        (
            queue("maximum_concurrency = 1"),
            &["queue \"q\": maximum_concurrency", "2 to 1000"],
        ),
        (queue("batch_window = '400s'"), &["batch_window", "300 s"]),
        (queue("pollers = 0"), &["pollers", "found 0"]),
        (service(""), &["study.toml:1", "found no `servers`"]),
        (
            service("servers = 0"),
            &["service \"s\": servers", "found 0"],
        ),
        (
            service("servers = 1\nqueue = 'long'"),
            &["queue", "\"long\"", "unbounded"],
        ),
    ];
    for (content, said) in cases {
        study(folder.path(), "out", &content, &[]).refused(2, said);
        assert!(!folder.path().join("out").exists(), "{content}");
    }
    let absent = folder.path().join("absent.toml");
    run(&["study", text(&absent)]).refused(2, &["cannot be read", "cold-starts", "queueing"]);
    study(folder.path(), "out", TINY, &["--duration", "soon"]).refused(2, &["--duration", "soon"]);
    let set = ["--set", "queue.rings.batch_sise=3"];
    let said = ["--set queue.rings.batch_sise=3", "expected `batch_size`"];
    study(folder.path(), "out", TINY, &set).refused(2, &said);
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    std::fs::write(folder.path().join("taken/summary.json"), "{}").unwrap();
    let whole = TINY.replace("file spans.txt", "1ms");
    study(folder.path(), "taken", &whole, &[]).refused(2, &["found a run there"]);
}
