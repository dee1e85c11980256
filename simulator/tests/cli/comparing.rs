//! `compare`, and `predict` over several seeds and over a grid: what they print, what they leave, what they refuse.

use std::path::Path;

use serde_json::Value;

use crate::command::{fits_schema, run, text};

/// A small city: two minutes of it, half an hour's worth of nothing else.
const SMALL: [&str; 12] = [
    "--duration",
    "3m",
    "--drivers",
    "60",
    "--rides-per-hour",
    "600",
    "--set",
    "warmup=1m",
    "--set",
    "slo={}",
    "--seed",
    "7",
];
/// The largest page there may be.
const PAGE_BYTES_MAX: usize = 2_000_000;

fn small<'a>(command: &'a str, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--out", text(out)][..], &SMALL, more].concat()
}

#[test]
fn placements_stand_side_by_side_in_a_table_a_page_and_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let list = "hybrid,all-lambda";
    let more = ["--placements", list, "--replicas", "2", "--json", "--quiet"];
    let ended = run(&small("compare", &out, &more)).well();
    let compared = ended.json();
    fits_schema(&compared, "compare.schema.json");
    let written: Value =
        serde_json::from_slice(&std::fs::read(out.join("compare.json")).unwrap()).unwrap();
    assert_eq!(compared, written, "what is printed is what is written");
    let page = std::fs::read_to_string(out.join("compare.html")).unwrap();
    assert!(
        page.len() < PAGE_BYTES_MAX && page.contains("<svg") && page.contains("nobody has checked")
    );
    let placements = compared["placements"].as_object().unwrap();
    assert_eq!(placements.len(), 2);
    for (name, summary) in placements {
        fits_schema(summary, "summary.schema.json");
        let own: Value =
            serde_json::from_slice(&std::fs::read(out.join(name).join("summary.json")).unwrap())
                .unwrap();
        assert_eq!(*summary, own);
        assert!(out.join(name).join("report.html").is_file());
        assert_eq!(summary["replicas"]["n"], 2);
        let unverified = summary["cost_usd"]["unverified"].as_array().unwrap();
        assert!(
            unverified.iter().any(|key| key == "profile.table.get"),
            "{unverified:?}"
        );
    }
    // Paired: the same riders at the same times.
    let offered = |name: &str| placements[name]["load"]["offered"].as_u64().unwrap();
    assert!(offered("hybrid") > 0 && offered("hybrid") == offered("all-lambda"));
    let month = |name: &str, component: &str| {
        let months = &placements[name]["cost_usd"]["per_month_by_component"];
        months[component].as_f64().unwrap_or(0.0)
    };
    assert_eq!(month("all-lambda", "fargate"), 0.0);
    assert_eq!(month("all-lambda", "load_balancer"), 0.0);
    assert!(month("all-lambda", "rider_polls") > 0.0 && month("hybrid", "rider_polls") > 0.0);
    assert!(month("hybrid", "interface_endpoints") > 0.0);
    let break_even = &compared["break_even"];
    let pairs = break_even["crossings"].as_array().unwrap().len()
        + break_even["none"].as_array().unwrap().len();
    assert!(pairs >= 1, "{break_even}");
    let difference = &compared["differences"]["all-lambda"]["figures"]["ping_ack_p50_ms"];
    assert!(difference["mean"].as_f64().unwrap() > 0.0, "{difference}");
    for said in [
        "hybrid",
        "all-lambda",
        "Break-even",
        "ping ack p99",
        " ± ",
        "all-lambda less hybrid",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("compared");
    let cases: [(&[&str], &[&str]); 6] = [
        (
            &["--placements", "hybrid,moon"],
            &["--placements", "\"moon\"", "all-lambda"],
        ),
        (
            &["--placements", "a:pricing=ec2"],
            &["--placements", "pricing=ec2", "PART=lambda"],
        ),
        (&["--replicas", "1"], &["--replicas", "found 1", "2 to"]),
        (
            &["--set", "fleet.driver=3"],
            &["--set fleet.driver=3", "`drivers`"],
        ),
        (&["--set", "slo.quote_p98=1s"], &["slo", "quote_p98"]),
        (
            &["--set", "cloud.prices=none.toml"],
            &["cloud.prices", "none.toml"],
        ),
    ];
    for (more, said) in cases {
        run(&small("compare", &out, more)).refused(2, said);
        assert!(!out.exists(), "nothing was made: {more:?}");
    }
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("compare.json"), "{}").unwrap();
    run(&small("compare", &out, &[])).refused(2, &["compare.json", "empty directory"]);
}

#[test]
fn a_prediction_over_seeds_has_intervals_and_is_the_first_seeds() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, over) = (folder.path().join("alone"), folder.path().join("over"));
    let one = run(&small("predict", &alone, &["--json", "--quiet"]))
        .well()
        .json();
    assert_eq!(one["replicas"], Value::Null);
    let ended = run(&small(
        "predict",
        &over,
        &["--json", "--quiet", "--replicas", "3"],
    ))
    .well();
    let all = ended.json();
    fits_schema(&all, "summary.schema.json");
    assert_eq!(
        (&all["rides"], &all["latency_ms"]),
        (&one["rides"], &one["latency_ms"])
    );
    let completed = &all["replicas"]["figures"]["rides_completed"];
    assert!(completed["mean"].as_f64().unwrap() > 0.0 && completed["ci95"].as_f64().unwrap() > 0.0);
    assert!(ended.stderr.contains("Over 3 paired seeds"), "{ended:?}");
    let page = std::fs::read_to_string(over.join("report.html")).unwrap();
    assert!(page.contains("paired seeds"));
}

#[test]
fn a_sweep_is_one_table_and_one_csv() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("swept");
    let sweep = [
        "--sweep",
        "dispatch.window=1s,4s",
        "--sweep",
        "fleet.drivers=40,60",
        "--replicas",
        "2",
        "--quiet",
    ];
    let ended = run(&small("predict", &out, &sweep)).well();
    assert!(
        ended.stdout.contains("dispatch.window") && ended.stdout.contains(" ± "),
        "{ended:?}"
    );
    let csv = std::fs::read_to_string(out.join("sweep.csv")).unwrap();
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 5, "{csv}");
    assert_eq!(
        rows[0][..3],
        ["dispatch.window", "fleet.drivers", "replicas"]
    );
    let points: Vec<&[&str]> = rows[1..].iter().map(|row| &row[..3]).collect();
    assert_eq!(
        points,
        [
            ["1s", "40", "2"],
            ["1s", "60", "2"],
            ["4s", "40", "2"],
            ["4s", "60", "2"]
        ]
    );
    let json = folder.path().join("json");
    let more = ["--sweep", "dispatch.window=2s", "--json", "--quiet"];
    let swept = run(&small("predict", &json, &more)).well().json();
    fits_schema(&swept, "sweep.schema.json");
    assert_eq!(swept["points"][0]["replicas"]["n"], 1);

    // A limit that one point breaks.
    let broken = folder.path().join("broken");
    let more = [
        "--sweep",
        "slo.quote_p99=10s,1us",
        "--replicas",
        "2",
        "--quiet",
    ];
    let ended = run(&small("predict", &broken, &more));
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let said = "1us broke a limit or the audit under 2 of 2 seeds";
    assert!(
        ended.stdout.contains(said) && !ended.stdout.contains("10s broke"),
        "{ended:?}"
    );
    let csv = std::fs::read_to_string(broken.join("sweep.csv")).unwrap();
    let failed: Vec<&str> = csv
        .lines()
        .filter_map(|line| line.split(',').next_back())
        .collect();
    assert_eq!(failed, ["failed", "0", "2"]);
}

#[test]
fn sweeps_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("swept");
    let years = (1..=400)
        .map(|seed| seed.to_string())
        .collect::<Vec<_>>()
        .join(",");
    let years = format!("seed={years}");
    let cases: [(&[&str], &[&str]); 6] = [
        (
            &["--sweep", "dispatch.windw=1s"],
            &["--sweep dispatch.windw=1s", "`window`"],
        ),
        (
            &["--sweep", "dispatch.window=1s,1500ms"],
            &["dispatch.window", "1500ms", "whole seconds"],
        ),
        (
            &["--sweep", "dispatch.window"],
            &["--sweep", "dispatch.window", "KEY.PATH="],
        ),
        (&["--sweep", "seed=1", "--sweep", "seed=2"], &["seed once"]),
        (
            &["--sweep", "cloud.profile=embedded,aws-us-east-1"],
            &["cloud", "not swept"],
        ),
        (
            &[
                "--duration",
                "24h",
                "--sweep",
                &years,
                "--replicas",
                "10000",
            ],
            &["--sweep", "4000000 predictions", "days", "--yes"],
        ),
    ];
    for (more, said) in cases {
        let args = small("predict", &out, &[]);
        // An option stands once.
        let args = match more[0] {
            "--duration" => [&args[..3], &args[5..], more].concat(),
            _ => [&args[..], more].concat(),
        };
        run(&args).refused(2, said);
        assert!(!out.exists(), "nothing was made: {more:?}");
    }
}

/// The template that is shipped.
const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");

#[test]
fn a_change_of_the_template_is_held_against_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = std::fs::read_to_string(TEMPLATE).unwrap();
    let changed = folder.path().join("changed.yaml");
    let smaller = shipped.replace("Default: 256", "Default: 128");
    assert_ne!(smaller, shipped);
    std::fs::write(&changed, smaller).unwrap();
    let out = folder.path().join("changed");
    let more = [
        "--template",
        text(&changed),
        "--against",
        TEMPLATE,
        "--quiet",
    ];
    let ended = run(&small("compare", &out, &more)).well();
    for figure in ["quote p99", "driver found", "cost a month"] {
        assert!(ended.stdout.contains(figure), "{}", ended.stdout);
    }
    assert!(out.join("difference.html").is_file());
    let scenario =
        |name: &str| std::fs::read_to_string(out.join(name).join("scenario.toml")).unwrap();
    assert!(scenario("after").contains("memory_mb = 128"));
    assert!(!scenario("before").contains("memory_mb = 128"));

    // A limit that the change breaks, and one that was broken before.
    let request_p99 = |name: &str| {
        let summary = std::fs::read(out.join(name).join("summary.json")).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        summary["latency_ms"]["request"]["p99"].as_f64().unwrap()
    };
    let between = f64::midpoint(request_p99("before"), request_p99("after"));
    assert!(between > request_p99("before"), "less memory is slower");
    for (limit_ms, code, words) in [
        (between, 1, "BROKEN by the change"),
        (0.001, 0, "BROKEN, as before"),
    ] {
        let out = folder.path().join(words);
        let limit = format!("slo.request_p99={limit_ms:.3}ms");
        let ended = run(&small(
            "compare",
            &out,
            &[&more[..], &["--set", &limit]].concat(),
        ));
        assert_eq!(ended.code, Some(code), "{}", ended.stderr);
        assert!(ended.stdout.contains(words), "{}", ended.stdout);
    }
}

#[test]
fn the_apis_limit_of_a_template_refuses_who_comes_too_fast() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |parameter: &str| {
        let out = folder.path().join(parameter);
        let more = [
            "--template",
            TEMPLATE,
            "--parameter",
            parameter,
            "--json",
            "--quiet",
        ];
        let summary = run(&small("predict", &out, &more)).well().json();
        summary["load"]["errors"].as_u64().unwrap()
    };
    assert_eq!(refused("RequestsPerSecond=500"), 0);
    let few = refused("RequestsPerSecond=1");
    assert!(few > 0, "{few}");
}

#[test]
fn a_template_that_cannot_be_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    let cases = [
        ("Resources: [", "t.yaml:"),
        ("Parameters: {}", "Resources: found none"),
        ("Resources: {}", "found no function that runs the binary"),
    ];
    for (content, expected) in cases {
        std::fs::write(&file, content).unwrap();
        let ended = run(&["predict", "--template", text(&file)]);
        assert_eq!(ended.code, Some(2), "{content}");
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    let ended = run(&[
        "predict",
        "--template",
        TEMPLATE,
        "--parameter",
        "PricingMemroy=1",
    ]);
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("expected one of Prefix,"),
        "{}",
        ended.stderr
    );
}
