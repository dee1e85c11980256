//! A run directory: written whole or not at all, and read again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use domain::Timestamp;
use host::WallClock;
use report::audit::Evidence;
use report::distill::served_share;
use report::latency::Latencies;
use report::summary::Summary;
use report::timeline::Timeline;
use report::trips::TripRow;
use services::ports::Clock;

use crate::exit::Failure;

/// Links that are followed one after the other, as the kernel does.
const LINKS_MAX: usize = 40;

/// The files of a run directory.
pub const SUMMARY: &str = "summary.json";
/// The report.
pub const REPORT: &str = "report.html";
/// The comparison of placements.
pub const COMPARE: &str = "compare.json";
/// Its page.
pub const COMPARE_PAGE: &str = "compare.html";
/// The difference of two runs.
pub const DIFFERENCE: &str = "difference.html";
/// The points of a sweep.
pub const SWEEP: &str = "sweep.csv";
/// The study that was run, as its file has it.
pub const STUDY: &str = "study.toml";
/// The scenario, with every default.
pub const SCENARIO: &str = "scenario.toml";
/// A row per trip.
pub const TRIPS: &str = "trips.parquet";
/// Mergeable histograms.
pub const LATENCIES: &str = "latency.hlog";
/// How long calls within the system took, in mergeable histograms: of live runs.
pub const CALLS: &str = "calls.hlog";
/// How what the twin predicts stands against what was measured.
pub const VALIDATION: &str = "validation.json";
/// The same as tables.
pub const VALIDATION_TABLE: &str = "validation.md";
/// The run over time.
pub const TIMELINE: &str = "timeline.json";
/// What the audit needs beside the trips.
pub const EVIDENCE: &str = "evidence.json";

/// Writes a file whole: under another name first, so that a full disk leaves no half of it. What a link leads to is
/// written, and what is no file, as a device or a pipe, is written to.
///
/// # Errors
/// If it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let whole = led_to(path);
    let known = fs::metadata(&whole).ok();
    let written = match known {
        Some(known) if !known.is_file() => fs::write(&whole, bytes),
        // A file in a folder that is not ours, or that something is mounted on, cannot be replaced.
        Some(_) => replace(&whole, bytes).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy => {
                fs::write(&whole, bytes)
            }
            _ => Err(error),
        }),
        None => replace(&whole, bytes),
    };
    written.map_err(|error| unwritable(path, &error))
}

/// Whether a file can be written, which is better seen before what it is to hold has been measured. Nothing is left of it
/// that was not there.
///
/// # Errors
/// If it cannot be.
pub fn check_writable(path: &Path) -> Result<(), Failure> {
    let whole = led_to(path);
    let is_new = fs::metadata(&whole).is_err();
    let opened = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&whole);
    opened.map_err(|error| unwritable(path, &error))?;
    if is_new {
        // Best effort: a file of nothing does no harm.
        let _ = fs::remove_file(&whole);
    }
    Ok(())
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::target(format!(
        "{}: cannot be written ({error}), expected a file that can be",
        path.display()
    ))
}

/// What a link leads to in the end, whether it is there or not; what is no link itself.
fn led_to(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(next) = fs::read_link(&at) else {
            break;
        };
        at = at.parent().unwrap_or(Path::new("")).join(next);
    }
    at
}

fn replace(whole: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    // Of its own: another process may be writing the same file.
    let partial = whole.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let written = fs::write(&partial, bytes).and_then(|()| fs::rename(&partial, whole));
    if written.is_err() {
        // Best effort: what is left is nobody's file.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Where a run of that name is written if nothing else is said: `runs/<name>-<time>`.
pub fn fresh(name: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    Path::new("runs").join(format!("{name}-{}", stamp(WallClock.now())))
}

/// A moment as `20260923-181500`, UTC.
fn stamp(at: Timestamp) -> String {
    let text = workload::import::local_time_text(at);
    let digits = |text: &str| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    match text.split_once('T') {
        Some((day, time)) => format!("{}-{}", digits(day), digits(time)),
        None => digits(&text),
    }
}

/// A run directory.
#[derive(Debug, Clone)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// A directory to write a run into: made if it is not there, and seen to be writable now rather than
    /// after the run.
    ///
    /// # Errors
    /// If it cannot be made or written to, or holds a run already.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |what: &str, error: std::io::Error| {
            Failure::target(format!(
                "{}: {what} ({error}), expected a writable directory",
                path.display()
            ))
        };
        fs::create_dir_all(path).map_err(|error| failed("cannot be made", error))?;
        if path.join(SUMMARY).exists() {
            return Err(Failure::input(format!(
                "{}: found a run there, expected an empty directory",
                path.display()
            )));
        }
        let probe = path.join(".writable");
        fs::write(&probe, b"rushhour").map_err(|error| failed("cannot be written to", error))?;
        fs::remove_file(&probe).map_err(|error| failed("cannot be written to", error))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// A directory that holds a run.
    ///
    /// # Errors
    /// If it does not.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        if path.join(SUMMARY).is_file() {
            Ok(Self {
                path: path.to_owned(),
            })
        } else {
            Err(Failure::input(format!(
                "{}: found no {SUMMARY}, expected a run directory",
                path.display()
            )))
        }
    }

    /// Sees to it that a file is not there yet.
    ///
    /// # Errors
    /// If it is.
    pub fn holds_no(&self, name: &str) -> Result<(), Failure> {
        if self.path.join(name).exists() {
            return Err(Failure::input(format!(
                "{}: found {name} there, expected an empty directory",
                self.path.display()
            )));
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the run.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        write_whole(&self.path.join(name), bytes)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let path = self.path.join(name);
        fs::read(&path).map_err(|error| {
            Failure::input(format!(
                "{}: cannot be read ({error}), expected a file of a run",
                path.display()
            ))
        })
    }

    fn read_text(&self, name: &str) -> Result<String, Failure> {
        String::from_utf8(self.read(name)?).map_err(|_| {
            Failure::input(format!(
                "{}: found bytes that are not text",
                self.path.join(name).display()
            ))
        })
    }

    fn wrong(&self, name: &str, error: impl std::fmt::Display) -> Failure {
        Failure::input(format!("{}: {error}", self.path.join(name).display()))
    }

    /// The summary. What it lacks because it was written before there was the figure is made from the trips, where these
    /// can be read.
    pub fn summary(&self) -> Result<Summary, Failure> {
        let mut summary: Summary = serde_json::from_slice(&self.read(SUMMARY)?)
            .map_err(|error| self.wrong(SUMMARY, error))?;
        let rides = &mut summary.rides;
        if rides.requested > 0
            && rides.served_share.is_none()
            && let (Ok(trips), Ok(timeline)) = (self.trips(), self.timeline())
        {
            rides.served_share = served_share(&trips, &timeline.window());
        }
        Ok(summary)
    }

    /// The trips.
    pub fn trips(&self) -> Result<Vec<TripRow>, Failure> {
        let path = self.path.join(TRIPS).display().to_string();
        report::trips::columns::read_trips(self.read(TRIPS)?, &path).map_err(Failure::input)
    }

    /// The evidence.
    pub fn evidence(&self) -> Result<Evidence, Failure> {
        Evidence::from_json(&self.read_text(EVIDENCE)?).map_err(|error| self.wrong(EVIDENCE, error))
    }

    /// The run over time.
    pub fn timeline(&self) -> Result<Timeline, Failure> {
        Timeline::from_json(&self.read_text(TIMELINE)?).map_err(|error| self.wrong(TIMELINE, error))
    }

    /// How long calls within the system took; none if the directory has no such file.
    pub fn calls(&self) -> Result<Option<Latencies>, Failure> {
        if !self.path.join(CALLS).is_file() {
            return Ok(None);
        }
        Latencies::read_hlog(&self.read(CALLS)?)
            .map(Some)
            .map_err(|error| self.wrong(CALLS, error))
    }

    /// The scenario, as it was resolved.
    pub fn scenario_path(&self) -> PathBuf {
        self.path.join(SCENARIO)
    }

    /// The histograms.
    pub fn latencies(&self) -> Result<Latencies, Failure> {
        Latencies::read_hlog(&self.read(LATENCIES)?).map_err(|error| self.wrong(LATENCIES, error))
    }
}
