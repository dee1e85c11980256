//! Which shard has what: an index may be one of several, each with the drivers of its own coarse cells. A coarse cell is
//! a block of the first level, so all blocks that it is split into are in the same shard. Those that touch are in
//! different ones, unless it is where an axis meets itself.

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

    /// One of them.
    #[inline]
    pub(crate) fn of(shard: usize) -> Self {
        Self(1 << shard)
    }

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

    #[inline]
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

/// How often the widest cells are halved for cells by which it is told how near a coarse cell's edge is.
const HALVINGS: u32 = 2;
/// As a power of two, how many such cells a coarse cell has along either side.
const BITS: u32 = BLOCK_SIDE_BITS + HALVINGS;
/// The side of such a cell, in metres.
const STEP_M: f64 = CELL_M_MAX / (1 << HALVINGS) as f64;
/// So many of them to all sides reach no farther than into the coarse cells beside.
const STEPS_MAX: i32 = 1 << (BITS - 1);
/// The area of a coarse cell, in square metres; on the sphere, at the equator.
pub(super) const COARSE_CELL_M2: f64 =
    CELL_M_MAX * CELL_M_MAX * (1 << (2 * BLOCK_SIDE_BITS)) as f64;

/// The coarse cells of a space, and where in them places are.
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

    #[inline]
    pub(crate) fn locate(&self, place: Place) -> InCoarseCell {
        InCoarseCell(self.grid.cell_of(place))
    }

    /// The shard that has the drivers at a place.
    #[inline]
    pub(crate) fn shard_of(&self, place: Place) -> usize {
        self.locate(place).shard()
    }
}

/// Where in a coarse cell a place is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InCoarseCell((i32, i32));

impl InCoarseCell {
    /// The shard that has the drivers there.
    #[inline]
    pub(crate) fn shard(self) -> usize {
        let (column, row) = self.0;
        shard_at((column >> BITS, row >> BITS))
    }

    /// The shards that have the drivers within a reach, in metres. Where an axis meets itself, those beyond may be missing,
    /// and towards the poles those that lie east and west.
    #[inline]
    pub(crate) fn shards_within(self, reach_m: f64) -> ShardSet {
        /// The number of the last in a coarse cell, and what tells numbers there.
        const LAST: i32 = (1 << BITS) - 1;
        let steps = if reach_m < STEP_M {
            1
        } else if reach_m < STEP_M * f64::from(STEPS_MAX) {
            (reach_m / STEP_M) as i32 + 1
        } else {
            return ShardSet::ALL;
        };
        let Self((column, row)) = self;
        let own = ShardSet::of(self.shard());
        let is_inside = |cell: i32| (steps..=LAST - steps).contains(&(cell & LAST));
        if is_inside(column) && is_inside(row) {
            return own;
        }
        let corners = [
            (-steps, -steps),
            (steps, -steps),
            (-steps, steps),
            (steps, steps),
        ];
        corners.iter().fold(own, |set, (x, y)| {
            set.with(Self((column + x, row + y)).shard())
        })
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
        let places = |reach_m: f64| {
            let along =
                (0..80).map(|hundred| Place::from_metres(f64::from(hundred) * 100.0, 4_000.0));
            let several = along.filter(|place| {
                let shards = sharding.locate(*place).shards_within(reach_m);
                assert!(shards.contains(sharding.shard_of(*place)));
                shards.iter().count() > 1
            });
            several.count()
        };
        // Of eight kilometres, those whose reach is across an end or up to a step from it.
        assert!((2..=10).contains(&places(100.0)), "{}", places(100.0));
        assert!((38..=43).contains(&places(1_900.0)), "{}", places(1_900.0));
        assert_eq!(places(3_900.0), 80);
        for reach_m in [1e9, f64::INFINITY] {
            let origin = sharding.locate(Place::from_metres(0.0, 0.0));
            let shards = origin.shards_within(reach_m);
            assert_eq!(shards, ShardSet::ALL);
        }
    }
}
