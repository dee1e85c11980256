//! How long the functions take to start, measured as Lambda would see it: a fake Runtime API starts each binary,
//! sees it ask for its first event, hands it one that makes it read a table over TLS, and sees the answer.
//!
//! Times depend on the machine, so the limits are ratios to the smallest function that there is on this runtime
//! (`crates/lambda/examples/smallest.rs`), started in turn with the others.

mod binaries;
mod figures;
mod runtime_api;
mod table;

use crate::{machine, page};
use binaries::SMALLEST;
use figures::Figures;
use runtime_api::{RuntimeApi, Seen};

/// Starts of each binary before any is counted: they bring the files into memory.
const WARM_UPS: usize = 3;
/// The page that the figures are written to, and its section.
const PAGE: &str = "docs/performance.md";
const SECTION: &str = "cold-start";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these functions.
    functions: Vec<String>,
    /// Starts of each binary; the medians count.
    #[arg(long, default_value_t = 41, value_parser = clap::value_parser!(u16).range(1..=1001))]
    runs: u16,
    /// Measure the binaries that are there instead of building them.
    #[arg(long)]
    no_build: bool,
    /// Write the figures into docs/performance.md.
    #[arg(long)]
    write: bool,
}

/// Builds, measures, prints; whether every limit holds.
///
/// # Errors
/// If a binary does not build, does not poll or does not answer.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let platform = machine::platform()?;
    let mut binaries = binaries::all(&platform)?;
    if !arguments.functions.is_empty() {
        let wanted =
            |name: &str| name == SMALLEST || arguments.functions.iter().any(|it| it == name);
        binaries.retain(|binary| wanted(binary.name));
    }
    if !arguments.no_build {
        for binary in &binaries {
            binary.build(&platform)?;
        }
    }
    let api = RuntimeApi::start()?;
    let mut seen: Vec<Vec<Seen>> = vec![Vec::new(); binaries.len()];
    for turn in 0..WARM_UPS + usize::from(arguments.runs) {
        for (binary, seen) in binaries.iter().zip(&mut seen) {
            let run = api.run(binary)?;
            if turn >= WARM_UPS {
                seen.push(run);
            }
        }
    }
    let figures = binaries
        .iter()
        .zip(&seen)
        .map(|(binary, seen)| Figures::of(binary, seen))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let text = format!(
        "{}\n\nBuilt as `sam build` does but for {platform}; medians of {} starts, in turn.\n\n{}",
        machine::sentence()?,
        arguments.runs,
        figures::table(&figures)
    );
    println!("{text}");
    if arguments.write {
        page::write_section(&machine::root().join(PAGE), SECTION, &text)?;
    }
    let broken = figures::broken(&figures);
    for line in &broken {
        println!("{line}");
    }
    Ok(broken.is_empty())
}
