//! Trips, their two sparse indexes, and the leases of match rounds, in table `trips`.

use std::sync::Arc;

use domain::trip::{SweepPolicy, Trip, TripState};
use domain::{Region, Round, Timestamp, TripId};
use futures_util::future::try_join_all;
use services::ports::{Created, DueTrips, OpenTrips, PortError, RoundLease, Swap, TripStore};
use wire::items::trip::{decode_trip, encode_trip, trip_key};
use wire::items::{EXPIRES, Item, KEY, VERSION, Value};

use crate::dynamo::{Expression, TableHandle, Write};
use crate::error::corrupt;
use crate::limits::{INDEX_SHARDS, LEASE_REMEMBERED};
use crate::nonce::{Nonces, WRITTEN_BY};
use crate::stack::{DUE_INDEX, IndexSpec, OPEN_INDEX, Stack, Table};

/// The attribute that says in which trace a ride was requested, for whoever works for it later.
const TRACE: &str = "trace";

const NEW: &str = "attribute_not_exists(pk)";

/// [`TripStore`], [`OpenTrips`], [`DueTrips`] and [`RoundLease`] on DynamoDB. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DynamoTrips {
    table: TableHandle,
    sweep: SweepPolicy,
    nonces: Arc<Nonces>,
}

impl DynamoTrips {
    /// The trips of a stack. The policy says when the sweep is to look at a trip that is written.
    #[must_use]
    pub fn new(stack: &Stack, sweep: SweepPolicy) -> Self {
        Self {
            table: TableHandle::new(stack, Table::Trips, "the trip store"),
            sweep,
            nonces: Arc::new(Nonces::new()),
        }
    }

    pub(crate) fn table(&self) -> &TableHandle {
        &self.table
    }

    /// The trip's item with the attributes that put it into the indexes.
    pub(crate) fn item(&self, trip: &Trip) -> Item {
        let mut item = encode_trip(trip);
        let shard = shard_name(&trip.region, shard_of(trip.id));
        if trip.state == TripState::Requested {
            item.insert(OPEN_INDEX.partition.to_owned(), shard.clone().into());
        }
        if let Some(due_at) = trip.due_at(&self.sweep) {
            item.insert(DUE_INDEX.partition.to_owned(), shard.into());
            item.insert(DUE_INDEX.sort.to_owned(), due_at.into());
            // Nobody works for a ride that is over, and a finished trip is about as long as one write unit.
            if let Some(context) = trace::carried(Some(trip.id.0)) {
                item.insert(TRACE.to_owned(), context.to_string().into());
            }
        }
        item
    }

    pub(crate) fn read(&self, item: &Item) -> Result<Trip, PortError> {
        let trip = decode_trip(item).map_err(|why| corrupt(self.table.port(), &why))?;
        if let Some(Value::Text(text)) = item.get(TRACE)
            && let Ok(context) = text.parse()
        {
            trace::ride_found(trip.id.0, context);
        }
        Ok(trip)
    }

    /// Writes an item under a mark. The item that stood in the way, unless it is this very write.
    async fn put_marked(
        &self,
        mut item: Item,
        condition: Expression,
    ) -> Result<Option<Option<Item>>, PortError> {
        let mark = Value::Text(self.nonces.next());
        item.insert(WRITTEN_BY.to_owned(), mark.clone());
        match self.table.put(item, condition).await? {
            Write::Refused(Some(found)) if found.get(WRITTEN_BY) == Some(&mark) => Ok(None),
            Write::Refused(found) => Ok(Some(found)),
            Write::Done => Ok(None),
        }
    }

    /// Merges what the shards of an index have, in the order of `sorted_by`, at most `limit`.
    async fn across_shards<K: Ord>(
        &self,
        index: &IndexSpec,
        region: &Region,
        until: Option<Timestamp>,
        limit: usize,
        sorted_by: impl Fn(&Trip) -> K,
    ) -> Result<Vec<Trip>, PortError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let shards = (0..INDEX_SHARDS).map(|shard| async move {
            let name = shard_name(region, shard);
            self.table
                .query(index, &name, until.map(Value::from), limit)
                .await
        });
        // One query to whoever waits for it: the shards are asked side by side.
        let calls = self.table.calls();
        let items = calls.port("table.query", try_join_all(shards)).await?;
        let trips = items.iter().flatten().map(|item| self.read(item));
        let mut trips = trips.collect::<Result<Vec<_>, _>>()?;
        trips.sort_by_cached_key(|trip| (sorted_by(trip), trip.id));
        trips.truncate(limit);
        Ok(trips)
    }
}

fn shard_of(id: TripId) -> u32 {
    u32::try_from(id.0 % u128::from(INDEX_SHARDS)).expect("a remainder is below its divisor")
}

fn shard_name(region: &Region, shard: u32) -> String {
    format!("{region}#{shard}")
}

impl TripStore for DynamoTrips {
    async fn create(&self, trip: &Trip) -> Result<Created, PortError> {
        let condition = Expression {
            text: NEW,
            values: Vec::new(),
        };
        match self.put_marked(self.item(trip), condition).await? {
            None => Ok(Created::New),
            Some(Some(found)) => Ok(Created::Exists(Box::new(self.read(&found)?))),
            // Servers that do not hand the item out with the refusal.
            Some(None) => match self.get(trip.id).await? {
                Some(found) => Ok(Created::Exists(Box::new(found))),
                None => Err(PortError::Unavailable {
                    port: self.table.port(),
                    detail: format!("trip {} was there and is gone", trip.id),
                }),
            },
        }
    }

    async fn get(&self, id: TripId) -> Result<Option<Trip>, PortError> {
        let item = self.table.get(&trip_key(id), true).await?;
        item.map(|item| self.read(&item)).transpose()
    }

    async fn transition(&self, next: &Trip) -> Result<Swap, PortError> {
        let from = i128::from(next.version) - 1;
        let condition = Expression {
            text: "trip_version = :from",
            values: vec![(":from", Value::Number(from))],
        };
        match self.put_marked(self.item(next), condition).await? {
            None => Ok(Swap::Done),
            Some(_) => Ok(Swap::Lost),
        }
    }
}

impl OpenTrips for DynamoTrips {
    async fn open(&self, region: &Region, limit: usize) -> Result<Vec<Trip>, PortError> {
        self.across_shards(&OPEN_INDEX, region, None, limit, |trip| trip.requested_at)
            .await
    }
}

impl DueTrips for DynamoTrips {
    async fn due(
        &self,
        region: &Region,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<TripId>, PortError> {
        let due_at = |trip: &Trip| trip.due_at(&self.sweep);
        let shards = self.across_shards(&DUE_INDEX, region, Some(now), limit, due_at);
        let trips = shards.await?;
        Ok(trips.iter().map(|trip| trip.id).collect())
    }
}

fn lease_key(region: &Region, round: Round) -> String {
    format!("round#{region}#{}", round.0)
}

impl RoundLease for DynamoTrips {
    async fn take(
        &self,
        region: &Region,
        round: Round,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        let expires = (until + LEASE_REMEMBERED).as_secs();
        let item = Item::from([
            (KEY.to_owned(), lease_key(region, round).into()),
            (VERSION.to_owned(), Value::Number(wire::items::ITEM_VERSION)),
            ("until_us".to_owned(), until.into()),
            (EXPIRES.to_owned(), Value::Number(expires.into())),
        ]);
        let condition = Expression {
            text: "attribute_not_exists(pk) OR \
                   (attribute_not_exists(finished) AND until_us <= :now)",
            values: vec![(":now", now.into())],
        };
        Ok(self.put_marked(item, condition).await?.is_none())
    }

    async fn finish(&self, region: &Region, round: Round) -> Result<(), PortError> {
        let set = Expression {
            text: "",
            values: vec![(":one", Value::Number(1))],
        };
        let key = lease_key(region, round);
        match self.table.update(&key, "SET finished = :one", set).await? {
            Write::Done | Write::Refused(_) => Ok(()),
        }
    }
}
