//! `rushhour predict`: a scenario in virtual time on the modelled cloud.

use crate::cli::PredictArgs;
use crate::commands::run::interrupt::Interrupt;
use crate::exit::{Exit, Failure};
use crate::predict::predict;
use crate::scenario;
use crate::target::twin;

/// Predicts.
///
/// # Errors
/// If the scenario or the cloud profile is wrong, or what was predicted cannot be written.
pub fn run(args: &PredictArgs) -> Result<Exit, Failure> {
    let mut sets = args.driven.sets();
    if !args.as_run {
        sets.push("speedup=1.0".to_owned());
    }
    let resolved =
        scenario::load(args.driven.scenario.as_deref(), &sets).map_err(Failure::input)?;
    for name in resolved.scenario.slo.keys() {
        report::slo::known(name).map_err(Failure::input)?;
    }
    let profile = twin::profile(&resolved.scenario)?;
    let directory = super::directory(&args.driven, &resolved)?;
    let interrupt = Interrupt::in_background()?;
    let (told, interrupted) = predict(&resolved, &profile, args.driven.quiet, &|| interrupt.came())?;
    told.write(&directory, &resolved)?;
    super::show(&args.driven, &told, &directory)?;
    Ok(super::verdict(&told, interrupted))
}
