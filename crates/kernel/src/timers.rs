//! Timers by their time. Those of the span of time that is under way are in a heap of four children to a node, small
//! enough to stay near the processor; those of each later span wait in a heap's place, in no order, until their
//! span begins. One that is no longer wanted stays where it is until it comes up, but holds nothing; once more than
//! half are such, all of them go.
//!
//! Timers of one moment fire in the order in which they were set: that order is part of what a seed
//! replays.

use std::collections::BTreeMap;
use std::task::Waker;

/// Children of a node. Four keep the heap flat and a node's children side by side.
const CHILDREN: usize = 4;
/// Bits of the microseconds of a span: a quarter of a second, in which most waits for calls begin and end.
const SPAN_BITS: u32 = 18;
/// Entries up to which it is not worth looking for those that are no longer wanted.
const ENTRIES_MIN: usize = 64;

/// A timer that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerId(u32);

/// Who is woken when a timer fires.
#[derive(Debug, Clone)]
pub(crate) enum Sleeper {
    /// A task, by its slot in the executor: a number, where a waker is counted and lies elsewhere in memory.
    Task(u32),
    /// What is polled within a task with a waker of its own.
    Other(Waker),
}

/// A timer as one number, so that four fit into a cache line and are compared in a step: its time, its
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
    sleeper: Option<Sleeper>,
}

/// All timers that are set.
#[derive(Debug)]
pub(crate) struct Timers {
    /// A heap of the timers before a span. The first is of a timer that is set; it is empty only with no timer set.
    near: Vec<Entry>,
    /// The span that ends what is near.
    near_until: i64,
    /// The timers of that span and of later ones.
    far: BTreeMap<i64, Vec<Entry>>,
    /// Entries near and far.
    entries: usize,
    slots: Vec<Slot>,
    free: Vec<u32>,
    turns: u64,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            near: Vec::new(),
            near_until: i64::MIN,
            far: BTreeMap::new(),
            entries: 0,
            slots: Vec::new(),
            free: Vec::new(),
            turns: 0,
        }
    }
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn set(&mut self, at_us: i64, sleeper: Sleeper) -> TimerId {
        let turn = self.turns;
        self.turns += 1;
        let taken = Slot {
            turn,
            sleeper: Some(sleeper),
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
        let (entry, span) = (Entry::new(at_us, turn, slot), at_us >> SPAN_BITS);
        self.entries += 1;
        if span < self.near_until {
            self.near.push(entry);
            self.rise(self.near.len() - 1);
        } else {
            self.far.entry(span).or_default().push(entry);
            self.come_near();
        }
        TimerId(slot)
    }

    /// Wakes another than the one named when the timer was set.
    pub(crate) fn rename(&mut self, timer: TimerId, sleeper: Sleeper) {
        self.slots[timer.0 as usize].sleeper = Some(sleeper);
    }

    /// Forgets a timer that has not fired.
    pub(crate) fn cancel(&mut self, timer: TimerId) {
        self.give_back(timer.0);
        if self.entries > ENTRIES_MIN.max(2 * self.len()) {
            let slots = &self.slots;
            self.near.retain(|entry| is_set(slots, *entry));
            // In order is in heap order.
            self.near.sort_unstable();
            self.far.retain(|_, entries| {
                entries.retain(|entry| is_set(slots, *entry));
                !entries.is_empty()
            });
            self.entries = self.len();
        }
        self.drop_first_unless_set();
    }

    /// When the next timer fires.
    pub(crate) fn next_at(&self) -> Option<i64> {
        self.near.first().map(|entry| entry.at_us())
    }

    /// Takes the next timer out if it fires at `now` or before.
    pub(crate) fn fire(&mut self, now_us: i64) -> Option<Sleeper> {
        let first = *self.near.first()?;
        if first.at_us() > now_us {
            return None;
        }
        self.drop_first();
        let sleeper = self.give_back(first.slot());
        self.drop_first_unless_set();
        Some(sleeper)
    }

    /// Timers that are set.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn give_back(&mut self, slot: u32) -> Sleeper {
        self.free.push(slot);
        self.slots[slot as usize]
            .sleeper
            .take()
            .expect("a timer that is set has someone to wake")
    }

    fn drop_first_unless_set(&mut self) {
        while let Some(first) = self.near.first()
            && !is_set(&self.slots, *first)
        {
            self.drop_first();
        }
        self.come_near();
    }

    /// Where nothing is near, makes a heap of the next span in which a timer is set.
    fn come_near(&mut self) {
        while self.near.is_empty()
            && let Some((span, mut entries)) = self.far.pop_first()
        {
            self.near_until = span + 1;
            let all = entries.len();
            entries.retain(|entry| is_set(&self.slots, *entry));
            self.entries -= all - entries.len();
            // In order is in heap order.
            entries.sort_unstable();
            self.near = entries;
        }
    }

    fn drop_first(&mut self) {
        self.entries -= 1;
        let last = self.near.pop().expect("there is a first entry");
        if !self.near.is_empty() {
            self.sink(last);
        }
    }

    fn rise(&mut self, mut place: usize) {
        let entry = self.near[place];
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.near[parent] <= entry {
                break;
            }
            self.near[place] = self.near[parent];
            place = parent;
        }
        self.near[place] = entry;
    }

    /// Puts an entry in the place of the first, and then where it belongs.
    fn sink(&mut self, entry: Entry) {
        let mut place = 0;
        loop {
            let first = place * CHILDREN + 1;
            let end = (first + CHILDREN).min(self.near.len());
            let Some(least) = (first..end).min_by_key(|child| self.near[*child]) else {
                break;
            };
            if entry <= self.near[least] {
                break;
            }
            self.near[place] = self.near[least];
            place = least;
        }
        self.near[place] = entry;
    }
}

fn is_set(slots: &[Slot], entry: Entry) -> bool {
    let slot = &slots[entry.slot() as usize];
    slot.turn == entry.turn() && slot.sleeper.is_some()
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
            // A few at each of some moments, over a few spans.
            let at = (i64::try_from(stream.below(300)).unwrap() - 100) << (SPAN_BITS - 4);
            let id = timers.set(at, Sleeper::Task(0));
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
            let first = timers.near[0];
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
            .map(|at| timers.set(at, Sleeper::Task(0)))
            .collect();
        for at in 0..10_000 {
            let id = timers.set(1_000 + at, Sleeper::Task(0));
            timers.cancel(id);
            assert!(timers.entries <= 2 * kept.len() + 1);
        }
        for (at, id) in (0..).zip(kept) {
            assert_eq!(timers.next_at(), Some(at));
            timers.cancel(id);
        }
        assert_eq!((timers.len(), timers.next_at()), (0, None));
    }
}
