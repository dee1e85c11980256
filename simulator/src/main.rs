//! The `rushhour` command.
#![expect(
    unreachable_pub,
    reason = "in a binary `pub` marks what a module offers its siblings"
)]

mod call_log;
mod cli;
mod commands;
mod compare;
mod cores;
mod counted;
mod exit;
mod load;
mod outcome;
mod predict;
mod process;
mod progress;
mod replicas;
mod run_dir;
mod scenario;
mod target;
mod tell;
mod validation;

use std::process::ExitCode;

/// A run makes and drops many small things: this allocator takes an eighth off the time of a prediction.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use clap::Parser;
use cli::{Cli, Command};
use exit::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tell::start_log();
    let exported = host::otlp::start("rushhour").map_err(Failure::input);
    let ended = exported.and_then(|_| match &cli.command {
        Command::Run(args) => commands::run::run(args),
        Command::Predict(args) => commands::predict::run(args),
        Command::Compare(args) => commands::compare::run(args),
        Command::Study(args) => commands::study::run(args),
        Command::Calibrate(args) => commands::calibrate::run(args),
        Command::Validate(args) => commands::validate::run(args),
        Command::Market(args) => commands::market::run(args),
        Command::Issuer(args) => commands::issuer::run(args),
        Command::Load(args) => commands::load::run(args),
        Command::Import(args) => commands::import::run(args),
        Command::Audit(args) => commands::audit::run(args),
        Command::Report(args) => commands::report::run(args),
    });
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("rushhour: {}", failure.message);
            failure.exit.into()
        }
    }
}
