//! A system under load, wherever it runs: what a run needs of it from the first rider to the audit.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Resolution;
use domain::hold::Hold;
use domain::trip::Trip;
use drive::counted::{Counted, QueueUse};
use identity::Issuer;
use local::stack::Stack;
use services::ports::PortError;

use super::watch::processes::Processes;
use crate::counted::{counted_now, queues_now};

/// What was started, or found.
pub enum System {
    /// Everything in this process.
    Embedded(Box<Stack>),
    /// Functions and tracker in processes of their own, the rest in this one.
    Watch(Box<Stack>, Processes),
}

impl System {
    fn stack(&self) -> &Stack {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack,
        }
    }

    /// Its kind, as the summary has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Watch(..) => "watch",
        }
    }

    /// Where the HTTP API is.
    pub fn http_url(&self) -> String {
        self.stack().http_url()
    }

    /// Where the tracker's gRPC is.
    pub fn tracker_url(&self) -> String {
        self.stack().tracker_url()
    }

    /// Who signs tokens that it takes.
    pub fn issuer(&self) -> &Issuer {
        self.stack().issuer()
    }

    /// The size of its surge zones.
    pub fn zones(&self) -> Resolution {
        self.stack().market().resolution
    }

    /// What a reader of its figures must know.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Embedded(_) => Vec::new(),
            Self::Watch(..) => vec![
                "Functions ran under cargo lambda watch and the fleet tracker beside them, as cargo builds them \
                 for development: their latency is not that of optimised programs. Cold starts are those that \
                 this process reckons, and match rounds, which are told of within a process, are not counted."
                    .to_owned(),
            ],
        }
    }

    /// Its counters, when its containers have run for so long.
    ///
    /// # Errors
    /// If they cannot be asked.
    pub async fn counted(&self, running_for: Duration) -> Result<Counted, PortError> {
        counted_now(self.stack(), running_for).await
    }

    /// What its queues were used for until now, by name.
    ///
    /// # Errors
    /// If they cannot be asked.
    pub async fn queues(&self) -> Result<BTreeMap<String, QueueUse>, PortError> {
        queues_now(self.stack()).await
    }

    /// Which part has died, if one has.
    pub fn died(&mut self) -> Option<String> {
        match self {
            Self::Embedded(_) => None,
            Self::Watch(_, processes) => processes.died(),
        }
    }

    /// Stops everything but the HTTP front, within bounds.
    pub async fn quiesce(&mut self) {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.quiesce().await,
        }
    }

    /// Every trip of its store.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn trips(&self) -> Result<Vec<Trip>, PortError> {
        self.stack().trips().all_trips().await
    }

    /// Every hold of its store.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn holds(&self) -> Result<Vec<Hold>, PortError> {
        self.stack().holds().all_holds().await
    }

    /// Ends what was started for it.
    pub async fn stop(self) {
        match self {
            Self::Embedded(stack) => stack.stop().await,
            Self::Watch(stack, processes) => {
                stack.stop().await;
                processes.stop().await;
            }
        }
    }
}
