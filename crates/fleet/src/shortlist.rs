//! The nearest `k` seen so far, by rank, and those that the exact distance might prefer to them.

use crate::index::Entry;
use crate::metric::slackened;

/// Collects entries and narrows its limit as better ones come.
#[derive(Debug)]
pub(crate) struct Shortlist<'a> {
    k: usize,
    limit: f64,
    found: Vec<(f64, &'a Entry)>,
    narrow_at: usize,
}

impl<'a> Shortlist<'a> {
    /// For the nearest `k`, of which none may rank above `limit`.
    pub(crate) fn new(k: usize, limit: f64) -> Self {
        let narrow_at = 2 * k + 16;
        Self {
            k,
            limit,
            found: Vec::with_capacity(2 * narrow_at),
            narrow_at,
        }
    }

    /// What ranks above this is not among the nearest.
    pub(crate) fn limit(&self) -> f64 {
        self.limit
    }

    /// Adds the entries that rank no higher than the limit.
    #[inline]
    pub(crate) fn add_all(
        &mut self,
        entries: impl IntoIterator<Item = &'a Entry>,
        rank: impl Fn(&Entry) -> f64,
    ) {
        let limit = self.limit;
        let ranked = entries.into_iter().map(|entry| (rank(entry), entry));
        if limit.is_infinite() {
            // Nothing to compare with yet: without a branch that cannot be foretold this is much quicker.
            self.found.extend(ranked);
        } else {
            self.found.extend(ranked.filter(|(rank, _)| *rank <= limit));
        }
        if self.found.len() >= self.narrow_at {
            self.narrow();
            // Where many lie at the same distance all stay: doubling keeps the work linear.
            self.narrow_at = (2 * self.k + 16).max(2 * self.found.len());
        }
    }

    /// Sets the limit to the `k`-th rank and drops what lies above.
    pub(crate) fn narrow(&mut self) {
        if self.found.len() < self.k {
            return;
        }
        let (_, kth, _) = self
            .found
            .select_nth_unstable_by(self.k - 1, |a, b| a.0.total_cmp(&b.0));
        let limit = slackened(kth.0).min(self.limit);
        self.limit = limit;
        self.found.retain(|(rank, _)| *rank <= limit);
    }

    /// Forgets the entries but not the limit, for a search that starts again.
    pub(crate) fn restart(&mut self) {
        self.found.clear();
    }

    /// The entries, in no order: all of the nearest `k` and perhaps a few more.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = &'a Entry> {
        self.found.into_iter().map(|(_, entry)| entry)
    }
}
