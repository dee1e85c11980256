//! A region's market and its cells, in table `pricing`.

use std::collections::BTreeMap;

use domain::{Cell, Region};
use services::ports::{CellMarket, MarketReader, MarketState, MarketStore, PortError, Swap};

use super::{Call, Table};
use crate::memory::MemoryMarket;

/// A cell is read eventually consistent: half a unit.
const CELL_READ: f64 = 0.5;
/// A cell below 1 KB.
const CELL_WRITE: f64 = 1.0;
/// Bytes of a market's document for each cell that it names on one side, about (these and those below are held against
/// `wire::items` in a test): `"8a2a1072b59ffff":12,`.
const BYTES_PER_CELL: f64 = 21.0;
/// Bytes of a market's document for each cell that pricing was told of: `"8a2a1072b59ffff":[100,12],`.
const BYTES_PER_TOLD_CELL: f64 = 27.0;
/// As many more where there is more than one class of vehicles: `"8a2a1072b59ffff":{"1":12,"2":4},`.
const BYTES_PER_CELL_TOLD_BY_CLASS: f64 = 33.0;
/// The largest item (docs: DynamoDB quotas, item size).
const ITEM_KB_MAX: f64 = 400.0;
/// As many more for each cell that pricing is told of by this document: `"8a2a1072b59ffff",`.
const BYTES_PER_UNTOLD_CELL: f64 = 18.0;
/// Calls of one update under way at once: `CALLS_IN_FLIGHT_MAX` of `crates/aws`.
const CALLS_IN_FLIGHT_MAX: usize = 16;

/// [`MemoryMarket`] with the latency and units of a table.
#[derive(Debug, Clone)]
pub struct TimedMarket {
    inner: MemoryMarket,
    table: Table,
}

impl TimedMarket {
    /// An empty table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self {
            inner: MemoryMarket::new(),
            table,
        }
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }
}

fn kilobytes(state: &MarketState) -> f64 {
    let others = state.supply.others();
    let of_others: usize = others.values().map(BTreeMap::len).sum();
    let counted = state.supply.all().len() + of_others + state.demand.len();
    let mut bytes = counted as f64 * BYTES_PER_CELL;
    bytes += state.told.len() as f64 * BYTES_PER_TOLD_CELL;
    bytes += state.untold.len() as f64 * BYTES_PER_UNTOLD_CELL;
    if !others.is_empty() {
        let told = state.told.values();
        let by_class = told.filter(|told| told.nearby.others().next().is_some());
        bytes += by_class.count() as f64 * BYTES_PER_CELL_TOLD_BY_CLASS;
    }
    bytes / 1_024.0
}

impl MarketReader for TimedMarket {
    async fn cell(&self, region: &Region, cell: Cell) -> Result<Option<CellMarket>, PortError> {
        self.table
            .read(Call::Get, CELL_READ, u64::from(cell))
            .await?;
        self.inner.cell(region, cell).await
    }
}

impl MarketStore for TimedMarket {
    async fn load(&self, region: &Region) -> Result<MarketState, PortError> {
        self.table.read(Call::Get, 0.0, 0).await?;
        let state = self.inner.load(region).await?;
        self.table
            .also_read(0, (kilobytes(&state) / 4.0).ceil().max(1.0));
        Ok(state)
    }

    async fn store(&self, region: &Region, next: &MarketState) -> Result<Swap, PortError> {
        let size_kb = kilobytes(next);
        if size_kb > ITEM_KB_MAX {
            return Err(PortError::Unavailable {
                port: "the market",
                detail: format!(
                    "found an item of {size_kb:.0} KB for {region}, expected at most {ITEM_KB_MAX:.0}: cells of surge \
                     are too small for so many drivers"
                ),
            });
        }
        let units = size_kb.ceil().max(1.0);
        self.table.write(Call::Put, units, 0).await?;
        let swapped = self.inner.store(region, next).await?;
        if swapped == Swap::Lost {
            self.table.refused(units, units);
        }
        Ok(swapped)
    }

    async fn tell(&self, region: &Region, state: &MarketState) -> Result<(), PortError> {
        // The cells are written some at a time: as long as their waves, as many units as cells.
        for wave in state
            .untold
            .iter()
            .collect::<Vec<_>>()
            .chunks(CALLS_IN_FLIGHT_MAX)
        {
            self.table
                .write(Call::Put, CELL_WRITE, u64::from(*wave[0]))
                .await?;
            let others = wave.len() as u64 - 1;
            self.table.also_written(others, others as f64 * CELL_WRITE);
        }
        self.inner.tell(region, state).await
    }
}
