//! What a load will send and about what it will cost, by the digital twin; and the question.

use std::io::{BufRead, IsTerminal, Write};

use deployed::Outputs;

use crate::exit::Failure;
use crate::predict::predict;
use crate::scenario::Resolved;
use crate::target::twin;

pub(super) fn agree(outputs: &Outputs, resolved: &Resolved, yes: bool) -> Result<(), Failure> {
    let profile = twin::profile(&resolved.scenario)?;
    let (told, _) = predict(resolved, &profile, true, &|| false)?;
    let summary = &told.summary;
    let seconds = resolved
        .world
        .pace
        .in_run(resolved.scenario.duration.0)
        .as_secs_f64();
    let requests: u64 = ["quote", "request", "read", "cancel"]
        .iter()
        .filter_map(|step| summary.latency_ms.get(*step))
        .map(|figures| figures.count)
        .sum();
    let cost = summary.cost_usd.as_ref().map_or(0.0, |cost| cost.total);
    eprintln!(
        "{} against {} and {}: about {} riders in {seconds:.0} s, {requests} HTTP requests, {} pings; about ${cost:.2} \
         by prediction, the reading of whole tables afterwards aside",
        resolved.scenario.name,
        outputs.api_url,
        outputs.tracker_url,
        summary.load.offered,
        summary.load.pings,
    );
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::input(
            "--target aws: found nobody to ask whether to go on, expected a terminal, or --yes",
        ));
    }
    eprint!("go on? [y/N] ");
    // Standard error is not buffered; if it is gone there is nobody to ask.
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Failure::input(
            "--target aws: found no yes, and sent nothing",
        )),
    }
}
