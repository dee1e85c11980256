//! `rushhour study`: queueing facts with no rides in them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use report::summary::{ClockKind, Seconds, StudyFigures, StudyWait, Summary, figure};
use study::{Changes, Estimate, Figures, Kind, Part, Study};
use workload::law::parse_span;

use crate::cli::StudyArgs;
use crate::commands::run::interrupt::Interrupt;
use crate::cores::on_all_cores;
use crate::exit::{Exit, Failure};
use crate::run_dir::{self, RunDir, STUDY, SUMMARY, write_whole};
use crate::scenario::beside;
use crate::{process, tell};

/// The studies that are built in.
const BUILT_IN: [(&str, &str); 2] = [
    (
        "cold-starts",
        include_str!("../../studies/cold-starts.toml"),
    ),
    ("queueing", include_str!("../../studies/queueing.toml")),
];
/// What a reader of the figures must know.
const METHOD: &str =
    "Half-widths (±) are of 95 % intervals, from batch means of one run with Student's t.";
/// Decimals that are written: billionths, which is nanoseconds of waits.
const DECIMALS: i32 = 9;

/// Studies.
///
/// # Errors
/// If the study is wrong, or its figures cannot be written.
pub fn run(args: &StudyArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let Loaded { text, study, files } = load(args)?;
    let out = args.out.clone();
    let directory = RunDir::create(&out.unwrap_or_else(|| run_dir::fresh(&study.name)))?;
    let interrupt = Interrupt::in_background()?;
    let figures = figures_of(&study, args.quiet, &interrupt);
    let mut summary = Summary::new(&study.name, study.seed, "twin", ClockKind::Virtual);
    summary.git_commit = option_env!("RUSHHOUR_GIT_COMMIT").map(str::to_owned);
    summary.notes.push(METHOD.to_owned());
    if interrupt.came() {
        let (found, all) = (figures.len(), study.parts.len());
        summary.notes.push(format!(
            "The study was interrupted: {found} of {all} parts were studied."
        ));
    }
    let told = figures
        .iter()
        .map(|(name, found)| (name.clone(), tell_of(found)));
    summary.study = Some(told.collect());
    let longest = study.parts.values().map(|part| part.span().duration).max();
    summary.seconds = Seconds {
        simulated: longest.unwrap_or_default().as_secs_f64(),
        wall: began.elapsed().as_secs_f64(),
        cpu: process::cpu_seconds().unwrap_or(0.0),
    };
    summary.peak_rss_bytes = process::peak_rss_bytes();
    directory.write(STUDY, replayable(args, &study, &text).as_bytes())?;
    for (named, text) in &files {
        keep(&directory, named, text)?;
    }
    directory.write(SUMMARY, summary.to_json().as_bytes())?;
    show(args, &summary, &directory)?;
    if interrupt.came() {
        return Ok(Exit::Interrupted);
    }
    let unstable = figures.values().any(|found| found.unstable.is_some());
    Ok(if unstable { Exit::Failed } else { Exit::Well })
}

/// A study that was read.
struct Loaded {
    /// As it stands.
    text: String,
    /// As the options change it.
    study: Study,
    /// The files that it names, and what is in them.
    files: BTreeMap<String, String>,
}

fn load(args: &StudyArgs) -> Result<Loaded, Failure> {
    let duration = args.duration.as_deref().map(parse_span).transpose();
    let duration = duration.map_err(|error| Failure::input(format!("--duration: {error}")))?;
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == args.file);
    let (origin, text) = match built_in {
        Some((_, text)) => (None, (*text).to_owned()),
        None => (Some(Path::new(&args.file)), read(&args.file)?),
    };
    let seen = RefCell::new(BTreeMap::new());
    let files = |named: &str| {
        let path: PathBuf = beside(origin, Path::new(named));
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        seen.borrow_mut().insert(named.to_owned(), text.clone());
        Ok(text)
    };
    let changes = Changes {
        duration,
        sets: args.sets.clone(),
    };
    let mut study = Study::parse(&args.file, &text, &changes, &files).map_err(Failure::input)?;
    study.seed = args.seed.unwrap_or(study.seed);
    let files = seen.into_inner();
    Ok(Loaded { text, study, files })
}

/// Keeps a file beside the study that names it from there, so that the study can be read where it is left. One that is
/// named from the root on is found where it was; one from above the study's folder is not kept, for it would not lie in
/// this one.
fn keep(directory: &RunDir, named: &str, text: &str) -> Result<(), Failure> {
    let path = Path::new(named);
    let is_below = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.components().all(is_below) {
        return Ok(());
    }
    let whole = directory.path().join(path);
    if let Some(folder) = whole.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            let folder = folder.display();
            Failure::target(format!(
                "{folder}: cannot be made ({error}), expected a writable directory"
            ))
        })?;
    }
    write_whole(&whole, text.as_bytes())
}

fn read(file: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| {
        let known = BUILT_IN.map(|(name, _)| name).join(", ");
        Failure::input(format!(
            "{file}: cannot be read ({error}), expected a study file or one of {known}"
        ))
    })
}

/// The file, with a word on the options that changed it.
fn replayable(args: &StudyArgs, study: &Study, text: &str) -> String {
    let duration = args.duration.as_ref();
    let duration = duration.map_or(String::new(), |span| format!(" --duration {span}"));
    let sets = args.sets.iter().map(|set| format!(" --set '{set}'"));
    let options = sets.fold(duration, |options, set| options + &set);
    let options = options.replace(char::is_control, " ");
    let seed = study.seed;
    format!("# Replayed by: rushhour study {STUDY} --seed {seed}{options}\n{text}")
}

/// Parts know nothing of each other, so that each core takes the next one. What is interrupted is left out.
fn figures_of(study: &Study, quiet: bool, interrupt: &Interrupt) -> BTreeMap<String, Figures> {
    let parts: Vec<(&String, &Part)> = study.parts.iter().collect();
    let done = AtomicUsize::new(0);
    let studied = on_all_cores(&parts, |(name, part)| {
        let figures = part.run_unless(name, study.seed, &|| interrupt.came())?;
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if !quiet {
            eprintln!("studied {done} of {}: {name}", parts.len());
        }
        Some(((*name).clone(), figures))
    });
    studied.into_iter().flatten().collect()
}

fn show(args: &StudyArgs, summary: &Summary, directory: &RunDir) -> Result<(), Failure> {
    let text = report::study::text(summary);
    if args.json {
        tell::print(&summary.to_json())?;
        eprint!("{text}");
    } else {
        tell::print(&text)?;
    }
    eprintln!("\nsummary: {}", directory.path().join(SUMMARY).display());
    Ok(())
}

/// Figures as the summary has them.
fn tell_of(found: &Figures) -> StudyFigures {
    let value = |estimate: Option<Estimate>| figure(estimate?.value, DECIMALS);
    let ci95 = |estimate: Option<Estimate>| figure(estimate?.ci95, DECIMALS);
    let wait = found.wait_s;
    let (mean, p50, p99) = (
        wait.map(|wait| wait.mean),
        wait.map(|wait| wait.p50),
        wait.map(|wait| wait.p99),
    );
    let kind = match found.kind {
        Kind::Function => "function",
        Kind::Service => "service",
        Kind::Queue => "queue",
    };
    let note = found.unstable.map(|unstable| {
        format!(
            "unstable: found a load of {:.4}, expected less than 1; the queue grows for ever and has no mean",
            unstable.load
        )
    });
    StudyFigures {
        kind: kind.to_owned(),
        unstable: found.unstable.is_some(),
        note,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "arrivals were counted"
        )]
        arrivals: found.arrivals.map(|arrivals| arrivals.value.round() as u64),
        arrivals_ci95: ci95(found.arrivals),
        cold_start_probability: value(found.cold_start_probability),
        cold_start_probability_ci95: ci95(found.cold_start_probability),
        rejected_probability: value(found.rejected_probability),
        rejected_probability_ci95: ci95(found.rejected_probability),
        wait_probability: value(found.wait_probability),
        wait_probability_ci95: ci95(found.wait_probability),
        wait_s: StudyWait {
            mean: value(mean),
            mean_ci95: ci95(mean),
            p50: value(p50),
            p50_ci95: ci95(p50),
            p99: value(p99),
            p99_ci95: ci95(p99),
        },
        instances_mean: value(found.instances_mean),
        instances_mean_ci95: ci95(found.instances_mean),
        busy_mean: value(found.busy_mean),
        busy_mean_ci95: ci95(found.busy_mean),
        idle_mean: value(found.idle_mean),
        idle_mean_ci95: ci95(found.idle_mean),
        batch_mean: value(found.batch_mean),
        batch_mean_ci95: ci95(found.batch_mean),
        batches_per_s: value(found.batches_per_s),
        batches_per_s_ci95: ci95(found.batches_per_s),
    }
}
