//! Markets and their cells, in table `pricing`.

use std::sync::Arc;

use domain::{Cell, Region};
use futures_util::{StreamExt, TryStreamExt, stream};
use services::ports::{CellMarket, MarketReader, MarketState, MarketStore, PortError, Swap};
use wire::items::market::{
    CellRow, MarketRow, cell_key, decode_cell, decode_market, encode_cell, encode_market,
    market_key,
};
use wire::items::{Item, Value};

use crate::dynamo::{Expression, TableHandle, Write};
use crate::error::corrupt;
use crate::limits::CALLS_IN_FLIGHT_MAX;
use crate::nonce::{Nonces, WRITTEN_BY};
use crate::stack::{Stack, Table};

/// [`MarketReader`] and [`MarketStore`] on DynamoDB. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DynamoMarket {
    table: TableHandle,
    nonces: Arc<Nonces>,
}

impl DynamoMarket {
    /// The markets of a stack.
    #[must_use]
    pub fn new(stack: &Stack) -> Self {
        Self {
            table: TableHandle::new(stack, Table::Pricing, "the market"),
            nonces: Arc::new(Nonces::new()),
        }
    }

    /// Sets one cell, unless a later state has set it meanwhile: a batch write knows no conditions, and
    /// two updates that finish in the other order would leave the older price standing.
    async fn set_cell(&self, item: Item, version: u64) -> Result<(), PortError> {
        let condition = Expression {
            text: "attribute_not_exists(pk) OR market_version < :version",
            values: vec![(":version", version.into())],
        };
        match self.table.put(item, condition).await? {
            Write::Done | Write::Refused(_) => Ok(()),
        }
    }
}

fn row(cell: &CellMarket) -> CellRow {
    CellRow {
        multiplier: cell.multiplier,
        nearby: cell.nearby,
    }
}

fn cell_market(row: &CellRow) -> CellMarket {
    CellMarket {
        multiplier: row.multiplier,
        nearby: row.nearby,
    }
}

impl MarketReader for DynamoMarket {
    async fn cell(&self, region: &Region, cell: Cell) -> Result<Option<CellMarket>, PortError> {
        // A price some milliseconds old is as good, and half the price.
        let item = self.table.get(&cell_key(region, cell), false).await?;
        item.map(|item| match decode_cell(&item) {
            Ok(row) => Ok(cell_market(&row)),
            Err(why) => Err(corrupt(self.table.port(), &why)),
        })
        .transpose()
    }
}

impl MarketStore for DynamoMarket {
    async fn load(&self, region: &Region) -> Result<MarketState, PortError> {
        let Some(item) = self.table.get(&market_key(region), true).await? else {
            return Ok(MarketState::default());
        };
        let found = decode_market(&item).map_err(|why| corrupt(self.table.port(), &why))?;
        let told = found
            .told
            .iter()
            .map(|(cell, row)| (*cell, cell_market(row)))
            .collect();
        Ok(MarketState {
            supply: Arc::new(found.supply),
            supply_at: found.supply_at,
            demand: Arc::new(found.demand),
            demand_at: found.demand_at,
            told: Arc::new(told),
            untold: Arc::new(found.untold),
            version: found.version,
        })
    }

    async fn store(&self, region: &Region, next: &MarketState) -> Result<Swap, PortError> {
        let next_row = MarketRow {
            supply: next.supply.as_ref().clone(),
            supply_at: next.supply_at,
            demand: next.demand.as_ref().clone(),
            demand_at: next.demand_at,
            told: next
                .told
                .iter()
                .map(|(cell, told)| (*cell, row(told)))
                .collect(),
            untold: next.untold.as_ref().clone(),
            version: next.version,
        };
        let mark = Value::Text(self.nonces.next());
        let mut item = encode_market(region, &next_row);
        item.insert(WRITTEN_BY.to_owned(), mark.clone());
        let condition = match next.version {
            0 | 1 => Expression {
                text: "attribute_not_exists(pk)",
                values: Vec::new(),
            },
            version => Expression {
                text: "market_version = :from",
                values: vec![(":from", Value::from(version - 1))],
            },
        };
        match self.table.put(item, condition).await? {
            Write::Done => Ok(Swap::Done),
            // The answer to this very write was lost on its way.
            Write::Refused(Some(found)) if found.get(WRITTEN_BY) == Some(&mark) => Ok(Swap::Done),
            Write::Refused(_) => Ok(Swap::Lost),
        }
    }

    async fn tell(&self, region: &Region, state: &MarketState) -> Result<(), PortError> {
        let items: Vec<_> = state
            .words()
            .map(|(cell, word)| encode_cell(region, cell, row(&word), state.version))
            .collect();
        stream::iter(items)
            .map(|item| self.set_cell(item, state.version))
            .buffer_unordered(CALLS_IN_FLIGHT_MAX)
            .try_collect()
            .await
    }
}
