//! The drivers of a cell, [`ROOM`] at a time: a chunk is two lines of memory that come together.

use domain::Place;

use crate::limits::SHARDS;

/// How many a chunk holds.
pub(crate) const ROOM: usize = 10;

/// What stands for no chunk.
pub(crate) const NO_CHUNK: u32 = u32::MAX;

/// Where a driver's entry lies: which chunk, and at which place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located(u32);

const POSITION_BITS: u32 = 4;
const _: () = assert!(ROOM <= 1 << POSITION_BITS);

/// A chunk's number has that of its shard above its number in the shard, so that what several shards have is told apart.
const IN_SHARD_BITS: u32 = u32::BITS - POSITION_BITS - SHARDS.trailing_zeros();
const IN_SHARD: u32 = (1 << IN_SHARD_BITS) - 1;

/// The shard of a chunk by its number.
#[inline]
pub(crate) fn shard_of(chunk: u32) -> usize {
    (chunk >> IN_SHARD_BITS) as usize
}

impl Located {
    /// Not in any chunk.
    pub(crate) const NOWHERE: Self = Self(u32::MAX);

    /// The first place of a chunk; those that follow are above it by one each.
    #[inline]
    pub(crate) fn first_of(chunk: u32) -> Self {
        Self(chunk << POSITION_BITS)
    }

    /// As a number.
    #[inline]
    pub(crate) fn to_bits(self) -> u32 {
        self.0
    }

    /// From [its number](Self::to_bits).
    #[inline]
    pub(crate) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) fn chunk(self) -> u32 {
        self.0 >> POSITION_BITS
    }

    #[inline]
    pub(crate) fn position(self) -> usize {
        (self.0 & ((1 << POSITION_BITS) - 1)) as usize
    }
}

/// Up to [`ROOM`] drivers of a cell, at least one: where they are, and their slots.
#[derive(Debug, Clone)]
#[repr(align(128))]
pub(crate) struct Chunk {
    /// Those beyond the length are old places of the same cell, so that no rank is out of the ordinary.
    places: [Place; ROOM],
    slots: [u32; ROOM],
    len: u32,
    /// The cell's next chunk, or the next that is free.
    next: u32,
}

const _: () = assert!(size_of::<Chunk>() == 128);

impl Chunk {
    /// Places of the cell; those of the first [`len`](Self::len) count.
    pub(crate) fn places(&self) -> &[Place; ROOM] {
        &self.places
    }

    /// Whose they are.
    pub(crate) fn slots(&self) -> &[u32; ROOM] {
        &self.slots
    }

    /// Reads it, so that it is in the cache; what that gives is to be used somehow.
    #[inline]
    pub(crate) fn touch(&self) -> u32 {
        self.places[0].to_e7().0.cast_unsigned() ^ self.len
    }

    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }
}

/// All chunks of a shard.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    /// The number of the first.
    first: u32,
    all: Vec<Chunk>,
    free: u32,
}

impl Chunks {
    pub(crate) fn new(shard: usize) -> Self {
        debug_assert!(shard < SHARDS);
        Self {
            first: (shard as u32) << IN_SHARD_BITS,
            all: Vec::new(),
            free: NO_CHUNK,
        }
    }

    #[inline]
    fn get_mut(&mut self, chunk: u32) -> &mut Chunk {
        &mut self.all[(chunk & IN_SHARD) as usize]
    }

    #[inline]
    pub(crate) fn place(&self, at: Located) -> Place {
        self.get(at.chunk()).places[at.position()]
    }

    #[inline]
    pub(crate) fn slot(&self, at: Located) -> u32 {
        self.get(at.chunk()).slots[at.position()]
    }

    #[inline]
    pub(crate) fn set_place(&mut self, at: Located, place: Place) {
        self.get_mut(at.chunk()).places[at.position()] = place;
    }

    #[inline]
    pub(crate) fn get(&self, chunk: u32) -> &Chunk {
        &self.all[(chunk & IN_SHARD) as usize]
    }

    /// The chunks of a cell by its first.
    #[inline]
    pub(crate) fn of(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |chunk: u32| (chunk != NO_CHUNK).then_some(chunk);
        std::iter::successors(some(first), move |chunk| some(self.get(*chunk).next))
    }

    /// Adds a driver to a cell by its first chunk, which may be another afterwards, and says where. All chunks of a cell
    /// but the first are full.
    pub(crate) fn push(&mut self, first: &mut u32, slot: u32, place: Place) -> Located {
        let begun = (*first != NO_CHUNK).then(|| self.get(*first).len());
        if begun.is_none_or(|len| len == ROOM) {
            *first = self.begin(*first, place);
        }
        let chunk = self.get_mut(*first);
        let position = chunk.len;
        chunk.places[position as usize] = place;
        chunk.slots[position as usize] = slot;
        chunk.len += 1;
        Located((*first << POSITION_BITS) | position)
    }

    fn begin(&mut self, next: u32, place: Place) -> u32 {
        let chunk = Chunk {
            places: [place; ROOM],
            slots: [0; ROOM],
            len: 0,
            next,
        };
        if self.free == NO_CHUNK {
            self.all.push(chunk);
            // The last is left out: of the last shard it would be no chunk's.
            let number = u32::try_from(self.all.len() - 1).ok();
            let number = number.filter(|number| *number < IN_SHARD);
            return self.first + number.expect("fewer than 2^25 chunks in a shard");
        }
        let number = self.free;
        let next = std::mem::replace(self.get_mut(number), chunk).next;
        self.free = next;
        number
    }

    /// Frees all chunks of a cell by its first.
    pub(crate) fn clear(&mut self, first: u32) {
        let last = self.of(first).last();
        if let Some(last) = last {
            let next = std::mem::replace(&mut self.free, first);
            self.get_mut(last).next = next;
        }
    }

    /// Takes a driver out of a cell by its first chunk, which may be another afterwards, or none. Another of the cell's
    /// drivers, whose slot comes back, may have moved to where the one was.
    pub(crate) fn remove(&mut self, first: &mut u32, at: Located) -> Option<u32> {
        let free = self.free;
        let begun = self.get_mut(*first);
        begun.len -= 1;
        let last = Located((*first << POSITION_BITS) | begun.len);
        let (place, slot) = (begun.places[last.position()], begun.slots[last.position()]);
        if begun.len == 0 {
            let next = std::mem::replace(&mut begun.next, free);
            self.free = std::mem::replace(first, next);
        }
        (last != at).then(|| {
            let chunk = self.get_mut(at.chunk());
            chunk.places[at.position()] = place;
            chunk.slots[at.position()] = slot;
            slot
        })
    }
}
