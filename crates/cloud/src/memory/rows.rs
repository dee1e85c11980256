//! Very many values of a kind, by number.

use std::ops::{Index, IndexMut};

/// Values of a block.
const BLOCK: usize = 4_096;

/// Values by their numbers, in blocks that stay where they are: a row that grows as a whole is copied time and again,
/// and needs half as much again for each copy.
#[derive(Debug, Clone)]
pub struct Rows<T>(Vec<Vec<T>>);

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Rows<T> {
    /// Adds a value and numbers it.
    ///
    /// # Panics
    /// If there are 2^32 of them.
    pub fn push(&mut self, value: T) -> u32 {
        if self.0.last().is_none_or(|last| last.len() == BLOCK) {
            self.0.push(Vec::with_capacity(BLOCK));
        }
        let before = (self.0.len() - 1) * BLOCK;
        let last = self.0.last_mut().expect("a block with room");
        last.push(value);
        u32::try_from(before + last.len() - 1).expect("fewer than 2^32 values")
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}

impl<T> FromIterator<T> for Rows<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut rows = Self::default();
        for value in values {
            rows.push(value);
        }
        rows
    }
}

impl<T> IntoIterator for Rows<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

impl<T> Index<u32> for Rows<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        &self.0[number as usize / BLOCK][number as usize % BLOCK]
    }
}

impl<T> IndexMut<u32> for Rows<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.0[number as usize / BLOCK][number as usize % BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_numbers_beyond_a_block() {
        let mut rows = Rows::default();
        assert!(rows.is_empty());
        let count = u32::try_from(2 * BLOCK + 3).unwrap();
        for number in 0..count {
            assert_eq!(rows.push(number), number);
        }
        assert!(rows.iter().copied().eq(0..count));
        rows[7] = 0;
        assert_eq!((rows[6], rows[7], rows[count - 1]), (6, 0, count - 1));
        assert_eq!((rows.len(), rows.is_empty()), (count as usize, false));
        let again: Rows<u32> = rows.clone().into_iter().collect();
        assert!(again.iter().eq(rows.iter()));
    }
}
