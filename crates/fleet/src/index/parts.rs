//! What a search looks at: an index, or those shards of one that are at hand.

use domain::Space;

use super::Index;
use super::block::{Block, level_of, place_of};
use super::chunk::{Chunk, Located, shard_of};
use super::sharding::{ShardSet, shard_at};
use crate::limits::SHARDS;

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

    /// Shards that are not at hand.
    pub(super) fn others(&self) -> ShardSet {
        ShardSet::ALL.without(self.at_hand)
    }

    /// How many slots are in all of it; none if some of it is not at hand.
    pub(super) fn len(&self) -> Option<usize> {
        let is_all = self.others().is_empty();
        is_all.then(|| self.iter().map(Index::len).sum())
    }

    /// One of them: all have the same cells.
    #[inline]
    pub(super) fn any(&self) -> &'a Index {
        self.indexes[0]
    }

    pub(super) fn space(&self) -> Space {
        self.any().space()
    }

    /// The index that has, or would have, a block of a level by its column and row.
    ///
    /// # Errors
    /// With the shard, if it is not at hand.
    #[inline]
    pub(super) fn index_at(
        &self,
        level: usize,
        (column, row): (i32, i32),
    ) -> Result<&'a Index, usize> {
        let shard = shard_at((column >> level, row >> level));
        if self.at_hand.contains(shard) {
            Ok(self.indexes[shard])
        } else {
            Err(shard)
        }
    }

    /// The block of a key, if there is one.
    ///
    /// # Errors
    /// With the shard that would have it, if that is not at hand.
    #[inline]
    pub(super) fn block(&self, key: u64) -> Result<Option<&'a Block>, usize> {
        let index = self.index_at(level_of(key), place_of(key))?;
        Ok(index.block(key))
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
