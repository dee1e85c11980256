//! The nearest `k` seen so far, by rank, and those that the exact distance might prefer to them.

use crate::index::chunk::{Located, ROOM};
use crate::metric::slackened;

/// Drivers are kept until there are so many times `k`, then all but the nearest go at once: cheaper than keeping them
/// in order as they come.
const KEPT_PER_NEAREST: usize = 4;
/// How many are kept at least before any goes.
const KEPT_MIN: usize = 32;

/// How many a shortlist may have room for that is kept for another search.
const SHORT: usize = 4_096;

/// A limit that no rank is above.
const NO_LIMIT: f64 = f32::MAX as f64;

/// A rank and where the entry of who has it lies: as whole numbers they are in the order of ranks, and sooner sorted than
/// floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u64);

impl Key {
    fn new(rank: f32, at: u32) -> Self {
        // From 0 on floats are in the order of their bits.
        Self((u64::from(rank.to_bits()) << u32::BITS) | u64::from(at))
    }

    fn parts(self) -> (f32, u32) {
        (f32::from_bits((self.0 >> u32::BITS) as u32), self.0 as u32)
    }
}

/// So many at most are put in order by a comparison of each with each.
const FEW: usize = 16;

/// Ranks from the least on, and where the entries of those lie who have them.
struct Few {
    /// Those of the first `len` count, and what follows is infinite.
    ranks: [f32; FEW],
    at: [u32; FEW],
    len: usize,
}

impl Few {
    /// Those `len` that rank no higher than a bound, in order; none if two of them rank alike. Without a branch for any of
    /// them: whether one counts, and which of two is less, is hard to foresee for a processor.
    #[inline]
    fn within(bound: f32, ranks: &[f32], at: &[u32], len: usize) -> Option<Self> {
        debug_assert!(len <= FEW);
        let mut within = ([f32::INFINITY; 2 * FEW], [0; 2 * FEW]);
        let mut kept = 0;
        for (rank, at) in ranks.iter().zip(at) {
            // What comes after the last that counts is written where nothing is that does.
            within.0[kept % (2 * FEW)] = *rank;
            within.1[kept % (2 * FEW)] = *at;
            kept += usize::from(*rank <= bound);
        }
        within.0[len..].fill(f32::INFINITY);
        let (ranks, at): (&[f32; FEW], &[u32; FEW]) =
            within.0.first_chunk().zip(within.1.first_chunk())?;
        let mut below = [0_u32; FEW];
        for one in ranks {
            for (below, other) in below.iter_mut().zip(ranks) {
                *below += u32::from(one < other);
            }
        }
        let mut few = Self {
            ranks: [f32::INFINITY; FEW],
            at: [0; FEW],
            len,
        };
        let mut taken = 0_u32;
        for ((rank, at), below) in ranks.iter().zip(at).zip(below).take(len) {
            taken |= 1 << below;
            few.ranks[below as usize % FEW] = *rank;
            few.at[below as usize % FEW] = *at;
        }
        (taken.count_ones() as usize == len).then_some(few)
    }
}

/// Collects drivers by their ranks, and narrows its limit as better ones come.
#[derive(Debug, Default)]
pub(crate) struct Shortlist {
    k: usize,
    limit: f64,
    /// What somewhat more than `k` rank below, most likely.
    likely: f32,
    /// Those of the first [`len`](Self::len) count.
    ranks: Vec<f32>,
    /// Where the entries of those lie who have these ranks.
    at: Vec<u32>,
    len: usize,
    /// How many of them the limit has regard to: these are in order.
    settled: usize,
    /// How many there may be before they are narrowed.
    room: usize,
    /// Where they are sorted if they are many.
    keys: Vec<Key>,
}

impl Shortlist {
    /// Begins anew: for the nearest `k`, at least one, of which none may rank above `limit`.
    pub(crate) fn begin(&mut self, k: usize, limit: f64) {
        self.k = k;
        self.limit = limit.min(NO_LIMIT);
        self.likely = f32::INFINITY;
        self.room = k.saturating_mul(KEPT_PER_NEAREST).max(KEPT_MIN);
        self.restart();
    }

    /// Says which rank somewhat more than `k` are below, most likely: what is found does not depend on it.
    pub(crate) fn expect(&mut self, likely: f64) {
        self.likely = likely as f32;
    }

    /// The rank that was [expected](Self::expect).
    pub(crate) fn likely(&self) -> f64 {
        f64::from(self.likely)
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
        let (kept, at) = self.room_for_a_chunk();
        // Each is written and most are written over: whether one counts is hard to foresee for a processor.
        let mut added = 0;
        for (rank, is_at) in ranks.into_iter().zip(first.to_bits()..) {
            kept[added] = rank;
            at[added] = is_at;
            added += usize::from(rank <= limit);
        }
        self.count(added);
    }

    /// The same where all of the first `count` count and there is no limit yet.
    #[inline]
    pub(crate) fn add_all(&mut self, ranks: [f32; ROOM], count: usize, first: Located) {
        let (kept, at) = self.room_for_a_chunk();
        *kept = ranks;
        for (at, is_at) in at.iter_mut().zip(first.to_bits()..) {
            *at = is_at;
        }
        self.count(count);
    }

    /// Whether nothing ranks too high yet.
    #[inline]
    pub(crate) fn is_unlimited(&self) -> bool {
        self.limit >= NO_LIMIT
    }

    #[inline]
    fn room_for_a_chunk(&mut self) -> (&mut [f32; ROOM], &mut [u32; ROOM]) {
        if self.ranks.len() < self.len + ROOM {
            // All that there is to be before they are narrowed, unless many are as good as equal.
            let most = self.room.max(2 * self.len).saturating_add(ROOM);
            self.ranks.resize(most, 0.0);
            self.at.resize(most, 0);
        }
        let ranks = self.ranks[self.len..].first_chunk_mut();
        let at = self.at[self.len..].first_chunk_mut();
        ranks.zip(at).expect("made room for them")
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
        match self.few() {
            Some(few) => {
                self.ranks[..few.len].copy_from_slice(&few.ranks[..few.len]);
                self.at[..few.len].copy_from_slice(&few.at[..few.len]);
                self.len = few.len;
            }
            None => self.sort(),
        }
        let ranks = &self.ranks[..self.len];
        self.limit = self.limit.min(slackened(f64::from(ranks[self.k - 1])));
        let limit = self.limit as f32;
        let equal = ranks[self.k..].iter().take_while(|rank| **rank <= limit);
        self.len = self.k + equal.count();
        self.settled = self.len;
    }

    /// Few in order, of whom the nearest and those that are as good as equal are some: by a bound that is likely, or by the
    /// one that is likely for as many as were within the first. None if it is neither.
    #[inline]
    fn few(&self) -> Option<Few> {
        if self.k > FEW {
            return None;
        }
        let (ranks, at) = (&self.ranks[..self.len], &self.at[..self.len]);
        if ranks.len() <= FEW {
            return Few::within(f32::INFINITY, ranks, at, ranks.len());
        }
        let mut bound = self.likely;
        for _ in 0..2 {
            let counts = ranks.iter().map(|rank| u32::from(*rank <= bound));
            let within = counts.sum::<u32>() as usize;
            if (self.k..=FEW).contains(&within) {
                let few = Few::within(bound, ranks, at, within)?;
                let farthest = slackened(f64::from(few.ranks[self.k - 1]));
                return (farthest < f64::from(bound)).then_some(few);
            }
            bound *= usize::midpoint(self.k, FEW) as f32 / within as f32;
        }
        None
    }

    #[inline(never)]
    fn sort(&mut self) {
        let (ranks, at) = (&mut self.ranks[..self.len], &mut self.at[..self.len]);
        let keys = ranks.iter().zip(at.iter());
        self.keys.clear();
        self.keys
            .extend(keys.map(|(rank, at)| Key::new(*rank, *at)));
        self.keys.sort_unstable();
        for ((rank, at), key) in ranks.iter_mut().zip(at).zip(&self.keys) {
            (*rank, *at) = key.parts();
        }
    }

    /// Whether it takes little memory.
    pub(crate) fn is_short(&self) -> bool {
        self.ranks.len() <= SHORT
    }

    /// Forgets the drivers but not the limit, for a search that starts again.
    pub(crate) fn restart(&mut self) {
        self.len = 0;
        self.settled = 0;
    }

    /// Where the drivers' entries lie, all but in order: all of the nearest `k` and perhaps a few more.
    pub(crate) fn found(&self) -> impl Iterator<Item = Located> + '_ {
        debug_assert!(self.len < self.k || self.len == self.settled);
        self.at[..self.len].iter().map(|at| Located::from_bits(*at))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ranks of chunks: some far apart, some alike, some as good as.
    fn chunks() -> impl Strategy<Value = Vec<Vec<f32>>> {
        let rank = prop_oneof![
            0.0..1e5f32,
            (0u8..20).prop_map(f32::from),
            (0u8..4).prop_map(|step| 1_000.0 + f32::from(step) * 1e-3),
            Just(f32::NAN),
        ];
        prop::collection::vec(prop::collection::vec(rank, 1..=ROOM), 1..30)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn the_nearest_and_those_as_good_as_equal_are_kept_in_order(
            chunks in chunks(),
            k in 1..40usize,
            limit in prop_oneof![Just(f64::INFINITY), 0.0..2e5f64],
            likely in prop_oneof![
                Just(0.0),
                Just(f64::INFINITY),
                0.0..1e5f64,
                // Between some that are as good as equal.
                1_000.0..1_000.004f64,
            ],
            looked_at_each in 1..8usize,
        ) {
            let mut shortlist = Shortlist::default();
            let mut all = Vec::new();
            // The second time with what the first has left.
            for _ in 0..2 {
                shortlist.begin(k, limit);
                shortlist.expect(likely);
                all.clear();
                for (number, chunk) in (0u32..).zip(&chunks) {
                    let mut ranks = [0.0; ROOM];
                    ranks[..chunk.len()].copy_from_slice(chunk);
                    let first = Located::first_of(number);
                    let all_count = chunk.iter().all(|rank| !rank.is_nan());
                    if shortlist.is_unlimited() && all_count {
                        shortlist.add_all(ranks, chunk.len(), first);
                    } else {
                        shortlist.add(ranks, chunk.len(), first);
                    }
                    let within = chunk.iter().zip(first.to_bits()..);
                    all.extend(within.filter(|(rank, _)| f64::from(**rank) <= limit));
                    if (number as usize).is_multiple_of(looked_at_each) {
                        shortlist.limit();
                    }
                }
                shortlist.limit();
            }
            all.sort_by(|a, b| a.0.total_cmp(b.0).then(a.1.cmp(&b.1)));
            let bound = all.get(k - 1).map_or(limit, |(rank, _)| slackened(f64::from(**rank)));
            let expected = all.iter().filter(|(rank, _)| f64::from(**rank) <= bound.min(limit));
            let expected: Vec<u32> = expected.map(|(_, at)| *at).collect();
            let mut found: Vec<u32> = shortlist.found().map(Located::to_bits).collect();
            if all.len() >= k {
                let rank = |at: &u32| chunks[(at >> 4) as usize][(at & 15) as usize];
                prop_assert!(found.is_sorted_by_key(rank));
            }
            found.sort_unstable();
            let mut sorted = expected;
            sorted.sort_unstable();
            prop_assert_eq!(found, sorted);
        }
    }

    #[test]
    fn one_as_good_as_equal_beyond_what_was_likely_is_kept() {
        let mut shortlist = Shortlist::default();
        shortlist.begin(ROOM, f64::INFINITY);
        shortlist.expect(1_000.001);
        let mut nearest: [f32; ROOM] = std::array::from_fn(|number| number as f32);
        nearest[ROOM - 1] = 1_000.0;
        let mut farther = [5_000.0; ROOM];
        farther[3] = 1_000.002;
        for (number, ranks) in [nearest, farther].into_iter().enumerate() {
            shortlist.add_all(ranks, ROOM, Located::first_of(number as u32));
        }
        assert!(shortlist.limit() < 1_000.1);
        assert_eq!(shortlist.found().count(), ROOM + 1);
    }
}
