//! The matching function: `ride-requests` → match rounds.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use fleet_client::FleetClient;
use host::WallClock;
use lambda::account;
use lambda::sqs::handle_batch;
use lambda::{Function, FunctionError};
use services::config::Market;
use services::error::MessageError;
use services::matching::{Matching, RoundReport};
use services::ports::{Clock, Doorbell, Fleet, MarketSnapshots, OpenTrips, RoundLease, TripStore};
use wire::messages::Ring;

#[cfg(test)]
mod tests;

/// Who is told of each round that was run.
pub type RoundObserver = Arc<dyn Fn(&RoundReport) + Send + Sync>;

/// The matching function over any ports.
pub struct MatchRounds<T, F, B, S, C> {
    matching: Matching<T, F, B, S, C>,
    observer: Option<RoundObserver>,
}

/// The matching function on the AWS adapters.
pub type Wired = MatchRounds<
    aws::DynamoTrips,
    FleetClient,
    aws::SqsDoorbell,
    aws::SqsMarketSnapshots,
    WallClock,
>;

/// The matching function on a stack and a tracker.
#[must_use]
pub fn wire(market: Arc<Market>, stack: &aws::Stack, fleet: FleetClient) -> Wired {
    let trips = aws::DynamoTrips::new(stack, market.sweep);
    let doorbell = aws::SqsDoorbell::new(stack);
    let snapshots = aws::SqsMarketSnapshots::new(stack);
    MatchRounds::new(Matching::new(
        market, trips, fleet, doorbell, snapshots, WallClock,
    ))
}

impl<T, F, B, S, C> fmt::Debug for MatchRounds<T, F, B, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MatchRounds").finish_non_exhaustive()
    }
}

impl<T, F, B, S, C> MatchRounds<T, F, B, S, C>
where
    T: TripStore + OpenTrips + RoundLease,
    F: Fleet,
    B: Doorbell,
    S: MarketSnapshots,
    C: Clock,
{
    /// The function around its use case.
    pub fn new(matching: Matching<T, F, B, S, C>) -> Self {
        Self {
            matching,
            observer: None,
        }
    }

    /// The same function, which tells `observer` of each round that it ran.
    #[must_use]
    pub fn observed_by(self, observer: RoundObserver) -> Self {
        Self {
            observer: Some(observer),
            ..self
        }
    }

    async fn round(&self, ring: Ring) -> Result<(), MessageError> {
        let report = self.matching.round(&ring.region, ring.round).await?;
        if !report.ran {
            return Ok(());
        }
        for (name, count) in [
            ("RidersWaiting", report.waiting),
            ("RidesOffered", report.offered),
            ("RidersUnserved", report.unserved),
            ("ReserveConflicts", report.reserve_conflicts),
        ] {
            account::count(name, count);
        }
        tracing::info!(
            region = %ring.region,
            round = ring.round.0,
            waiting = report.waiting,
            offered = report.offered,
            unserved = report.unserved,
            reserve_conflicts = report.reserve_conflicts,
            left = report.left,
            "match round"
        );
        if let Some(observer) = &self.observer {
            observer(&report);
        }
        Ok(())
    }
}

impl<T, F, B, S, C> Function for MatchRounds<T, F, B, S, C>
where
    T: TripStore + OpenTrips + RoundLease + 'static,
    F: Fleet + 'static,
    B: Doorbell + 'static,
    S: MarketSnapshots + 'static,
    C: Clock + 'static,
{
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        // One at a time: two rounds at once would compete for the same drivers.
        handle_batch(&payload, 1, Ring::decode, |ring| self.round(ring)).await
    }
}
