//! `cargo xtask bench`: ours against what an engineer would otherwise pick. Each benchmark is a binary of `benches`,
//! which prints its table and ends with 1 where it misses a target.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::{machine, page};

/// The page that the tables are written to.
const PAGE: &str = "docs/performance.md";

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these benchmarks.
    #[arg(value_enum)]
    only: Vec<Benchmark>,
    /// Write the tables into docs/performance.md.
    #[arg(long)]
    write: bool,
}

/// A binary of `benches`, and its section of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Benchmark {
    /// The fleet's index within a process, against rstar, kiddo and a bare grid.
    Index,
    /// The fleet tracker over the wire, against Redis.
    Tracker,
    /// The assignment kernel, against LEMON, scipy and lapjv.
    Assignment,
    /// Ways along streets, against Dijkstra's algorithm.
    Routing,
    /// The load generator, against oha and wrk.
    Load,
}

impl Benchmark {
    fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Tracker => "tracker",
            Self::Assignment => "assignment",
            Self::Routing => "routing",
            Self::Load => "load",
        }
    }
}

/// Builds, measures one after the other, prints; whether every target is reached.
///
/// # Errors
/// If one does not build, or cannot be run.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let chosen = match &arguments.only[..] {
        [] => Benchmark::value_variants(),
        only => only,
    };
    build()?;
    let mut holds = true;
    for benchmark in chosen {
        holds &= measure(*benchmark, arguments.write)?;
    }
    Ok(holds)
}

fn build() -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(machine::root());
    cargo.args([
        "build",
        "--release",
        "--package",
        "rushhour-benches",
        "--bins",
    ]);
    let status = cargo.status().context("cargo: found no such command")?;
    anyhow::ensure!(status.success(), "cargo build of the benchmarks: {status}");
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "the tables are what the command prints"
)]
fn measure(benchmark: Benchmark, write: bool) -> anyhow::Result<bool> {
    let name = benchmark.name();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| machine::root().join("target"), PathBuf::from);
    // How busy the machine was before it was kept busy by this.
    let sentence = machine::sentence()?;
    let output = Command::new(target.join("release").join(name))
        .current_dir(machine::root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{name}: cannot be run"))?;
    let code = output.status.code();
    anyhow::ensure!(
        matches!(code, Some(0 | 1)),
        "{name}: found {}, expected it to measure",
        output.status
    );
    let text = format!("{sentence}\n\n{}", String::from_utf8_lossy(&output.stdout));
    println!("{name}\n\n{text}");
    if write {
        page::write_section(&machine::root().join(PAGE), name, &text)?;
    }
    Ok(code == Some(0))
}
