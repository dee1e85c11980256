//! The nearest `k` seen so far, by rank, and those that the exact distance might prefer to them.

use domain::Place;

use crate::metric::slackened;

/// Entries are kept until there are so many times `k`, then all but the nearest go at once: cheaper than keeping them
/// in order as they come.
const KEPT_PER_NEAREST: usize = 4;
/// How many are kept at least before any goes.
const KEPT_MIN: usize = 32;

/// An entry by its rank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ranked {
    pub(crate) rank: f64,
    pub(crate) slot: u32,
    pub(crate) place: Place,
}

/// Collects entries and narrows its limit as better ones come.
#[derive(Debug)]
pub(crate) struct Shortlist {
    k: usize,
    limit: f64,
    kept: Vec<Ranked>,
    /// How many of them the limit has regard to.
    settled: usize,
    /// How many may be kept.
    room: usize,
}

impl Shortlist {
    /// For the nearest `k`, at least one, of which none may rank above `limit`.
    pub(crate) fn new(k: usize, limit: f64) -> Self {
        let room = k.saturating_mul(KEPT_PER_NEAREST).max(KEPT_MIN);
        Self {
            k,
            limit,
            kept: Vec::with_capacity(room.min(KEPT_MIN * KEPT_PER_NEAREST)),
            settled: 0,
            room,
        }
    }

    /// What ranks above this is not among the nearest; as low as what was added so far allows.
    pub(crate) fn limit(&mut self) -> f64 {
        if self.kept.len() >= self.k && self.kept.len() > self.settled {
            self.narrow();
        }
        self.limit
    }

    /// Adds an entry if it ranks no higher than the limit.
    #[inline]
    pub(crate) fn add(&mut self, entry: Ranked) {
        if entry.rank <= self.limit {
            self.kept.push(entry);
            if self.kept.len() == self.room {
                self.narrow();
                // Many as good as equal: let them be, and look again once there are twice as many.
                if self.kept.len() > self.room / 2 {
                    self.room *= 2;
                }
            }
        }
    }

    /// Lets all go but the nearest, and those that are as good as equal to the farthest of these.
    fn narrow(&mut self) {
        let by_rank = |a: &Ranked, b: &Ranked| a.rank.total_cmp(&b.rank);
        let (_, farthest, _) = self.kept.select_nth_unstable_by(self.k - 1, by_rank);
        let limit = self.limit.min(slackened(farthest.rank));
        self.limit = limit;
        self.kept.retain(|ranked| ranked.rank <= limit);
        self.settled = self.kept.len();
    }

    /// Forgets the entries but not the limit, for a search that starts again.
    pub(crate) fn restart(&mut self) {
        self.kept.clear();
        self.settled = 0;
    }

    /// The entries, in no order: all of the nearest `k` and perhaps a few more.
    pub(crate) fn into_ranked(mut self) -> impl Iterator<Item = Ranked> {
        self.limit();
        self.kept.into_iter()
    }
}
