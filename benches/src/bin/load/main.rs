//! The load generator against oha and wrk: what it reads of a server that stands still, and what a request costs it.
//!
//! Servers and clients are processes of their own, so that each side's processor time can be told: this binary is the
//! servers, and our client, too.

mod peer;
mod server;

use std::env;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use load::{Arrivals, Document, Pace, Plan, Protocol, Request, Schedule, Stage};
use rushhour_benches::{Comparison, Figure, cpu, peers};

use server::Server;

/// Requests a second on the server that stands still: a stall meets a hundred.
const RATE: f64 = 1_000.0;
/// More than a stall meets, so that nobody waits for a connection.
const STALLED_CONNECTIONS: usize = 128;
/// How long it is asked: so many stalls.
const STALLED_FOR: Duration = Duration::from_secs(20);
/// Connections of a loop that is as fast as it can.
const PLAIN_CONNECTIONS: usize = 64;
/// How long each side takes of it, each time.
const PLAIN_FOR: Duration = Duration::from_secs(4);
/// How often each side does; the median counts.
const ROUNDS: usize = 5;
/// How far the 99th percentile may lie from the exact one.
const ERROR_MAX_PERCENT: f64 = 3.0;
/// Requests for each second of a client's processor time, at least.
const REQUESTS_MIN: f64 = 100_000.0;

fn main() -> anyhow::Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [] => compare(),
        ["serve", kind] => server::serve(kind).map(|()| ExitCode::SUCCESS),
        ["drive", kind, url] => drive(kind, url).map(|()| ExitCode::SUCCESS),
        _ => bail!("found {args:?}, expected no arguments"),
    }
}

/// What there is of the other sides, or why it is not there.
struct Peers {
    oha: Result<PathBuf, String>,
    wrk: Result<(), String>,
}

fn compare() -> anyhow::Result<ExitCode> {
    let mut comparison = Comparison::default();
    let peers = Peers {
        oha: peers::cargo("oha"),
        wrk: peers::debian("wrk", peer::WRK),
    };
    stalled(&mut comparison, &peers)?;
    plain(&mut comparison, &peers)?;
    Ok(comparison.finish())
}

/// How far a percentile is from the exact one.
fn error_percent(found: f64, exact: f64) -> f64 {
    (found / exact - 1.0).abs() * 100.0
}

fn stalled(comparison: &mut Comparison, peers: &Peers) -> anyhow::Result<()> {
    let server = Server::start("stalling")?;
    // What a client reads, and what it should have read.
    let measured = |name: &str, p99_ms: &dyn Fn() -> anyhow::Result<f64>| {
        let began = Instant::now();
        let p99_ms = p99_ms()?;
        let exact_ms = server.exact_p99_ms(began)?;
        eprintln!("{name}: p99 {p99_ms:.2} ms of exactly {exact_ms:.2} ms");
        anyhow::Ok(error_percent(p99_ms, exact_ms))
    };
    let error = measured("ours", &|| {
        let told = ours("stalling", &server.url())?;
        let p99 = told.latency().and_then(|latency| latency.quantile_ms(0.99));
        p99.context("latencies")
    })?;
    let case = "p99 of a server that stands still for 100 ms each second: error";
    let mut figure = Figure::at_most(case, error, "%", ERROR_MAX_PERCENT);
    let mut others = Vec::new();
    match &peers.oha {
        Ok(oha) => {
            let theirs = measured("oha", &|| {
                let connections = STALLED_CONNECTIONS;
                let told = peer::oha_at_a_rate(oha, &server.url(), RATE, connections, STALLED_FOR)?;
                Ok(told.p99_ms)
            })?;
            figure = figure.beside("oha, corrected", theirs, "%");
        }
        Err(why) => others.push(Figure::skipped(case, &format!("oha: {why}"))),
    }
    match &peers.wrk {
        Ok(()) => {
            let theirs = measured("wrk", &|| {
                Ok(peer::wrk(&server.url(), STALLED_CONNECTIONS, STALLED_FOR)?.p99_ms)
            })?;
            let figure = Figure::aside("the same", error, "%");
            others.push(figure.beside("wrk, without a rate, corrected", theirs, "%"));
        }
        Err(why) => others.push(Figure::skipped(case, &format!("wrk: {why}"))),
    }
    comparison.add(figure);
    others.into_iter().for_each(|figure| comparison.add(figure));
    Ok(())
}

fn plain(comparison: &mut Comparison, peers: &Peers) -> anyhow::Result<()> {
    let server = Server::start("plain")?;
    let (mut our_rates, mut oha_rates, mut wrk_rates) = (Vec::new(), Vec::new(), Vec::new());
    let rate = |name: &str, answered: u64, seconds: f64| {
        eprintln!("{name}: {answered} answered in {seconds:.2} CPU s");
        answered as f64 / seconds
    };
    // By turns: what else the machine does meets all.
    for _ in 0..ROUNDS {
        let (told, seconds) = with_cpu(|| ours("plain", &server.url()))?;
        if told.errors > 0 {
            bail!(
                "found {:?} and {:?}, expected no errors",
                told.statuses,
                told.failures
            );
        }
        our_rates.push(rate("ours", told.answered, seconds));
        let url = server.url();
        if let Ok(oha) = &peers.oha {
            let plain = || peer::oha_at_most(oha, &url, PLAIN_CONNECTIONS, PLAIN_FOR);
            let (told, seconds) = with_cpu(plain)?;
            oha_rates.push(rate("oha", told.answered, seconds));
        }
        if peers.wrk.is_ok() {
            let (told, seconds) = with_cpu(|| peer::wrk(&url, PLAIN_CONNECTIONS, PLAIN_FOR))?;
            wrk_rates.push(rate("wrk", told.answered, seconds));
        }
    }
    let case = "requests for each second of the client's processor time";
    let ours = median(&mut our_rates);
    let figure = Figure::at_least(case, ours, "/s", REQUESTS_MIN);
    match &peers.oha {
        Ok(_) => {
            let theirs = median(&mut oha_rates);
            comparison.add(figure.beside("oha", theirs, "/s"));
            comparison.add(Figure::rate("the same", ours, "oha", theirs, "/s", 1.0));
        }
        Err(why) => {
            comparison.add(figure);
            comparison.add(Figure::skipped(case, &format!("oha: {why}")));
        }
    }
    comparison.add(match &peers.wrk {
        Ok(()) => {
            let theirs = median(&mut wrk_rates);
            Figure::rate_told("the same", ours, "wrk, in C", theirs, "/s")
        }
        Err(why) => Figure::skipped(case, &format!("wrk: {why}")),
    });
    Ok(())
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// What a client process says, and its processor time in seconds.
fn with_cpu<T>(client: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let before = cpu::of_children()?;
    let told = client()?;
    Ok((told, (cpu::of_children()? - before).as_secs_f64()))
}

/// What our client says, as a process of its own.
fn ours(kind: &str, url: &str) -> anyhow::Result<Document> {
    let own = env::current_exe().context("where this program is")?;
    let output = output(Command::new(own).args(["drive", kind, url]))?;
    Ok(Document::from_json(&output)?)
}

/// What a command prints.
fn output(command: &mut Command) -> anyhow::Result<String> {
    let ended = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let ended = ended.with_context(|| format!("{command:?}"))?;
    if !ended.status.success() {
        bail!("{command:?}: found {}, expected success", ended.status);
    }
    String::from_utf8(ended.stdout).with_context(|| format!("{command:?}"))
}

/// Our client.
#[expect(clippy::print_stdout, reason = "what a client process says")]
fn drive(kind: &str, url: &str) -> anyhow::Result<()> {
    let (pace, connections) = match kind {
        "stalling" => {
            let stage = Stage::new(STALLED_FOR, RATE, RATE)?;
            let schedule = Schedule::new(vec![stage], Arrivals::Constant)?;
            (Pace::Open(schedule), STALLED_CONNECTIONS)
        }
        "plain" => (Pace::Closed(PLAIN_FOR), PLAIN_CONNECTIONS),
        _ => bail!("found {kind:?}, expected stalling or plain"),
    };
    let plan = Plan {
        target: url.parse()?,
        request: Request::new("GET", &[], Bytes::new())?,
        protocol: Protocol::Http1,
        pace,
        connections,
        streams: connections,
        in_flight: 10_000,
        threads: None,
        timeout: Duration::from_secs(10),
        roots: None,
    };
    let (told, _) = load::run(plan, &mut |_| ControlFlow::Continue(()))?;
    print!("{}", told.to_json());
    Ok(())
}
