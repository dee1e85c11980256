//! A hash table of slot numbers: open addressing, no seed, so the same history gives the same table.
//!
//! It stores numbers, each with half of its key's hash; the caller keeps the keys and hands in how to compare
//! them. So a probe reads a key elsewhere in memory only where it is all but sure to be the one. Nothing
//! iterates over it, so its layout never shows.

/// A slot and the upper half of its key's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    tag: u32,
    slot: u32,
}

/// A place in the table that holds no slot.
const EMPTY: Held = Held {
    tag: 0,
    slot: u32::MAX,
};
const CAPACITY_MIN: usize = 16;

/// Spreads a key over 64 bits; the table uses the upper ones. The finaliser of splitmix64.
pub(crate) fn hash_of(key: u64) -> u64 {
    let mixed = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

fn tag_of(hash: u64) -> u32 {
    (hash >> u32::BITS) as u32
}

/// The table.
#[derive(Debug, Clone)]
pub(crate) struct SlotTable {
    slots: Vec<Held>,
    /// From a tag to the place where its slot would be best.
    shift: u32,
    len: usize,
}

impl SlotTable {
    pub(crate) fn new() -> Self {
        Self::with_capacity(CAPACITY_MIN)
    }

    fn with_capacity(capacity: usize) -> Self {
        debug_assert!(capacity.is_power_of_two());
        Self {
            slots: vec![EMPTY; capacity],
            shift: u32::BITS - capacity.trailing_zeros(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn home(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// The slot whose key has this hash and of which `is_it` is true.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag_of(hash);
        let mut at = self.home(tag);
        loop {
            match self.slots[at] {
                EMPTY => return None,
                held if held.tag == tag && is_it(held.slot) => return Some(held.slot),
                _ => at = self.after(at),
            }
        }
    }

    /// Adds a slot that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, slot: u32) {
        debug_assert_ne!(slot, EMPTY.slot);
        // At most two thirds full: probes stay short.
        if (self.len + 1) * 3 > self.slots.len() * 2 {
            let mut larger = Self::with_capacity(self.slots.len() * 2);
            for &held in self.slots.iter().filter(|held| **held != EMPTY) {
                larger.put(held);
            }
            *self = larger;
        }
        self.put(Held {
            tag: tag_of(hash),
            slot,
        });
    }

    fn put(&mut self, held: Held) {
        let mut at = self.home(held.tag);
        while self.slots[at] != EMPTY {
            at = self.after(at);
        }
        self.slots[at] = held;
        self.len += 1;
    }

    /// Removes a slot that is there, and closes the gap so that later probes still find what lies behind.
    pub(crate) fn remove(&mut self, hash: u64, slot: u32) {
        let mut gap = self.home(tag_of(hash));
        while self.slots[gap].slot != slot {
            assert_ne!(self.slots[gap], EMPTY, "slot {slot} is in the table");
            gap = self.after(gap);
        }
        let mut at = gap;
        loop {
            at = self.after(at);
            let held = self.slots[at];
            if held == EMPTY {
                break;
            }
            // A slot may move into the gap unless its home lies between the two.
            let mask = self.slots.len() - 1;
            let from_home = at.wrapping_sub(self.home(held.tag)) & mask;
            if from_home >= at.wrapping_sub(gap) & mask {
                self.slots[gap] = held;
                gap = at;
            }
        }
        self.slots[gap] = EMPTY;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(
            steps in prop::collection::vec((any::<bool>(), 0u32..200), 1..600),
            spread in prop::sample::select(vec![0u64, 1, 1 << 32]),
        ) {
            // With a spread of 0 all keys collide.
            let rehash = |slot: u32| hash_of(u64::from(slot) * spread);
            let mut table = SlotTable::new();
            let mut set = BTreeSet::new();
            for (add, slot) in steps {
                if add && set.insert(slot) {
                    table.insert(rehash(slot), slot);
                } else if !add && set.remove(&slot) {
                    table.remove(rehash(slot), slot);
                }
            }
            prop_assert_eq!(table.len(), set.len());
            for slot in 0..200 {
                let found = table.find(rehash(slot), |held| held == slot);
                prop_assert_eq!(found, set.get(&slot).copied());
            }
        }
    }
}
