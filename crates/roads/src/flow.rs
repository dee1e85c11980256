//! Streets as they flow in some hours of the day: what each costs then, and the hierarchy of those costs.

use domain::Place;

use crate::cost::Cost;
use crate::graph::Graph;
use crate::hierarchy::{Hierarchy, Search};
use crate::snap::{Ends, Kerb};

/// Streets, and what they cost.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) graph: Graph,
    pub(crate) hierarchy: Hierarchy,
    /// What each street from node to node costs, as [`streets`](crate::snap::streets) has them.
    sides: Vec<Sides>,
}

/// What a street between two nodes costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sides {
    ends: Ends,
    /// From the first node to the second; [`Cost::NEVER`] against a one-way.
    there: Cost,
    /// From the second to the first; [`Cost::NEVER`] against a one-way.
    back: Cost,
}

/// Where a car is on a street, as a share of the way along it, and what the street costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stand {
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
    /// The streets of a graph of which all hangs together, `streets` being those between two nodes.
    pub(crate) fn new(graph: Graph, hierarchy: Hierarchy, streets: &[Ends]) -> Self {
        let cost = |from, to| graph.edge(from, to).unwrap_or(Cost::NEVER);
        let sides = streets.iter().map(|&ends| Sides {
            ends,
            there: cost(ends.a, ends.b),
            back: cost(ends.b, ends.a),
        });
        Self {
            sides: sides.collect(),
            graph,
            hierarchy,
        }
    }

    /// A car at a kerb.
    pub(crate) fn stand(&self, kerb: &Kerb) -> Stand {
        Stand {
            street: kerb.street,
            sides: self.sides[kerb.street as usize],
            share: kerb.share,
        }
    }

    /// What the way between two kerbs costs.
    pub(crate) fn between(&self, search: &mut Search, from: &Stand, to: &Stand) -> Cost {
        let found = search.between(&self.hierarchy, from.leaving(), to.arriving());
        let through = found.map_or(Cost::NEVER, |found| found.cost);
        through.min(from.down_to(to))
    }

    /// What the ways from kerbs to one cost.
    pub(crate) fn to(
        &self,
        search: &mut Search,
        to: &Stand,
        from: impl Iterator<Item = Option<Stand>>,
    ) -> Vec<Option<Cost>> {
        search.end_at(&self.hierarchy, to.arriving());
        let one = |from: Option<Stand>| {
            let from = from?;
            let through = search.from(&self.hierarchy, from.leaving());
            Some(through.min(from.down_to(to)))
        };
        from.map(one).collect()
    }

    /// The same way as [`between`](Self::between), with its nodes.
    pub(crate) fn through(&self, search: &mut Search, from: &Stand, to: &Stand) -> Through {
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

impl Stand {
    /// The nodes that the car comes to first, and what it costs to get there.
    pub(crate) fn leaving(&self) -> impl Iterator<Item = (u32, Cost)> + use<> {
        let (there, back, share) = self.parts();
        let Ends { a, b } = self.sides.ends;
        [
            there.map(|cost| (b, cost.less(cost.part(share)))),
            back.map(|cost| (a, cost.part(share))),
            // On a corner a car may leave by any street.
            (share <= 0.0).then_some((a, Cost::ZERO)),
            (share >= 1.0).then_some((b, Cost::ZERO)),
        ]
        .into_iter()
        .flatten()
    }

    /// The nodes from which a car comes here, and what it costs from there.
    pub(crate) fn arriving(&self) -> impl Iterator<Item = (u32, Cost)> + use<> {
        let (there, back, share) = self.parts();
        let Ends { a, b } = self.sides.ends;
        [
            there.map(|cost| (a, cost.part(share))),
            back.map(|cost| (b, cost.less(cost.part(share)))),
            (share <= 0.0).then_some((a, Cost::ZERO)),
            (share >= 1.0).then_some((b, Cost::ZERO)),
        ]
        .into_iter()
        .flatten()
    }

    /// What both directions cost, none against a one-way, and how far the car is.
    fn parts(&self) -> (Option<Cost>, Option<Cost>, f64) {
        let some = |cost: Cost| (cost != Cost::NEVER).then_some(cost);
        (some(self.sides.there), some(self.sides.back), self.share)
    }

    /// The cost of the way to another place farther down the same street; never where there is no such way.
    pub(crate) fn down_to(&self, to: &Self) -> Cost {
        if self.street != to.street {
            return Cost::NEVER;
        }
        let (there, back, share) = self.parts();
        let span = |whole: Option<Cost>, less: f64, more: f64| {
            whole.map_or(Cost::NEVER, |it| it.part(more).less(it.part(less)))
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
    use crate::graph::{Draft, Street};
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
        assert!(flow.sides[0].there < Cost::NEVER && flow.sides[0].back < Cost::NEVER);
        assert_eq!(flow.sides[1].there, Cost::NEVER);
        assert!(flow.sides[1].back < Cost::NEVER);
    }
}
