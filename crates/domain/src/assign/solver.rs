//! The optimal kernel: bids first, then shortest augmenting paths for the riders they left over.
//!
//! From the first bid to the last path one invariant holds: a rider's worth plus a driver's price never
//! exceeds the cost of the pair, it equals it for pairs that are made, and worth never exceeds the
//! penalty nor a price zero. When nobody is left and spare drivers have price zero, that is the proof.
//!
//! Where drivers abound the exact bids settle nearly everybody and the paths are short. Where they do
//! not, paths grow as long as the city, so after a while the kernel starts over with scaled bids, which
//! bring prices of the whole city near the optimum before the last paths make them exact. Those prices
//! may leave a spare driver with a price below zero: paths from such drivers, with the sides swapped,
//! find them a rider or bring the price to zero.

use super::auction::{bid_exactly, bid_scaled, keep_tight};
use super::matching::{ALONE, FREE, Rows, Side, Transposed};
use super::path::Search;
use super::{Assignment, CostGraph, Duals};

/// How often all paths together may look at each pair, on average, before bids are scaled: about as
/// long as scaled bids take.
const LOOKS_PER_PAIR_MAX: usize = 8;

/// How much dearer than the cheapest candidate scaled bids may make a rider, as a multiple of how
/// much dearer candidates are on average.
const PATIENCE_SPREADS: i64 = 64;

/// The optimal kernel with its buffers, which grow to the largest graph solved and are used again.
#[derive(Debug, Default)]
pub struct Solver {
    riders: Side,
    drivers: Side,
    penalties: Vec<i64>,
    /// Riders left to paths.
    left: Vec<u32>,
    search: Search,
    transposed: Transposed,
}

impl Solver {
    /// A solver without buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The optimal assignment. Of several that cost the same, always the same one.
    #[must_use]
    pub fn solve(&mut self, graph: &CostGraph) -> Assignment {
        self.reset(graph);
        let rows = Rows::riders(graph, &self.penalties);
        bid_exactly(&rows, &mut self.riders, &mut self.drivers, &mut self.left);
        let pairs_max = graph.edge_count().saturating_mul(LOOKS_PER_PAIR_MAX);
        if !self.follow_paths(graph, pairs_max) {
            self.start_over(graph);
        }
        self.assignment(graph)
    }

    fn reset(&mut self, graph: &CostGraph) {
        self.riders.reset(graph.rider_count());
        self.drivers.reset(graph.driver_count());
        self.penalties.clear();
        self.penalties
            .extend((0..graph.rider_count()).map(|rider| graph.effective_penalty(rider)));
        self.search.reset(graph.driver_count());
        self.left.clear();
    }

    /// The optimal assignment and the dual prices that prove it (see [`super::certify`]).
    #[must_use]
    pub fn solve_with_duals(&mut self, graph: &CostGraph) -> (Assignment, Duals) {
        let assignment = self.solve(graph);
        (assignment, self.duals())
    }

    /// The same optimum by scaled bids alone, which `solve` uses for large and scarce rounds only.
    #[cfg(test)]
    pub(super) fn solve_scaled_with_duals(&mut self, graph: &CostGraph) -> (Assignment, Duals) {
        self.reset(graph);
        self.start_over(graph);
        (self.assignment(graph), self.duals())
    }

    fn duals(&self) -> Duals {
        Duals {
            riders: self.riders.duals.clone(),
            drivers: self.drivers.duals.clone(),
        }
    }

    /// Follows a path from every rider left; gives up, with riders left, once the paths have looked at
    /// more pairs than that.
    fn follow_paths(&mut self, graph: &CostGraph, pairs_max: usize) -> bool {
        let rows = Rows::riders(graph, &self.penalties);
        for &rider in &self.left {
            if self.search.pairs_seen > pairs_max {
                return false;
            }
            self.search
                .augment(&rows, &mut self.riders, &mut self.drivers, rider);
        }
        true
    }

    /// From the prices there are: scaled bids, then paths, then paths of spare drivers.
    fn start_over(&mut self, graph: &CostGraph) {
        let rows = Rows::riders(graph, &self.penalties);
        let epsilon = graph.spread().max(1);
        let patience = epsilon.saturating_mul(PATIENCE_SPREADS);
        bid_scaled(
            &rows,
            patience,
            epsilon,
            &mut self.riders,
            &mut self.drivers,
        );
        self.left.clear();
        keep_tight(&rows, &mut self.riders, &mut self.drivers, &mut self.left);
        self.follow_paths(graph, usize::MAX);
        self.clear_spare_drivers(graph);
    }

    fn clear_spare_drivers(&mut self, graph: &CostGraph) {
        self.left.clear();
        let drivers = u32::try_from(graph.driver_count()).expect("places are 32-bit");
        let is_spare = |driver: &u32| {
            let at = *driver as usize;
            self.drivers.partners[at] == FREE && self.drivers.duals[at] < 0
        };
        self.left.extend((0..drivers).filter(is_spare));
        if self.left.is_empty() {
            return;
        }
        self.transposed.fill(graph);
        self.search.reset(graph.rider_count());
        let worth_max = self.riders.duals.iter().copied().max().unwrap_or(0);
        let rows = self.transposed.rows(worth_max);
        for &driver in &self.left {
            self.search
                .augment(&rows, &mut self.drivers, &mut self.riders, driver);
        }
    }

    fn assignment(&self, graph: &CostGraph) -> Assignment {
        let cost_of = |(rider, driver): (usize, &u32)| match *driver {
            // The pair is tight, so its cost is the sum of its dual prices.
            driver if driver < ALONE => {
                self.riders.duals[rider] + self.drivers.duals[driver as usize]
            }
            _ => graph.unserved_penalty(rider).unwrap_or(0),
        };
        let partners = &self.riders.partners;
        Assignment {
            drivers: partners
                .iter()
                .map(|driver| (*driver < ALONE).then_some(*driver))
                .collect(),
            cost: partners.iter().enumerate().map(cost_of).sum(),
        }
    }
}
