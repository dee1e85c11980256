//! Which shard has what: an index may be one of several, each with the drivers of its own coarse cells. A coarse cell is
//! a block of the first level, so all blocks that it is split into are in the same shard. Those that touch are in
//! different ones, so that a city is spread over all.

use domain::{Place, Space};

use super::block::BLOCK_SIDE_BITS;
use crate::grid::Grid;
use crate::limits::{CELL_M_MAX, SHARDS};

const _: () = assert!(SHARDS.is_power_of_two() && SHARDS <= u8::BITS as usize);

/// The shard of a coarse cell, by its column and row.
#[inline]
pub(super) fn shard_at((column, row): (i32, i32)) -> usize {
    (column + 3 * row) as usize & (SHARDS - 1)
}

/// Some of the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct ShardSet(u8);

impl ShardSet {
    pub(crate) const ALL: Self = Self(((1u32 << SHARDS) - 1) as u8);

    #[inline]
    pub(crate) fn with(self, shard: usize) -> Self {
        Self(self.0 | 1 << shard)
    }

    #[inline]
    pub(crate) fn with_all(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    #[inline]
    pub(crate) fn contains(self, shard: usize) -> bool {
        (self.0 >> shard) & 1 == 1
    }

    #[inline]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its shards, in the order in which whoever wants several is to lock them.
    #[inline]
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        super::block::bits(u64::from(self.0)).map(|shard| shard as usize)
    }

    /// As a number.
    #[inline]
    pub(crate) fn to_bits(self) -> u8 {
        self.0
    }

    /// From [its number](Self::to_bits).
    #[inline]
    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

/// How often the widest cells are halved for a search to be said to come near a coarse cell's edge.
const HALVINGS: u32 = 2;
/// As a power of two, how many cells as small as that a coarse cell has along either side.
const BITS: u32 = BLOCK_SIDE_BITS + HALVINGS;

/// The coarse cells of a space.
#[derive(Debug, Clone)]
pub(crate) struct Sharding {
    /// Much finer than coarse cells.
    grid: Grid,
}

impl Sharding {
    pub(crate) fn new(space: Space) -> Self {
        let widest = Grid::new(space, CELL_M_MAX);
        Self {
            grid: (0..HALVINGS).fold(widest, |grid, _| grid.halved()),
        }
    }

    /// The shard of one of its cells.
    #[inline]
    fn of_cell((column, row): (i32, i32)) -> usize {
        shard_at((column >> BITS, row >> BITS))
    }

    /// The shard that has the drivers at a place.
    #[inline]
    pub(crate) fn shard_of(&self, place: Place) -> usize {
        Self::of_cell(self.grid.cell_of(place))
    }

    /// That one, and with it those of what is [`CELL_M_MAX`] / 4 and less from the place along either axis; where an axis
    /// meets itself those beyond may be missing.
    #[inline]
    pub(crate) fn shards_around(&self, place: Place) -> (usize, ShardSet) {
        const AT_EDGE: i32 = (1 << BITS) - 1;
        let (column, row) = self.grid.cell_of(place);
        let own = Self::of_cell((column, row));
        let alone = ShardSet::default().with(own);
        let is_inside = |cell: i32| (1..AT_EDGE).contains(&(cell & AT_EDGE));
        if is_inside(column) && is_inside(row) {
            return (own, alone);
        }
        let corners = [(-1, -1), (1, -1), (-1, 1), (1, 1)];
        let around = corners.iter().fold(alone, |set, (x, y)| {
            set.with(Self::of_cell((column + x, row + y)))
        });
        (own, around)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_cells_that_touch_are_in_different_shards() {
        for (column, row) in [(0, 0), (5, 3), (4_999, 2_503)] {
            let touching = [(0, 0), (1, 0), (0, 1), (1, 1)];
            let shards = touching.map(|(x, y)| shard_at((column + x, row + y)));
            let set = shards
                .iter()
                .fold(ShardSet::default(), |set, it| set.with(*it));
            assert_eq!(set.iter().count(), touching.len());
        }
    }

    #[test]
    fn what_is_around_an_edge_is_in_several_shards() {
        let sharding = Sharding::new(Space::Plane {
            width_m: 1.0,
            height_m: 1.0,
        });
        let at = |east_m| sharding.shards_around(Place::from_metres(east_m, 4_000.0));
        let along = (0..80).map(|hundred| at(f64::from(hundred) * 100.0));
        let (mut alone, mut near_an_edge) = (0, 0);
        for (own, around) in along {
            assert!(around.contains(own));
            if around.iter().count() == 1 {
                alone += 1;
            } else {
                near_an_edge += 1;
            }
        }
        // Of eight kilometres those within 250 to 500 m of an end.
        assert!(alone >= 70, "{alone} alone, {near_an_edge} near an edge");
        assert!(
            near_an_edge >= 5,
            "{alone} alone, {near_an_edge} near an edge"
        );
    }
}
