//! Live progress: a line that moves on a terminal, a plain line now and then in a pipe.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use drive::recorder::Recorder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a pipe gets a line.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Shows how a run goes.
pub struct Progress {
    shown: Shown,
    total: Duration,
}

enum Shown {
    Bar(ProgressBar),
    Plain { last: Option<Instant> },
    Nothing,
}

impl Progress {
    /// Progress of a run of so long.
    pub fn new(total: Duration, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(
                Some(total.as_secs().max(1)),
                ProgressDrawTarget::stderr(),
            );
            let style =
                ProgressStyle::with_template("{wide_bar:.green/dim} {pos:>4}/{len}s\n{msg}");
            bar.set_style(style.expect("the template is well formed"));
            Shown::Bar(bar)
        } else {
            Shown::Plain { last: None }
        };
        Self { shown, total }
    }

    /// Says what is being done before or after the load.
    pub fn say(&self, what: &str) {
        match &self.shown {
            Shown::Bar(bar) => bar.println(what),
            Shown::Plain { .. } => eprintln!("{what}"),
            Shown::Nothing => {}
        }
    }

    /// Shows how the run stands after `elapsed`, in a line that is made only if it is shown.
    pub fn show(&mut self, elapsed: Duration, line: impl FnOnce() -> String) {
        if matches!(self.shown, Shown::Nothing) {
            return;
        }
        if let Shown::Plain { last: Some(last) } = &self.shown
            && last.elapsed() < PLAIN_EVERY
        {
            return;
        }
        let line = line();
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_position(elapsed.as_secs().min(self.total.as_secs()));
                bar.set_message(line);
            }
            Shown::Plain { last } => {
                *last = Some(Instant::now());
                eprintln!("{:>4}s {line}", elapsed.as_secs());
            }
            Shown::Nothing => {}
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// How riders and so many drivers fare after `elapsed`, in a line.
pub fn of_rides(elapsed: Duration, recorder: &Recorder, drivers: u64) -> String {
    let glance = recorder.glance();
    let seconds = elapsed.as_secs_f64().max(1.0);
    let drivers = recorder.drivers_now(drivers);
    let pair = |(p50, p99): (Option<f64>, Option<f64>)| match (p50, p99) {
        (Some(p50), Some(p99)) => format!("{p50:.0}/{p99:.0} ms"),
        _ => "-".to_owned(),
    };
    format!(
        "asked {:.1}/s, requested {:.1}/s | quote p50/p99 {} offer {} ping {} | drivers: {} idle, {} to pick-up, {} waiting, {} on trip | errors {} dropped {}",
        glance.scheduled as f64 / seconds,
        glance.requested as f64 / seconds,
        pair(glance.quote_ms),
        pair(glance.offer_ms),
        pair(glance.ping_ms),
        drivers.idle,
        drivers.pickup,
        drivers.waiting,
        drivers.on_trip,
        glance.counts.errors,
        glance.counts.dropped
    )
}
