//! The nearest `k` seen so far, by rank, and those that the exact distance might prefer to them.

use crate::index::chunk::ROOM;
use crate::metric::slackened;

/// Keys are kept until there are so many times `k`, then all but the nearest go at once: cheaper than keeping them
/// in order as they come.
const KEPT_PER_NEAREST: usize = 4;
/// How many are kept at least before any goes.
const KEPT_MIN: usize = 32;

/// A rank and the slot of who has it: as whole numbers they are in the order of ranks, and sooner put in order than
/// floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    #[inline]
    fn new(rank: f32, slot: u32) -> Self {
        // From 0 on floats are in the order of their bits.
        Self((u64::from(rank.to_bits()) << u32::BITS) | u64::from(slot))
    }

    fn rank(self) -> f64 {
        f64::from(f32::from_bits((self.0 >> u32::BITS) as u32))
    }

    fn slot(self) -> u32 {
        self.0 as u32
    }
}

/// Collects drivers by their ranks, and narrows its limit as better ones come.
#[derive(Debug, Default)]
pub(crate) struct Shortlist {
    k: usize,
    limit: f64,
    /// Those of the first [`len`](Self::len) count.
    keys: Vec<Key>,
    len: usize,
    /// How many of them the limit has regard to: these are in order.
    settled: usize,
    /// How many there may be before they are narrowed.
    room: usize,
}

impl Shortlist {
    /// Begins anew: for the nearest `k`, at least one, of which none may rank above `limit`.
    pub(crate) fn begin(&mut self, k: usize, limit: f64) {
        self.k = k;
        // Below what ranks nowhere.
        self.limit = limit.min(f64::from(f32::MAX));
        self.room = k.saturating_mul(KEPT_PER_NEAREST).max(KEPT_MIN);
        self.restart();
    }

    /// What ranks above this is not among the nearest; as low as what was added so far allows.
    pub(crate) fn limit(&mut self) -> f64 {
        if self.len >= self.k && self.len > self.settled {
            self.narrow();
        }
        self.limit
    }

    /// Adds those of a chunk that rank no higher than the limit. Ranks are 0 or above, and infinite for who does not
    /// count.
    #[inline]
    pub(crate) fn add(&mut self, ranks: [f32; ROOM], slots: &[u32; ROOM]) {
        if self.keys.len() < self.len + ROOM {
            self.keys.resize(2 * self.len + ROOM, Key(0));
        }
        // Each is written and most are written over: whether one counts is hard to foresee for a processor.
        let keys = &mut self.keys[self.len..self.len + ROOM];
        let limit = self.limit as f32;
        let mut added = 0;
        for (rank, slot) in ranks.into_iter().zip(slots) {
            keys[added] = Key::new(rank, *slot);
            added += usize::from(rank <= limit);
        }
        self.len += added;
        if self.len >= self.room {
            self.narrow();
            // Many as good as equal: let them be, and look again once there are twice as many.
            if self.len > self.room / 2 {
                self.room *= 2;
            }
        }
    }

    /// Lets all go but the nearest, and those that are as good as equal to the farthest of these.
    fn narrow(&mut self) {
        let keys = &mut self.keys[..self.len];
        keys.sort_unstable();
        self.limit = self.limit.min(slackened(keys[self.k - 1].rank()));
        let equal = keys[self.k..]
            .iter()
            .take_while(|key| key.rank() <= self.limit);
        self.len = self.k + equal.count();
        self.settled = self.len;
    }

    /// Forgets the drivers but not the limit, for a search that starts again.
    pub(crate) fn restart(&mut self) {
        self.len = 0;
        self.settled = 0;
    }

    /// The drivers' slots, all but in order: all of the nearest `k` and perhaps a few more.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        debug_assert!(self.len < self.k || self.len == self.settled);
        self.keys[..self.len].iter().map(|key| key.slot())
    }
}
