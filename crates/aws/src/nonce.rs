//! Marks that tell an own write from another's.
//!
//! A call whose answer was lost is sent again by the SDK, and its condition then fails over what it
//! wrote itself. The mark in the item that stood in the way says whose it is.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// The attribute that holds a write's mark.
pub(crate) const WRITTEN_BY: &str = "written_by";

/// A source of marks that no other source gives.
#[derive(Debug)]
pub(crate) struct Nonces {
    source: u64,
    count: AtomicU64,
}

impl Nonces {
    pub(crate) fn new() -> Self {
        // The standard library seeds each state from the system's entropy.
        let source = RandomState::new().build_hasher().finish();
        Self {
            source,
            count: AtomicU64::new(0),
        }
    }

    pub(crate) fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{count}", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_differ_within_and_between_sources() {
        let (a, b) = (Nonces::new(), Nonces::new());
        let marks = [a.next(), a.next(), b.next(), b.next()];
        let distinct: std::collections::BTreeSet<_> = marks.iter().collect();
        assert_eq!(distinct.len(), marks.len());
    }
}
