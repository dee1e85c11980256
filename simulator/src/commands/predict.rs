//! `rushhour predict`: a scenario in virtual time on the modelled cloud.

mod sweep;

use report::replicas::{Figures, replicas};

use crate::cli::PredictArgs;
use crate::commands::run::interrupt::Interrupt;
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::predict::predict;
use crate::replicas::{Batch, Job, seeds};
use crate::scenario::{self, Resolved, Source};
use crate::target::template;

/// Predicts.
///
/// # Errors
/// If the scenario or the cloud profile is wrong, or what was predicted cannot be written.
pub fn run(args: &PredictArgs) -> Result<Exit, Failure> {
    let mut sets = template::sets(&args.sized)?;
    sets.extend(args.driven.sets());
    if !args.as_run {
        sets.push("speedup=1.0".to_owned());
    }
    if !args.sweep.is_empty() {
        return sweep::run(args, &sets);
    }
    let source = scenario::read(args.driven.scenario.as_deref(), &sets).map_err(Failure::input)?;
    let seeds = seeds(source.scenario.seed, args.replicas)?;
    let resolved = source.resolve().map_err(Failure::input)?;
    let profile = super::checked(&source.scenario)?;
    let directory = super::directory(&args.driven, &resolved)?;
    let interrupt = Interrupt::in_background()?;
    let told = if seeds.len() > 1 {
        let batch = Batch {
            profile: &profile,
            quiet: args.driven.quiet,
            interrupt: &interrupt,
        };
        over_seeds(&batch, &source, &seeds)?
    } else {
        predict(&resolved, &profile, args.driven.quiet, &|| interrupt.came())?.0
    };
    told.write(&directory, &resolved)?;
    super::show(&args.driven, &told, &directory)?;
    Ok(super::verdict(&told, interrupt.came()))
}

/// The jobs of a scenario under several seeds.
fn jobs(name: &str, source: &Source, seeds: &[u64]) -> Vec<Job> {
    let job = |seed: &u64| {
        let mut source = source.clone();
        source.scenario.seed = *seed;
        Job {
            name: format!("{name}, seed {seed}"),
            source,
        }
    };
    seeds.iter().map(job).collect()
}

/// The first seed's prediction, with the figures over all.
fn over_seeds(batch: &Batch<'_>, source: &Source, seeds: &[u64]) -> Result<Told, Failure> {
    let first = seeds.first().copied();
    let keep = |_: &Job, resolved: &Resolved, told: Told| {
        let figures = Figures::of(&told.summary);
        // A day's trips are large: of the others only the figures are kept.
        Ok((
            (Some(resolved.scenario.seed) == first).then_some(told),
            figures,
        ))
    };
    let kept = batch.each(&jobs(&source.scenario.name, source, seeds), keep)?;
    let (told, figures): (Vec<Option<Told>>, Vec<Figures>) = kept.into_iter().unzip();
    let mut told = told
        .into_iter()
        .flatten()
        .next()
        .expect("the first seed was predicted");
    told.summary.replicas = Some(replicas(&figures));
    Ok(told)
}
