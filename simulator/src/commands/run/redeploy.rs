//! A redeploy of the fleet tracker in mid-run: the one that runs is drained and ended, none runs for a while, as
//! between two tasks of a container service that runs at most one, and the next one starts where it was.

use std::time::Duration;

use domain::Timestamp;
use host::WallClock;
use services::ports::Clock;
use workload::law::parse_span;

use crate::cli::{RunArgs, Target};
use crate::exit::Failure;
use crate::target::system::System;

/// The share of the drivers, of those who had a stream before, whose return is the end of it.
const BACK_SHARE: f64 = 0.99;
/// How often it is asked whether they are back.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A redeploy, as far as it has come.
#[derive(Debug)]
pub struct Redeploy {
    /// From the start of the run.
    after: Duration,
    /// Between the end of one tracker and the start of the next.
    gap: Duration,
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Planned,
    Gone(Gone),
    Returning(Gone, Timestamp),
    Back(Gone, Timestamp, Timestamp),
}

/// A tracker that was ended.
#[derive(Debug, Clone, Copy)]
struct Gone {
    /// Drivers with a stream before.
    streaming: u64,
    /// When it was asked to end.
    asked_at: Timestamp,
    /// When it had.
    ended_at: Timestamp,
}

impl Redeploy {
    /// As the command line says; none if it says nothing.
    ///
    /// # Errors
    /// If it says what is no span, or more than the run is long.
    pub(super) fn of(args: &RunArgs, run: Duration) -> Result<Option<Self>, Failure> {
        let Some(after) = &args.redeploy_tracker else {
            return Ok(None);
        };
        if args.target != Target::Embedded {
            return Err(Failure::input(
                "--redeploy-tracker: found it with another target, expected --target embedded",
            ));
        }
        let span = |option: &str, text: &str| {
            parse_span(text).map_err(|error| Failure::input(format!("{option}: {error}")))
        };
        let after = span("--redeploy-tracker", after)?;
        let gap = span("--redeploy-gap", &args.redeploy_gap)?;
        if after + gap >= run {
            return Err(Failure::input(format!(
                "--redeploy-tracker: found {} s and a gap of {} s, expected both to be over before the run is, after {} s",
                after.as_secs_f64(),
                gap.as_secs_f64(),
                run.as_secs_f64()
            )));
        }
        Ok(Some(Self {
            after,
            gap,
            stage: Stage::Planned,
        }))
    }

    /// Does what it is time for. How long until there is more to do; none if there is nothing any more.
    ///
    /// # Errors
    /// If the tracker does not start again.
    pub(super) async fn look(
        &mut self,
        system: &mut System,
        started_at: Timestamp,
    ) -> Result<Option<Duration>, Failure> {
        let now = WallClock.now();
        match self.stage {
            Stage::Planned if now < started_at + self.after => {
                Ok(Some((started_at + self.after).since(now)))
            }
            Stage::Planned => {
                let streaming = system.drivers_streaming().await.unwrap_or(0);
                system.end_tracker().await;
                self.stage = Stage::Gone(Gone {
                    streaming,
                    asked_at: now,
                    ended_at: WallClock.now(),
                });
                Ok(Some(self.gap))
            }
            Stage::Gone(gone) if now < gone.ended_at + self.gap => {
                Ok(Some((gone.ended_at + self.gap).since(now)))
            }
            Stage::Gone(gone) => {
                system.start_tracker().await?;
                self.stage = Stage::Returning(gone, WallClock.now());
                Ok(Some(ASK_EVERY))
            }
            Stage::Returning(gone, serves_at) => {
                let streaming = system.drivers_streaming().await.unwrap_or(0);
                #[expect(clippy::cast_precision_loss, reason = "drivers are far below 2^53")]
                let back = streaming as f64 >= gone.streaming as f64 * BACK_SHARE;
                if back {
                    self.stage = Stage::Back(gone, serves_at, now);
                    return Ok(None);
                }
                Ok(Some(ASK_EVERY))
            }
            Stage::Back(..) => Ok(None),
        }
    }

    /// What came of it.
    pub(super) fn note(&self) -> String {
        let (gone, serves_at, back_at) = match self.stage {
            Stage::Planned | Stage::Gone(_) => {
                return "The run ended before the fleet tracker was redeployed.".to_owned();
            }
            Stage::Returning(gone, serves_at) => (gone, serves_at, None),
            Stage::Back(gone, serves_at, back_at) => (gone, serves_at, Some(back_at)),
        };
        let seconds = |from: Timestamp, to: Timestamp| to.since(from).as_secs_f64();
        let back = back_at.map_or_else(
            || "they were not all back when the run ended".to_owned(),
            |back_at| {
                format!(
                    "{:.0} % of them were back {:.1} s after that",
                    BACK_SHARE * 100.0,
                    seconds(serves_at, back_at)
                )
            },
        );
        format!(
            "The fleet tracker was redeployed {:.0} s after the start, with {} drivers on it: it ended within {:.1} s, \
             the next one served {:.1} s later ({:.0} s of it the gap that was asked for), and {back}. Pings that were due \
             meanwhile count in ping_ack until their driver was acknowledged again.",
            self.after.as_secs_f64(),
            gone.streaming,
            seconds(gone.asked_at, gone.ended_at),
            seconds(gone.ended_at, serves_at),
            self.gap.as_secs_f64(),
        )
    }
}
