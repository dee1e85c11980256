//! The matching under construction and its dual prices: what bids and paths work on together.
//!
//! Riders and drivers play the same part in it, so bids and paths are written once for **rows** that
//! look for **columns**: riders who look for drivers, or drivers who look for riders.

use super::CostGraph;

/// The partner of whom nothing is decided yet: a place that no graph has.
pub(super) const FREE: u32 = u32::MAX;
/// The partner of whom stays alone for good.
pub(super) const ALONE: u32 = u32::MAX - 1;
/// Farther than any path.
pub(super) const FAR: i64 = i64::MAX;

/// One side of the matching.
#[derive(Debug, Default)]
pub(super) struct Side {
    /// Each one's partner, [`FREE`] or [`ALONE`].
    pub(super) partners: Vec<u32>,
    /// Each one's dual price.
    pub(super) duals: Vec<i64>,
}

impl Side {
    /// So many, all free and with a dual price of zero.
    pub(super) fn reset(&mut self, count: usize) {
        refill(&mut self.partners, count, FREE);
        refill(&mut self.duals, count, 0);
    }

    /// Whether a column may be taken without taking it from anybody.
    pub(super) fn is_available(&self, column: u32) -> bool {
        self.partners[column as usize] >= ALONE
    }
}

/// The graph as rows see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    starts: &'a [u32],
    columns: &'a [u32],
    costs: &'a [i64],
    /// What staying alone costs each row.
    pub(super) alone: &'a [i64],
    /// No column's dual price is above this. With it and rows in order of cost, a scan ends early.
    pub(super) dual_max: i64,
}

impl<'a> Rows<'a> {
    /// Riders as rows. Drivers' prices are at most zero.
    pub(super) fn riders(graph: &'a CostGraph, penalties: &'a [i64]) -> Self {
        let (starts, columns, costs) = graph.parts();
        Self {
            starts,
            columns,
            costs,
            alone: penalties,
            dual_max: 0,
        }
    }

    /// A row's columns and costs, cheapest first.
    pub(super) fn row(&self, row: u32) -> impl Iterator<Item = (u32, i64)> + use<'a> {
        let range = self.starts[row as usize] as usize..self.starts[row as usize + 1] as usize;
        self.columns[range.clone()]
            .iter()
            .copied()
            .zip(self.costs[range].iter().copied())
    }
}

/// The graph by drivers.
#[derive(Debug, Default)]
pub(super) struct Transposed {
    starts: Vec<u32>,
    riders: Vec<u32>,
    costs: Vec<i64>,
    alone: Vec<i64>,
}

impl Transposed {
    pub(super) fn fill(&mut self, graph: &CostGraph) {
        let riders = u32::try_from(graph.rider_count()).expect("places are 32-bit");
        let mut edges = Vec::with_capacity(graph.edge_count());
        for rider in 0..riders {
            let row = graph.candidates(rider as usize);
            edges.extend(row.map(|(driver, cost)| (driver, cost, rider)));
        }
        edges.sort_unstable();
        refill(&mut self.starts, graph.driver_count() + 1, 0);
        self.riders.clear();
        self.costs.clear();
        for &(driver, cost, rider) in &edges {
            self.starts[driver as usize + 1] += 1;
            self.riders.push(rider);
            self.costs.push(cost);
        }
        for at in 1..self.starts.len() {
            self.starts[at] += self.starts[at - 1];
        }
        refill(&mut self.alone, graph.driver_count(), 0);
    }

    /// Drivers as rows: staying idle costs them nothing.
    pub(super) fn rows(&self, worth_max: i64) -> Rows<'_> {
        Rows {
            starts: &self.starts,
            columns: &self.riders,
            costs: &self.costs,
            alone: &self.alone,
            dual_max: worth_max,
        }
    }
}

/// Empties a buffer and fills it again.
pub(super) fn refill<T: Copy>(buffer: &mut Vec<T>, length: usize, value: T) {
    buffer.clear();
    buffer.resize(length, value);
}
