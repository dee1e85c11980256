//! The items of the market: `market#<region>` is a region's state, `cell#<region>#<h3>` is what a quote
//! reads of one cell.

use std::collections::{BTreeMap, BTreeSet};

use domain::surge::Multiplier;
use domain::{Cell, Nearby, Region, Supply, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    DOC, ITEM_VERSION, Item, ItemError, KEY, VERSION, Value, check_version, error, number,
    read_doc, read_json, write_doc,
};
use crate::supply::{
    self, ByClass, Cells, Damage, read_cells, read_nearby, read_supply, write_cells, write_nearby,
    write_supply,
};

/// The state's count of writes, which the next write compares; on a cell's item, which state wrote it.
pub const MARKET_VERSION: &str = "market_version";
/// A cell's price multiplier in hundredths.
pub const MULTIPLIER: &str = "multiplier_hundredths";
/// Available drivers in a cell and around it.
pub const NEARBY: &str = "nearby";
/// Of these, those of other vehicle classes than the first: `{"1":4}`. Absent if there are none.
pub const NEARBY_BY_CLASS: &str = "nearby_by_class";

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
    pub nearby: Nearby,
}

/// A region's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketRow {
    /// Available drivers per cell.
    pub supply: Supply,
    /// When that was so.
    pub supply_at: Timestamp,
    /// Open requests per cell.
    pub demand: BTreeMap<Cell, u32>,
    /// When that was so.
    pub demand_at: Timestamp,
    /// What the cells' items are to say.
    pub told: BTreeMap<Cell, CellRow>,
    /// Those that may not say so yet.
    pub untold: BTreeSet<Cell>,
    /// Counts the writes.
    pub version: u64,
}

#[derive(Serialize, Deserialize)]
struct MarketDoc {
    supply_at_us: i64,
    demand_at_us: i64,
    supply: Cells,
    /// Of these, those of other vehicle classes than the first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    supply_by_class: ByClass<Cells>,
    demand: Cells,
    /// Multiplier in hundredths, drivers nearby.
    told: BTreeMap<String, (u32, u32)>,
    /// Of these drivers, those of other vehicle classes than the first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    told_by_class: BTreeMap<String, ByClass<u32>>,
    /// Cells that may not have been told yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    untold: Vec<String>,
}

impl MarketDoc {
    fn told(&self) -> Result<BTreeMap<Cell, CellRow>, Damage> {
        let mut by_class = self.told_by_class.keys();
        if let Some(name) = by_class.find(|name| !self.told.contains_key(*name)) {
            return Err(Damage {
                found: format!("{name} told of classes alone"),
                expected: "a cell told of all drivers too",
            });
        }
        let none = ByClass::new();
        let told = self.told.iter().map(|(name, (multiplier, nearby))| {
            let others = self.told_by_class.get(name).unwrap_or(&none);
            let row = CellRow {
                multiplier: Multiplier::from_hundredths(*multiplier),
                nearby: read_nearby(*nearby, others)?,
            };
            Ok((supply::cell(name)?, row))
        });
        told.collect()
    }
}

/// The item of a region's state.
#[must_use]
pub fn encode_market(region: &Region, row: &MarketRow) -> Item {
    let told = row.told.iter().map(|(cell, told)| {
        let word = (told.multiplier.hundredths(), told.nearby.all());
        (cell.to_string(), word)
    });
    let told_by_class = row.told.iter().filter_map(|(cell, told)| {
        let others = write_nearby(told.nearby);
        (!others.is_empty()).then(|| (cell.to_string(), others))
    });
    let doc = MarketDoc {
        supply_at_us: row.supply_at.as_micros(),
        demand_at_us: row.demand_at.as_micros(),
        supply: write_cells(row.supply.all()),
        supply_by_class: write_supply(&row.supply),
        demand: write_cells(&row.demand),
        told: told.collect(),
        told_by_class: told_by_class.collect(),
        untold: row.untold.iter().map(ToString::to_string).collect(),
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
    let of_doc = |it: Damage| error(item, DOC, &it.found, it.expected);
    let untold = doc.untold.iter().map(|name| supply::cell(name));
    let all = read_cells(&doc.supply).map_err(of_doc)?;
    Ok(MarketRow {
        supply: read_supply(all, &doc.supply_by_class).map_err(of_doc)?,
        supply_at: Timestamp::from_micros(doc.supply_at_us),
        demand: read_cells(&doc.demand).map_err(of_doc)?,
        demand_at: Timestamp::from_micros(doc.demand_at_us),
        told: doc.told().map_err(of_doc)?,
        untold: untold.collect::<Result<_, _>>().map_err(of_doc)?,
        version: number(item, MARKET_VERSION)?,
    })
}

/// The item of a cell, as the state of that version sets it.
#[must_use]
pub fn encode_cell(region: &Region, cell: Cell, row: CellRow, version: u64) -> Item {
    let mut item = Item::from([
        (KEY.to_owned(), cell_key(region, cell).into()),
        (VERSION.to_owned(), Value::Number(ITEM_VERSION)),
        (MARKET_VERSION.to_owned(), version.into()),
        (MULTIPLIER.to_owned(), row.multiplier.hundredths().into()),
        (NEARBY.to_owned(), row.nearby.all().into()),
    ]);
    let others = write_nearby(row.nearby);
    if !others.is_empty() {
        item.insert(NEARBY_BY_CLASS.to_owned(), write_doc(&others));
    }
    item
}

/// Reads a cell.
///
/// # Errors
/// If the item is of another version, or damaged.
pub fn decode_cell(item: &Item) -> Result<CellRow, ItemError> {
    check_version(item)?;
    let others = match item.get(NEARBY_BY_CLASS) {
        Some(_) => read_json(item, NEARBY_BY_CLASS, "numbers by vehicle class")?,
        None => ByClass::new(),
    };
    let nearby = read_nearby(number(item, NEARBY)?, &others);
    Ok(CellRow {
        multiplier: Multiplier::from_hundredths(number(item, MULTIPLIER)?),
        nearby: nearby.map_err(|it| error(item, NEARBY_BY_CLASS, &it.found, it.expected))?,
    })
}
