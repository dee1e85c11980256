//! `rushhour compare`: the same scenario in virtual time with its parts on Lambda, in containers and mixed.

mod templates;

use std::collections::BTreeMap;

use report::compare::{BreakEven, Comparison, SCHEMA};
use report::replicas::{Figures, Replicas, paired, replicas};
use report::summary::Summary;

use crate::cli::CompareArgs;
use crate::commands::run::interrupt::Interrupt;
use crate::compare::placements::{self, Named};
use crate::compare::rates::{self, Points};
use crate::compare::sizing::{self, Busy};
use crate::exit::{Exit, Failure};
use crate::outcome::Told;
use crate::replicas::{Batch, Job, interrupted, seeds};
use crate::run_dir::{COMPARE, COMPARE_PAGE, RunDir};
use crate::scenario::{self, Source};
use crate::target::template;
use crate::{run_dir, tell};

/// What a reader of the table must know.
const METHOD: &str = "Every placement has the same riders, drivers, places, times and choices. On Lambda alone, positions are in a table and \
    drivers have no stream: each ping is a request, and an offer comes with the answer to the next one. In containers alone, riders' \
    requests come to a load balancer, and services receive from the queues themselves.";

/// Compares.
///
/// # Errors
/// If the scenario, a placement or the cloud profile is wrong, or what was predicted cannot be written.
pub fn run(args: &CompareArgs) -> Result<Exit, Failure> {
    if let (Some(after), Some(before)) = (&args.sized.template, &args.against) {
        return templates::run(args, before, after);
    }
    let mut sets = template::sets(&args.sized)?;
    sets.extend(args.driven.sets());
    sets.push("speedup=1.0".to_owned());
    let source = scenario::read(args.driven.scenario.as_deref(), &sets).map_err(Failure::input)?;
    let named = placements::parse(&args.placements, &source.scenario.placement)?;
    let seeds = seeds(source.scenario.seed, args.replicas)?;
    // What is wrong with the scenario is said before anything is made.
    source.resolve().map_err(Failure::input)?;
    let profile = super::checked(&source.scenario)?;
    let out = args.driven.out.clone();
    let fresh = || run_dir::fresh(&format!("{}-compare", source.scenario.name));
    let directory = RunDir::create(&out.unwrap_or_else(fresh))?;
    directory.holds_no(COMPARE)?;
    let interrupt = Interrupt::in_background()?;
    let course = Course {
        source,
        named,
        seeds,
        directory,
        batch: Batch {
            profile: &profile,
            quiet: args.driven.quiet,
            interrupt: &interrupt,
        },
    };
    let comparison = course.compare()?;
    let json = comparison.to_json();
    course.directory.write(
        COMPARE_PAGE,
        report::html::render_compare(&comparison).as_bytes(),
    )?;
    course.directory.write(COMPARE, json.as_bytes())?;
    let text = report::compare::text(&comparison);
    if args.driven.json {
        tell::print(&json)?;
        eprint!("{text}");
    } else {
        tell::print(&text)?;
    }
    eprintln!(
        "\nreport: {}",
        course.directory.path().join(COMPARE_PAGE).display()
    );
    let passed = comparison.placements.values().all(Summary::passed);
    Ok(super::verdict(passed, interrupt.came()))
}

/// A comparison under way.
struct Course<'a> {
    source: Source,
    named: Vec<Named>,
    seeds: Vec<u64>,
    directory: RunDir,
    batch: Batch<'a>,
}

/// All of them, or that the command was interrupted.
fn whole<R>(made: Vec<Option<R>>) -> Result<Vec<R>, Failure> {
    let all = made.len();
    let made: Vec<R> = made.into_iter().flatten().collect();
    if made.len() < all {
        return Err(interrupted(made.len(), all));
    }
    Ok(made)
}

/// A placement with all its replicas.
struct Compared {
    summary: Summary,
    figures: Vec<Figures>,
    parts: BTreeMap<String, String>,
}

impl Course<'_> {
    fn compare(&self) -> Result<Comparison, Failure> {
        let busy = self.busy()?;
        let compared = self.placements(&busy)?;
        let first = &compared[0];
        let rides_per_hour = self.rides_per_hour(&first.summary);
        let (break_even, left_out) = self.break_even(&busy, rides_per_hour)?;
        let mut notes = vec![METHOD.to_owned()];
        notes.extend(first.summary.notes.iter().cloned());
        if busy.iter().any(|busy| *busy != Busy::default()) {
            notes.push(sizing::note());
        }
        notes.extend(left_out);
        let others = || self.named.iter().zip(&compared).skip(1);
        let differences: BTreeMap<String, Replicas> = others()
            .map(|(named, other)| (named.name.clone(), paired(&other.figures, &first.figures)))
            .collect();
        let by_name = || self.named.iter().map(|named| named.name.clone());
        Ok(Comparison {
            schema: SCHEMA.to_owned(),
            scenario: self.source.scenario.name.clone(),
            seed: self.seeds[0],
            order: by_name().collect(),
            differences: (self.seeds.len() > 1).then_some(differences),
            parts: by_name()
                .zip(compared.iter().map(|one| one.parts.clone()))
                .collect(),
            placements: by_name()
                .zip(compared.into_iter().map(|one| one.summary))
                .collect(),
            break_even,
            notes,
        })
    }

    /// How busy the parts are whose size the scenario does not say, by placement.
    fn busy(&self) -> Result<Vec<Busy>, Failure> {
        let scenario = &self.source.scenario;
        let mut jobs = Vec::new();
        for named in &self.named {
            if let Some(probe) = sizing::probe(scenario, named) {
                jobs.push(self.job(format!("{}, sizes", named.name), probe));
            }
        }
        let probed = self.batch.each(&jobs, |_, _, told| Ok(told.summary))?;
        let mut probed = whole(probed)?.into_iter();
        let of = |named: &Named| match sizing::probe(scenario, named) {
            Some(_) => probed
                .next()
                .map_or_else(Busy::default, |probed| Busy::of(scenario, named, &probed)),
            None => Busy::default(),
        };
        Ok(self.named.iter().map(of).collect())
    }

    fn job(&self, name: String, scenario: scenario::Scenario) -> Job {
        let mut source = self.source.clone();
        source.scenario = scenario;
        Job { name, source }
    }

    /// Every placement under every seed; the first seed's leaves its directory.
    fn placements(&self, busy: &[Busy]) -> Result<Vec<Compared>, Failure> {
        let mut jobs = Vec::new();
        for (named, busy) in self.named.iter().zip(busy) {
            for seed in &self.seeds {
                let mut scenario = self.source.scenario.clone();
                busy.place(&mut scenario, named, 1.0);
                scenario.seed = *seed;
                jobs.push(self.job(format!("{}, seed {seed}", named.name), scenario));
            }
        }
        let told = self.batch.each(&jobs, |job, _, told| {
            let figures = Figures::of(&told.summary);
            // Of the other seeds only the figures are kept: trips are many.
            let is_first = job.source.scenario.seed == self.seeds[0];
            Ok((figures, is_first.then_some(told)))
        });
        let mut told = whole(told?)?.into_iter();
        let mut compared = Vec::new();
        for (named, jobs) in self.named.iter().zip(jobs.chunks(self.seeds.len())) {
            let of_it = told.by_ref().take(jobs.len());
            let (figures, firsts): (Vec<Figures>, Vec<Option<Told>>) = of_it.unzip();
            let first = firsts.into_iter().flatten().next();
            let mut first = first.expect("a placement has a first seed");
            if self.seeds.len() > 1 {
                first.summary.replicas = Some(replicas(&figures));
            }
            let folder = RunDir::create(&self.directory.path().join(&named.name))?;
            let resolved = jobs[0].source.resolve().map_err(Failure::input)?;
            first.write(&folder, &resolved)?;
            compared.push(Compared {
                summary: first.summary,
                figures,
                parts: sizing::parts(&jobs[0].source.scenario),
            });
        }
        Ok(compared)
    }

    /// Rides asked for in an hour of what was counted, by which it is judged how long a point takes.
    fn rides_per_hour(&self, summary: &Summary) -> f64 {
        let scenario = &self.source.scenario;
        let counted = scenario.duration.0.saturating_sub(scenario.warmup.0);
        summary.load.offered as f64 / (counted.as_secs_f64() / 3_600.0)
    }

    /// What every placement costs at other rates, those of the scenario's first hour; and what was not looked at.
    fn break_even(
        &self,
        busy: &[Busy],
        rides_per_hour: f64,
    ) -> Result<(BreakEven, Option<String>), Failure> {
        let scenario = &self.source.scenario;
        let resolve = |point| self.job(String::new(), point).source.resolve().ok();
        let Points {
            factors,
            rides_per_hour: at_rates,
            note,
        } = Points::of(scenario, rides_per_hour, resolve);
        let nothing = || BreakEven::of(Vec::new(), Vec::new(), &[]);
        if factors.is_empty() {
            return Ok((nothing(), note));
        }
        let mut jobs = Vec::new();
        // The longest first, so that no core is left with it at the end.
        for (factor, rate) in factors.iter().zip(&at_rates).rev() {
            for (named, busy) in self.named.iter().zip(busy) {
                let mut point = rates::at(scenario, *factor, rides_per_hour);
                busy.place(&mut point, named, *factor);
                let name = format!("{} at {rate:.0} rides an hour", named.name);
                jobs.push(self.job(name, point));
            }
        }
        let costs = self.batch.each(&jobs, |_, _, told| {
            let cost = told.summary.cost_usd.as_ref();
            Ok(cost
                .and_then(|cost| cost.per_month_at_this_load)
                .unwrap_or(0.0))
        })?;
        let Ok(costs) = whole(costs) else {
            let note = "The command was interrupted: break-even was not looked for to the end, and is not told.";
            return Ok((nothing(), Some(note.to_owned())));
        };
        let curve = |index: usize| -> Vec<f64> {
            let of = costs.iter().skip(index).step_by(self.named.len());
            of.rev().copied().collect()
        };
        let named = self.named.iter().enumerate();
        let curves: Vec<(String, Vec<f64>)> = named
            .map(|(index, named)| (named.name.clone(), curve(index)))
            .collect();
        let drivers = |factor: &f64| rates::drivers(&rates::at(scenario, *factor, rides_per_hour));
        let found = BreakEven::of(at_rates, factors.iter().map(drivers).collect(), &curves);
        Ok((found, note))
    }
}
