//! Timers by their time. Those of the tick under way are in a heap of four children to a node, small enough to stay near
//! the processor; those of later ticks of the same lap wait in a ring, a place for each tick, in no order; those of
//! later laps wait lap by lap. So a timer is moved twice at most before it is ordered among the few of its tick. One
//! that is no longer wanted stays where it is until it comes up, but holds nothing; once more than half are such, all
//! of them go.
//!
//! Timers of one moment fire in the order in which they were set: that order is part of what a seed
//! replays.

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

/// Children of a node. Four keep the heap flat and a node's children side by side.
const CHILDREN: usize = 4;
/// Bits of the microseconds of a tick: 4 ms, so that a few timers are in each at a thousand a second.
const TICK_BITS: u32 = 12;
/// Bits of the ticks of a lap: 4 s, in which most waits begin and end.
const LAP_BITS: u32 = 10;
/// Ticks of a lap.
const LAP: usize = 1 << LAP_BITS;
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

    fn tick(self) -> i64 {
        self.at_us() >> TICK_BITS
    }

    fn lap(self) -> i64 {
        self.tick() >> LAP_BITS
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

/// Sixteen bytes, so that four are side by side in memory: there are as many as tasks wait.
#[derive(Debug)]
struct Slot {
    /// Of the timer that has the slot, or had it last.
    turn: u64,
    /// The task that is woken, [`OTHER`], or [`FREE`].
    task: u32,
}

/// No task: the waker is beside the slots.
const OTHER: u32 = u32::MAX - 1;
/// No timer has the slot.
const FREE: u32 = u32::MAX;

/// Entries of one lap by their ticks.
#[derive(Debug)]
struct Ring {
    ticks: Vec<Vec<Entry>>,
    /// A bit for each tick that has entries.
    occupied: [u64; LAP / 64],
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            ticks: vec![Vec::new(); LAP],
            occupied: [0; LAP / 64],
        }
    }
}

impl Ring {
    fn push(&mut self, entry: Entry) {
        let place = (entry.tick().cast_unsigned() % LAP as u64) as usize;
        self.ticks[place].push(entry);
        self.occupied[place / 64] |= 1 << (place % 64);
    }

    /// The entries of the first tick that has some, in exchange for a place of none.
    fn take_first(&mut self, none: &mut Vec<Entry>) -> bool {
        debug_assert!(none.is_empty());
        let Some(word) = self.occupied.iter().position(|word| *word != 0) else {
            return false;
        };
        let bits = &mut self.occupied[word];
        let place = word * 64 + bits.trailing_zeros() as usize;
        *bits &= *bits - 1;
        mem::swap(&mut self.ticks[place], none);
        true
    }

    fn retain(&mut self, mut keep: impl FnMut(&Entry) -> bool) {
        for (place, entries) in self.ticks.iter_mut().enumerate() {
            entries.retain(&mut keep);
            if entries.is_empty() {
                self.occupied[place / 64] &= !(1 << (place % 64));
            }
        }
    }
}

/// All timers that are set.
#[derive(Debug)]
pub(crate) struct Timers {
    /// A heap of the timers before a tick.
    near: Vec<Entry>,
    /// The tick that ends what is near.
    near_until: i64,
    /// The timers of that tick and of later ones of its lap.
    ring: Ring,
    /// The lap of the ring.
    lap: i64,
    /// The timers of later laps.
    far: BTreeMap<i64, Vec<Entry>>,
    /// Entries near, in the ring and far.
    entries: usize,
    slots: Vec<Slot>,
    /// The wakers of timers that wake no task, by their slots.
    others: Vec<Option<Waker>>,
    free: Vec<u32>,
    turns: u64,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            near: Vec::new(),
            near_until: i64::MIN,
            ring: Ring::default(),
            lap: i64::MIN,
            far: BTreeMap::new(),
            entries: 0,
            slots: Vec::new(),
            others: Vec::new(),
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
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = u32::try_from(self.slots.len()).ok();
            self.slots.push(Slot { turn, task: FREE });
            slot.filter(|slot| slot >> SLOT_BITS == 0)
                .expect("fewer than 2^24 timers at once")
        });
        self.slots[slot as usize].turn = turn;
        self.wakes(slot, sleeper);
        let entry = Entry::new(at_us, turn, slot);
        self.entries += 1;
        if entry.tick() < self.near_until {
            self.near.push(entry);
            self.rise(self.near.len() - 1);
        } else if entry.lap() == self.lap {
            self.ring.push(entry);
        } else {
            self.far.entry(entry.lap()).or_default().push(entry);
        }
        TimerId(slot)
    }

    /// Wakes another than the one named when the timer was set.
    pub(crate) fn rename(&mut self, timer: TimerId, sleeper: Sleeper) {
        self.wakes(timer.0, sleeper);
    }

    fn wakes(&mut self, slot: u32, sleeper: Sleeper) {
        let place = slot as usize;
        if self.slots[place].task == OTHER {
            self.others[place] = None;
        }
        self.slots[place].task = match sleeper {
            Sleeper::Task(task) => task,
            Sleeper::Other(waker) => {
                if self.others.len() <= place {
                    self.others.resize(place + 1, None);
                }
                self.others[place] = Some(waker);
                OTHER
            }
        };
    }

    /// Forgets a timer that has not fired.
    pub(crate) fn cancel(&mut self, timer: TimerId) {
        self.give_back(timer.0);
        if self.entries > ENTRIES_MIN.max(2 * self.len()) {
            let slots = &self.slots;
            self.near.retain(|entry| is_set(slots, *entry));
            // In order is in heap order.
            self.near.sort_unstable();
            self.ring.retain(|entry| is_set(slots, *entry));
            self.far.retain(|_, entries| {
                entries.retain(|entry| is_set(slots, *entry));
                !entries.is_empty()
            });
            self.entries = self.len();
        }
    }

    /// When the next timer fires.
    pub(crate) fn next_at(&mut self) -> Option<i64> {
        loop {
            let Some(first) = self.near.first() else {
                if self.come_near() {
                    continue;
                }
                return None;
            };
            if is_set(&self.slots, *first) {
                return Some(first.at_us());
            }
            self.drop_first();
        }
    }

    /// Takes the next timer out if it fires at `now` or before.
    pub(crate) fn fire(&mut self, now_us: i64) -> Option<Sleeper> {
        if self.next_at()? > now_us {
            return None;
        }
        let first = self.near[0];
        self.drop_first();
        Some(self.give_back(first.slot()))
    }

    /// Timers that are set.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    fn give_back(&mut self, slot: u32) -> Sleeper {
        self.free.push(slot);
        match mem::replace(&mut self.slots[slot as usize].task, FREE) {
            OTHER => {
                let waker = self.others[slot as usize].take();
                Sleeper::Other(waker.expect("the waker is beside the slots"))
            }
            task => {
                debug_assert!(task != FREE, "a timer that is set has someone to wake");
                Sleeper::Task(task)
            }
        }
    }

    /// Where nothing is near, makes a heap of the next tick that has entries; false if there is none.
    fn come_near(&mut self) -> bool {
        while !self.ring.take_first(&mut self.near) {
            let Some((lap, entries)) = self.far.pop_first() else {
                return false;
            };
            self.lap = lap;
            for entry in entries {
                self.ring.push(entry);
            }
        }
        self.near_until = self.near[0].tick() + 1;
        // In order is in heap order.
        self.near.sort_unstable();
        true
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
    slot.turn == entry.turn() && slot.task != FREE
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
            // A few at each of some moments, over a few ticks or a few laps.
            let bits = if stream.chance(0.5) { -4 } else { 4 };
            let moment = i64::try_from(stream.below(300)).unwrap() - 100;
            let at = moment << TICK_BITS.strict_add_signed(bits);
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
            assert_eq!(timers.next_at(), Some(at));
            let first = timers.near[0];
            assert_eq!((first.at_us(), first.turn()), (at, turn));
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
