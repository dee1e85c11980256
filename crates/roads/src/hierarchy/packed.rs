//! A hierarchy as bytes, and how it is checked when it is read: a wrong arc would be a wrong way.

use super::{Arc, Arcs, Hierarchy, NONE};
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

    /// Whether all arcs are edges of the graph, or two arcs that lead through a less important node, and none is more
    /// edges than a way can have.
    fn stands_for(&self, graph: &Graph) -> bool {
        let mut edges = Lengths {
            up: vec![0; self.up.len()],
            down: vec![0; self.down.len()],
        };
        // What a shortcut stands for is at a less important node.
        (0..self.nodes() as u32).rev().all(|node| {
            let up = self.up.range(node).all(|at| {
                let arc = &self.up.arcs[at];
                let found = self.edges_of(&edges, graph, (node, arc.to), arc);
                edges.up[at] = found.unwrap_or_default();
                found.is_some()
            });
            up && self.down.range(node).all(|at| {
                let arc = &self.down.arcs[at];
                let found = self.edges_of(&edges, graph, (arc.to, node), arc);
                edges.down[at] = found.unwrap_or_default();
                found.is_some()
            })
        })
    }

    /// How many edges an arc stands for; none if it costs something else than they do.
    fn edges_of(
        &self,
        known: &Lengths,
        graph: &Graph,
        (from, to): (u32, u32),
        arc: &Arc,
    ) -> Option<u32> {
        if arc.via == NONE {
            let cost = graph.edge(self.node_at(from), self.node_at(to));
            return (cost == Some(arc.cost)).then_some(1);
        }
        if (arc.via as usize) >= self.nodes() || arc.via <= from.max(to) {
            return None;
        }
        let (first, second) = (self.down.find(arc.via, from)?, self.up.find(arc.via, to)?);
        let (down, up) = (&self.down.arcs[first], &self.up.arcs[second]);
        let edges = known.down[first].checked_add(known.up[second])?;
        let is_whole = down.cost.checked_add(up.cost) == Some(arc.cost);
        (is_whole && edges as usize <= self.nodes()).then_some(edges)
    }
}

/// How many edges each arc stands for.
struct Lengths {
    up: Vec<u32>,
    down: Vec<u32>,
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
        let leads_up = |node: u32| {
            let arcs = arcs.of(node);
            arcs.is_sorted_by(|a, b| a.to < b.to) && arcs.last().is_none_or(|arc| arc.to < node)
        };
        if !(0..nodes as u32).all(leads_up) {
            return Err(UnpackError::Inconsistent(
                "shortcuts that lead down, or in disorder",
            ));
        }
        Ok(arcs)
    }
}
