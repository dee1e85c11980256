//! Timers by their time: a heap of four children to a node. One that is no longer wanted stays in the heap until
//! it comes up, but holds nothing; once more than half are such, all of them go.
//!
//! Timers of one moment fire in the order in which they were set: that order is part of what a seed
//! replays.

use std::task::Waker;

/// Children of a node. Four keep the heap flat and a node's children side by side.
const CHILDREN: usize = 4;
/// Entries up to which it is not worth looking for those that are no longer wanted.
const ENTRIES_MIN: usize = 64;

/// A timer that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerId(u32);

/// A timer in the heap as one number, so that four fit into a cache line and are compared in a step: its time, its
/// turn, its slot. Earlier times come first, and at one time earlier turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

/// Bits of a slot's number: 16 million timers at once, and 40 bits are left for the turns of all of a run.
const SLOT_BITS: u32 = 24;
const TURN_BITS: u32 = 64 - SLOT_BITS;
/// Makes times before the epoch come before those after it.
const SIGN: u64 = 1 << 63;

impl Entry {
    fn new(at_us: i64, turn: u64, slot: u32) -> Self {
        debug_assert!(turn >> TURN_BITS == 0 && slot >> SLOT_BITS == 0);
        let at = at_us.cast_unsigned() ^ SIGN;
        Self(u128::from(at) << 64 | u128::from(turn << SLOT_BITS | u64::from(slot)))
    }

    fn at_us(self) -> i64 {
        let at = (self.0 >> 64) as u64;
        (at ^ SIGN).cast_signed()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    fn turn(self) -> u64 {
        self.0 as u64 >> SLOT_BITS
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are meant")]
    fn slot(self) -> u32 {
        self.0 as u32 & ((1 << SLOT_BITS) - 1)
    }
}

#[derive(Debug)]
struct Slot {
    /// Of the timer that has the slot, or had it last.
    turn: u64,
    /// Of a timer that is set; none while the slot is free.
    waker: Option<Waker>,
}

/// All timers that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// The first is of a timer that is set.
    heap: Vec<Entry>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    turns: u64,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn set(&mut self, at_us: i64, waker: Waker) -> TimerId {
        let turn = self.turns;
        self.turns += 1;
        let taken = Slot {
            turn,
            waker: Some(waker),
        };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = taken;
            slot
        } else {
            let slot = u32::try_from(self.slots.len()).ok();
            self.slots.push(taken);
            slot.filter(|slot| slot >> SLOT_BITS == 0)
                .expect("fewer than 2^24 timers at once")
        };
        self.heap.push(Entry::new(at_us, turn, slot));
        self.rise(self.heap.len() - 1);
        TimerId(slot)
    }

    /// Wakes another task than the one named when the timer was set.
    pub(crate) fn rename(&mut self, timer: TimerId, waker: &Waker) {
        let known = &mut self.slots[timer.0 as usize].waker;
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Forgets a timer that has not fired.
    pub(crate) fn cancel(&mut self, timer: TimerId) {
        self.give_back(timer.0);
        if self.heap.len() > ENTRIES_MIN.max(2 * self.len()) {
            let slots = &self.slots;
            self.heap.retain(|entry| is_set(slots, *entry));
            // In order is in heap order.
            self.heap.sort_unstable();
        }
        self.drop_first_unless_set();
    }

    /// When the next timer fires.
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.heap.first().map(|entry| entry.at_us())
    }

    /// Takes the next timer out if it fires at `now` or before.
    pub(crate) fn fire(&mut self, now_us: i64) -> Option<Waker> {
        let first = *self.heap.first()?;
        if first.at_us() > now_us {
            return None;
        }
        self.drop_first();
        let waker = self.give_back(first.slot());
        self.drop_first_unless_set();
        Some(waker)
    }

    /// Timers that are set.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn give_back(&mut self, slot: u32) -> Waker {
        self.free.push(slot);
        self.slots[slot as usize]
            .waker
            .take()
            .expect("a timer that is set has someone to wake")
    }

    fn drop_first_unless_set(&mut self) {
        while let Some(first) = self.heap.first()
            && !is_set(&self.slots, *first)
        {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        let last = self.heap.pop().expect("there is a first entry");
        if !self.heap.is_empty() {
            self.sink(last);
        }
    }

    fn rise(&mut self, mut place: usize) {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.heap[parent] <= entry {
                break;
            }
            self.heap[place] = self.heap[parent];
            place = parent;
        }
        self.heap[place] = entry;
    }

    /// Puts an entry in the place of the first, and then where it belongs.
    fn sink(&mut self, entry: Entry) {
        let mut place = 0;
        loop {
            let first = place * CHILDREN + 1;
            let end = (first + CHILDREN).min(self.heap.len());
            let Some(least) = (first..end).min_by_key(|child| self.heap[*child]) else {
                break;
            };
            if entry <= self.heap[least] {
                break;
            }
            self.heap[place] = self.heap[least];
            place = least;
        }
        self.heap[place] = entry;
    }
}

fn is_set(slots: &[Slot], entry: Entry) -> bool {
    let slot = &slots[entry.slot() as usize];
    slot.turn == entry.turn() && slot.waker.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Streams;

    #[test]
    fn timers_fire_by_time_and_then_by_turn_and_those_taken_out_do_not() {
        let mut timers = Timers::default();
        let mut stream = Streams::new(7).stream("timers", 0);
        let mut expected = Vec::new();
        let mut cancelled = Vec::new();
        for turn in 0..2_000u64 {
            let at = i64::try_from(stream.below(300)).unwrap() - 100;
            let id = timers.set(at, Waker::noop().clone());
            if stream.chance(0.4) {
                cancelled.push(id);
            } else {
                expected.push((at, turn));
            }
            if stream.chance(0.5)
                && let Some(id) = cancelled.pop()
            {
                timers.cancel(id);
            }
        }
        for id in cancelled {
            timers.cancel(id);
        }
        expected.sort_unstable();
        assert_eq!(timers.len(), expected.len());
        for (at, turn) in expected {
            let first = timers.heap[0];
            assert_eq!((first.at_us(), first.turn()), (at, turn));
            assert_eq!(timers.next_at(), Some(at));
            assert!(timers.fire(at - 1).is_none());
            assert!(timers.fire(at).is_some());
        }
        assert_eq!((timers.len(), timers.next_at()), (0, None));
    }

    #[test]
    fn those_taken_out_do_not_pile_up() {
        let mut timers = Timers::default();
        let kept: Vec<TimerId> = (0..100)
            .map(|at| timers.set(at, Waker::noop().clone()))
            .collect();
        for at in 0..10_000 {
            let id = timers.set(1_000 + at, Waker::noop().clone());
            timers.cancel(id);
            assert!(timers.heap.len() <= 2 * kept.len() + 1);
        }
        for (at, id) in (0..).zip(kept) {
            assert_eq!(timers.next_at(), Some(at));
            timers.cancel(id);
        }
        assert_eq!((timers.len(), timers.next_at()), (0, None));
    }
}
