//! A system under load, wherever it runs: what a run needs of it from the first rider to the audit.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::hold::Hold;
use domain::trip::Trip;
use domain::{Resolution, Timestamp};
use drive::counted::{Counted, QueueUse};
use identity::Issuer;
use local::stack::Stack;
use services::ports::PortError;

use super::deployed::DeployedSystem;
use super::watch::processes::Processes;
use crate::commands::run::interrupt::Interrupt;
use crate::counted::{counted_now, queues_now};
use crate::exit::Failure;

/// What was sent of what counts.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// Since the end of the warm-up.
    pub from: Timestamp,
    /// While riders came.
    pub until: Timestamp,
    /// Requests to the HTTP API.
    pub requests: u64,
}

/// What was started, or found.
pub enum System {
    /// Everything in this process.
    Embedded(Box<Stack>),
    /// Functions and tracker in processes of their own, the rest in this one.
    Watch(Box<Stack>, Processes),
    /// What somebody has deployed.
    Deployed(Box<DeployedSystem>),
}

impl System {
    /// Its kind, as the summary has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Watch(..) => "watch",
            Self::Deployed(_) => "aws",
        }
    }

    /// Where the HTTP API is.
    pub fn http_url(&self) -> String {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.http_url(),
            Self::Deployed(system) => system.http_url(),
        }
    }

    /// Where the tracker's gRPC is.
    pub fn tracker_url(&self) -> String {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.tracker_url(),
            Self::Deployed(system) => system.tracker_url(),
        }
    }

    /// Who signs tokens that it takes.
    pub fn issuer(&self) -> &Issuer {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.issuer(),
            Self::Deployed(system) => system.issuer(),
        }
    }

    /// The size of its surge zones.
    pub fn zones(&self) -> Resolution {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.market().resolution,
            Self::Deployed(system) => system.zones(),
        }
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
            Self::Deployed(system) => system.notes(),
        }
    }

    /// What can be counted now, when its containers have run for so long.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn counted(&self, running_for: Duration) -> Result<Counted, PortError> {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => counted_now(stack, running_for).await,
            Self::Deployed(system) => system.counted().await,
        }
    }

    /// Of what it counts itself.
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Embedded(_) | Self::Watch(..) => "functions, queues, tables and containers",
            Self::Deployed(_) => "dead letters, and of how deep queues are",
        }
    }

    /// What was counted in the end, when others count as well.
    pub async fn measured(
        &mut self,
        counted: Counted,
        sent: Sent,
        interrupt: &Interrupt,
    ) -> Counted {
        match self {
            Self::Embedded(_) | Self::Watch(..) => counted,
            Self::Deployed(system) => system.measured(counted, sent, interrupt).await,
        }
    }

    /// The warm-up is over: maxima begin anew. CloudWatch is asked for later minutes alone.
    pub fn reset_maxima(&self) {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.reset_maxima(),
            Self::Deployed(_) => {}
        }
    }

    /// What its queues were used for until now, by name.
    ///
    /// # Errors
    /// If they cannot be asked.
    pub async fn queues(&self) -> Result<BTreeMap<String, QueueUse>, PortError> {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => queues_now(stack).await,
            Self::Deployed(system) => system.queues().await,
        }
    }

    /// Drivers whose streams its tracker has, while it runs; none where it is not ours to end.
    pub async fn drivers_streaming(&self) -> Option<u64> {
        let Self::Embedded(stack) = self else {
            return None;
        };
        let counted = stack.tracker_metrics().await;
        Some(counted.ok().flatten()?.streaming)
    }

    /// Drains and ends its tracker, if that is ours.
    pub async fn end_tracker(&mut self) {
        if let Self::Embedded(stack) = self {
            stack.stop_tracker().await;
        }
    }

    /// Starts its tracker again where it was, if that is ours.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start_tracker(&mut self) -> Result<(), Failure> {
        match self {
            Self::Embedded(stack) => stack.restart_tracker().await.map_err(Failure::target),
            Self::Watch(..) | Self::Deployed(_) => Ok(()),
        }
    }

    /// Which part has died, if one has.
    pub fn died(&mut self) -> Option<String> {
        match self {
            Self::Embedded(_) => None,
            Self::Watch(_, processes) => processes.died(),
            Self::Deployed(system) => system.died(),
        }
    }

    /// Stops everything of ours but the HTTP front, within bounds.
    pub async fn quiesce(&mut self) {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.quiesce().await,
            Self::Deployed(_) => {}
        }
    }

    /// Every trip of its store that was asked for from then on.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn trips(&self, since: Timestamp) -> Result<Vec<Trip>, PortError> {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.trips().all_trips().await,
            Self::Deployed(system) => {
                let mut trips = system.trips().await?;
                trips.retain(|trip| trip.requested_at >= since);
                Ok(trips)
            }
        }
    }

    /// Every hold of its store.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn holds(&self) -> Result<Vec<Hold>, PortError> {
        match self {
            Self::Embedded(stack) | Self::Watch(stack, _) => stack.holds().all_holds().await,
            Self::Deployed(system) => system.holds().await,
        }
    }

    /// Ends what was started for it.
    pub async fn stop(self) {
        match self {
            Self::Embedded(stack) => stack.stop().await,
            Self::Watch(stack, processes) => {
                stack.stop().await;
                processes.stop().await;
            }
            Self::Deployed(_) => {}
        }
    }
}
