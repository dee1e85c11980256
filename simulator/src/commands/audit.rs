//! `rushhour audit`: the invariants again, from what a run recorded.

use report::audit::{AuditInput, audit};
use report::summary::AuditFigures;

use crate::cli::AuditArgs;
use crate::exit::{Exit, Failure};
use crate::run_dir::RunDir;
use crate::tell;

/// Audits a run directory.
///
/// # Errors
/// If it is none, or a file of it cannot be read.
pub fn run(args: &AuditArgs) -> Result<Exit, Failure> {
    let directory = RunDir::open(&args.run)?;
    let (rows, evidence) = (directory.trips()?, directory.evidence()?);
    let figures = audit(&AuditInput {
        rows: &rows,
        evidence: &evidence,
    });
    if args.json {
        let json = serde_json::to_string_pretty(&figures).map_err(Failure::target)?;
        tell::print(&(json + "\n"))?;
    } else {
        tell::print(&text(&figures))?;
    }
    Ok(if figures.violations_count() == 0 {
        Exit::Well
    } else {
        Exit::Failed
    })
}

fn text(figures: &AuditFigures) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for rule in &figures.rules {
        let mark = if rule.violations == 0 {
            "held"
        } else {
            "BROKEN"
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{mark:<7}{:<28}{:>9} checked {:>6} broke it  {}",
            rule.rule, rule.checked, rule.violations, rule.sentence
        );
    }
    for violation in &figures.violations {
        let of = |what: &str, id: &Option<String>| {
            id.as_ref()
                .map(|id| format!(" {what} {id}"))
                .unwrap_or_default()
        };
        let whose = of("trip", &violation.trip) + &of("driver", &violation.driver);
        let whose = if whose.is_empty() { " the run" } else { &whose };
        let _ = writeln!(text, "{} of{whose}: {}", violation.rule, violation.detail);
    }
    let _ = writeln!(
        text,
        "{} facts checked, {} violations",
        figures.checked,
        figures.violations_count()
    );
    text
}
