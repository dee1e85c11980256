//! The nearest `k` seen so far, by rank, and those that the exact distance might prefer to them.

use crate::index::chunk::{Located, ROOM};
use crate::metric::slackened;

/// Keys are kept until there are so many times `k`, then all but the nearest go at once: cheaper than keeping them
/// in order as they come.
const KEPT_PER_NEAREST: usize = 4;
/// How many are kept at least before any goes.
const KEPT_MIN: usize = 32;

/// A limit that no rank is above.
const NO_LIMIT: f64 = f32::MAX as f64;

/// A rank and where the entry of who has it lies: as whole numbers they are in the order of ranks, and sooner put in
/// order than floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    #[inline]
    fn new(rank: f32, at: u32) -> Self {
        // From 0 on floats are in the order of their bits.
        Self((u64::from(rank.to_bits()) << u32::BITS) | u64::from(at))
    }

    fn rank(self) -> f64 {
        f64::from(f32::from_bits((self.0 >> u32::BITS) as u32))
    }

    fn located(self) -> Located {
        Located::from_bits(self.0 as u32)
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
        self.limit = limit.min(NO_LIMIT);
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

    /// Adds the first `count` of a chunk whose first place is `first`, as far as they rank no higher than the limit. Ranks
    /// are 0 or above, and not a number for who does not count.
    #[inline]
    pub(crate) fn add(&mut self, mut ranks: [f32; ROOM], count: usize, first: Located) {
        for (position, rank) in ranks.iter_mut().enumerate() {
            if position >= count {
                *rank = f32::NAN;
            }
        }
        let limit = self.limit as f32;
        let keys = self.room_for_a_chunk();
        // Each is written and most are written over: whether one counts is hard to foresee for a processor.
        let mut added = 0;
        for (rank, at) in ranks.into_iter().zip(first.to_bits()..) {
            keys[added] = Key::new(rank, at);
            added += usize::from(rank <= limit);
        }
        self.count(added);
    }

    /// The same where all of the first `count` count and there is no limit yet.
    #[inline]
    pub(crate) fn add_all(&mut self, ranks: [f32; ROOM], count: usize, first: Located) {
        let all = ranks.into_iter().zip(first.to_bits()..);
        for (key, (rank, at)) in self.room_for_a_chunk().iter_mut().zip(all) {
            *key = Key::new(rank, at);
        }
        self.count(count);
    }

    /// Whether nothing ranks too high yet.
    #[inline]
    pub(crate) fn is_unlimited(&self) -> bool {
        self.limit >= NO_LIMIT
    }

    #[inline]
    fn room_for_a_chunk(&mut self) -> &mut [Key; ROOM] {
        if self.keys.len() < self.len + ROOM {
            // All that there is to be before they are narrowed, unless many are as good as equal.
            let most = self.room.max(2 * self.len).saturating_add(ROOM);
            self.keys.resize(most, Key(0));
        }
        let keys = self.keys[self.len..].first_chunk_mut();
        keys.expect("made room for them")
    }

    #[inline]
    fn count(&mut self, added: usize) {
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
    #[inline(never)]
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

    /// Where the drivers' entries lie, all but in order: all of the nearest `k` and perhaps a few more.
    pub(crate) fn found(&self) -> impl Iterator<Item = Located> + '_ {
        debug_assert!(self.len < self.k || self.len == self.settled);
        self.keys[..self.len].iter().map(|key| key.located())
    }
}
