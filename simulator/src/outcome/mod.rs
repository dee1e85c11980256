//! From what a run left to what is told of it: rows, evidence, summary, report.

pub mod costs;
mod summary;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloud::memory::Rows;
use domain::hold::Hold;
use domain::trip::Trip;
use domain::{Timestamp, TripId};
use drive::counted::Counted;
use drive::evidence::{Ended, evidence, rows, served_by};
use drive::last_look::LastLook;
use drive::recorder::Recorded;
use drive::watched::Watched;
use report::audit::{AuditInput, Evidence, audit};
use report::distill::{Bins, DriverAccount, MarketplaceInput, Window, pay_rates};
use report::html::{ReportInput, render};
use report::latency::Latencies;
use report::summary::{ClockKind, Summary};
use report::timeline::Timeline;
use report::trips::{Seen, TripRow};

use crate::cores::both;
use crate::exit::{Exit, Failure};
use crate::run_dir::{self, RunDir};
use crate::scenario::Resolved;

/// Pay rates are shown in so many bars at most.
const PAY_BINS_MAX: usize = 30;

/// What a run left.
pub struct Outcome<'a> {
    /// The scenario.
    pub resolved: &'a Resolved,
    /// What was driven.
    pub target: &'a str,
    /// Whose time the run's moments are.
    pub clock: ClockKind,
    /// When the run began.
    pub started_at: Timestamp,
    /// When riders stopped coming.
    pub until: Timestamp,
    /// When the store was read.
    pub ended_at: Timestamp,
    /// What riders and drivers saw.
    pub recorded: Recorded,
    /// What the last look found.
    pub last_look: LastLook,
    /// Trips that were under way at the start.
    pub under_way: BTreeMap<TripId, Seen>,
    /// Every trip of the store.
    pub trips: Rows<Trip>,
    /// Every live hold of the store.
    pub holds: Vec<Hold>,
    /// Why trips could not be read, and with them holds.
    pub trips_unread: Option<String>,
    /// Why holds could not be read.
    pub holds_unread: Option<String>,
    /// What the system counted after the warm-up.
    pub counted: Counted,
    /// What functions and match rounds told.
    pub watched: Arc<Watched>,
    /// What the bill rests on and nobody has checked, besides prices: keys of the profile of a prediction.
    pub rests_on: Vec<String>,
    /// How long calls within the system took, if it is a live one.
    pub calls: Option<Latencies>,
    /// How long the whole command took, in seconds.
    pub wall_s: f64,
    /// What a reader of its figures must know, besides what the scenario says.
    pub notes: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Its time was over.
    Whole,
    /// By Control-C.
    Interrupted,
    /// A part of the system died: which, and when of the run.
    Died(String),
    /// What the system itself knows of the run could not all be read; notes say what.
    Unread,
}

impl Ending {
    /// What a reader of the figures must know of it.
    pub fn notes(&self) -> Option<String> {
        let why = match self {
            Self::Whole | Self::Unread => return None,
            Self::Interrupted => "The run was interrupted",
            Self::Died(what) => what,
        };
        Some(format!(
            "{why}: figures are of what was measured until then."
        ))
    }

    /// What a command ends with for that; none where its figures decide.
    pub fn exit(&self) -> Option<Exit> {
        match self {
            Self::Whole => None,
            Self::Interrupted => Some(Exit::Interrupted),
            Self::Died(_) | Self::Unread => Some(Exit::Unreachable),
        }
    }
}

/// What is told of a run.
pub struct Told {
    /// The figures.
    pub summary: Summary,
    /// Every trip.
    pub rows: Vec<TripRow>,
    evidence: Evidence,
    timeline: Timeline,
    /// What riders and drivers saw, by step.
    pub latencies: Latencies,
    /// How long calls within the system took, if it was a live one.
    pub calls: Option<Latencies>,
    /// The span that figures are of.
    pub window: Window,
}

impl Outcome<'_> {
    /// Works it all out.
    pub fn tell(mut self) -> Result<Told, Failure> {
        let seen = std::mem::take(&mut self.recorded.seen);
        let mut evidence = evidence(&Ended {
            started_at: self.started_at,
            ended_at: self.ended_at,
            under_way: &self.under_way,
            seen: &seen,
            holds: &self.holds,
            last_look: &self.last_look,
        });
        evidence.trips_unread = self.trips_unread.take();
        evidence.holds_unread = self.holds_unread.take();
        let rows = rows(std::mem::take(&mut self.trips), seen, &self.under_way);
        evidence.served_by = served_by(&self.resolved.world, &rows);
        let window = self.window();
        let mut latencies = std::mem::take(&mut self.recorded.latencies);
        report::distill::trip_latencies(&rows, &window, &mut latencies);
        let accounts = self.accounts();
        let input = MarketplaceInput {
            rows: &rows,
            accounts: &accounts,
            window,
            speedup: self.resolved.scenario.speedup,
            quoted: self.recorded.counts.quoted,
        };
        let empty = report::timeline::TimelineRecorder::new(self.started_at, Duration::ZERO);
        let timeline = std::mem::replace(&mut self.recorded.timeline, empty);
        let (told, audited) = both(
            || -> Result<_, Failure> {
                let summary = self.summary(&input, &latencies)?;
                let pay = Bins::of(&pay_rates(&input), PAY_BINS_MAX);
                Ok((summary, timeline.finish(window, &rows, pay)))
            },
            || {
                audit(&AuditInput {
                    rows: &rows,
                    evidence: &evidence,
                })
            },
        );
        let (mut summary, timeline) = told?;
        summary.audit = audited;
        summary.slo = self.slo(&summary)?;
        Ok(Told {
            summary,
            rows,
            evidence,
            timeline,
            latencies,
            calls: self.calls.take(),
            window,
        })
    }

    /// The span that figures are of: after the warm-up, while riders came.
    fn window(&self) -> Window {
        let scenario = &self.resolved.scenario;
        let warmup = self.resolved.world.pace.in_run(scenario.warmup.0);
        Window {
            from: self.started_at + warmup,
            until: self.until.min(self.ended_at),
        }
    }

    /// How drivers spent the counted span. Their own accounts are in the city's time.
    fn accounts(&self) -> Vec<DriverAccount> {
        let pace = &self.resolved.world.pace;
        let run_s = |city: Duration| pace.in_run(city).as_secs_f64();
        self.recorded
            .accounts
            .iter()
            .map(|(driver, at_warmup, at_end)| {
                let spent = at_end.since(at_warmup);
                DriverAccount {
                    driver: *driver,
                    idle_s: run_s(spent.idle),
                    pickup_s: run_s(spent.to_pickup),
                    waiting_s: run_s(spent.waiting),
                    on_trip_s: run_s(spent.on_trip),
                    idle_m: spent.idle_m,
                    pickup_m: spent.pickup_m,
                    trip_m: spent.trip_m,
                }
            })
            .collect()
    }
}

impl Told {
    /// Writes the run: the summary last, so that a directory with one is whole.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, directory: &RunDir, resolved: &Resolved) -> Result<(), Failure> {
        let (trips, page) = both(
            || {
                let mut trips = Vec::new();
                report::trips::columns::write_trips(&mut trips, &self.rows).map(|()| trips)
            },
            || {
                render(&ReportInput {
                    summary: &self.summary,
                    timeline: &self.timeline,
                    latencies: &self.latencies,
                    rows: &self.rows,
                })
            },
        );
        directory.write(run_dir::TRIPS, &trips.map_err(Failure::target)?)?;
        directory.write(run_dir::EVIDENCE, self.evidence.to_json().as_bytes())?;
        directory.write(run_dir::TIMELINE, self.timeline.to_json().as_bytes())?;
        let mut log = Vec::new();
        self.latencies
            .write_hlog(&mut log, self.window.until.since(self.window.from))
            .map_err(Failure::target)?;
        directory.write(run_dir::LATENCIES, &log)?;
        if let Some(calls) = &self.calls {
            let mut log = Vec::new();
            calls
                .write_hlog(&mut log, self.window.until.since(self.window.from))
                .map_err(Failure::target)?;
            directory.write(run_dir::CALLS, &log)?;
        }
        let scenario = toml::to_string(&resolved.scenario).map_err(Failure::target)?;
        directory.write(run_dir::SCENARIO, scenario.as_bytes())?;
        directory.write(run_dir::REPORT, page.as_bytes())?;
        directory.write(run_dir::SUMMARY, self.json()?.as_bytes())
    }

    /// The summary as JSON.
    ///
    /// # Errors
    /// Never in practice: it holds only strings, numbers and maps.
    pub fn json(&self) -> Result<String, Failure> {
        serde_json::to_string_pretty(&self.summary)
            .map(|json| json + "\n")
            .map_err(Failure::target)
    }
}
