//! A contraction hierarchy: nodes in an order of importance, and edges that only lead up it. Shortest ways are found
//! by two small searches that meet at the most important node of the way.
//!
//! R. Geisberger, P. Sanders, D. Schultes, D. Delling, Contraction Hierarchies: Faster and Simpler Hierarchical
//! Routing in Road Networks, WEA 2008. Begin at [`Hierarchy::of`]; `contract` makes the order, `search` finds
//! ways, and [`mod@crate::table`] many at once.

mod contract;
mod packed;
mod search;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::cost::Cost;
use crate::graph::{Graph, starts};

pub(crate) use search::Half;
pub use search::{Found, Search};

/// Stands for no node.
pub(crate) const NONE: u32 = u32::MAX;

/// An edge to a more important node, or a shortcut in the place of several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arc {
    pub(crate) cost: Cost,
    /// The more important node.
    pub(crate) to: u32,
    /// The least important node between, of a shortcut; [`NONE`] of an edge.
    pub(crate) via: u32,
}

/// The arcs of every node, side by side.
#[derive(Debug, Clone)]
pub(crate) struct Arcs {
    first: Vec<u32>,
    arcs: Vec<Arc>,
}

impl Arcs {
    pub(crate) fn of(&self, node: u32) -> &[Arc] {
        &self.arcs[self.range(node)]
    }

    /// Where the arcs of a node are.
    fn range(&self, node: u32) -> Range<usize> {
        let node = node as usize;
        self.first[node] as usize..self.first[node + 1] as usize
    }

    /// Where the arc of a node to another is.
    fn find(&self, node: u32, to: u32) -> Option<usize> {
        let at = self.of(node).iter().position(|arc| arc.to == to)?;
        Some(self.range(node).start + at)
    }

    fn to(&self, node: u32, to: u32) -> Arc {
        let at = self.find(node, to);
        self.arcs[at.expect("what a shortcut stands for was there when it was made")]
    }

    fn len(&self) -> usize {
        self.arcs.len()
    }
}

/// A graph with its nodes by importance. Nodes have numbers of its own, 0 being the most important: so what every
/// search comes to lies close together.
#[derive(Debug, Clone)]
pub struct Hierarchy {
    /// The graph's number of each node.
    node: Vec<u32>,
    /// This hierarchy's number of each node of the graph.
    place: Vec<u32>,
    /// Arcs that leave a node for more important ones.
    up: Arcs,
    /// Arcs that come to a node from more important ones; `to` is where they come from.
    down: Arcs,
}

impl Hierarchy {
    /// Contracts a graph. The same graph gives the same hierarchy on every machine.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let contracted = contract::contract(graph);
        let node: Vec<u32> = contracted.iter().rev().map(|it| it.node).collect();
        let mut place = vec![0; node.len()];
        for (at, node) in (0..).zip(&node) {
            place[*node as usize] = at;
        }
        let arcs = |of: fn(&contract::Contracted) -> &[contract::Link]| {
            let nodes = contracted.iter().rev();
            let mut groups = Vec::new();
            let mut arcs = Vec::new();
            for (at, it) in (0..).zip(nodes) {
                let begin = arcs.len();
                arcs.extend(of(it).iter().map(|link| Arc {
                    cost: link.cost,
                    to: place[link.node as usize],
                    via: match link.via {
                        NONE => NONE,
                        via => place[via as usize],
                    },
                }));
                arcs[begin..].sort_unstable_by_key(|arc| arc.to);
                groups.resize(arcs.len(), at);
            }
            Arcs {
                first: starts(node.len(), groups.into_iter()),
                arcs,
            }
        };
        let up = arcs(|it| &it.out);
        let down = arcs(|it| &it.into);
        Self {
            up,
            down,
            node,
            place,
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.node.len()
    }

    /// How many arcs there are, shortcuts included.
    #[must_use]
    pub fn arcs(&self) -> usize {
        self.up.len() + self.down.len()
    }

    /// This hierarchy's number of a node of the graph.
    pub(crate) fn place_of(&self, node: u32) -> u32 {
        self.place[node as usize]
    }

    /// The graph's number of a node.
    pub(crate) fn node_at(&self, place: u32) -> u32 {
        self.node[place as usize]
    }

    /// The arcs that a search from a place follows, and those along which it may be seen to be too dear: from the
    /// start of a way, or from its end.
    pub(crate) fn arcs_of(&self, half: Half) -> (&Arcs, &Arcs) {
        match half {
            Half::FromStart => (&self.up, &self.down),
            Half::FromEnd => (&self.down, &self.up),
        }
    }

    /// The nodes of a way that is given by some of them, each an arc from the one before.
    fn unpack(&self, some: &[u32]) -> Vec<u32> {
        let mut nodes = Vec::with_capacity(some.len() * 16);
        nodes.extend(some.first());
        // Arcs that are still to be looked into, the next one last.
        let arcs = some.windows(2).rev().map(|pair| (pair[0], pair[1]));
        let mut open: Vec<(u32, u32)> = arcs.collect();
        while let Some((from, mut to)) = open.pop() {
            let mut arc = self.between(from, to);
            while arc.via != NONE {
                open.push((arc.via, to));
                to = arc.via;
                arc = self.between(from, to);
            }
            nodes.push(to);
        }
        nodes
    }

    fn between(&self, from: u32, to: u32) -> Arc {
        if to < from {
            self.up.to(from, to)
        } else {
            self.down.to(to, from)
        }
    }
}
