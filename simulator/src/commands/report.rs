//! `rushhour report`: a run's report again, or the difference of two runs.

use report::html::{ReportInput, render, render_diff};

use crate::cli::ReportArgs;
use crate::exit::{Exit, Failure};
use crate::run_dir::{DIFFERENCE, REPORT, RunDir};
use crate::tell;

/// Renders.
///
/// # Errors
/// If a directory holds no run, or the page cannot be written.
pub fn run(args: &ReportArgs) -> Result<Exit, Failure> {
    let directory = RunDir::open(&args.run)?;
    let summary = directory.summary()?;
    let Some(against) = &args.against else {
        // A study has no rides, and so no page.
        let is_study = summary.study.is_some();
        if !is_study {
            directory.write(REPORT, page(&directory)?.as_bytes())?;
        }
        if args.json {
            tell::print(&json(&summary)?)?;
        } else if is_study {
            tell::print(&report::study::text(&summary))?;
        } else {
            tell::print(&report::text::text(&summary))?;
        }
        if is_study {
            return Ok(Exit::Well);
        }
        eprintln!("{}", directory.path().join(REPORT).display());
        return Ok(Exit::Well);
    };
    let before = RunDir::open(against)?.summary()?;
    if before.study.is_some() || summary.study.is_some() {
        let study = if summary.study.is_some() {
            &args.run
        } else {
            against
        };
        return Err(Failure::input(format!(
            "{}: found a study, expected a run: the difference of two runs is that of their rides",
            study.display()
        )));
    }
    directory.write(DIFFERENCE, render_diff(&before, &summary).as_bytes())?;
    if args.json {
        let differences: Vec<serde_json::Value> = report::diff::diff(&before, &summary)
            .iter()
            .map(|difference| {
                serde_json::json!({
                    "group": difference.group,
                    "name": difference.name,
                    "before": difference.before,
                    "after": difference.after,
                    "change": difference.change(),
                    "verdict": difference.verdict.word(),
                })
            })
            .collect();
        tell::print(&json(&differences)?)?;
    } else {
        tell::print(&report::diff::diff_text(&before, &summary))?;
    }
    eprintln!("{}", directory.path().join(DIFFERENCE).display());
    Ok(Exit::Well)
}

fn json(told: &impl serde::Serialize) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(told).map_err(Failure::target)?;
    Ok(json + "\n")
}

/// The page of a run, from its files.
fn page(directory: &RunDir) -> Result<String, Failure> {
    let (summary, timeline, latencies) = (
        directory.summary()?,
        directory.timeline()?,
        directory.latencies()?,
    );
    let rows = directory.trips()?;
    Ok(render(&ReportInput {
        summary: &summary,
        timeline: &timeline,
        latencies: &latencies,
        rows: &rows,
    }))
}
