//! Maps that are looked into one by one. Where a tree waits for memory once for each level, a [`Lookup`] does so once or
//! twice.

use domain::{DriverId, TripId};
use hashbrown::HashTable;

/// What a [`Lookup`] finds values by.
pub trait Key: Copy + Ord {
    /// A hash without a seed, so that the same run has the same table.
    fn hash(self) -> u64;
}

impl Key for u64 {
    /// It may be one of few small ones: Fibonacci hashing, Knuth's multiplicative method, with the high bits brought
    /// down to where a table looks first.
    fn hash(self) -> u64 {
        let product = self.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ product >> 32
    }
}

impl Key for DriverId {
    fn hash(self) -> u64 {
        self.0.hash()
    }
}

impl Key for TripId {
    /// Ids of trips are hashes already.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    fn hash(self) -> u64 {
        self.0 as u64
    }
}

/// Values by keys, in no order.
#[derive(Debug, Clone)]
pub struct Lookup<K, V>(HashTable<(K, V)>);

impl<K, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Self(HashTable::new())
    }
}

impl<K: Key, V> Lookup<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: K) -> Option<&V> {
        let found = self.0.find(key.hash(), |(known, _)| *known == key);
        found.map(|(_, value)| value)
    }

    /// The value of a key, which is given one if it has none.
    pub fn get_or_insert_with(&mut self, key: K, first: impl FnOnce() -> V) -> &mut V {
        let entry = self.0.entry(
            key.hash(),
            |(known, _)| *known == key,
            |(known, _)| known.hash(),
        );
        &mut entry.or_insert_with(|| (key, first())).into_mut().1
    }

    /// Gives a key a value. Returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some((_, known)) = self.0.find_mut(key.hash(), |(known, _)| *known == key) {
            return Some(std::mem::replace(known, value));
        }
        let hash_of = |(known, _): &(K, V)| known.hash();
        self.0.insert_unique(key.hash(), (key, value), hash_of);
        None
    }

    /// Takes a key's value.
    pub fn remove(&mut self, key: K) -> Option<V> {
        let found = self.0.find_entry(key.hash(), |(known, _)| *known == key);
        let ((_, value), _) = found.ok()?.remove();
        Some(value)
    }

    /// Drops the values that are not to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut V) -> bool) {
        self.0.retain(|(_, value)| keep(value));
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Some of the values, by key.
    #[must_use]
    pub fn in_order(&self, are: impl Fn(&V) -> bool) -> Vec<V>
    where
        V: Clone,
    {
        let mut chosen: Vec<_> = self.0.iter().filter(|(_, value)| are(value)).collect();
        chosen.sort_unstable_by_key(|(key, _)| *key);
        chosen.into_iter().map(|(_, value)| value.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kernel::Streams;

    use super::*;

    #[test]
    fn it_has_what_a_tree_has() {
        let mut stream = Streams::new(5).stream("lookup", 0);
        let (mut lookup, mut tree) = (Lookup::default(), BTreeMap::new());
        for turn in 0..20_000_u64 {
            let key = DriverId(stream.below(300) as u64);
            match stream.below(4) {
                0 => assert_eq!(lookup.insert(key, turn), tree.insert(key, turn)),
                1 => assert_eq!(lookup.remove(key), tree.remove(&key)),
                2 => {
                    let value = *lookup.get_or_insert_with(key, || turn);
                    assert_eq!(value, *tree.entry(key).or_insert(turn));
                }
                _ => assert_eq!(lookup.get(key), tree.get(&key)),
            }
            assert_eq!(
                (lookup.len(), lookup.is_empty()),
                (tree.len(), tree.is_empty())
            );
        }
        lookup.retain(|value| *value % 3 > 0);
        tree.retain(|_, value| *value % 3 > 0);
        let even = |value: &u64| value.is_multiple_of(2);
        let expected: Vec<u64> = tree.values().copied().filter(even).collect();
        assert_eq!(lookup.in_order(even), expected);
    }
}
