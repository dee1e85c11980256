//! A fleet and the index of who is available in it, for many at once.
//!
//! The fleet's status is behind one lock, and each shard of the index behind one of its own. Who tells the fleet something
//! waits for others who do, and never for who searches: a shard that nobody has is told at once of what has changed, and
//! for the others it is put down. Whoever has a shard is its one writer, and first has it follow what was put down, all in
//! one batch: so a search knows of whatever was told before it began. Searches take the shards that they need in the order
//! of their numbers, and wait only for those.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use domain::{Resolution, Space, Supply};
use parking_lot::{Mutex, MutexGuard};

use crate::exchange::FleetPolicy;
use crate::index::parts::Parts;
use crate::index::search::{Numbered, Scratch};
use crate::index::sharding::{ShardSet, Sharding};
use crate::index::{Candidate, CandidateLists, Change, Index, Nearby};
use crate::limits::{LIKELY_REACH, SEARCHES_AT_ONCE, SHARDS};
use crate::seats::move_all;
use crate::status::Fleet;
use crate::zones::{Standing, Zones};

/// A fleet for many at once.
#[derive(Debug)]
pub struct SharedFleet {
    fleet: Mutex<Fleet>,
    sharding: Sharding,
    shards: [Mutex<Shard>; SHARDS],
    /// [`Index::spread_m2`] of each shard when it was written to last, as bits.
    spread_m2: [AtomicU64; SHARDS],
    /// What each shard has yet to follow, in the order in which it happened. Locked for as long as copying it takes.
    ahead: Mutex<[Vec<Change>; SHARDS]>,
    /// The shards that have something ahead; written while that is locked.
    behind: AtomicU8,
    /// Locked by who has all shards.
    zones: Mutex<Zones>,
}

/// A shard of the index, and what its writer needs.
#[derive(Debug)]
struct Shard {
    index: Index,
    /// What it is to follow; empty while nobody has the shard.
    changes: Vec<Change>,
    /// Of who searched here last.
    scratch: Scratch,
}

impl Shard {
    fn new(space: Space, number: usize) -> Self {
        Self {
            index: Index::of_shard(space, number),
            changes: Vec::new(),
            scratch: Scratch::default(),
        }
    }
}

const HAS_A_SHARD: &str = "who searches has a shard";

/// Shards that are nobody else's until they are released.
#[derive(Default)]
struct AtHand<'a> {
    numbers: ShardSet,
    /// By their numbers.
    shards: [Option<MutexGuard<'a, Shard>>; SHARDS],
}

impl<'a> AtHand<'a> {
    fn add(&mut self, number: usize, shard: MutexGuard<'a, Shard>) -> &mut Shard {
        self.numbers = self.numbers.with(number);
        self.shards[number].insert(shard)
    }

    /// Searches in them, of which there is at least one, as [`Parts::search`] does.
    fn search<'q>(
        &mut self,
        queries: impl Iterator<Item = Numbered<'q>>,
        found: &mut CandidateLists,
    ) -> Vec<usize> {
        let mut scratch = std::mem::take(self.scratch());
        let shard = |number: usize| Some((number, &self.shards[number].as_ref()?.index));
        let parts = Parts::of(self.numbers.iter().filter_map(shard));
        let parts = parts.expect(HAS_A_SHARD);
        let missed = parts.search(queries, &mut scratch, found);
        *self.scratch() = scratch;
        missed
    }

    fn scratch(&mut self) -> &mut Scratch {
        let first = self.shards.iter_mut().flatten().next();
        &mut first.expect(HAS_A_SHARD).scratch
    }

    /// Takes what is ahead of some, as far as they are at hand, and tells for which it did.
    fn take(&mut self, ahead: &mut [Vec<Change>; SHARDS], shards: ShardSet) -> ShardSet {
        let taken = self.numbers.and(shards);
        for number in taken.iter() {
            if let Some(shard) = &mut self.shards[number] {
                move_all(&mut ahead[number], &mut shard.changes);
            }
        }
        taken
    }

    /// Whoever waits for one has it next.
    fn release(&mut self) {
        self.release_after(|_, _| ());
    }

    /// The same, each as soon as something was done with it.
    fn release_after(&mut self, mut last: impl FnMut(usize, &mut Shard)) {
        for number in std::mem::take(&mut self.numbers).iter() {
            if let Some(mut shard) = self.shards[number].take() {
                last(number, &mut shard);
                MutexGuard::unlock_fair(shard);
            }
        }
    }
}

impl Drop for AtHand<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

/// The shards that a query will need most likely, and its number.
type Asked = (ShardSet, usize);

impl SharedFleet {
    /// A fleet without drivers.
    ///
    /// # Panics
    /// If an extent of the torus is not a number above zero.
    #[must_use]
    pub fn new(space: Space, policy: FleetPolicy) -> Self {
        Self {
            fleet: Mutex::new(Fleet::new(space, policy)),
            sharding: Sharding::new(space),
            shards: std::array::from_fn(|number| Mutex::new(Shard::new(space, number))),
            spread_m2: std::array::from_fn(|_| AtomicU64::new(f64::INFINITY.to_bits())),
            ahead: Mutex::default(),
            behind: AtomicU8::default(),
            zones: Mutex::default(),
        }
    }

    /// The fleet, to be told or asked something.
    pub fn lock(&self) -> FleetGuard<'_> {
        FleetGuard {
            fleet: Some(self.fleet.lock()),
            is_handed_over: false,
            shared: self,
        }
    }

    /// Adds the nearest available drivers of each query, nearest first and of equally near ones the lower id first.
    /// Where vehicles that will do are few, all others are looked at too. Others who search do so in between, and what is
    /// told meanwhile is known to those queries that have not been answered yet.
    pub fn nearest_of_each<'a>(
        &self,
        queries: impl IntoIterator<Item = Nearby<'a>>,
        found: &mut CandidateLists,
    ) {
        let queries: Vec<Nearby<'a>> = queries.into_iter().collect();
        let first = found.begin(queries.len());
        if let [query] = queries[..] {
            return self.nearest_of_one(query, first, found);
        }
        let asked = |(number, query)| (self.likely_shards(query), number);
        let mut asked: Vec<Asked> = queries.iter().enumerate().map(asked).collect();
        asked.sort_unstable_by_key(|(shards, _)| *shards);
        let mut search = |asked: &[Asked], at_hand: &mut AtHand<'_>| {
            let queries = asked
                .iter()
                .map(|(_, number)| (first + number, queries[*number]));
            at_hand.search(queries, found)
        };
        let mut missed = Vec::new();
        let mut at_hand = AtHand::default();
        // Those that need the same shards. Where others search is looked later, unless they are everywhere.
        let mut waiting: VecDeque<&[Asked]> = asked.chunk_by(|one, next| one.0 == next.0).collect();
        let mut passed_over = 0;
        while let Some(alike) = waiting.pop_front() {
            let shards = alike[0].0;
            if passed_over == waiting.len() {
                self.lock_shards(shards, &mut at_hand);
            } else if !self.try_lock_shards(shards, &mut at_hand) {
                waiting.push_back(alike);
                passed_over += 1;
                continue;
            }
            passed_over = 0;
            let (group, others) = alike.split_at(alike.len().min(SEARCHES_AT_ONCE));
            missed.extend(search(group, &mut at_hand));
            at_hand.release();
            if !others.is_empty() {
                waiting.push_front(others);
            }
        }
        let missed = missed.into_iter();
        let missed: Vec<Asked> = missed
            .map(|number| (ShardSet::ALL, number - first))
            .collect();
        for group in missed.chunks(SEARCHES_AT_ONCE) {
            self.lock_shards(ShardSet::ALL, &mut at_hand);
            let missed = search(group, &mut at_hand);
            debug_assert!(missed.is_empty(), "all shards are at hand");
            at_hand.release();
        }
    }

    /// Those of one query.
    #[must_use]
    pub fn nearest(&self, nearby: Nearby<'_>) -> Vec<Candidate> {
        let mut found = CandidateLists::default();
        let number = found.begin(1);
        self.nearest_of_one(nearby, number, &mut found);
        found.into_only()
    }

    /// The same of one query that has a list.
    fn nearest_of_one(&self, query: Nearby<'_>, number: usize, found: &mut CandidateLists) {
        let mut at_hand = AtHand::default();
        for shards in [self.likely_shards(&query), ShardSet::ALL] {
            self.lock_shards(shards, &mut at_hand);
            let missed = at_hand.search([(number, query)].into_iter(), found);
            at_hand.release();
            if missed.is_empty() {
                return;
            }
        }
    }

    /// The shards that a query will need, if drivers near it are as dense as the shard's are on average.
    fn likely_shards(&self, query: &Nearby<'_>) -> ShardSet {
        let at = self.sharding.locate(query.place);
        let spread_m2 = f64::from_bits(self.spread_m2[at.shard()].load(Ordering::Relaxed));
        let reach_m = LIKELY_REACH * (query.k as f64 * spread_m2).sqrt();
        let within_m = reach_m.min(query.radius_m.unwrap_or(f64::INFINITY));
        at.shards_within(within_m)
    }

    /// How many available drivers are in each zone of a size, by vehicle class. Zones without any are left out.
    #[must_use]
    pub fn available_by_cell(&self, resolution: Resolution) -> Supply {
        let mut at_hand = AtHand::default();
        self.lock_shards(ShardSet::ALL, &mut at_hand);
        let shards = at_hand.shards.iter().flatten().enumerate();
        let drivers = shards.flat_map(|(number, shard)| {
            let index = &shard.index;
            index.places().map(move |(slot, place)| Standing {
                shard: number,
                slot,
                place,
                class: index.class(slot),
            })
        });
        self.zones.lock().count(resolution, drivers)
    }

    /// Waits for shards, and has in them whatever was told before.
    fn lock_shards<'a>(&'a self, shards: ShardSet, at_hand: &mut AtHand<'a>) {
        for number in shards.iter() {
            at_hand.add(number, self.shards[number].lock());
        }
        self.catch_up(at_hand);
    }

    /// The same unless somebody has one of them, which is answered.
    fn try_lock_shards<'a>(&'a self, shards: ShardSet, at_hand: &mut AtHand<'a>) -> bool {
        for number in shards.iter() {
            let Some(shard) = self.shards[number].try_lock() else {
                at_hand.release();
                return false;
            };
            at_hand.add(number, shard);
        }
        self.catch_up(at_hand);
        true
    }

    /// Has the shards at hand follow what is ahead of them. It is taken from all of them at once: of a driver who comes from
    /// one to another they know both or neither.
    fn catch_up(&self, at_hand: &mut AtHand<'_>) {
        if self.are_behind().and(at_hand.numbers).is_empty() {
            return;
        }
        let mut ahead = self.ahead.lock();
        let behind = self.are_behind();
        let taken = at_hand.take(&mut ahead, behind);
        self.set_behind(behind.without(taken));
        drop(ahead);
        for number in taken.iter() {
            if let Some(shard) = &mut at_hand.shards[number] {
                self.follow(number, shard);
            }
        }
    }

    /// Tells the shards what has changed. Those that nobody has are at hand then, with what they are to follow; for the
    /// others it is put down.
    fn tell<'a>(&'a self, fleet: &mut Fleet, at_hand: &mut AtHand<'a>) {
        let changed = fleet.changed();
        let behind = self.are_behind();
        let mut put_down = behind.and(changed);
        for number in changed.iter() {
            match self.shards[number].try_lock() {
                Some(shard) => {
                    let shard = at_hand.add(number, shard);
                    // What was put down before comes first.
                    if !behind.contains(number) {
                        fleet.take_changes(number, &mut shard.changes);
                    }
                }
                None => put_down = put_down.with(number),
            }
        }
        // Before any of those that are at hand is another's: of a driver who has come from one of them to one that is not,
        // whoever has both knows both.
        if !put_down.is_empty() {
            let mut ahead = self.ahead.lock();
            for number in put_down.iter() {
                fleet.take_changes(number, &mut ahead[number]);
            }
            let taken = at_hand.take(&mut ahead, put_down);
            self.set_behind(self.are_behind().with_all(put_down).without(taken));
        }
    }

    /// Has a shard follow what it was told.
    fn follow(&self, number: usize, shard: &mut Shard) {
        let Shard { index, changes, .. } = shard;
        index.follow(changes);
        changes.clear();
        self.spread_m2[number].store(index.spread_m2().to_bits(), Ordering::Relaxed);
    }

    fn are_behind(&self) -> ShardSet {
        ShardSet::from_bits(self.behind.load(Ordering::Acquire))
    }

    /// By who has what is ahead locked.
    fn set_behind(&self, shards: ShardSet) {
        self.behind.store(shards.to_bits(), Ordering::Release);
    }
}

/// The fleet, nobody else's until this is dropped.
#[derive(Debug)]
pub struct FleetGuard<'a> {
    /// There until it is dropped.
    fleet: Option<MutexGuard<'a, Fleet>>,
    is_handed_over: bool,
    shared: &'a SharedFleet,
}

const NOT_DROPPED: &str = "a guard that is in use has its lock";

impl FleetGuard<'_> {
    /// Whoever waits for the fleet has it next: for who will want it again soon. Others do better to drop it, for to wake
    /// who waits takes longer than most that the fleet is told.
    pub fn hand_over(mut self) {
        self.is_handed_over = true;
    }
}

impl Deref for FleetGuard<'_> {
    type Target = Fleet;

    fn deref(&self) -> &Fleet {
        self.fleet.as_ref().expect(NOT_DROPPED)
    }
}

impl DerefMut for FleetGuard<'_> {
    fn deref_mut(&mut self) -> &mut Fleet {
        self.fleet.as_mut().expect(NOT_DROPPED)
    }
}

impl Drop for FleetGuard<'_> {
    fn drop(&mut self) {
        let mut fleet = self.fleet.take().expect(NOT_DROPPED);
        // Shards are told while nobody else has the fleet: so they learn of changes in the order in which they happened.
        let mut at_hand = AtHand::default();
        self.shared.tell(&mut fleet, &mut at_hand);
        if self.is_handed_over {
            MutexGuard::unlock_fair(fleet);
        } else {
            drop(fleet);
        }
        // One whose changes were put down follows them when it is somebody's next.
        at_hand.release_after(|number, shard| self.shared.follow(number, shard));
    }
}

#[cfg(test)]
mod tests;
