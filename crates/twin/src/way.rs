//! The ways that calls go: from riders' and drivers' apps, and between the parts of the system.

use std::time::Duration;

use cloud::profile::{Profile, Spans};
use cloud::timed::Draws;

use crate::sizes::Placement;

/// To somebody and back: pieces of a way, each with what it takes.
#[derive(Debug, Clone)]
pub(crate) struct Way(Vec<Spans>);

impl Way {
    /// From an app to the API, in front of what is placed so.
    pub(crate) fn to_api(profile: &Profile, placement: Placement) -> Self {
        let front = match placement {
            Placement::Lambda => &profile.http_api.overhead,
            Placement::Container => &profile.container.load_balancer,
        };
        Self(vec![profile.http_api.client_rtt.clone(), front.clone()])
    }

    /// From an app to the fleet tracker: by a stream, or by the API where it is a function.
    pub(crate) fn to_tracker(profile: &Profile, placement: Placement) -> Self {
        match placement {
            Placement::Lambda => Self::to_api(profile, placement),
            Placement::Container => Self(vec![
                profile.container.app_rtt.clone(),
                profile.container.load_balancer.clone(),
            ]),
        }
    }

    /// From another part of the system to the fleet tracker.
    pub(crate) fn within(profile: &Profile, placement: Placement) -> Self {
        Self(vec![match placement {
            Placement::Lambda => profile.http_api.overhead.clone(),
            Placement::Container => profile.container.grpc_rtt.clone(),
        }])
    }

    /// There and back, this time.
    pub(crate) fn span(&self, draws: &Draws) -> Duration {
        self.0.iter().map(|piece| draws.span(piece)).sum()
    }
}
