//! What is wrong from the start: exit 2, or 3, with one message that says what was found where.

use std::net::TcpListener;

use crate::command::{Running, fixture, run, shell, text, tiny};

#[test]
fn unknown_commands_and_options_are_refused() {
    for args in [
        &["drive"][..],
        &["run", "--fast"],
        &["run", "--seed", "many"],
        &["run", "--seed", "18446744073709551615"],
        &["run", "--target", "moon"],
        &["predict", "--yes"],
        &[
            "compare",
            "--template",
            "a",
            "--against",
            "b",
            "--placements",
            "hybrid",
        ],
        &["audit"],
        &["import", "-o", "x"],
        &[],
    ] {
        let ended = run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(
            ended.stderr.contains("--help") || ended.stderr.contains("Usage: rushhour"),
            "{args:?}: {ended:?}"
        );
        assert_eq!(ended.stdout, "");
    }
    let helped = run(&["run", "--help"]).well();
    assert!(helped.stdout.contains("Example:"));
}

#[test]
fn an_issuer_has_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    for url in [
        "https://",
        "http://a b",
        "ftp://a",
        "a.example.com",
        "https://a/?b",
    ] {
        let issuer = [
            "issuer",
            url,
            "--key",
            text(&key),
            "-o",
            text(folder.path()),
        ];
        run(&issuer).refused(2, &[url, "expected one such as https://"]);
    }
    assert!(!key.exists());
}

#[test]
fn scenarios_that_cannot_be_are_refused_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let cases: [(&[&str], &[&str]); 30] = [
        (
            &["--set", "fleet.driver=3"],
            &["--set fleet.driver=3", "`driver`", "expected `drivers`"],
        ),
        (&["--set", "fleet"], &["--set fleet", "found no `=`"]),
        (&["--set", "=3"], &["--set =3"]),
        (
            &["--set", "name.a=3"],
            &["--set name.a=3", "found a value at \"name\""],
        ),
        (&["--set", "duration=soon"], &["\"soon\"", "10m"]),
        (&["--set", "city.kind=moon"], &["moon", "geo"]),
        (
            &["--rides-per-hour", "-5"],
            &["demand.rides_per_hour", "-5"],
        ),
        (
            &["--rides-per-hour", "0"],
            &["demand.rides_per_hour", "found 0"],
        ),
        (&["--set", "demand.rides_per_hour=nan"], &["demand", "NaN"]),
        (&["--rides-per-hour", "1e12"], &["demand", "at most"]),
        (&["--drivers", "0"], &["fleet", "driver"]),
        (&["--set", "fleet.drivers=2.5"], &["fleet.drivers", "2.5"]),
        (&["--drivers", "4000000000"], &["fleet", "4000000000"]),
        (&["--set", "city.radius_km=0"], &["city", "no size"]),
        (&["--set", "city.radius_km=-3"], &["city", "-3"]),
        (
            &["--set", "city.kind=plane", "--set", "city.width_km=0"],
            &["city", "width"],
        ),
        (&["--set", "city.speed_kmh=0"], &["city", "speed"]),
        (&["--set", "warmup=1h"], &["warmup", "1h"]),
        (&["--duration", "0s"], &["duration", "0s"]),
        (&["--speedup", "0"], &["speedup"]),
        (&["--speedup", "-1"], &["-1"]),
        (
            &["--set", "dispatch.window=1500ms"],
            &["dispatch.window", "whole seconds"],
        ),
        (&["--set", "slo.quote_p98=1s"], &["slo", "quote_p98"]),
        (
            &["--set", "slo.qoute_p99=50ms"],
            &["`qoute_p99`", "expected `quote_p99`"],
        ),
        (
            &["--set", "pricing.surge.cap=-1.0"],
            &["pricing.surge.cap: found -1, expected 1 to 100"],
        ),
        (
            &["--set", "fleet.offer_timeout=1500ms"],
            &["fleet.offer_timeout: found 1500ms, expected whole seconds"],
        ),
        (
            &["--set", "placement.fleet-tracker=lambda"],
            &["placement", "rushhour compare"],
        ),
        (
            &["--set", "demand.kind=hourly", "--rides-per-hour", "100"],
            &["demand.rides_per_hour=100", "demand.scale"],
        ),
        (
            &["--set", "functions.pricing.memory_mb=0"],
            &["functions.pricing.memory_mb", "128 to 10240"],
        ),
        (
            &["--set", "functions.billing.memory_mb=128"],
            &["functions.billing", "pricing"],
        ),
    ];
    for (options, said) in cases {
        let args = [&["run", "--quiet", "--out", text(&out)], options].concat();
        run(&args).refused(2, said);
        assert!(!out.join("summary.json").exists());
    }
}

#[test]
fn scenario_files_that_are_wrong_are_refused_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("city.toml");
    run(&["run", text(&path)]).refused(2, &[text(&path), "cannot be read", "peak-hour"]);
    run(&["run", text(folder.path())]).refused(2, &[text(folder.path()), "cannot be read"]);
    for (content, said) in [
        (
            &b"name = \"a\"\n[fleet]\ndrivres = 3\n"[..],
            &["city.toml:3", "`drivres`", "`drivers`"][..],
        ),
        (
            b"[demand]\nrides_per_hour = \"many\"\n",
            &["city.toml:2", "many"],
        ),
        (b"name = \n", &["city.toml:1"]),
        (b"\xff\xfe", &["city.toml", "cannot be read"]),
        (b"[city]\nradius_km = 0\n", &["city", "no size"]),
        (b"name = \"two words\"\n", &["name", "two words"]),
    ] {
        std::fs::write(&path, content).unwrap();
        run(&["run", "--quiet", text(&path)]).refused(2, said);
    }
}

#[test]
fn a_wrong_trip_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let trips = folder.path().join("january.trips");
    let file = format!("demand.file={}", text(&trips));
    let args = [
        "run",
        "--quiet",
        "--set",
        "demand.kind=trips",
        "--set",
        &file,
    ];
    run(&args[..4]).refused(2, &["demand.file", "found nothing", "rushhour import"]);
    run(&args).refused(2, &["demand.file", text(&trips)]);
    std::fs::copy(fixture("tlc_yellow_2015.csv"), &trips).unwrap();
    run(&args).refused(
        2,
        &[
            "demand.file",
            text(&trips),
            "found",
            "rushhour import writes",
        ],
    );
    std::fs::write(&trips, b"PAR1 and then nothing PAR1").unwrap();
    run(&args).refused(2, &["demand.file", text(&trips), "found", "expected"]);
}

#[test]
fn what_cannot_be_written_to_is_found_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    for out in [
        file.join("run"),
        file.clone(),
        "/proc/rushhour".into(),
        "/dev/full".into(),
    ] {
        run(&tiny(&out, &["--quiet"])).refused(3, &[text(&out), "expected a writable directory"]);
    }
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("summary.json"), b"{}").unwrap();
    run(&tiny(&taken, &["--quiet"])).refused(2, &[text(&taken), "found a run there"]);
}

#[test]
fn a_busy_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = busy.local_addr().unwrap().port().to_string();
    let ended = run(&tiny(folder.path(), &["--quiet", "--port", &port]));
    ended.refused(3, &[&format!("127.0.0.1:{port}"), "in use"]);
    assert!(!folder.path().join("summary.json").exists());
}

#[test]
fn what_is_no_run_directory_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["audit", "report"] {
        let said = [text(folder.path()), "found no summary.json"];
        run(&[command, text(folder.path())]).refused(2, &said);
    }
    let against = folder.path().join("absent");
    run(&["report", text(&against), "--against", text(folder.path())])
        .refused(2, &[text(&against)]);
}

#[test]
fn an_output_that_takes_nothing_is_an_error_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let trips = folder.path().join("out.trips");
    let csv = fixture("tlc_yellow_2015.csv");
    // A disk that is full, and a reader who has gone.
    for script in [
        "exec \"$0\" \"$@\" > /dev/full",
        "(sleep 0.3; exec \"$0\" \"$@\") | exec 0<&-; exit ${PIPESTATUS[0]}",
    ] {
        let args = ["import", text(&csv), "-o", text(&trips)];
        let ended = Running::start(shell(script, &args)).end();
        ended.refused(3, &["standard output", "cannot be written to", "expected"]);
    }
}
