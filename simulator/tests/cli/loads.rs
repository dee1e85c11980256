//! `rushhour load`: what it refuses, what it measures, and how it ends.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{Running, run, rushhour, shell, text};

/// A server on loopback that answers each request after a while, a thread a connection.
fn server(wait: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while let Some(Ok(line)) = lines.next() {
                    if line.is_empty() {
                        std::thread::sleep(wait);
                        let answered = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
                        if answered.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    url
}

/// A URL at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let url = &nobody();
    let grpc = "grpc://127.0.0.1:1/shop.Till/Buy";
    let cases: [(&[&str], &[&str]); 23] = [
        (
            &["nowhere", "--rate", "5"],
            &["found URL \"nowhere\"", "expected http://HOST"],
        ),
        (&[url], &["found none of --rate, --stage and --closed"]),
        (&[url, "--rate", "-5"], &["--rate", "found a rate of -5"]),
        (&[url, "--rate", "nan"], &["--rate", "NaN"]),
        (&[url, "--rate", "0"], &["found no request due"]),
        (
            &[url, "--rate", "5", "--duration", "soon"],
            &["--duration", "\"soon\"", "10m"],
        ),
        (
            &[url, "--rate", "5", "--duration", "0s"],
            &["--duration", "found 0s"],
        ),
        (
            &[url, "--stage", "10s"],
            &["--stage", "found stage \"10s\"", "30s:100"],
        ),
        (
            &[url, "--closed", "--duration", "30d"],
            &["--duration", "30d"],
        ),
        (
            &[url, "--rate", "5", "--connections", "0"],
            &["--connections", "found 0"],
        ),
        (
            &[url, "--rate", "5", "--streams", "5"],
            &["--streams", "--http2"],
        ),
        (
            &[url, "--rate", "5", "--in-flight", "0"],
            &["--in-flight", "found 0"],
        ),
        (
            &[url, "--rate", "5", "--threads", "5000"],
            &["--threads", "found 5000"],
        ),
        (
            &[url, "--rate", "5", "--timeout", "0s"],
            &["--timeout", "found 0s"],
        ),
        (
            &[url, "--rate", "5", "--method", "GET IT"],
            &["found method \"GET IT\""],
        ),
        (
            &[url, "--rate", "5", "--header", "nonsense"],
            &["found header \"nonsense\"", "NAME: VALUE"],
        ),
        (
            &[url, "--rate", "5", "--body-file", "/absent"],
            &["--body-file /absent"],
        ),
        (
            &[url, "--rate", "5", "--threshold", "p99=5ms"],
            &["--threshold", "\"p99=5ms\"", "p99<200ms"],
        ),
        (
            &[url, "--rate", "5", "--cacert", "a.pem"],
            &["--cacert", "expected https://"],
        ),
        (
            &[url, "--rate", "5", "--proto", "a.proto"],
            &["--proto", "expected grpc://"],
        ),
        (&[grpc, "--rate", "5"], &["found no --proto"]),
        (
            &[grpc, "--rate", "5", "--proto", "/absent.proto"],
            &["/absent.proto: found"],
        ),
        (
            &["merge", "/absent.json"],
            &["/absent.json: cannot be read"],
        ),
    ];
    for (options, said) in cases {
        run(&[&["load"], options].concat()).refused(2, said);
    }
    for options in [
        &["--rate", "5", "--closed"][..],
        &["--in-flight", "5", "--closed"],
        &["--rate", "5", "--stage", "1s:5"],
        &["--rate", "fast"],
        &["--rate", "5", "--body", "a", "--body-file", "b"],
    ] {
        let ended = run(&[&["load", url], options].concat());
        assert_eq!(ended.code, Some(2), "{options:?}: {ended:?}");
        assert!(ended.stderr.contains("--help"), "{options:?}: {ended:?}");
    }
}

#[test]
fn a_target_that_is_not_there_and_a_file_that_cannot_be_written_are_3() {
    let url = nobody();
    let began = Instant::now();
    let ended = run(&["load", &url, "--rate", "5", "--quiet"]);
    ended.refused(
        3,
        &[
            &url,
            "connection refused",
            "expected it to take 64 connections",
        ],
    );
    assert!(began.elapsed() < Duration::from_secs(10));
    let ended = run(&["load", &url, "--rate", "5", "--json", "/proc/nothing"]);
    ended.refused(3, &["/proc/nothing: cannot be written"]);
}

#[test]
fn thresholds_decide_how_a_load_ends() {
    let url = server(Duration::from_millis(20));
    let limits = |latency| ["--threshold", latency, "--threshold", "errors<=0%"];
    let load = [
        "load",
        &url,
        "--rate",
        "100",
        "--duration",
        "500ms",
        "--quiet",
        "--connections",
        "8",
    ];
    let kept = run(&[&load[..], &limits("p50<400ms")].concat()).well();
    assert!(
        kept.stdout.contains("p50<400ms") && !kept.stdout.contains("BROKEN"),
        "{kept:?}"
    );
    assert!(
        kept.stdout
            .contains("50 due, 50 sent, 0 dropped, 50 answered, "),
        "{kept:?}"
    );
    assert_eq!(kept.stderr, "");
    let broken = run(&[&load[..], &limits("p50<10ms")].concat());
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(broken.stdout.contains("BROKEN"), "{broken:?}");
}

#[test]
fn parts_of_a_load_are_put_together() {
    let url = server(Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let files = ["a.json", "b.json", "all.json"].map(|name| folder.path().join(name));
    for file in &files[..2] {
        let load = [
            "load",
            &url,
            "--stage",
            "200ms:50..150",
            "--stage",
            "100ms:100",
            "--arrivals",
            "poisson",
        ];
        run(&[&load[..], &["--quiet", "--json", text(file)]].concat()).well();
    }
    let part = |index: usize| -> Value {
        serde_json::from_slice(&std::fs::read(&files[index]).unwrap()).unwrap()
    };
    let merge = [
        "load",
        "merge",
        text(&files[0]),
        text(&files[1]),
        "--json",
        text(&files[2]),
    ];
    run(&[&merge[..], &["--threshold", "errors<1%"]].concat()).well();
    let all: Value = part(2);
    // Of one seed both parts were due at the same times.
    assert_eq!(part(0)["due"], part(1)["due"]);
    assert_eq!(
        all["due"].as_u64(),
        part(0)["due"].as_u64().map(|due| 2 * due)
    );
    assert_eq!(all["latency_ms"]["latency"]["count"], all["answered"]);
    assert_eq!(all["thresholds"][0]["kept"], true);
    let broken = run(&[&merge[..], &["--threshold", "rate>100000/s"]].concat());
    assert_eq!(broken.code, Some(1), "{broken:?}");
    let over = [&merge[..5], &[merge[2]]].concat();
    run(&over).refused(2, &["--json", "a.json, which is read"]);
    std::fs::write(&files[1], "{}").unwrap();
    run(&merge).refused(2, &["b.json", "expected a file that rushhour load wrote"]);
}

#[test]
fn figures_are_written_though_nobody_reads_what_is_printed() {
    let url = server(Duration::ZERO);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("l.json");
    let script = r#""$0" load "$1" --rate 100 --duration 200ms --quiet --json "$2" > /dev/full"#;
    let ended = Running::start(shell(script, &[&url, text(&file)])).end();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(written["due"], 20);
}

#[test]
fn a_load_that_is_interrupted_is_told() {
    let url = server(Duration::ZERO);
    let mut load = Running::start(rushhour(&[
        "load",
        &url,
        "--rate",
        "100",
        "--duration",
        "100s",
    ]));
    load.wait_for("due");
    load.interrupt();
    let ended = load.end();
    assert_eq!(ended.code, Some(130), "{ended:?}");
    assert!(
        ended.stdout.contains("interrupted") && ended.stdout.contains("p99.9"),
        "{ended:?}"
    );
}

#[test]
fn a_target_that_dies_ends_the_load_and_what_was_measured_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    // Takes two connections, answers a few requests on them, and is gone.
    std::thread::spawn(move || {
        let streams = [(); 2].map(|()| listener.accept().unwrap().0);
        let dying = streams.map(|mut stream| {
            std::thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let ends = lines.map_while(Result::ok).filter(String::is_empty);
                for _ in ends.take(5) {
                    stream
                        .write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
                        .unwrap();
                }
            })
        });
        dying.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let load = ["load", &url, "--rate", "50", "--duration", "10m", "--quiet"];
    let ended = run(&[&load[..], &["--connections", "2", "--timeout", "1s"]].concat());
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(
        ended.stderr.contains("found no answer for 15 s"),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("10 answered") && ended.stdout.contains("refused"),
        "{ended:?}"
    );
}
