//! The surge update: snapshots of supply and demand in, multipliers per cell out.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::surge::{self, Multiplier};
use domain::{Cell, Timestamp};

use crate::config::Market;
use crate::error::MessageError;
use crate::limits::SWAP_ATTEMPTS_MAX;
use crate::ports::{CellMarket, MarketSide, MarketSnapshot, MarketState, MarketStore, Swap};

/// The surge update use case.
#[derive(Debug, Clone)]
pub struct SurgeUpdate<M> {
    market: Arc<Market>,
    store: M,
}

/// What a snapshot did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// So many cells changed.
    Cells(usize),
    /// A later snapshot of the same side was there already.
    Stale,
}

impl<M: MarketStore> SurgeUpdate<M> {
    /// Surge by `market`'s policy, kept in `store`.
    pub fn new(market: Arc<Market>, store: M) -> Self {
        Self { market, store }
    }

    /// Takes in one snapshot.
    ///
    /// # Errors
    /// If the store fails, or others write the same region again and again.
    pub async fn update(&self, snapshot: &MarketSnapshot) -> Result<Updated, MessageError> {
        for _ in 0..SWAP_ATTEMPTS_MAX {
            let state = self.store.load(&snapshot.region).await?;
            let Some((next, changed)) = self.next(&state, snapshot) else {
                return Ok(Updated::Stale);
            };
            if self.store.store(&snapshot.region, &next, &changed).await? == Swap::Done {
                return Ok(Updated::Cells(changed.len()));
            }
        }
        Err(MessageError::Contended("market"))
    }

    fn next(
        &self,
        state: &MarketState,
        snapshot: &MarketSnapshot,
    ) -> Option<(MarketState, BTreeMap<Cell, CellMarket>)> {
        let mut next = MarketState {
            version: state.version + 1,
            ..state.clone()
        };
        let (counts, counted_at) = match snapshot.side {
            MarketSide::Supply => (&mut next.supply, &mut next.supply_at),
            MarketSide::Demand => (&mut next.demand, &mut next.demand_at),
        };
        if *counted_at >= snapshot.at {
            return None;
        }
        counts.clone_from(&snapshot.cells);
        *counted_at = snapshot.at;

        let previous: BTreeMap<Cell, Multiplier> = state
            .told
            .iter()
            .map(|(cell, told)| (*cell, told.multiplier))
            .collect();
        // Without both sides there is nothing to compare.
        let both = next.supply_at > Timestamp::ZERO && next.demand_at > Timestamp::ZERO;
        let multipliers = match &self.market.surge {
            Some(policy) if both => surge::update(policy, &previous, &next.supply, &next.demand),
            _ => BTreeMap::new(),
        };
        let told = tell(&next.supply, &multipliers);
        let changed = told
            .iter()
            .filter(|(cell, market)| state.told.get(cell) != Some(market))
            .map(|(cell, market)| (*cell, *market))
            .chain(
                state
                    .told
                    .keys()
                    .filter(|cell| !told.contains_key(cell))
                    .map(|cell| {
                        (
                            *cell,
                            CellMarket {
                                multiplier: Multiplier::NONE,
                                nearby: 0,
                            },
                        )
                    }),
            )
            .collect();
        next.told = told;
        Some((next, changed))
    }
}

fn tell(
    supply: &BTreeMap<Cell, u32>,
    multipliers: &BTreeMap<Cell, Multiplier>,
) -> BTreeMap<Cell, CellMarket> {
    let mut nearby: BTreeMap<Cell, u32> = BTreeMap::new();
    for (cell, drivers) in supply {
        for around in cell.neighbours().into_iter().chain([*cell]) {
            *nearby.entry(around).or_default() += drivers;
        }
    }
    for cell in multipliers.keys() {
        nearby.entry(*cell).or_default();
    }
    nearby
        .into_iter()
        .map(|(cell, drivers)| {
            let multiplier = multipliers.get(&cell).copied().unwrap_or_default();
            (
                cell,
                CellMarket {
                    multiplier,
                    nearby: coarse(drivers),
                },
            )
        })
        .collect()
}

/// Rounds down to a power of two or one and a half times one: 0 1 2 3 4 6 8 12 16 24 …
fn coarse(drivers: u32) -> u32 {
    if drivers < 4 {
        return drivers;
    }
    let power = 1 << drivers.ilog2();
    if drivers >= power + power / 2 {
        power + power / 2
    } else {
        power
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_steps() {
        let steps: Vec<u32> = [0, 1, 3, 4, 5, 6, 7, 8, 11, 12, 100, u32::MAX]
            .map(coarse)
            .to_vec();
        assert_eq!(steps, [0, 1, 3, 4, 4, 6, 6, 8, 8, 12, 96, 3 << 30]);
    }
}
