//! `rushhour market`: the market of a scenario, as functions and the tracker read it.

use host::WallClock;
use services::ports::Clock;

use crate::cli::MarketArgs;
use crate::exit::{Exit, Failure};
use crate::scenario::{self, market};
use crate::target::embedded;
use crate::tell;

/// Prints it. A city's speeds by hour are laid on the hours of a run that begins now.
///
/// # Errors
/// If the scenario is wrong.
pub fn run(args: &MarketArgs) -> Result<Exit, Failure> {
    let resolved = scenario::load(args.scenario.as_deref(), &args.sets).map_err(Failure::input)?;
    embedded::told_in_one_line(&resolved)?;
    let document = market::document(&resolved.scenario, WallClock.now());
    // What cannot be served is said here rather than by a function.
    document.market().map_err(Failure::input)?;
    tell::print(&(document.to_json() + "\n"))?;
    Ok(Exit::Well)
}
