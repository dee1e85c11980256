//! Surge and supply by region.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::{Cell, Region};
use services::ports::{CellMarket, MarketReader, MarketState, MarketStore, PortError, Swap};

use super::{StoreCounters, lock};

/// The market in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryMarket {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    regions: BTreeMap<Region, RegionMarket>,
    counters: StoreCounters,
}

#[derive(Debug, Default)]
struct RegionMarket {
    state: MarketState,
    /// With the version that set each.
    cells: BTreeMap<Cell, (u64, CellMarket)>,
}

impl MemoryMarket {
    /// Nothing was counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the store was asked.
    #[must_use]
    pub fn counters(&self) -> StoreCounters {
        lock(&self.state).counters
    }
}

impl MarketReader for MemoryMarket {
    async fn cell(&self, region: &Region, cell: Cell) -> Result<Option<CellMarket>, PortError> {
        let mut state = lock(&self.state);
        state.counters.reads += 1;
        Ok(state
            .regions
            .get(region)
            .and_then(|market| market.cells.get(&cell))
            .map(|(_, word)| *word))
    }
}

impl MarketStore for MemoryMarket {
    async fn load(&self, region: &Region) -> Result<MarketState, PortError> {
        let mut state = lock(&self.state);
        state.counters.reads += 1;
        Ok(state
            .regions
            .get(region)
            .map(|market| market.state.clone())
            .unwrap_or_default())
    }

    async fn store(&self, region: &Region, next: &MarketState) -> Result<Swap, PortError> {
        let mut state = lock(&self.state);
        let stored = state
            .regions
            .get(region)
            .map_or(0, |market| market.state.version);
        if Some(stored) != next.version.checked_sub(1) {
            state.counters.conditional_failures += 1;
            return Ok(Swap::Lost);
        }
        state.counters.writes += 1;
        let market = state.regions.entry(region.clone()).or_default();
        market.state.clone_from(next);
        Ok(Swap::Done)
    }

    async fn tell(&self, region: &Region, told: &MarketState) -> Result<(), PortError> {
        let mut state = lock(&self.state);
        let State { regions, counters } = &mut *state;
        let cells = &mut regions.entry(region.clone()).or_default().cells;
        for (cell, word) in told.words() {
            match cells.get(&cell) {
                Some((version, _)) if *version >= told.version => {
                    counters.conditional_failures += 1;
                }
                _ => {
                    counters.writes += 1;
                    cells.insert(cell, (told.version, word));
                }
            }
        }
        Ok(())
    }
}
