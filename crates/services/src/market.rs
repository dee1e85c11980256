//! The surge update: snapshots of supply and demand in, multipliers per cell out.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use domain::cell::Around;
use domain::surge::{self, Multiplier};
use domain::{Cell, Nearby, Region, Supply, Timestamp};

use crate::config::Market;
use crate::error::MessageError;
use crate::limits::SWAP_ATTEMPTS_MAX;
use crate::ports::{
    CellMarket, MarketSide, MarketSnapshot, MarketState, MarketStore, PortError, Swap,
};

/// The surge update use case.
#[derive(Debug, Clone)]
pub struct SurgeUpdate<M> {
    market: Arc<Market>,
    store: M,
    known: Arc<Mutex<Known>>,
}

/// What was worked out before and holds still.
#[derive(Debug, Default)]
struct Known {
    around: Around,
    drivers: Option<Drivers>,
    /// What all cells were told here last.
    told: Option<Told>,
}

/// A version of a region's market of which all cells were told.
#[derive(Debug)]
struct Told {
    region: Region,
    version: u64,
    words: Arc<BTreeMap<Cell, CellMarket>>,
}

/// About how many drivers are in and around each cell, and the supply by which that is so.
#[derive(Debug)]
struct Drivers {
    supply: Arc<Supply>,
    nearby: Vec<(Cell, Nearby)>,
}

impl Drivers {
    fn of(supply: &Arc<Supply>, around: &mut Around) -> Self {
        let mut nearby = supply.nearby(around);
        for (_, nearby) in &mut nearby {
            *nearby = nearby.map(coarse);
        }
        Self {
            supply: Arc::clone(supply),
            nearby,
        }
    }
}

impl Known {
    fn has_told(&self, region: &Region, version: u64) -> bool {
        let told = self.told.as_ref();
        told.is_some_and(|told| told.region == *region && told.version == version)
    }

    /// The cells of a state that may not have been told of it. Where others write in turn with this, it is what the last of
    /// them changed, and not all that each has left to the next.
    fn left(&self, region: &Region, state: &MarketState) -> BTreeSet<Cell> {
        let told = self.told.as_ref().filter(|told| told.region == *region);
        match told.and_then(|told| Some((told, state.version.checked_sub(told.version)?))) {
            Some((_, 0)) => BTreeSet::new(),
            Some((told, 1)) => changes(&told.words, &state.told),
            _ => state.untold.as_ref().clone(),
        }
    }

    fn nearby(&mut self, supply: &Arc<Supply>) -> &[(Cell, Nearby)] {
        let Self {
            around, drivers, ..
        } = self;
        let last = drivers.take().filter(|last| last.supply == *supply);
        let now = last.unwrap_or_else(|| Drivers::of(supply, around));
        &drivers.insert(now).nearby
    }
}

/// What a snapshot did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// So many cells were set.
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
            known: Arc::default(),
        }
    }

    /// Takes in one snapshot.
    ///
    /// # Errors
    /// If the store fails, or others write the same region again and again.
    pub async fn update(&self, snapshot: &MarketSnapshot) -> Result<Updated, MessageError> {
        for _ in 0..SWAP_ATTEMPTS_MAX {
            let state = self.store.load(&snapshot.region).await?;
            let Some(next) = self.next(&state, snapshot) else {
                // Whoever wrote that may have failed with the cells, and this be the message that comes again for it.
                self.tell(&snapshot.region, &state).await?;
                return Ok(Updated::Stale);
            };
            if self.store.store(&snapshot.region, &next).await? == Swap::Done {
                self.tell(&snapshot.region, &next).await?;
                return Ok(Updated::Cells(next.untold.len()));
            }
        }
        Err(MessageError::Contended("market"))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known
            .lock()
            .expect("no one panics while holding what is known")
    }

    /// Tells the cells of a state what they were not told of it, unless that was done here.
    async fn tell(&self, region: &Region, state: &MarketState) -> Result<(), PortError> {
        if self.known().has_told(region, state.version) {
            return Ok(());
        }
        self.store.tell(region, state).await?;
        self.known().told = Some(Told {
            region: region.clone(),
            version: state.version,
            words: Arc::clone(&state.told),
        });
        Ok(())
    }

    fn next(&self, state: &MarketState, snapshot: &MarketSnapshot) -> Option<MarketState> {
        let mut next = MarketState {
            version: state.version + 1,
            ..state.clone()
        };
        let counted_at = match snapshot.side {
            MarketSide::Supply(_) => &mut next.supply_at,
            MarketSide::Demand(_) => &mut next.demand_at,
        };
        if *counted_at >= snapshot.at {
            return None;
        }
        *counted_at = snapshot.at;
        match &snapshot.side {
            MarketSide::Supply(supply) => next.supply = Arc::new(supply.clone()),
            MarketSide::Demand(demand) => next.demand = Arc::new(demand.clone()),
        }

        // Where there is no surge, none is what is missing.
        let previous: BTreeMap<Cell, Multiplier> = state
            .told
            .iter()
            .filter(|(_, told)| told.multiplier > Multiplier::NONE)
            .map(|(cell, told)| (*cell, told.multiplier))
            .collect();
        // Without both sides there is nothing to compare.
        let both = next.supply_at > Timestamp::ZERO && next.demand_at > Timestamp::ZERO;
        let mut known = self.known();
        let multipliers = match &self.market.surge {
            Some(policy) if both => surge::update(
                policy,
                &previous,
                next.supply.all(),
                &next.demand,
                &mut known.around,
            ),
            _ => BTreeMap::new(),
        };
        let told = tell(known.nearby(&next.supply), &multipliers);
        let mut untold = changes(&state.told, &told);
        untold.extend(known.left(&snapshot.region, state));
        next.told = Arc::new(told);
        next.untold = Arc::new(untold);
        Some(next)
    }
}

/// What each cell is told: its multiplier, and about how many drivers are near.
fn tell(
    nearby: &[(Cell, Nearby)],
    multipliers: &BTreeMap<Cell, Multiplier>,
) -> BTreeMap<Cell, CellMarket> {
    let drivers = nearby
        .iter()
        .map(|(cell, drivers)| (*cell, (drivers, Multiplier::NONE)));
    let raised = multipliers
        .iter()
        .map(|(cell, raised)| (*cell, (&Nearby::NONE, *raised)));
    let told = merge(drivers, raised, |(drivers, _), (_, raised)| {
        (drivers, raised)
    });
    told.map(|(cell, (drivers, multiplier))| {
        let nearby = *drivers;
        (cell, CellMarket { multiplier, nearby })
    })
    .collect()
}

/// Cells whose word differs from the last, or of which no more is said.
fn changes(last: &BTreeMap<Cell, CellMarket>, told: &BTreeMap<Cell, CellMarket>) -> BTreeSet<Cell> {
    let before = last.iter().map(|(cell, word)| (*cell, (Some(word), None)));
    let after = told.iter().map(|(cell, word)| (*cell, (None, Some(word))));
    merge(before, after, |(before, _), (_, after)| (before, after))
        .filter(|(_, (before, after))| before != after)
        .map(|(cell, _)| cell)
        .collect()
}

/// Two sequences by ascending cell as one; of a cell that is in both, what `both` makes of them.
fn merge<T>(
    one: impl Iterator<Item = (Cell, T)>,
    other: impl Iterator<Item = (Cell, T)>,
    both: impl Fn(T, T) -> T,
) -> impl Iterator<Item = (Cell, T)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || {
        let order = match (one.peek(), other.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => one.next(),
            Ordering::Greater => other.next(),
            Ordering::Equal => {
                let ((cell, a), (_, b)) = one.next().zip(other.next())?;
                Some((cell, both(a, b)))
            }
        }
    })
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
