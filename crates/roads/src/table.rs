//! Many ways at once: a search from each end leaves its findings at the nodes that it settles, and a search from each
//! start gathers them.
//!
//! S. Knopp, P. Sanders, D. Schultes, F. Schulz, D. Wagner, Computing Many-to-Many Shortest Paths Using Highway
//! Hierarchies, ALENEX 2007.

use crate::cost::Cost;
use crate::graph::starts;
use crate::hierarchy::{Half, Hierarchy, Search};

/// Costs from each of some nodes to each of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: usize,
    costs: Vec<Cost>,
}

impl Table {
    /// The costs from the nodes `from` to the nodes `to` of the graph.
    #[must_use]
    pub fn new(hierarchy: &Hierarchy, search: &mut Search, from: &[u32], to: &[u32]) -> Self {
        let left = Left::behind(hierarchy, search, to);
        let mut costs = vec![Cost::NEVER; from.len() * to.len()];
        if !to.is_empty() {
            for (node, row) in from.iter().zip(costs.chunks_exact_mut(to.len())) {
                left.gather(hierarchy, search, *node, row);
            }
        }
        Self {
            columns: to.len(),
            costs,
        }
    }

    /// The cost from one node to another, each by its number in the list; none if there is no way.
    #[must_use]
    pub fn cost(&self, from: usize, to: usize) -> Option<Cost> {
        let cost = self.row(from)[to];
        (cost != Cost::NEVER).then_some(cost)
    }

    /// The costs from one node to all; [`Cost::NEVER`] where there is no way.
    #[must_use]
    pub fn row(&self, from: usize) -> &[Cost] {
        &self.costs[from * self.columns..(from + 1) * self.columns]
    }
}

/// What searches from ends have left behind, by node.
struct Left {
    first: Vec<u32>,
    /// Which end, and what it costs to get there.
    found: Vec<(Cost, u32)>,
}

impl Left {
    fn behind(hierarchy: &Hierarchy, search: &mut Search, to: &[u32]) -> Self {
        let mut all = Vec::new();
        for (end, node) in (0..).zip(to) {
            let side = &mut search.end;
            side.begin([(hierarchy.place_of(*node), Cost::ZERO)]);
            while let Some(settled) = side.settle(hierarchy, Half::FromEnd) {
                all.extend(settled.map(|(node, cost)| (node, end, cost)));
            }
        }
        all.sort_unstable_by_key(|(node, end, _)| (*node, *end));
        Self {
            first: starts(hierarchy.nodes(), all.iter().map(|(node, _, _)| *node)),
            found: all.iter().map(|&(_, end, cost)| (cost, end)).collect(),
        }
    }

    fn gather(&self, hierarchy: &Hierarchy, search: &mut Search, from: u32, row: &mut [Cost]) {
        let side = &mut search.start;
        side.begin([(hierarchy.place_of(from), Cost::ZERO)]);
        while let Some(settled) = side.settle(hierarchy, Half::FromStart) {
            let Some((node, cost)) = settled else {
                continue;
            };
            let node = node as usize;
            let found = self.first[node] as usize..self.first[node + 1] as usize;
            for &(rest, end) in &self.found[found] {
                let best = &mut row[end as usize];
                *best = (*best).min(cost + rest);
            }
        }
    }
}
