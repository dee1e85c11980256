//! Searches in a hierarchy. Each only goes up, so it settles some hundred nodes of a city.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Hierarchy, NONE};
use crate::cost::Cost;

/// Which end of a way a search begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    FromStart,
    FromEnd,
}

/// What is known of a node: for this search only if the number is its.
#[derive(Debug, Clone, Copy)]
struct Label {
    cost: Cost,
    search: u32,
    /// The node before it.
    before: u32,
}

/// One half of a search: what was found, and what is to be looked at next.
#[derive(Debug, Clone)]
pub(crate) struct Side {
    labels: Vec<Label>,
    search: u32,
    queue: BinaryHeap<Reverse<(Cost, u32)>>,
}

impl Side {
    pub(crate) fn new(nodes: usize) -> Self {
        let nothing = Label {
            cost: Cost::NEVER,
            search: 0,
            before: NONE,
        };
        Self {
            labels: vec![nothing; nodes],
            search: 0,
            queue: BinaryHeap::new(),
        }
    }

    /// Forgets all, and begins at some nodes, each of which is already some way from the place itself.
    pub(crate) fn begin(&mut self, seeds: impl IntoIterator<Item = (u32, Cost)>) {
        self.queue.clear();
        if self.search == u32::MAX {
            self.labels.iter_mut().for_each(|label| label.search = 0);
            self.search = 0;
        }
        self.search += 1;
        for (node, cost) in seeds {
            self.reach(node, cost, NONE);
        }
    }

    #[inline]
    fn reach(&mut self, node: u32, cost: Cost, before: u32) {
        if cost < self.cost(node) {
            self.labels[node as usize] = Label {
                cost,
                search: self.search,
                before,
            };
            self.queue.push(Reverse((cost, node)));
        }
    }

    /// What it costs to a node as far as is known.
    #[inline]
    pub(crate) fn cost(&self, node: u32) -> Cost {
        let label = &self.labels[node as usize];
        if label.search == self.search {
            label.cost
        } else {
            Cost::NEVER
        }
    }

    /// What the next node costs.
    #[inline]
    fn next_cost(&self) -> Cost {
        self.queue.peek().map_or(Cost::NEVER, |next| next.0.0)
    }

    /// Settles the next node, and looks at what lies above it unless a way from above is seen to be cheaper: then
    /// no shortest way goes through it. None where nothing is left; the node is none where it was of no use.
    #[inline]
    pub(crate) fn settle(
        &mut self,
        hierarchy: &Hierarchy,
        half: Half,
    ) -> Option<Option<(u32, Cost)>> {
        let Reverse((cost, node)) = self.queue.pop()?;
        if cost > self.cost(node) {
            return Some(None);
        }
        let (follow, against) = hierarchy.arcs_of(half);
        for arc in against.of(node) {
            let above = self.cost(arc.to);
            if above < cost && above + arc.cost < cost {
                return Some(None);
            }
        }
        for arc in follow.of(node) {
            self.reach(arc.to, cost + arc.cost, node);
        }
        Some(Some((node, cost)))
    }

    /// The nodes from the beginning to one that was reached.
    fn walk_to(&self, node: u32) -> Vec<u32> {
        let mut walk = vec![node];
        let mut at = node;
        while self.labels[at as usize].before != NONE {
            at = self.labels[at as usize].before;
            walk.push(at);
        }
        walk.reverse();
        walk
    }
}

/// A shortest way between two nodes, or between places that lie some way from nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What it costs.
    pub cost: Cost,
    /// The most important node of it.
    top: u32,
}

/// What searches need to remember. One serves any number of them, one after the other.
#[derive(Debug, Clone)]
pub struct Search {
    pub(crate) start: Side,
    pub(crate) end: Side,
}

impl Search {
    /// For searches in a hierarchy.
    #[must_use]
    pub fn new(hierarchy: &Hierarchy) -> Self {
        let side = Side::new(hierarchy.nodes());
        Self {
            start: side.clone(),
            end: side,
        }
    }

    /// The cost from one node of the graph to another; none if there is no way.
    pub fn cost(&mut self, hierarchy: &Hierarchy, from: u32, to: u32) -> Option<Cost> {
        let found = self.between(hierarchy, [(from, Cost::ZERO)], [(to, Cost::ZERO)]);
        found.map(|found| found.cost)
    }

    /// The shortest way from any of some nodes to any of others, each given with what it costs to get to it and from
    /// it. None if there is none.
    pub fn between(
        &mut self,
        hierarchy: &Hierarchy,
        from: impl IntoIterator<Item = (u32, Cost)>,
        to: impl IntoIterator<Item = (u32, Cost)>,
    ) -> Option<Found> {
        let place = |(node, cost): (u32, Cost)| (hierarchy.place_of(node), cost);
        self.start.begin(from.into_iter().map(place));
        self.end.begin(to.into_iter().map(place));
        let (mut best, mut top) = (Cost::NEVER, NONE);
        loop {
            let (from_start, from_end) = (self.start.next_cost(), self.end.next_cost());
            if from_start.min(from_end) >= best {
                break;
            }
            let (side, other, half) = if from_start <= from_end {
                (&mut self.start, &self.end, Half::FromStart)
            } else {
                (&mut self.end, &self.start, Half::FromEnd)
            };
            let Some(Some((node, cost))) = side.settle(hierarchy, half) else {
                continue;
            };
            let rest = other.cost(node);
            if rest < best && cost + rest < best {
                (best, top) = (cost + rest, node);
            }
        }
        (top != NONE).then_some(Found { cost: best, top })
    }

    /// The end of many ways: what follows is asked by [`Search::from`].
    pub(crate) fn end_at(
        &mut self,
        hierarchy: &Hierarchy,
        to: impl IntoIterator<Item = (u32, Cost)>,
    ) {
        let place = |(node, cost): (u32, Cost)| (hierarchy.place_of(node), cost);
        self.end.begin(to.into_iter().map(place));
        while self.end.settle(hierarchy, Half::FromEnd).is_some() {}
    }

    /// What it costs from some nodes to the end that was set; never if there is no way.
    pub(crate) fn from(
        &mut self,
        hierarchy: &Hierarchy,
        from: impl IntoIterator<Item = (u32, Cost)>,
    ) -> Cost {
        let place = |(node, cost): (u32, Cost)| (hierarchy.place_of(node), cost);
        self.start.begin(from.into_iter().map(place));
        let mut best = Cost::NEVER;
        while self.start.next_cost() < best {
            let settled = self.start.settle(hierarchy, Half::FromStart);
            let Some(Some((node, cost))) = settled else {
                continue;
            };
            let rest = self.end.cost(node);
            if rest < best {
                best = best.min(cost + rest);
            }
        }
        best
    }

    /// The nodes of the graph along a way that was the last to be found, from the first to the last, and what it
    /// costs to get to the first.
    pub fn nodes(&self, hierarchy: &Hierarchy, found: &Found) -> (Vec<u32>, Cost) {
        let mut some = self.start.walk_to(found.top);
        let first = self.start.cost(some[0]);
        let down = self.end.walk_to(found.top);
        some.extend(down.iter().rev().skip(1));
        let mut nodes = hierarchy.unpack(&some);
        for node in &mut nodes {
            *node = hierarchy.node_at(*node);
        }
        (nodes, first)
    }
}
