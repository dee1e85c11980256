//! Cells as wide as drivers are dense: blocks that are split and joined.

use domain::Place;

use super::Index;
use super::block::{Block, key_of, quarters};

/// Drivers per occupied cell of a block, on average, above which it is split. More make searches rank drivers who are
/// too far; fewer make more pings move a driver from one cell to another.
const CROWDED: u32 = 16;
/// Drivers of a block below which it is not split, however they crowd: ranking all of them costs no more.
const SPLIT_MIN: u32 = 64;
/// Drivers per occupied cell of four blocks, on average and times two, below which they are joined: then there are up to
/// four times as many to a cell, well below crowded.
const THINNED_OUT_TIMES_2: u32 = 3;
/// Drivers who leave a block until it is looked at whether it is to be joined.
const LOOKED_AT_EACH: u32 = 16;

impl Index {
    /// Puts the drivers of a block into four of smaller cells, if there are smaller ones and its own are crowded.
    #[inline]
    pub(super) fn split_if_crowded(&mut self, number: u32) {
        let block = &self.blocks[number as usize];
        let is_crowded = block.len >= SPLIT_MIN && block.has_more_to_a_cell_than(CROWDED);
        if is_crowded && block.level() + 1 < self.grids.len() {
            self.split(number);
        }
    }

    #[cold]
    fn split(&mut self, number: u32) {
        let drivers = self.take_all(number);
        let block = &mut self.blocks[number as usize];
        block.is_split = true;
        let level = block.level();
        for (slot, place) in drivers {
            self.add(slot, place, level);
        }
        let quarters: Vec<u32> = self.quarters_of(number).collect();
        for quarter in quarters {
            self.split_if_crowded(quarter);
        }
    }

    /// Looks at each so many who left a block whether it and those beside it are to be joined.
    #[inline]
    pub(super) fn join_if_thinned_out(&mut self, number: u32) {
        let block = &self.blocks[number as usize];
        let is_looked_at = block.len.is_multiple_of(LOOKED_AT_EACH) || block.len.is_power_of_two();
        if block.level() > 0 && is_looked_at {
            self.join_quarters_if_thin(self.parent_of(number));
        }
    }

    /// Puts the drivers of the four quarters of a block into itself, if they are few.
    pub(super) fn join_quarters_if_thin(&mut self, number: u32) {
        let quarters: Vec<u32> = self.quarters_of(number).collect();
        let (mut drivers, mut cells) = (0, 0);
        for quarter in &quarters {
            let quarter = &self.blocks[*quarter as usize];
            if quarter.is_split {
                return;
            }
            drivers += quarter.len;
            cells += quarter.occupied.count_ones();
        }
        if 2 * drivers >= THINNED_OUT_TIMES_2 * cells {
            return;
        }
        let mut drivers = Vec::new();
        for quarter in quarters {
            drivers.extend(self.take_all(quarter));
            self.give_back(quarter);
        }
        let block = &mut self.blocks[number as usize];
        block.is_split = false;
        block.len = 0;
        let level = block.level();
        for (slot, place) in drivers {
            self.add(slot, place, level);
        }
        self.split_if_crowded(number);
        self.join_if_thinned_out(number);
    }

    /// Takes all out of a block that is not split, which stays where it is.
    fn take_all(&mut self, number: u32) -> Vec<(u32, Place)> {
        let block = &self.blocks[number as usize];
        let drivers: Vec<_> = self.drivers_of(block).collect();
        self.len -= drivers.len();
        let anew = Block::new(block.key);
        let block = std::mem::replace(&mut self.blocks[number as usize], anew);
        for first in block.occupied_cells() {
            self.chunks.clear(first);
        }
        drivers
    }

    /// The block that one above the first level is a quarter of.
    pub(super) fn parent_of(&self, number: u32) -> u32 {
        let block = &self.blocks[number as usize];
        let (column, row) = block.at();
        let parent = self.find_block(key_of(block.level() - 1, (column >> 1, row >> 1)));
        parent.expect("a block of smaller cells is a quarter of one that is split")
    }

    /// The quarters that there are of a block that is split.
    pub(super) fn quarters_of(&self, number: u32) -> impl Iterator<Item = u32> + '_ {
        let block = &self.blocks[number as usize];
        let level = block.level() + 1;
        let all = quarters(block.at()).into_iter();
        all.filter_map(move |at| self.find_block(key_of(level, at)))
    }
}

#[cfg(test)]
mod tests;
