//! The surge update: snapshots of supply and demand in, multipliers per cell out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use domain::cell::Around;
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
    around: Arc<Mutex<Around>>,
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
        Self {
            market,
            store,
            around: Arc::default(),
        }
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
        *counts = Arc::new(snapshot.cells.clone());
        *counted_at = snapshot.at;

        // Where there is no surge, none is what is missing.
        let previous: BTreeMap<Cell, Multiplier> = state
            .told
            .iter()
            .filter(|(_, told)| told.multiplier > Multiplier::NONE)
            .map(|(cell, told)| (*cell, told.multiplier))
            .collect();
        // Without both sides there is nothing to compare.
        let both = next.supply_at > Timestamp::ZERO && next.demand_at > Timestamp::ZERO;
        let multipliers = match &self.market.surge {
            Some(policy) if both => surge::update(
                policy,
                &previous,
                &next.supply,
                &next.demand,
                &mut self.around(),
            ),
            _ => BTreeMap::new(),
        };
        let told = self.tell(&next.supply, &multipliers);
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
        next.told = Arc::new(told);
        Some((next, changed))
    }

    fn around(&self) -> MutexGuard<'_, Around> {
        self.around
            .lock()
            .expect("no one panics while holding the neighbours")
    }

    fn tell(
        &self,
        supply: &BTreeMap<Cell, u32>,
        multipliers: &BTreeMap<Cell, Multiplier>,
    ) -> BTreeMap<Cell, CellMarket> {
        let mut known = self.around();
        let mut nearby: Vec<(Cell, u32)> = multipliers.keys().map(|cell| (*cell, 0)).collect();
        for (cell, drivers) in supply {
            nearby.push((*cell, *drivers));
            nearby.extend(known.of(*cell).iter().map(|cell| (*cell, *drivers)));
        }
        sums(nearby)
            .into_iter()
            .map(|(cell, drivers)| {
                let multiplier = multipliers.get(&cell).copied().unwrap_or_default();
                let nearby = coarse(drivers);
                (cell, CellMarket { multiplier, nearby })
            })
            .collect()
    }
}

/// Adds up what is said of the same cells.
fn sums(mut counts: Vec<(Cell, u32)>) -> Vec<(Cell, u32)> {
    counts.sort_unstable();
    counts.dedup_by(|(later, more), (earlier, sum)| {
        let same = earlier == later;
        if same {
            *sum += *more;
        }
        same
    });
    counts
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
