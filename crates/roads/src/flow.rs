//! Streets as they flow in some hours of the day: what each costs then, and the hierarchy of those costs.

use domain::Place;

use crate::cost::Cost;
use crate::graph::{Edge, Graph};
use crate::hierarchy::{Hierarchy, Search};
use crate::snap::{Ends, Kerb};

/// Streets, and what they cost.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) graph: Graph,
    pub(crate) hierarchy: Hierarchy,
    /// What each street from corner to corner costs, as [`streets`](crate::snap::streets) has them.
    sides: Vec<Sides>,
}

/// A street between two corners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sides {
    ends: Ends,
    /// From the first corner to the second: where it ends, and what it costs; none against a one-way.
    there: Option<Edge>,
    /// From the second to the first.
    back: Option<Edge>,
}

/// Where a car is on a street, as a share of the way along it, and what the street costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand<'a> {
    graph: &'a Graph,
    street: u32,
    sides: Sides,
    share: f64,
}

/// A way through nodes.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) cost: Cost,
    /// Each with what it costs to get there; none if the way is along one street.
    pub(crate) nodes: Vec<(Place, Cost)>,
}

impl Flow {
    /// The streets of a graph of which all hangs together, `streets` being those between two corners.
    pub(crate) fn new(graph: Graph, hierarchy: Hierarchy, streets: &[Ends]) -> Self {
        let sides = streets.iter().map(|&ends| Sides {
            ends,
            there: graph.street(ends.a, ends.b),
            back: graph.street(ends.b, ends.a),
        });
        Self {
            sides: sides.collect(),
            graph,
            hierarchy,
        }
    }

    /// A car at a kerb.
    pub(crate) fn stand(&self, kerb: &Kerb) -> Stand<'_> {
        Stand {
            graph: &self.graph,
            street: kerb.street,
            sides: self.sides[kerb.street as usize],
            share: kerb.share,
        }
    }

    /// What the way between two kerbs costs.
    pub(crate) fn between(&self, search: &mut Search, from: &Stand<'_>, to: &Stand<'_>) -> Cost {
        let found = search.between(&self.hierarchy, from.leaving(), to.arriving());
        let through = found.map_or(Cost::NEVER, |found| found.cost);
        through.min(from.down_to(to))
    }

    /// What the ways from kerbs to one cost.
    pub(crate) fn to<'s>(
        &self,
        search: &mut Search,
        to: &Stand<'_>,
        from: impl Iterator<Item = Option<Stand<'s>>>,
    ) -> Vec<Option<Cost>> {
        search.end_at(&self.hierarchy, to.arriving());
        let one = |from: Option<Stand<'s>>| {
            let from = from?;
            let through = search.from(&self.hierarchy, from.leaving());
            Some(through.min(from.down_to(to)))
        };
        from.map(one).collect()
    }

    /// The same way as [`between`](Self::between), with its nodes.
    pub(crate) fn through(&self, search: &mut Search, from: &Stand<'_>, to: &Stand<'_>) -> Through {
        let direct = from.down_to(to);
        let found = search.between(&self.hierarchy, from.leaving(), to.arriving());
        let Some(found) = found.filter(|found| found.cost < direct) else {
            return Through {
                cost: direct,
                nodes: Vec::new(),
            };
        };
        let (nodes, to_first) = search.nodes(&self.hierarchy, &found);
        let mut so_far = to_first;
        let mut before = None;
        let nodes = nodes.into_iter().map(|node| {
            if let Some(before) = before.replace(node) {
                let edge = self.graph.edge(before, node);
                so_far = so_far + edge.expect("a way goes along edges");
            }
            (self.graph.place(node), so_far)
        });
        Through {
            cost: found.cost,
            nodes: nodes.collect(),
        }
    }
}

impl Stand<'_> {
    /// The nodes that the car comes to first, and what it costs to get there.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = (u32, Cost)> {
        let Sides { there, back, .. } = self.sides;
        let down = there.map(|it| (it.to, it.cost.less(it.cost.part(self.share))));
        let up = back.map(|it| (it.to, it.cost.part(self.share)));
        [down, up].into_iter().flatten().chain(self.on_corner())
    }

    /// The nodes from which a car comes here, and what it costs from there.
    pub(crate) fn arriving(&self) -> impl Iterator<Item = (u32, Cost)> {
        let Sides { ends, there, back } = self.sides;
        let down = there.map(|it| (ends.a, it, it.cost.part(self.share)));
        let up = back.map(|it| (ends.b, it, it.cost.less(it.cost.part(self.share))));
        let along = move |(corner, edge, cost): (u32, Edge, Cost)| {
            // Whoever may turn into the street.
            let from = self.graph.corners().nodes_of(corner);
            let from = from.filter(move |from| self.graph.edge(*from, edge.to).is_some());
            from.map(move |from| (from, cost))
        };
        let along = [down, up].into_iter().flatten().flat_map(along);
        along.chain(self.on_corner())
    }

    /// On a corner a car may leave by any street, and come by any.
    fn on_corner(&self) -> impl Iterator<Item = (u32, Cost)> {
        let Ends { a, b } = self.sides.ends;
        let first = (self.share <= 0.0).then_some(a);
        let second = (self.share >= 1.0).then_some(b);
        let corners = [first, second].into_iter().flatten();
        let nodes = corners.flat_map(|corner| self.graph.corners().nodes_of(corner));
        nodes.map(|node| (node, Cost::ZERO))
    }

    /// The cost of the way to another place farther down the same street; never where there is no such way.
    pub(crate) fn down_to(&self, to: &Self) -> Cost {
        if self.street != to.street {
            return Cost::NEVER;
        }
        let Sides { there, back, .. } = self.sides;
        let share = self.share;
        let span = |whole: Option<Edge>, less: f64, more: f64| {
            whole.map_or(Cost::NEVER, |it| {
                it.cost.part(more).less(it.cost.part(less))
            })
        };
        if share.total_cmp(&to.share).is_eq() {
            Cost::ZERO
        } else if share < to.share {
            span(there, share, to.share)
        } else {
            span(back, to.share, share)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{Draft, Street};
    use crate::snap::streets;

    #[test]
    fn nobody_drives_against_a_one_way() {
        let corner = |east_m: f64| Place::from_metres(east_m, 0.0);
        let street = |from, to| Street {
            from,
            to,
            length_m: 100.0,
            speed_kmh: 36.0,
            class: None,
        };
        let graph = Graph::new(Draft {
            places: [0.0, 100.0, 200.0].map(corner).to_vec(),
            streets: vec![street(0, 1), street(1, 0), street(2, 1)],
            ..Draft::default()
        });
        let graph = graph.unwrap();
        let flow = Flow::new(graph.clone(), Hierarchy::of(&graph), &streets(&graph));
        assert_eq!(flow.sides.len(), 2);
        assert!(flow.sides[0].there.is_some() && flow.sides[0].back.is_some());
        assert_eq!(flow.sides[1].there, None);
        assert!(flow.sides[1].back.is_some());
    }
}
