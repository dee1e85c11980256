//! When somebody is to be looked at again: a queue by time.
//!
//! Most of what is put in is due seconds later, and little of it is looked at before: so it lies by the second in which it
//! is due, in no order, and only the next second is a heap.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use domain::{DriverId, Timestamp};

/// Drivers by the time at which they are due, of equal times the lower id first.
#[derive(Debug, Clone)]
pub(crate) struct Deadlines {
    /// Those that are due before a second.
    next: BinaryHeap<Reverse<(Timestamp, DriverId)>>,
    before: i64,
    /// The others, by the second.
    later: BTreeMap<i64, Vec<(Timestamp, DriverId)>>,
}

impl Deadlines {
    pub(crate) fn new() -> Self {
        Self {
            next: BinaryHeap::new(),
            before: i64::MIN,
            later: BTreeMap::new(),
        }
    }

    pub(crate) fn put(&mut self, at: Timestamp, driver: DriverId) {
        let second = at.as_secs();
        if second < self.before {
            self.next.push(Reverse((at, driver)));
        } else {
            self.later.entry(second).or_default().push((at, driver));
        }
    }

    /// When the first is due.
    pub(crate) fn first(&mut self) -> Option<Timestamp> {
        if self.next.is_empty()
            && let Some((second, drivers)) = self.later.pop_first()
        {
            self.next = drivers.into_iter().map(Reverse).collect();
            self.before = second + 1;
        }
        self.next.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes out the first if it is due by now.
    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, DriverId)> {
        self.first().filter(|at| *at <= now)?;
        self.next.pop().map(|Reverse(first)| first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_gives_what_an_ordered_set_gives(
            steps in prop::collection::vec((any::<bool>(), -4_000_000..4_000_000i64), 1..200),
        ) {
            let (mut deadlines, mut set) = (Deadlines::new(), BTreeSet::new());
            for (number, (puts, at)) in (0..).zip(steps) {
                let (at, driver) = (Timestamp::from_micros(at), DriverId(number % 7));
                if puts && set.insert((at, driver)) {
                    deadlines.put(at, driver);
                } else if !puts {
                    let due = set.first().copied().filter(|first| first.0 <= at);
                    set.retain(|it| Some(*it) != due);
                    prop_assert_eq!(deadlines.pop_due(at), due);
                }
                prop_assert_eq!(deadlines.first(), set.first().map(|first| first.0));
            }
        }
    }
}
