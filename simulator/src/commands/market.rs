//! `rushhour market`: the market of a scenario, as functions and the tracker read it.

use host::WallClock;
use services::ports::Clock;

use crate::cli::MarketArgs;
use crate::exit::{Exit, Failure};
use crate::run_dir::write_whole;
use crate::scenario::{self, market};
use crate::tell;

/// Prints it, and writes the streets that it names. A city's hours are laid on those of a run that begins now.
///
/// # Errors
/// If the scenario is wrong.
pub fn run(args: &MarketArgs) -> Result<Exit, Failure> {
    let resolved = scenario::load(args.scenario.as_deref(), &args.sets).map_err(Failure::input)?;
    let (document, streets) = market::with_streets(&resolved, WallClock.now());
    // What cannot be served is said here rather than by a function.
    document.market().map_err(Failure::input)?;
    match (streets, &args.streets) {
        (None, None) => {}
        (Some(streets), Some(file)) => write_whole(file, &streets)?,
        (Some(_), None) => {
            return Err(Failure::input(
                "city.kind: found \"road\" without --streets, expected --streets FILE: the market names streets, which \
                 functions read from there",
            ));
        }
        (None, Some(file)) => {
            return Err(Failure::input(format!(
                "--streets: found {} for a city whose ways are straight, expected it with kind = \"road\"",
                file.display()
            )));
        }
    }
    tell::print(&(document.to_json() + "\n"))?;
    Ok(Exit::Well)
}
