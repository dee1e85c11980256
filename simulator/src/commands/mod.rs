//! The commands, one module each.

pub mod audit;
pub mod calibrate;
pub mod compare;
pub mod import;
pub mod issuer;
pub mod load;
pub mod market;
pub mod predict;
pub mod report;
pub mod run;
pub mod study;
pub mod validate;

use std::path::{Path, PathBuf};

use cloud::profile::Profile;

use crate::cli::ScenarioArgs;
use crate::exit::{Exit, Failure};
use crate::outcome::{Told, costs};
use crate::run_dir::{self, REPORT, RunDir};
use crate::scenario::{Resolved, Scenario};
use crate::target::twin;
use crate::tell;

/// The directory of a run: as told, or `runs/<scenario>-<time>`.
fn directory(args: &ScenarioArgs, resolved: &Resolved) -> Result<RunDir, Failure> {
    let told = args.out.clone();
    RunDir::create(&told.unwrap_or_else(|| run_dir::fresh(&resolved.scenario.name)))
}

/// The profile of a scenario whose prices are seen to be known.
fn checked(scenario: &Scenario) -> Result<Profile, Failure> {
    costs::prices(scenario)?;
    twin::profile(scenario)
}

/// What is read is not written over.
fn spare_what_is_read(option: &str, output: &Path, files: &[PathBuf]) -> Result<(), Failure> {
    let Ok(output) = output.canonicalize() else {
        return Ok(());
    };
    let is_output = |file: &&PathBuf| file.canonicalize().is_ok_and(|file| file == output);
    match files.iter().find(is_output) {
        None => Ok(()),
        Some(file) => Err(Failure::input(format!(
            "{option}: found {}, which is read, expected another file",
            file.display()
        ))),
    }
}

/// What the command ends with.
fn verdict(passed: bool, interrupted: bool) -> Exit {
    if interrupted {
        return Exit::Interrupted;
    }
    if passed { Exit::Well } else { Exit::Failed }
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
