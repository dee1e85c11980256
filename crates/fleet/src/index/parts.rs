//! What a search looks at: an index, or those shards of one that are at hand.

use domain::{Place, Space};

use super::Index;
use super::block::{Block, block_of, level_of, place_of};
use super::chunk::{Chunk, Located, shard_of};
use super::sharding::{ShardSet, shard_at};
use crate::limits::SHARDS;

/// In a shard that is not at hand, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elsewhere;

/// A block, if there is one.
pub(super) type Looked<'a> = Result<Option<&'a Block>, Elsewhere>;

/// Some of the shards of an index, or one that is all there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// By shard. In the place of those that are not at hand is another.
    indexes: [&'a Index; SHARDS],
    at_hand: ShardSet,
    is_one: bool,
}

impl<'a> Parts<'a> {
    /// An index that is all there is.
    pub(crate) fn whole(index: &'a Index) -> Self {
        Self {
            indexes: [index; SHARDS],
            at_hand: ShardSet::ALL,
            is_one: true,
        }
    }

    /// Those shards that are at hand, by their numbers, at least one.
    pub(crate) fn of(at_hand: impl Iterator<Item = (usize, &'a Index)>) -> Option<Self> {
        let mut parts: Option<Self> = None;
        for (shard, index) in at_hand {
            let parts = parts.get_or_insert(Self {
                indexes: [index; SHARDS],
                at_hand: ShardSet::default(),
                is_one: false,
            });
            parts.indexes[shard] = index;
            parts.at_hand = parts.at_hand.with(shard);
        }
        parts
    }

    /// Each that is at hand.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a Index> {
        let one = self.is_one.then_some(self.indexes[0]);
        let several = self.at_hand.iter().filter(move |_| !self.is_one);
        one.into_iter()
            .chain(several.map(move |shard| self.indexes[shard]))
    }

    /// Whether all is at hand.
    pub(super) fn are_all(&self) -> bool {
        self.at_hand == ShardSet::ALL
    }

    /// How many slots are in what is at hand.
    pub(super) fn len(&self) -> usize {
        self.iter().map(Index::len).sum()
    }

    pub(super) fn space(&self) -> Space {
        self.indexes[0].space()
    }

    /// The index that has what is at a place: one that is at hand.
    #[inline]
    pub(super) fn home_of(&self, place: Place) -> &'a Index {
        // All have the same cells.
        let grid = self.indexes[0].base();
        let (key, _) = block_of(0, grid.cell_of(place));
        let shard = shard_at(place_of(key));
        debug_assert!(self.at_hand.contains(shard), "home is at hand");
        self.indexes[shard]
    }

    /// The block of a key.
    #[inline]
    pub(super) fn block(&self, key: u64) -> Looked<'a> {
        let (level, (column, row)) = (level_of(key), place_of(key));
        let shard = shard_at((column >> level, row >> level));
        if self.at_hand.contains(shard) {
            Ok(self.indexes[shard].block(key))
        } else {
            Err(Elsewhere)
        }
    }

    /// The index of a chunk that one at hand has.
    #[inline]
    pub(super) fn of_chunk(&self, chunk: u32) -> &'a Index {
        self.indexes[shard_of(chunk)]
    }

    #[inline]
    pub(super) fn chunk(&self, chunk: u32) -> &'a Chunk {
        self.of_chunk(chunk).chunks.get(chunk)
    }

    /// The index of an entry that one at hand has, and its slot there.
    #[inline]
    pub(super) fn of_entry(&self, at: Located) -> (&'a Index, u32) {
        let index = self.of_chunk(at.chunk());
        (index, index.chunks.slot(at))
    }
}
