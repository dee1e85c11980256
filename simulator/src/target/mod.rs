//! What a scenario is driven against.

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

use crate::cli::{self, RunArgs};
use crate::exit::Failure;
use crate::scenario::{Scenario, market};
use system::System;
use watch::Watch;

/// What a run is driven against, as the command line says.
#[derive(Debug, Clone)]
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
}

impl Target {
    /// The target of a command line.
    ///
    /// # Errors
    /// If an option belongs to another target, or says what cannot be.
    pub fn of(args: &RunArgs) -> Result<Self, Failure> {
        let port = args.port;
        if args.target != cli::Target::Watch
            && let Some(option) = args.watch.given()
        {
            return Err(Failure::input(format!(
                "{option}: found it with another target, expected --target watch"
            )));
        }
        match args.target {
            cli::Target::Embedded => Ok(Self::Embedded { port }),
            cli::Target::Watch => Ok(Self::Watch {
                port,
                watch: Watch::of(&args.watch, args.driven.quiet)?,
            }),
        }
    }

    /// What has to be done once, however long it takes, before the run is planned.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn prepare(&self) -> Result<(), Failure> {
        match self {
            Self::Embedded { .. } => Ok(()),
            Self::Watch { watch, .. } => watch.build(),
        }
    }

    /// How long it takes to start, at the most.
    pub fn head_start(&self) -> Duration {
        match self {
            Self::Embedded { .. } => EMBEDDED_HEAD_START,
            Self::Watch { .. } => watch::HEAD_START,
        }
    }

    /// Starts it, or finds it, on tables that hold the rides under way.
    ///
    /// # Errors
    /// If a part does not start or is not to be found.
    pub async fn start(
        &self,
        scenario: &Scenario,
        started_at: Timestamp,
        seed: &Seed,
        (watched, calls): (&Arc<Watched>, Calls),
    ) -> Result<System, Failure> {
        match self {
            Self::Embedded { port } => {
                let config = embedded::config(scenario, started_at, *port, watched, calls)?;
                let stack = Box::pin(embedded::start(config, seed)).await?;
                Ok(System::Embedded(Box::new(stack)))
            }
            Self::Watch { port, watch } => {
                // How long its calls take says nothing of functions that run elsewhere.
                let calls = Calls::default();
                let config = embedded::config(scenario, started_at, *port, watched, calls)?;
                let market = market::document(scenario, started_at);
                Box::pin(watch.start(config, &market, seed)).await
            }
        }
    }
}

/// From the start of the embedded stack to the start of the run, at the least.
const EMBEDDED_HEAD_START: Duration = Duration::from_secs(3);
