//! Available drivers by vehicle class, as messages and items have them: classes as numbers, cells by name. The first
//! class is not named: where there is no other, nothing is.

use std::collections::BTreeMap;

use domain::supply::SupplyError;
use domain::{Cell, Nearby, Supply, VehicleClass};

/// Counts per cell, by name.
pub(crate) type Cells = BTreeMap<String, u32>;
/// What there is of each class but the first, by number.
pub(crate) type ByClass<T> = BTreeMap<u32, T>;

const OTHER_CLASS: &str = "a vehicle class from 1 to 15";
const _: () = assert!(domain::limits::VEHICLE_CLASSES == 16);

/// What was found, and cannot stand there.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) found: String,
    pub(crate) expected: &'static str,
}

impl From<SupplyError> for Damage {
    fn from(error: SupplyError) -> Self {
        match error {
            SupplyError::First => Self {
                found: VehicleClass::default().number().to_string(),
                expected: OTHER_CLASS,
            },
            SupplyError::Others { found, all } => Self {
                found: format!("{found} drivers of those classes among {all}"),
                expected: "no more than there are",
            },
        }
    }
}

fn class(number: u32) -> Result<VehicleClass, Damage> {
    VehicleClass::new(number).map_err(|_| Damage {
        found: number.to_string(),
        expected: OTHER_CLASS,
    })
}

pub(crate) fn cell(name: &str) -> Result<Cell, Damage> {
    name.parse().map_err(|_| Damage {
        found: name.to_owned(),
        expected: "an H3 cell",
    })
}

pub(crate) fn write_cells(cells: &BTreeMap<Cell, u32>) -> Cells {
    let named = cells.iter();
    named
        .map(|(cell, count)| (cell.to_string(), *count))
        .collect()
}

pub(crate) fn read_cells(cells: &Cells) -> Result<BTreeMap<Cell, u32>, Damage> {
    let named = cells.iter();
    named
        .map(|(name, count)| Ok((cell(name)?, *count)))
        .collect()
}

/// The other classes of a supply.
pub(crate) fn write_supply(supply: &Supply) -> ByClass<Cells> {
    let others = supply.others().iter();
    others
        .map(|(class, cells)| (class.number(), write_cells(cells)))
        .collect()
}

/// The supply of so many in all, and these of other classes.
pub(crate) fn read_supply(
    all: BTreeMap<Cell, u32>,
    others: &ByClass<Cells>,
) -> Result<Supply, Damage> {
    let others = others
        .iter()
        .map(|(number, cells)| Ok((class(*number)?, read_cells(cells)?)))
        .collect::<Result<_, Damage>>()?;
    Ok(Supply::new(all, others)?)
}

/// The other classes of who is nearby.
pub(crate) fn write_nearby(nearby: Nearby) -> ByClass<u32> {
    let others = nearby.others();
    others
        .map(|(class, count)| (class.number(), count))
        .collect()
}

/// So many nearby in all, and these of other classes.
pub(crate) fn read_nearby(all: u32, others: &ByClass<u32>) -> Result<Nearby, Damage> {
    let others = others
        .iter()
        .map(|(number, count)| Ok((class(*number)?, *count)))
        .collect::<Result<Vec<_>, Damage>>()?;
    Ok(Nearby::new(all, others)?)
}
