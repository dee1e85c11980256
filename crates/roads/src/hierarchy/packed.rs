//! A hierarchy as bytes, and how it is checked when it is read: a wrong arc would be a wrong way.

use super::{Arc, Arcs, Hierarchy, NONE};
use crate::cost::Cost;
use crate::graph::Graph;
use crate::packed::{Reader, UnpackError, Writer, read_costs, read_starts};

impl Hierarchy {
    pub(crate) fn write(&self, body: &mut Writer) {
        body.all(self.node.iter().map(|node| node.to_le_bytes()));
        self.up.write(body);
        self.down.write(body);
    }

    /// A hierarchy of a graph, found to be one.
    pub(crate) fn read(body: &mut Reader<'_>, graph: &Graph) -> Result<Self, UnpackError> {
        let nodes = graph.nodes();
        let node: Vec<u32> = body.all(nodes)?.map(u32::from_le_bytes).collect();
        let mut place = vec![NONE; nodes];
        for (at, node) in (0..).zip(&node) {
            match place.get_mut(*node as usize) {
                Some(free) if *free == NONE => *free = at,
                _ => return Err(UnpackError::Inconsistent("an order that is none")),
            }
        }
        let hierarchy = Self {
            node,
            place,
            up: Arcs::read(body, nodes)?,
            down: Arcs::read(body, nodes)?,
        };
        hierarchy
            .stands_for(graph)
            .then_some(hierarchy)
            .ok_or(UnpackError::Inconsistent("shortcuts of other streets"))
    }

    /// Whether all arcs are edges of the graph, or two that are and lead through a less important node.
    fn stands_for(&self, graph: &Graph) -> bool {
        let edge = |from: u32, to: u32| graph.edge(self.node_at(from), self.node_at(to));
        let up = |from: u32, arc: &Arc| match arc.via {
            NONE => edge(from, arc.to) == Some(arc.cost),
            via => self.cost_through(from, via, arc.to) == Some(arc.cost),
        };
        let down = |to: u32, arc: &Arc| match arc.via {
            NONE => edge(arc.to, to) == Some(arc.cost),
            via => self.cost_through(arc.to, via, to) == Some(arc.cost),
        };
        (0..self.nodes() as u32).all(|node| {
            self.up.of(node).iter().all(|arc| up(node, arc))
                && self.down.of(node).iter().all(|arc| down(node, arc))
        })
    }

    /// What it costs to go through a less important node by the arcs there.
    fn cost_through(&self, from: u32, via: u32, to: u32) -> Option<Cost> {
        if (via as usize) >= self.nodes() || via <= from.max(to) {
            return None;
        }
        let first = self.down.find(via, from)?;
        let second = self.up.find(via, to)?;
        first.cost.checked_add(second.cost)
    }
}

impl Arcs {
    fn write(&self, body: &mut Writer) {
        body.count(self.arcs.len());
        body.all(self.first.iter().map(|first| first.to_le_bytes()));
        body.all(self.arcs.iter().map(|arc| arc.to.to_le_bytes()));
        body.all(self.arcs.iter().map(|arc| arc.via.to_le_bytes()));
        body.all(self.arcs.iter().map(|arc| arc.cost.to_le_bytes()));
    }

    fn read(body: &mut Reader<'_>, nodes: usize) -> Result<Self, UnpackError> {
        let count = body.count()?;
        let first = read_starts(body, nodes, count)?;
        let to = body.all(count)?.map(u32::from_le_bytes);
        let via = body.all(count)?.map(u32::from_le_bytes);
        let costs = read_costs(body, count)?;
        let arcs = to.zip(via).zip(costs);
        let arcs = Self {
            first,
            arcs: arcs
                .map(|((to, via), cost)| Arc { cost, to, via })
                .collect(),
        };
        let leads_up = |node: u32| arcs.of(node).iter().all(|arc| arc.to < node);
        if !(0..nodes as u32).all(leads_up) {
            return Err(UnpackError::Inconsistent("a shortcut that leads down"));
        }
        Ok(arcs)
    }
}
