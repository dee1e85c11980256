//! The surge function: `market-snapshots` → multipliers per cell, where pricing reads them.

use std::sync::Arc;

use bytes::Bytes;
use lambda::sqs::handle_batch;
use lambda::{Function, FunctionError};
use services::config::Market;
use services::error::MessageError;
use services::market::SurgeUpdate;
use services::ports::{MarketSide, MarketSnapshot, MarketStore};
use wire::messages::{Snapshot, SnapshotSide};

#[cfg(test)]
mod tests;

/// The surge function over any store.
#[derive(Debug)]
pub struct Surge<M> {
    surge: SurgeUpdate<M>,
}

/// The surge function on the AWS adapters.
pub type Wired = Surge<aws::DynamoMarket>;

/// The surge function on a stack.
#[must_use]
pub fn wire(market: Arc<Market>, stack: &aws::Stack) -> Wired {
    Surge::new(SurgeUpdate::new(market, aws::DynamoMarket::new(stack)))
}

impl<M: MarketStore> Surge<M> {
    /// The function around its use case.
    pub fn new(surge: SurgeUpdate<M>) -> Self {
        Self { surge }
    }

    async fn update(&self, snapshot: Snapshot) -> Result<(), MessageError> {
        let Snapshot { region, side, at } = snapshot;
        let side = match side {
            SnapshotSide::Supply(supply) => MarketSide::Supply(supply),
            SnapshotSide::Demand(demand) => MarketSide::Demand(demand),
        };
        self.surge
            .update(&MarketSnapshot { region, side, at })
            .await?;
        Ok(())
    }
}

impl<M: MarketStore + 'static> Function for Surge<M> {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        // One at a time: all of them write the same region's item.
        handle_batch(&payload, 1, Snapshot::decode, |snapshot| {
            self.update(snapshot)
        })
        .await
    }
}
