//! The load generator against oha: what it reads of a server that stands still, and what a request costs it.
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

fn compare() -> anyhow::Result<ExitCode> {
    let mut comparison = Comparison::default();
    let oha = peers::cargo("oha");
    stalled(&mut comparison, &oha)?;
    plain(&mut comparison, &oha)?;
    Ok(comparison.finish())
}

/// How far a percentile is from the exact one.
fn error_percent(found: f64, exact: f64) -> f64 {
    (found / exact - 1.0).abs() * 100.0
}

fn stalled(comparison: &mut Comparison, oha: &Result<PathBuf, String>) -> anyhow::Result<()> {
    let server = Server::start("stalling")?;
    let (p99, exact) = {
        let began = Instant::now();
        let told = ours("stalling", &server.url())?;
        let p99 = told.latency().and_then(|latency| latency.quantile_ms(0.99));
        (p99.context("latencies")?, server.exact_p99_ms(began)?)
    };
    eprintln!("ours: p99 {p99:.2} ms of exactly {exact:.2} ms");
    let case = "p99 of a server that stands still for 100 ms each second: error";
    let mut figure = Figure::at_most(case, error_percent(p99, exact), "%", ERROR_MAX_PERCENT);
    match oha {
        Ok(oha) => {
            let began = Instant::now();
            let told = peer::stalled(oha, &server.url(), RATE, STALLED_CONNECTIONS, STALLED_FOR)?;
            let exact = server.exact_p99_ms(began)?;
            eprintln!("oha: p99 {:.2} ms of exactly {exact:.2} ms", told.p99_ms);
            figure = figure.beside("oha, corrected", error_percent(told.p99_ms, exact), "%");
            comparison.add(figure);
        }
        Err(why) => {
            comparison.add(figure);
            comparison.add(Figure::skipped(case, &format!("oha: {why}")));
        }
    }
    Ok(())
}

fn plain(comparison: &mut Comparison, oha: &Result<PathBuf, String>) -> anyhow::Result<()> {
    let server = Server::start("plain")?;
    let (mut our_rates, mut their_rates) = (Vec::new(), Vec::new());
    // By turns: what else the machine does meets both.
    for _ in 0..ROUNDS {
        let (told, seconds) = with_cpu(|| ours("plain", &server.url()))?;
        if told.errors > 0 {
            bail!(
                "found {:?} and {:?}, expected no errors",
                told.statuses,
                told.failures
            );
        }
        our_rates.push(told.answered as f64 / seconds);
        eprintln!("ours: {} answered in {seconds:.2} CPU s", told.answered);
        if let Ok(oha) = oha {
            let plain = || peer::plain(oha, &server.url(), PLAIN_CONNECTIONS, PLAIN_FOR);
            let (told, seconds) = with_cpu(plain)?;
            their_rates.push(told.answered as f64 / seconds);
            eprintln!("oha: {} answered in {seconds:.2} CPU s", told.answered);
        }
    }
    let case = "requests for each second of the client's processor time";
    let (ours, theirs) = (median(&mut our_rates), median(&mut their_rates));
    let figure = Figure::at_least(case, ours, "/s", REQUESTS_MIN);
    match oha {
        Ok(_) => {
            comparison.add(figure.beside("oha", theirs, "/s"));
            comparison.add(Figure::rate("the same", ours, "oha", theirs, "/s", 1.0));
        }
        Err(why) => {
            comparison.add(figure);
            comparison.add(Figure::skipped(case, &format!("oha: {why}")));
        }
    }
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
