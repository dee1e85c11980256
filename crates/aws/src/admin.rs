//! Whole-table reads for the audit, and bulk writes that start a run with trips under way.
//!
//! No use case calls these: on AWS they cost a read of everything.

use domain::hold::Hold;
use domain::trip::Trip;
use futures_util::{StreamExt, TryStreamExt, stream};
use services::ports::PortError;
use wire::items::Item;
use wire::items::hold::{Ledger, encode_hold};

use aws_sdk_dynamodb::types::{PutRequest, ReturnConsumedCapacity, WriteRequest};

use crate::dynamo::{TableHandle, to_attributes};
use crate::holds::{DynamoHolds, ledger_item};
use crate::limits::{
    BATCH_RESENDS_MAX, BATCH_WRITE_ITEMS_MAX, CALLS_IN_FLIGHT_MAX, HOLD_BACKOFF_FIRST,
};
use crate::trips::DynamoTrips;

impl DynamoTrips {
    /// Every trip of every region, by id.
    ///
    /// # Errors
    /// If the table cannot be read, or holds what cannot be read.
    pub async fn all_trips(&self) -> Result<Vec<Trip>, PortError> {
        let items = self.table().scan("trip#").await?;
        let mut trips = items
            .iter()
            .map(|item| self.read(item))
            .collect::<Result<Vec<_>, _>>()?;
        trips.sort_unstable_by_key(|trip| trip.id);
        Ok(trips)
    }

    /// Writes trips as they are, over whatever is there.
    ///
    /// # Errors
    /// If the table refuses; some trips may have been written then.
    pub async fn seed_trips(&self, trips: &[Trip]) -> Result<(), PortError> {
        let items = trips.iter().map(|trip| self.item(trip)).collect();
        write_all(self.table(), items).await
    }
}

impl DynamoHolds {
    /// Every driver's hold, void ones included, by trip.
    ///
    /// # Errors
    /// If the table cannot be read, or holds what cannot be read.
    pub async fn all_holds(&self) -> Result<Vec<Hold>, PortError> {
        let items = self.table().scan("driver#").await?;
        let holds = items.iter().map(|item| self.read_hold(item));
        let mut holds = holds.collect::<Result<Vec<_>, _>>()?;
        holds.sort_unstable_by_key(|hold| hold.key);
        Ok(holds)
    }

    /// Every trip's ledger, by trip: the last attempt that kept a driver, and what became of it.
    ///
    /// # Errors
    /// If the table cannot be read, or holds what cannot be read.
    pub async fn all_ledgers(&self) -> Result<Vec<Ledger>, PortError> {
        let items = self.table().scan("trip#").await?;
        let ledgers = items.iter().map(|item| self.read_ledger(item));
        let mut ledgers = ledgers.collect::<Result<Vec<_>, _>>()?;
        ledgers.sort_unstable_by_key(|ledger| ledger.key);
        Ok(ledgers)
    }

    /// Writes holds with their trips' ledgers as they are, over whatever is there.
    ///
    /// # Errors
    /// If the table refuses; some holds may have been written then.
    pub async fn seed_holds(&self, holds: &[Hold]) -> Result<(), PortError> {
        let items = holds
            .iter()
            .flat_map(|hold| [encode_hold(hold), ledger_item(hold)]);
        write_all(self.table(), items.collect()).await
    }
}

async fn write_all(table: &TableHandle, items: Vec<Item>) -> Result<(), PortError> {
    let mut requests = items.into_iter().map(|item| {
        let put = PutRequest::builder()
            .set_item(Some(to_attributes(item)))
            .build();
        WriteRequest::builder()
            .put_request(put.expect("the item is given"))
            .build()
    });
    let batches = std::iter::from_fn(|| {
        let batch: Vec<_> = requests.by_ref().take(BATCH_WRITE_ITEMS_MAX).collect();
        (!batch.is_empty()).then_some(batch)
    });
    stream::iter(batches)
        .map(|batch| write_batch(table, batch))
        .buffer_unordered(CALLS_IN_FLIGHT_MAX)
        .try_collect()
        .await
}

/// Sends a batch, and what DynamoDB left of it, until nothing is left.
async fn write_batch(table: &TableHandle, mut batch: Vec<WriteRequest>) -> Result<(), PortError> {
    for resend in 0..BATCH_RESENDS_MAX {
        let answer = table
            .client()
            .batch_write_item()
            .request_items(table.name(), batch)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| table.failed(&error))?;
        table.count_written(answer.consumed_capacity());
        batch = match answer
            .unprocessed_items
            .and_then(|mut rest| rest.remove(table.name()))
        {
            Some(rest) if !rest.is_empty() => rest,
            _ => return Ok(()),
        };
        tokio::time::sleep(HOLD_BACKOFF_FIRST * 2u32.pow(resend)).await;
    }
    Err(PortError::Throttled {
        port: table.port(),
        detail: format!(
            "{} items were left after {BATCH_RESENDS_MAX} sends",
            batch.len()
        ),
    })
}
