//! The drivers of a cell, [`ROOM`] at a time: a chunk is two lines of memory that come together.

use domain::Place;

/// How many a chunk holds.
pub(crate) const ROOM: usize = 10;

/// What stands for no chunk.
pub(crate) const NO_CHUNK: u32 = u32::MAX;

/// Where a driver's entry lies: which chunk, and at which place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located(u32);

const POSITION_BITS: u32 = 4;
const _: () = assert!(ROOM <= 1 << POSITION_BITS);

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

    pub(crate) fn next(&self) -> u32 {
        self.next
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }
}

/// All chunks.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    all: Vec<Chunk>,
    free: u32,
}

impl Chunks {
    pub(crate) fn new() -> Self {
        Self {
            all: Vec::new(),
            free: NO_CHUNK,
        }
    }

    #[inline]
    pub(crate) fn place(&self, at: Located) -> Place {
        self.all[at.chunk() as usize].places[at.position()]
    }

    #[inline]
    pub(crate) fn slot(&self, at: Located) -> u32 {
        self.all[at.chunk() as usize].slots[at.position()]
    }

    #[inline]
    pub(crate) fn set_place(&mut self, at: Located, place: Place) {
        self.all[at.chunk() as usize].places[at.position()] = place;
    }

    #[inline]
    pub(crate) fn get(&self, chunk: u32) -> &Chunk {
        &self.all[chunk as usize]
    }

    /// Reads chunks, so that they are in the cache: the reads do not wait for each other.
    #[inline]
    pub(crate) fn touch(&self, chunks: impl Iterator<Item = u32>) {
        let some = chunks.filter(|chunk| *chunk != NO_CHUNK);
        let read = some.fold(0, |read, chunk| {
            let chunk = &self.all[chunk as usize];
            read ^ chunk.places[0].to_e7().0.cast_unsigned() ^ chunk.len
        });
        std::hint::black_box(read);
    }

    /// The chunks of a cell by its first.
    #[inline]
    pub(crate) fn of(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        let some = |chunk: u32| (chunk != NO_CHUNK).then_some(chunk);
        std::iter::successors(some(first), move |chunk| {
            some(self.all[*chunk as usize].next)
        })
    }

    /// Adds a driver to a cell by its first chunk, which may be another afterwards, and says where. All chunks of a cell
    /// but the first are full.
    pub(crate) fn push(&mut self, first: &mut u32, slot: u32, place: Place) -> Located {
        let begun = (*first != NO_CHUNK).then(|| self.get(*first).len());
        if begun.is_none_or(|len| len == ROOM) {
            *first = self.begin(*first, place);
        }
        let chunk = &mut self.all[*first as usize];
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
            // The last numbers would not leave room for the position beside them.
            let number = u32::try_from(self.all.len() - 1).ok();
            return number
                .filter(|number| *number < u32::MAX >> POSITION_BITS)
                .expect("fewer than 2^28 chunks");
        }
        let number = self.free;
        let begun = &mut self.all[number as usize];
        self.free = begun.next;
        *begun = chunk;
        number
    }

    /// Frees all chunks of a cell by its first.
    pub(crate) fn clear(&mut self, first: u32) {
        let last = self.of(first).last();
        if let Some(last) = last {
            self.all[last as usize].next = std::mem::replace(&mut self.free, first);
        }
    }

    /// Takes a driver out of a cell by its first chunk, which may be another afterwards, or none. Another of the cell's
    /// drivers, whose slot comes back, may have moved to where the one was.
    pub(crate) fn remove(&mut self, first: &mut u32, at: Located) -> Option<u32> {
        let begun = &mut self.all[*first as usize];
        begun.len -= 1;
        let last = Located((*first << POSITION_BITS) | begun.len);
        let (place, slot) = (begun.places[last.position()], begun.slots[last.position()]);
        if begun.len == 0 {
            let next = std::mem::replace(&mut begun.next, self.free);
            self.free = std::mem::replace(first, next);
        }
        (last != at).then(|| {
            let chunk = &mut self.all[at.chunk() as usize];
            chunk.places[at.position()] = place;
            chunk.slots[at.position()] = slot;
            slot
        })
    }
}
