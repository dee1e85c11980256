//! The items of the market: `market#<region>` is a region's state, `cell#<region>#<h3>` is what a quote
//! reads of one cell.

use std::collections::BTreeMap;

use domain::surge::Multiplier;
use domain::{Cell, Region, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    DOC, ITEM_VERSION, Item, ItemError, KEY, VERSION, Value, check_version, error, number,
    read_doc, write_doc,
};

/// The state's count of writes, which the next write compares; on a cell's item, which state wrote it.
pub const MARKET_VERSION: &str = "market_version";
/// A cell's price multiplier in hundredths.
pub const MULTIPLIER: &str = "multiplier_hundredths";
/// Available drivers in a cell and around it.
pub const NEARBY: &str = "nearby";

/// The partition key of a region's state.
#[must_use]
pub fn market_key(region: &Region) -> String {
    format!("market#{region}")
}

/// The partition key of a cell.
#[must_use]
pub fn cell_key(region: &Region, cell: Cell) -> String {
    format!("cell#{region}#{cell}")
}

/// What a quote reads of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellRow {
    /// The price multiplier.
    pub multiplier: Multiplier,
    /// Available drivers in the cell and around it.
    pub nearby: u32,
}

/// A region's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketRow {
    /// Available drivers per cell.
    pub supply: BTreeMap<Cell, u32>,
    /// When that was so.
    pub supply_at: Timestamp,
    /// Open requests per cell.
    pub demand: BTreeMap<Cell, u32>,
    /// When that was so.
    pub demand_at: Timestamp,
    /// What the cells' items were last set to.
    pub told: BTreeMap<Cell, CellRow>,
    /// Counts the writes.
    pub version: u64,
}

#[derive(Serialize, Deserialize)]
struct MarketDoc {
    supply_at_us: i64,
    demand_at_us: i64,
    supply: BTreeMap<String, u32>,
    demand: BTreeMap<String, u32>,
    /// Multiplier in hundredths, drivers nearby.
    told: BTreeMap<String, (u32, u32)>,
}

fn by_name<T: Copy, U>(cells: &BTreeMap<Cell, T>, value: impl Fn(T) -> U) -> BTreeMap<String, U> {
    cells
        .iter()
        .map(|(cell, one)| (cell.to_string(), value(*one)))
        .collect()
}

fn by_cell<T: Copy, U>(
    item: &Item,
    cells: &BTreeMap<String, T>,
    value: impl Fn(T) -> U,
) -> Result<BTreeMap<Cell, U>, ItemError> {
    cells
        .iter()
        .map(|(name, one)| {
            let cell = name
                .parse()
                .map_err(|_| error(item, DOC, name, "an H3 cell"))?;
            Ok((cell, value(*one)))
        })
        .collect()
}

/// The item of a region's state.
#[must_use]
pub fn encode_market(region: &Region, row: &MarketRow) -> Item {
    let doc = MarketDoc {
        supply_at_us: row.supply_at.as_micros(),
        demand_at_us: row.demand_at.as_micros(),
        supply: by_name(&row.supply, |count| count),
        demand: by_name(&row.demand, |count| count),
        told: by_name(&row.told, |cell| {
            (cell.multiplier.hundredths(), cell.nearby)
        }),
    };
    Item::from([
        (KEY.to_owned(), market_key(region).into()),
        (VERSION.to_owned(), Value::Number(ITEM_VERSION)),
        (MARKET_VERSION.to_owned(), row.version.into()),
        (DOC.to_owned(), write_doc(&doc)),
    ])
}

/// Reads a region's state.
///
/// # Errors
/// If the item is of another version, or damaged.
pub fn decode_market(item: &Item) -> Result<MarketRow, ItemError> {
    check_version(item)?;
    let doc: MarketDoc = read_doc(item)?;
    Ok(MarketRow {
        supply: by_cell(item, &doc.supply, |count| count)?,
        supply_at: Timestamp::from_micros(doc.supply_at_us),
        demand: by_cell(item, &doc.demand, |count| count)?,
        demand_at: Timestamp::from_micros(doc.demand_at_us),
        told: by_cell(item, &doc.told, |(multiplier, nearby)| CellRow {
            multiplier: Multiplier::from_hundredths(multiplier),
            nearby,
        })?,
        version: number(item, MARKET_VERSION)?,
    })
}

/// The item of a cell, as the state of that version sets it.
#[must_use]
pub fn encode_cell(region: &Region, cell: Cell, row: CellRow, version: u64) -> Item {
    Item::from([
        (KEY.to_owned(), cell_key(region, cell).into()),
        (VERSION.to_owned(), Value::Number(ITEM_VERSION)),
        (MARKET_VERSION.to_owned(), version.into()),
        (MULTIPLIER.to_owned(), row.multiplier.hundredths().into()),
        (NEARBY.to_owned(), row.nearby.into()),
    ])
}

/// Reads a cell.
///
/// # Errors
/// If the item is of another version, or damaged.
pub fn decode_cell(item: &Item) -> Result<CellRow, ItemError> {
    check_version(item)?;
    Ok(CellRow {
        multiplier: Multiplier::from_hundredths(number(item, MULTIPLIER)?),
        nearby: number(item, NEARBY)?,
    })
}
