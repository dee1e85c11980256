//! What the repository measures of itself: `cargo xtask --help`.

mod bench;
mod cold_start;
mod machine;
mod page;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measurements of this repository, by which its pages of figures are written.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ours against what an engineer would otherwise pick, both sides in one run.
    Bench(bench::Arguments),
    /// How long the functions take to start, as ratios to the smallest function there is.
    ColdStart(cold_start::Arguments),
}

/// 0: every limit holds; 1: one does not; 2: it could not be measured.
fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments),
        Command::ColdStart(arguments) => cold_start::run(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}
