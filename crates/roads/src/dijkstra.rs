//! Dijkstra's algorithm as it stands in books: what the hierarchy must agree with, and what it is measured against.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::cost::Cost;
use crate::graph::Graph;

/// What searches need to remember. One serves any number of them, one after the other.
#[derive(Debug, Clone)]
pub struct Dijkstra {
    /// What it costs to each node, and in which search that was found.
    found: Vec<(Cost, u32)>,
    search: u32,
    queue: BinaryHeap<Reverse<(Cost, u32)>>,
}

impl Dijkstra {
    /// For searches in a graph.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        Self {
            found: vec![(Cost::NEVER, 0); graph.nodes()],
            search: 0,
            queue: BinaryHeap::new(),
        }
    }

    fn known(&self, node: u32) -> Cost {
        match self.found[node as usize] {
            (cost, search) if search == self.search => cost,
            _ => Cost::NEVER,
        }
    }

    fn reach(&mut self, node: u32, cost: Cost) {
        if cost < self.known(node) {
            self.found[node as usize] = (cost, self.search);
            self.queue.push(Reverse((cost, node)));
        }
    }

    /// Settles nodes until `stop` says of one that it was the last.
    fn run(&mut self, graph: &Graph, from: u32, mut stop: impl FnMut(u32) -> bool) {
        self.search += 1;
        self.queue.clear();
        self.reach(from, Cost::ZERO);
        while let Some(Reverse((cost, node))) = self.queue.pop() {
            if cost > self.known(node) {
                continue;
            }
            if stop(node) {
                return;
            }
            for edge in graph.edges_of(node) {
                self.reach(edge.to, cost + edge.cost);
            }
        }
    }

    /// The cost from one node to another; none if there is no way. Stops there.
    pub fn cost(&mut self, graph: &Graph, from: u32, to: u32) -> Option<Cost> {
        self.run(graph, from, |node| node == to);
        let cost = self.known(to);
        (cost != Cost::NEVER).then_some(cost)
    }

    /// The costs from one node to each of others; [`Cost::NEVER`] where there is no way. Stops when all are reached.
    pub fn costs(&mut self, graph: &Graph, from: u32, to: &[u32]) -> Vec<Cost> {
        let mut goals = to.to_vec();
        goals.sort_unstable();
        goals.dedup();
        let mut left = goals.len();
        self.run(graph, from, |node| {
            left -= usize::from(goals.binary_search(&node).is_ok());
            left == 0
        });
        to.iter().map(|node| self.known(*node)).collect()
    }
}
