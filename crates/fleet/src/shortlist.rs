//! The nearest `k` seen so far, by rank, and those that the exact distance might prefer to them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::index::Entry;
use crate::metric::slackened;

/// An entry by its rank.
#[derive(Debug, Clone, Copy)]
struct Ranked<'a> {
    rank: f64,
    entry: &'a Entry,
}

impl PartialEq for Ranked<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked<'_> {}

impl PartialOrd for Ranked<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank.total_cmp(&other.rank)
    }
}

/// Collects entries and narrows its limit as better ones come.
#[derive(Debug)]
pub(crate) struct Shortlist<'a> {
    k: usize,
    limit: f64,
    /// The nearest, the farthest of them on top.
    nearest: BinaryHeap<Ranked<'a>>,
    /// Entries that ranked as good as equal to the farthest of the nearest at their time.
    ties: Vec<Ranked<'a>>,
}

impl<'a> Shortlist<'a> {
    /// For the nearest `k`, at least one, of which none may rank above `limit`.
    pub(crate) fn new(k: usize, limit: f64) -> Self {
        Self {
            k,
            limit,
            nearest: BinaryHeap::with_capacity(k),
            ties: Vec::new(),
        }
    }

    /// What ranks above this is not among the nearest.
    pub(crate) fn limit(&self) -> f64 {
        self.limit
    }

    /// Adds an entry if it ranks no higher than the limit.
    #[inline]
    pub(crate) fn add(&mut self, rank: f64, entry: &'a Entry) {
        if rank <= self.limit {
            self.keep(Ranked { rank, entry });
        }
    }

    fn keep(&mut self, new: Ranked<'a>) {
        if self.nearest.len() < self.k {
            self.nearest.push(new);
            if self.nearest.len() == self.k {
                self.narrow();
            }
            return;
        }
        let mut left = new;
        if let Some(mut farthest) = self.nearest.peek_mut()
            && new < *farthest
        {
            left = std::mem::replace(&mut *farthest, new);
        }
        self.narrow();
        if left.rank <= self.limit {
            self.ties.push(left);
        }
    }

    fn narrow(&mut self) {
        if let Some(farthest) = self.nearest.peek() {
            self.limit = self.limit.min(slackened(farthest.rank));
        }
    }

    /// Forgets the entries but not the limit, for a search that starts again.
    pub(crate) fn restart(&mut self) {
        self.nearest.clear();
        self.ties.clear();
    }

    /// The entries, in no order: all of the nearest `k` and perhaps a few more.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = &'a Entry> {
        let limit = self.limit;
        let ties = self.ties.into_iter().filter(move |tie| tie.rank <= limit);
        let all = self.nearest.into_vec().into_iter().chain(ties);
        all.map(|ranked| ranked.entry)
    }
}
