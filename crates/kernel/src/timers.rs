//! Timers by their time: a heap of four children to a node, in which each timer knows its place, so that one
//! that is no longer wanted is taken out at once and does not linger until its time.
//!
//! Timers of one moment fire in the order in which they were set: that order is part of what a seed
//! replays.

use std::task::Waker;

/// Children of a node. Four keep the heap flat and a node's children in one cache line.
const CHILDREN: usize = 4;

/// A timer that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerId(u32);

#[derive(Debug, Clone, Copy)]
struct Entry {
    at_us: i64,
    turn: u64,
    slot: u32,
}

impl Entry {
    /// Earlier times first, and at one time earlier turns: as one number, which is compared in a step.
    fn key(&self) -> i128 {
        i128::from(self.at_us) << 64 | i128::from(self.turn)
    }
}

#[derive(Debug)]
struct Slot {
    /// Where the entry stands in the heap; without meaning while the slot is free.
    place: u32,
    waker: Option<Waker>,
}

/// All timers that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: Vec<Entry>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    turns: u64,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn set(&mut self, at_us: i64, waker: Waker) -> TimerId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot {
                place: 0,
                waker: None,
            });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers at once")
        });
        self.slots[slot as usize].waker = Some(waker);
        let turn = self.turns;
        self.turns += 1;
        self.heap.push(Entry { at_us, turn, slot });
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

    /// Takes a timer out that has not fired.
    pub(crate) fn cancel(&mut self, timer: TimerId) {
        let place = self.slots[timer.0 as usize].place as usize;
        self.take_out(place);
    }

    /// When the next timer fires.
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.heap.first().map(|entry| entry.at_us)
    }

    /// Takes the next timer out if it fires at `now` or before.
    pub(crate) fn fire(&mut self, now_us: i64) -> Option<Waker> {
        let first = self.heap.first()?;
        (first.at_us <= now_us).then(|| self.take_out(0))
    }

    /// Timers that are set.
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    fn take_out(&mut self, place: usize) -> Waker {
        let slot = self.heap[place].slot;
        let last = self.heap.pop().expect("the entry to take out is there");
        if place < self.heap.len() {
            self.heap[place] = last;
            self.sink(place);
            self.rise(place);
        }
        self.free.push(slot);
        self.slots[slot as usize]
            .waker
            .take()
            .expect("a timer that is set has someone to wake")
    }

    fn rise(&mut self, mut place: usize) {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.heap[parent].key() <= entry.key() {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, entry);
    }

    fn sink(&mut self, mut place: usize) {
        let entry = self.heap[place];
        loop {
            let first = place * CHILDREN + 1;
            let end = (first + CHILDREN).min(self.heap.len());
            let Some(least) = (first..end).min_by_key(|child| self.heap[*child].key()) else {
                break;
            };
            if entry.key() <= self.heap[least].key() {
                break;
            }
            self.put(place, self.heap[least]);
            place = least;
        }
        self.put(place, entry);
    }

    fn put(&mut self, place: usize, entry: Entry) {
        self.heap[place] = entry;
        self.slots[entry.slot as usize].place =
            u32::try_from(place).expect("fewer than 2^32 timers at once");
    }
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
            let at = i64::try_from(stream.below(300)).unwrap();
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
            assert_eq!((first.at_us, first.turn), (at, turn));
            assert_eq!(timers.next_at(), Some(at));
            assert!(timers.fire(at - 1).is_none());
            assert!(timers.fire(at).is_some());
        }
        assert_eq!((timers.len(), timers.next_at()), (0, None));
    }
}
