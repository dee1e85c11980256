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

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }
}

/// How many of a cell's chunks are looked at for room before another is begun.
const LOOKED_AT_FOR_ROOM: usize = 3;

/// What taking a driver out of a chunk did to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// Nothing else.
    Alone,
    /// The driver with this slot is now where the one was.
    MovedThere(u32),
    /// Nobody is left in it.
    TheLast,
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

    /// Adds a driver to a cell by its first chunk, which may be another afterwards, and says where.
    pub(crate) fn push(&mut self, first: &mut u32, slot: u32, place: Place) -> Located {
        let with_room = self
            .of(*first)
            .take(LOOKED_AT_FOR_ROOM)
            .find(|chunk| (self.all[*chunk as usize].len as usize) < ROOM);
        let number = with_room.unwrap_or_else(|| {
            *first = self.begin(*first, place);
            *first
        });
        let chunk = &mut self.all[number as usize];
        let position = chunk.len;
        chunk.places[position as usize] = place;
        chunk.slots[position as usize] = slot;
        chunk.len += 1;
        Located((number << POSITION_BITS) | position)
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

    /// Takes a driver out. Another of the cell's drivers, whose slot comes back, may have moved to where the one was.
    /// If nobody is left in the chunk it is to be [`let_go`](Self::let_go).
    pub(crate) fn remove(&mut self, at: Located) -> Removed {
        let chunk = &mut self.all[at.chunk() as usize];
        chunk.len -= 1;
        let last = chunk.len as usize;
        if last == 0 {
            return Removed::TheLast;
        }
        if last == at.position() {
            return Removed::Alone;
        }
        chunk.places[at.position()] = chunk.places[last];
        chunk.slots[at.position()] = chunk.slots[last];
        Removed::MovedThere(chunk.slots[last])
    }

    /// Sees to a chunk of a cell in which nobody is left: by the cell's first, which may be another afterwards, or
    /// none. Another of the cell's drivers may have moved into it, who comes back.
    pub(crate) fn let_go(&mut self, first: &mut u32, chunk: u32) -> Option<(u32, Located)> {
        // Only the first can be taken out without looking for what comes before it.
        let moved = (chunk != *first).then(|| {
            let begun = &mut self.all[*first as usize];
            begun.len -= 1;
            let last = begun.len as usize;
            let (place, slot) = (begun.places[last], begun.slots[last]);
            let emptied = &mut self.all[chunk as usize];
            emptied.places[0] = place;
            emptied.slots[0] = slot;
            emptied.len = 1;
            (slot, Located(chunk << POSITION_BITS))
        });
        let begun = &mut self.all[*first as usize];
        if begun.len == 0 {
            let next = std::mem::replace(&mut begun.next, self.free);
            self.free = std::mem::replace(first, next);
        }
        moved
    }
}
