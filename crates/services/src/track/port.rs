//! The tracker as the fleet port, for hosts that have it in the same process and share it.

use std::sync::Arc;

use domain::hold::{HoldKey, Offer};
use domain::{Attempt, Timestamp, TripId};

use super::{DriverLinks, Tracker};
use crate::ports::{
    Candidate, CandidateQuery, Clock, Fleet, HoldStatus, HoldStore, MarketSnapshots, PortError,
    Reserved, TripEvents,
};

impl<H, E, S, L, C> Fleet for Arc<Tracker<H, E, S, L, C>>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    L: DriverLinks,
    C: Clock,
{
    async fn candidates(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> Result<Vec<Vec<Candidate>>, PortError> {
        Ok(Tracker::candidates(self, queries, k, radius_m).to_vecs())
    }

    async fn reserve(
        &self,
        key: HoldKey,
        deadline: Timestamp,
        offer: &Offer,
    ) -> Result<Reserved, PortError> {
        Tracker::reserve(self, key, deadline, offer).await
    }

    async fn offer(&self, key: HoldKey) -> Result<bool, PortError> {
        Tracker::offer(self, key).await
    }

    async fn release(&self, key: HoldKey) -> Result<(), PortError> {
        Tracker::release(self, key).await
    }

    async fn hold(&self, trip: TripId, attempt: Attempt) -> Result<Option<HoldStatus>, PortError> {
        Ok(Tracker::hold(self, trip, attempt))
    }
}
