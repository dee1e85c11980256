//! What ends when: the next end of all that is under way.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Ends by time; those of one moment by their number.
#[derive(Debug, Default)]
pub(crate) struct Ends(BinaryHeap<Reverse<(u64, u64)>>);

impl Ends {
    pub(crate) fn push(&mut self, at: u64, number: u64) {
        self.0.push(Reverse((at, number)));
    }

    /// When the next one ends.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next one out if it ends until then, that moment included.
    pub(crate) fn pop_until(&mut self, until: u64) -> Option<(u64, u64)> {
        if self.next_at()? > until {
            return None;
        }
        self.0.pop().map(|Reverse(end)| end)
    }
}
