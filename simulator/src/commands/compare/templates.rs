//! What a change of the deployment template does: both predicted with the same riders, drivers and choices.

use std::path::Path;

use report::diff::{diff, heading};
use report::html::render_diff;
use report::summary::{Slo, Summary};

use crate::cli::CompareArgs;
use crate::commands::run::interrupt::Interrupt;
use crate::commands::{checked, verdict};
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::replicas::{Batch, Job, interrupted};
use crate::run_dir::{DIFFERENCE, RunDir};
use crate::scenario::{self, Source};
use crate::target::template;
use crate::{run_dir, tell};

/// Figures by which a change is judged, as the difference of two runs names them: latency, rides, dollars.
const JUDGED: [&str; 6] = [
    "quote p99",
    "request p99",
    "request to offer p99",
    "driver found",
    "cost a completed ride",
    "cost a month",
];

/// Predicts under both templates and shows what changed.
///
/// # Errors
/// If the scenario, a template or the cloud profile is wrong, or what was predicted cannot be written.
pub fn run(args: &CompareArgs, before: &Path, after: &Path) -> Result<Exit, Failure> {
    if args.replicas.is_some() {
        return Err(Failure::input(
            "--replicas: found it beside --against, expected one of the two",
        ));
    }
    let jobs = [job("before", before, args)?, job("after", after, args)?];
    let scenario = &jobs[1].source.scenario;
    let profile = checked(scenario)?;
    let fresh = || run_dir::fresh(&format!("{}-template", scenario.name));
    let directory = RunDir::create(&args.driven.out.clone().unwrap_or_else(fresh))?;
    directory.holds_no(DIFFERENCE)?;
    let interrupt = Interrupt::in_background()?;
    let batch = Batch {
        profile: &profile,
        quiet: args.driven.quiet,
        interrupt: &interrupt,
    };
    let told = batch.each(&jobs, |job, resolved, told: Told| {
        let folder = RunDir::create(&directory.path().join(&job.name))?;
        told.write(&folder, resolved)?;
        Ok(told.summary)
    })?;
    let [Some(before), Some(after)] = &told[..] else {
        return Err(interrupted(told.iter().flatten().count(), told.len()));
    };
    directory.write(DIFFERENCE, render_diff(before, after).as_bytes())?;
    let text = text(before, after);
    if args.driven.json {
        let json = serde_json::to_string_pretty(after).map_err(Failure::target)?;
        tell::print(&(json + "\n"))?;
        eprint!("{text}");
    } else {
        tell::print(&text)?;
    }
    eprintln!("\nreport: {}", directory.path().join(DIFFERENCE).display());
    let broken = after
        .slo
        .iter()
        .any(|slo| fate(before, slo) == Fate::BrokenNow);
    let sound = after.audit.violations_count() == 0;
    Ok(verdict(sound && !broken, interrupt.came()))
}

/// What became of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    BrokenNow,
    Mended,
    BrokenBefore,
}

fn fate(before: &Summary, slo: &Slo) -> Fate {
    let was = before.slo.iter().find(|it| it.name == slo.name);
    match (was.is_none_or(|slo| slo.passed), slo.passed) {
        (true, true) => Fate::Kept,
        (true, false) => Fate::BrokenNow,
        (false, true) => Fate::Mended,
        (false, false) => Fate::BrokenBefore,
    }
}

fn job(name: &str, file: &Path, args: &CompareArgs) -> Result<Job, Failure> {
    let mut sets = template::of_file(file, &args.sized.parameters)?;
    sets.extend(args.driven.sets());
    sets.push("speedup=1.0".to_owned());
    let source: Source =
        scenario::read(args.driven.scenario.as_deref(), &sets).map_err(Failure::input)?;
    // What is wrong with the scenario is said before anything is made.
    source.resolve().map_err(Failure::input)?;
    Ok(Job {
        name: name.to_owned(),
        source,
    })
}

/// The figures that a change is judged by, the limits of the scenario, and which of them are kept.
fn text(before: &Summary, after: &Summary) -> String {
    let mut lines = vec![heading(&after.scenario)];
    let differences = diff(before, after);
    for name in JUDGED {
        let Some(found) = differences.iter().find(|it| it.name == name) else {
            continue;
        };
        lines.push(found.line());
    }
    for slo in &after.slo {
        let words = match fate(before, slo) {
            Fate::Kept => "kept",
            Fate::BrokenNow => "BROKEN by the change",
            Fate::Mended => "kept, was broken",
            Fate::BrokenBefore => "BROKEN, as before",
        };
        lines.push(format!("  limit {}: {words}", slo.name));
    }
    lines.join("\n") + "\n"
}
