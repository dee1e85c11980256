//! The fleet as match rounds call it: what a round works at between the candidates and the offers takes its
//! function's processor time.

use domain::hold::{HoldKey, Offer};
use domain::{Attempt, Timestamp, TripId};
use services::ports::{Candidate, CandidateQuery, Fleet, HoldStatus, PortError, Reserved};

use crate::host::Host;
use crate::tracker::TrackerLink;

/// A tracker, and the host of the rounds that call it.
#[derive(Clone)]
pub(crate) struct RoundFleet {
    pub(crate) link: TrackerLink,
    pub(crate) host: Host,
}

impl Fleet for RoundFleet {
    async fn candidates(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> Result<Vec<Vec<Candidate>>, PortError> {
        let found = self.link.candidates(queries, k, radius_m).await?;
        // What the function does with them: the graph, the assignment.
        self.host.per_item("matching.round", queries.len()).await;
        Ok(found)
    }

    async fn reserve(
        &self,
        key: HoldKey,
        deadline: Timestamp,
        offer: &Offer,
    ) -> Result<Reserved, PortError> {
        self.link.reserve(key, deadline, offer).await
    }

    async fn offer(&self, key: HoldKey) -> Result<bool, PortError> {
        self.link.offer(key).await
    }

    async fn release(&self, key: HoldKey) -> Result<(), PortError> {
        self.link.release(key).await
    }

    async fn hold(&self, trip: TripId, attempt: Attempt) -> Result<Option<HoldStatus>, PortError> {
        self.link.hold(trip, attempt).await
    }
}
