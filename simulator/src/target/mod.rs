//! What a scenario is driven against.

pub mod deployed;
pub mod embedded;
pub mod system;
pub mod template;
pub mod twin;
pub mod watch;

use std::sync::Arc;
use std::time::Duration;

use calls::Calls;
use domain::Timestamp;
use drive::seed::Seed;
use drive::watched::Watched;
use host::WallClock;
use services::ports::Clock;

use crate::cli::{self, AwsArgs, RunArgs};
use crate::exit::Failure;
use crate::scenario::Resolved;
use deployed::{DeployedSystem, Deployment};
use system::System;
use watch::{Briefing, Watch};

/// What a run is driven against, as the command line says.
pub enum Target {
    /// Everything in this process.
    Embedded {
        /// The HTTP API's port on loopback; a free one if there is none.
        port: Option<u16>,
    },
    /// Functions under `cargo lambda watch`, the tracker as a process.
    Watch {
        /// The HTTP API's port on loopback; a free one if there is none.
        port: Option<u16>,
        /// The rest of it.
        watch: Watch,
    },
    /// What somebody has deployed.
    Aws {
        /// How to find it.
        args: AwsArgs,
        /// What was found, until it is started.
        found: Option<Box<Deployment>>,
    },
}

impl Target {
    /// The target of a command line.
    ///
    /// # Errors
    /// If an option belongs to another target, or says what cannot be.
    pub fn of(args: &RunArgs) -> Result<Self, Failure> {
        let port = args.port;
        let options = [
            (cli::Target::Watch, "watch", args.watch.given()),
            (cli::Target::Aws, "aws", args.aws.given()),
        ];
        for (target, name, given) in options {
            if args.target != target
                && let Some(option) = given
            {
                return Err(Failure::input(format!(
                    "{option}: found it with another target, expected --target {name}"
                )));
            }
        }
        match args.target {
            cli::Target::Embedded => Ok(Self::Embedded { port }),
            cli::Target::Watch => Ok(Self::Watch {
                port,
                watch: Watch::of(&args.watch, args.driven.quiet)?,
            }),
            cli::Target::Aws if port.is_some() => Err(Failure::input(
                "--port: found it with --target aws, expected it with a target that is started here",
            )),
            cli::Target::Aws => Ok(Self::Aws {
                args: args.aws.clone(),
                found: None,
            }),
        }
    }

    /// Whether it has its tables before the run and after it: what is in a tracker's memory is not to be written
    /// to, and no name may come twice.
    pub fn outlives_the_run(&self) -> bool {
        matches!(self, Self::Aws { .. })
    }

    /// What has to be done once, however long it takes, before the run is planned.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn prepare(&mut self, resolved: &Resolved) -> Result<(), Failure> {
        match self {
            Self::Embedded { .. } => Ok(()),
            Self::Watch { watch, .. } => watch.build(),
            Self::Aws { args, found } => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(Failure::target)?;
                let deployment = Deployment::find(args, resolved, WallClock.now());
                let deployment = runtime.block_on(Box::pin(deployment))?;
                deployment.agree(resolved, args.yes)?;
                *found = Some(Box::new(deployment));
                Ok(())
            }
        }
    }

    /// How long it takes to start, at the most.
    pub fn head_start(&self) -> Duration {
        match self {
            Self::Embedded { .. } => EMBEDDED_HEAD_START,
            Self::Watch { .. } => watch::HEAD_START,
            Self::Aws { .. } => AWS_HEAD_START,
        }
    }

    /// When a run begins that can begin then: where CloudWatch counts, whose minutes are whole, so that one of them
    /// begins with the end of the warm-up.
    pub fn begins(&self, soonest: Timestamp, warmup: Duration) -> Timestamp {
        match self {
            Self::Embedded { .. } | Self::Watch { .. } => soonest,
            Self::Aws { .. } => ::deployed::next_minute(soonest + warmup) - warmup,
        }
    }

    /// Starts it, or finds it, on tables that hold the rides under way.
    ///
    /// # Errors
    /// If a part does not start or is not to be found.
    pub async fn start(
        &mut self,
        resolved: &Resolved,
        started_at: Timestamp,
        seed: &Seed,
        (watched, calls): (&Arc<Watched>, Calls),
    ) -> Result<System, Failure> {
        match self {
            Self::Embedded { port } => {
                let config = embedded::config(resolved, started_at, *port, watched, calls)?;
                let stack = Box::pin(embedded::start(config, seed)).await?;
                Ok(System::Embedded(Box::new(stack)))
            }
            Self::Watch { port, watch } => {
                // How long its calls take says nothing of functions that run elsewhere.
                let calls = Calls::default();
                let config = embedded::config(resolved, started_at, *port, watched, calls)?;
                let briefing = Briefing::of(resolved, started_at)?;
                Box::pin(watch.start(config, &briefing, seed)).await
            }
            Self::Aws { found, .. } => {
                let deployment = found
                    .take()
                    .expect("a target is prepared, and started once");
                let system = Box::pin(DeployedSystem::reach(*deployment)).await?;
                Ok(System::Deployed(Box::new(system)))
            }
        }
    }
}

/// From the start of the embedded stack to the start of the run, at the least.
const EMBEDDED_HEAD_START: Duration = Duration::from_secs(3);
/// As much for a deployment to be reached.
const AWS_HEAD_START: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn target(name: &str) -> Target {
        let line = ["rushhour", "run", "--target", name];
        match Cli::try_parse_from(line).unwrap().command {
            Command::Run(args) => Target::of(&args).unwrap(),
            _ => panic!("it is a run"),
        }
    }

    #[test]
    fn a_warm_up_before_cloudwatch_ends_with_a_minute() {
        let (soonest, warmup) = (Timestamp::from_millis(90_500), Duration::from_secs(45));
        assert_eq!(target("embedded").begins(soonest, warmup), soonest);
        let begins = target("aws").begins(soonest, warmup);
        assert_eq!(begins + warmup, Timestamp::from_millis(180_000));
        assert_eq!(target("aws").begins(begins, warmup), begins);
    }
}
