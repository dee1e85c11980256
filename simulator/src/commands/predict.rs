//! `rushhour predict`: a scenario in virtual time on the modelled cloud.

mod sweep;

use report::replicas::{Figures, replicas};

use crate::cli::PredictArgs;
use crate::commands::run::interrupt::Interrupt;
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::predict::predict;
use crate::replicas::{Batch, Job, interrupted, seeds};
use crate::scenario::{self, Resolved, Source};
use crate::target::template;

/// Seeds that a note names.
const NAMED_MAX: usize = 5;

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
    let (told, passed) = if seeds.len() > 1 {
        let batch = Batch {
            profile: &profile,
            quiet: args.driven.quiet,
            interrupt: &interrupt,
        };
        over_seeds(&batch, &source, &seeds)?
    } else {
        let (told, _) = predict(&resolved, &profile, args.driven.quiet, &|| interrupt.came())?;
        let passed = told.summary.passed();
        (told, passed)
    };
    told.write(&directory, &resolved)?;
    super::show(&args.driven, &told, &directory)?;
    Ok(super::verdict(passed, interrupt.came()))
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

/// The first seed's prediction, with the figures over all; and whether all kept the audit and every limit.
fn over_seeds(batch: &Batch<'_>, source: &Source, seeds: &[u64]) -> Result<(Told, bool), Failure> {
    let first = seeds.first().copied();
    let keep = |_: &Job, resolved: &Resolved, told: Told| {
        let figures = Figures::of(&told.summary);
        // A day's trips are large: of the others only the figures are kept.
        let seed = resolved.scenario.seed;
        let failed = (!told.summary.passed()).then_some(seed);
        Ok(((Some(seed) == first).then_some(told), figures, failed))
    };
    let kept = batch.each(&jobs(&source.scenario.name, source, seeds), keep)?;
    let (mut told, mut figures, mut failed) = (None, Vec::new(), Vec::new());
    for (first, found, broke) in kept.into_iter().flatten() {
        told = told.or(first);
        figures.push(found);
        failed.extend(broke);
    }
    let made = figures.len();
    let mut told = told.ok_or_else(|| interrupted(made, seeds.len()))?;
    let notes = &mut told.summary.notes;
    if made < seeds.len() {
        let all = seeds.len();
        notes.push(format!(
            "The command was interrupted: {made} of {all} seeds were predicted."
        ));
    }
    if !failed.is_empty() {
        let first: Vec<String> = failed.iter().take(NAMED_MAX).map(u64::to_string).collect();
        let (found, first) = (failed.len(), first.join(", "));
        notes.push(format!(
            "A limit or the audit was broken under {found} of {made} seeds, the first of them {first}."
        ));
    }
    told.summary.replicas = (made > 1).then(|| replicas(&figures));
    Ok((told, failed.is_empty()))
}
