//! The commands, one module each.

pub mod audit;
pub mod import;
pub mod predict;
pub mod report;
pub mod run;

use std::path::{Path, PathBuf};

use domain::Timestamp;
use host::WallClock;
use services::ports::Clock;

use crate::cli::ScenarioArgs;
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::run_dir::{REPORT, RunDir};
use crate::scenario::Resolved;
use crate::tell;

/// Where a run is written, unless told otherwise: `runs/<scenario>-<time>`.
fn out(args: &ScenarioArgs, resolved: &Resolved) -> PathBuf {
    args.out.clone().unwrap_or_else(|| {
        let name = &resolved.scenario.name;
        Path::new("runs").join(format!("{name}-{}", stamp(WallClock.now())))
    })
}

/// A moment as `20260923-181500`, UTC.
fn stamp(at: Timestamp) -> String {
    let text = workload::import::local_time_text(at);
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    match text.split_once('T') {
        Some((day, time)) => format!("{}-{}", digits(day), digits(time)),
        None => digits(&text),
    }
}

/// What the command ends with.
fn verdict(told: &Told, interrupted: bool) -> Exit {
    if interrupted {
        return Exit::Interrupted;
    }
    let kept = told.summary.slo.iter().all(|slo| slo.passed);
    if kept && told.summary.audit.violations_count() == 0 {
        Exit::Well
    } else {
        Exit::Failed
    }
}

/// Prints the summary, and says where the report is.
fn show(args: &ScenarioArgs, told: &Told, directory: &RunDir) -> Result<(), Failure> {
    let text = ::report::text::text(&told.summary);
    let page = directory.path().join(REPORT);
    if args.json {
        tell::print(&told.json()?)?;
        eprint!("{text}");
    } else {
        tell::print(&text)?;
    }
    eprintln!("\nreport: {}", page.display());
    Ok(())
}
