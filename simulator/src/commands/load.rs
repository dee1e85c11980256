//! `rushhour load`: load on any endpoint, by the generator of `crates/load`.

use std::ops::ControlFlow;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use ::load::limits::{
    BODY_BYTES_MAX, CONNECTIONS_MAX, IN_FLIGHT_MAX, SPAN_MAX, THREADS_MAX, TIMEOUT_MAX,
};
use ::load::{
    Arrivals, Document, Ending, Glance, Judged, Pace, Plan, Protocol, Request, Schedule, Scheme,
    Stage, Target, Threshold,
};
use bytes::Bytes;
use workload::law::parse_span;

use super::run::interrupt::Interrupt;
use super::spare_what_is_read;
use crate::cli::{ArrivalsArg, LoadArgs, LoadCommand, MergeArgs, PaceArgs, RequestArgs};
use crate::exit::{Exit, Failure};
use crate::progress::Progress;
use crate::run_dir::{check_writable, write_whole};
use crate::tell;

/// Connections of HTTP/1.1, each of which carries one request at a time.
const CONNECTIONS: usize = 64;
/// Connections of HTTP/2, each of which carries many.
const SHARED_CONNECTIONS: usize = 4;
/// Requests side by side on a connection of HTTP/2: what RFC 9113 wants servers to take at least.
const STREAMS_EACH: usize = 100;
/// The same in a closed loop, where as many are under way all the time.
const CLOSED_STREAMS_EACH: usize = 10;

/// Loads, or puts together what was measured.
///
/// # Errors
/// If an option is wrong, the target cannot be reached, or the figures cannot be written.
pub fn run(args: &LoadArgs) -> Result<Exit, Failure> {
    if let Some(LoadCommand::Merge(merged)) = &args.command {
        return merge(merged);
    }
    let thresholds = all::<Threshold>("--threshold", &args.thresholds)?;
    let plan = plan(args)?;
    if let Some(file) = &args.json {
        check_writable(file)?;
    }
    let interrupt = Interrupt::in_background()?;
    let mut progress = Progress::new(plan.pace.span(), args.quiet);
    let mut before = Glance::default();
    let mut look = |glance: &Glance| {
        // Before the start, while connections are opened, there is nothing to tell.
        if !glance.elapsed.is_zero() {
            progress.show(glance.elapsed, || line(glance, &mut before));
        }
        if interrupt.came() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let ran = ::load::run(plan, &mut look);
    progress.finish();
    let (mut document, ending) = ran.map_err(|error| match error {
        ::load::LoadError::Tls(_) => Failure::input(error),
        _ => Failure::target(error),
    })?;
    let kept = judge(&mut document, &thresholds);
    tell_of(&document, args.json.as_deref())?;
    Ok(match ending {
        Ending::Interrupted => Exit::Interrupted,
        Ending::Died(silent) => {
            let seconds = silent.as_secs();
            eprintln!(
                "rushhour: {}: found no answer for {seconds} s, expected some",
                document.target
            );
            Exit::Unreachable
        }
        Ending::Whole if kept => Exit::Well,
        Ending::Whole => Exit::Failed,
    })
}

fn merge(args: &MergeArgs) -> Result<Exit, Failure> {
    let thresholds = all::<Threshold>("--threshold", &args.thresholds)?;
    if let Some(file) = &args.json {
        spare_what_is_read("--json", file, &args.files)?;
    }
    let mut parts = Vec::new();
    for file in &args.files {
        let wrong =
            |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|error| {
            wrong(&format!(
                "cannot be read ({error}), expected a file of --json"
            ))
        })?;
        parts.push(Document::from_json(&text).map_err(|error| wrong(&error))?);
    }
    let mut document = Document::merged(&parts).map_err(Failure::input)?;
    let kept = judge(&mut document, &thresholds);
    tell_of(&document, args.json.as_deref())?;
    Ok(if kept { Exit::Well } else { Exit::Failed })
}

/// Holds every threshold against what was measured; whether all were kept.
fn judge(document: &mut Document, thresholds: &[Threshold]) -> bool {
    let verdicts = thresholds
        .iter()
        .map(|threshold| threshold.judge(document).into());
    let verdicts: Vec<Judged> = verdicts.collect();
    let kept = verdicts.iter().all(|verdict| verdict.kept);
    document.thresholds = verdicts;
    kept
}

/// The file first: whoever reads what is printed may have gone.
fn tell_of(document: &Document, json: Option<&Path>) -> Result<(), Failure> {
    if let Some(file) = json {
        write_whole(file, document.to_json().as_bytes())?;
    }
    tell::print(&::load::text(document))
}

/// How a load stands, at a rate since it was last told.
fn line(glance: &Glance, before: &mut Glance) -> String {
    let span = (glance.elapsed.saturating_sub(before.elapsed)).as_secs_f64();
    let rate = |now: u64, then: u64| {
        if span > 0.0 {
            now.saturating_sub(then) as f64 / span
        } else {
            0.0
        }
    };
    let text = format!(
        "due {:.0}/s, answered {:.0}/s | {} answered, {} failed, {} dropped, {} in flight",
        rate(glance.due, before.due),
        rate(glance.answered, before.answered),
        glance.answered,
        glance.failed,
        glance.dropped,
        glance
            .due
            .saturating_sub(glance.answered + glance.failed + glance.dropped)
    );
    *before = *glance;
    text
}

fn plan(args: &LoadArgs) -> Result<Plan, Failure> {
    let url = args.url.as_deref().unwrap_or_default();
    let target: Target = url.parse().map_err(Failure::input)?;
    if args.request.cacert.is_some() && !target.tls {
        return Err(Failure::input(format!(
            "--cacert: found it with {target}, expected https:// or grpcs://"
        )));
    }
    let request = request(&target, &args.request)?;
    let pace = pace(&args.pace)?;
    let protocol = if args.request.http2 || target.scheme == Scheme::Grpc {
        Protocol::Http2
    } else {
        Protocol::Http1
    };
    let connections = args.connections.unwrap_or(match protocol {
        Protocol::Http1 => CONNECTIONS,
        Protocol::Http2 => SHARED_CONNECTIONS,
    });
    within("--connections", connections, CONNECTIONS_MAX)?;
    if args.streams.is_some() && protocol == Protocol::Http1 {
        return Err(Failure::input(
            "--streams: found it with HTTP/1.1, expected --http2 or gRPC: a connection carries one request at a time",
        ));
    }
    let each = match pace {
        Pace::Open(_) => STREAMS_EACH,
        Pace::Closed(_) => CLOSED_STREAMS_EACH,
    };
    let streams = args.streams.unwrap_or(connections * each);
    within("--streams", streams, IN_FLIGHT_MAX)?;
    within("--in-flight", args.in_flight, IN_FLIGHT_MAX)?;
    if let Some(threads) = args.threads {
        within("--threads", threads, THREADS_MAX)?;
    }
    Ok(Plan {
        target,
        request,
        protocol,
        pace,
        connections,
        streams,
        in_flight: args.in_flight,
        threads: args.threads,
        timeout: span("--timeout", &args.request.timeout, TIMEOUT_MAX)?,
        roots: args.request.cacert.clone(),
    })
}

fn pace(args: &PaceArgs) -> Result<Pace, Failure> {
    if args.closed {
        return Ok(Pace::Closed(span("--duration", &args.duration, SPAN_MAX)?));
    }
    let arrivals = match args.arrivals {
        ArrivalsArg::Constant => Arrivals::Constant,
        ArrivalsArg::Poisson => Arrivals::Poisson { seed: args.seed },
    };
    let stages = match args.rate {
        Some(rate) => {
            let duration = span("--duration", &args.duration, SPAN_MAX)?;
            let stage = Stage::new(duration, rate, rate);
            vec![stage.map_err(|error| Failure::input(format!("--rate: {error}")))?]
        }
        None => all::<Stage>("--stage", &args.stage)?,
    };
    if stages.is_empty() {
        return Err(Failure::input(
            "found none of --rate, --stage and --closed, expected one: how fast to send",
        ));
    }
    Schedule::new(stages, arrivals)
        .map(Pace::Open)
        .map_err(Failure::input)
}

fn request(target: &Target, args: &RequestArgs) -> Result<Request, Failure> {
    let body = body(args)?;
    match (target.scheme, &args.proto) {
        (Scheme::Http, None) => {
            let by_body = if body.is_some() { "POST" } else { "GET" };
            let method = args.method.as_deref().unwrap_or(by_body).to_uppercase();
            Request::new(&method, &args.headers, body.unwrap_or_default()).map_err(Failure::input)
        }
        (Scheme::Http, Some(_)) => Err(Failure::input(format!(
            "--proto: found it with {target}, expected grpc:// or grpcs://"
        ))),
        (Scheme::Grpc, None) => Err(Failure::input(format!(
            "{target}: found no --proto, expected the .proto file that describes the method"
        ))),
        (Scheme::Grpc, Some(_)) if args.method.is_some() => Err(Failure::input(
            "--method: found it with gRPC, expected none: the URL names the method",
        )),
        (Scheme::Grpc, Some(proto)) => {
            let body = body.unwrap_or_else(|| Bytes::from_static(b"{}"));
            let json = std::str::from_utf8(&body)
                .map_err(|error| Failure::input(format!("body: found {error}, expected JSON")))?;
            ::load::grpc_request(target, proto, &args.proto_path, &args.headers, json)
                .map_err(Failure::input)
        }
    }
}

fn body(args: &RequestArgs) -> Result<Option<Bytes>, Failure> {
    let Some(file) = &args.body_file else {
        return Ok(args.body.clone().map(Bytes::from));
    };
    let wrong = |found: String| {
        let file = file.display();
        Failure::input(format!(
            "--body-file {file}: found {found}, expected a file of at most {BODY_BYTES_MAX} bytes"
        ))
    };
    let length = std::fs::metadata(file)
        .map_err(|error| wrong(error.to_string()))?
        .len();
    if length > BODY_BYTES_MAX {
        return Err(wrong(format!("{length} bytes")));
    }
    let read = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(read.into()))
}

/// Every value of an option.
fn all<T: FromStr<Err: std::fmt::Display>>(
    option: &str,
    texts: &[String],
) -> Result<Vec<T>, Failure> {
    let read = texts.iter().map(|text| text.parse());
    read.collect::<Result<_, T::Err>>()
        .map_err(|error| Failure::input(format!("{option}: {error}")))
}

fn span(option: &str, text: &str, max: Duration) -> Result<Duration, Failure> {
    let span = parse_span(text).map_err(|error| Failure::input(format!("{option}: {error}")))?;
    if span.is_zero() || span > max {
        return Err(Failure::input(format!(
            "{option}: found {text}, expected more than nothing and at most {max:?}"
        )));
    }
    Ok(span)
}

fn within(option: &str, number: usize, max: usize) -> Result<(), Failure> {
    if (1..=max).contains(&number) {
        return Ok(());
    }
    Err(Failure::input(format!(
        "{option}: found {number}, expected from 1 to {max}"
    )))
}
