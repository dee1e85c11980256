//! Where each of very many trips is kept.

use domain::TripId;
use hashbrown::HashTable;

use crate::lookup::Key;

/// The numbers of trips in a row that the caller keeps, found by their ids in one look at memory or two: in a tree
/// of a city-day's trips each level is another. The caller says which trip a number is of.
#[derive(Debug, Clone, Default)]
pub struct TripNumbers(HashTable<u32>);

impl TripNumbers {
    /// The number of a trip, if it is there.
    pub fn find(&self, id: TripId, id_of: impl Fn(u32) -> TripId) -> Option<u32> {
        self.0
            .find(id.hash(), |number| id_of(*number) == id)
            .copied()
    }

    /// Adds a trip that is not there yet.
    pub fn insert(&mut self, id: TripId, number: u32, id_of: impl Fn(u32) -> TripId) {
        debug_assert!(self.find(id, &id_of).is_none());
        self.0
            .insert_unique(id.hash(), number, |number| id_of(*number).hash());
    }
}
