//! A network as nodes and directed streets, each node's streets side by side.

mod packed;

use domain::{Place, Space};

use crate::cost::{Cost, DECIMETRES_MAX, MILLIS_MAX};
use crate::draft::{Draft, SPEED_MAX_KMH, SPEED_MIN_KMH, STREET_MAX_M, Street, check_counts};
use crate::turns::{self, Corners};

/// Why nodes and streets are no network.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GraphError {
    /// There is nothing to drive on.
    #[error("found {nodes} nodes and no street between two of them, expected at least one")]
    NoStreets {
        /// Nodes that were found.
        nodes: usize,
    },
    /// There is more than anybody needs.
    #[error("found {found} {what}, expected at most {limit}: cut the network to the city")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A street leads to a node that is not there.
    #[error("street {street}: found node {node}, expected one of {nodes}")]
    Node {
        /// The street's number.
        street: usize,
        /// The node's.
        node: u32,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A turn is forbidden at a node that is not there.
    #[error("forbidden turn {turn}: found node {node}, expected one of {nodes}")]
    TurnNode {
        /// The turn's number.
        turn: usize,
        /// The node's.
        node: u32,
        /// How many nodes there are.
        nodes: usize,
    },
    /// A street has no length, or too much.
    #[error("street {street}: found a length of {metres} m, expected 0 to {STREET_MAX_M}")]
    Length {
        /// The street's number.
        street: usize,
        /// What was found.
        metres: f64,
    },
    /// The ends of a street are farther from each other than the longest street is long.
    #[error(
        "found a street from node {from} to node {to}, {metres:.0} m apart, expected at most {STREET_MAX_M} m"
    )]
    Apart {
        /// Where it begins.
        from: u32,
        /// Where it ends.
        to: u32,
        /// How far that is, straight.
        metres: f64,
    },
    /// A street's speed is none.
    #[error("street {street}: found {kmh} km/h, expected {SPEED_MIN_KMH} to {SPEED_MAX_KMH}")]
    Speed {
        /// The street's number.
        street: usize,
        /// What was found.
        kmh: f64,
    },
    /// A way might be longer than can be told.
    #[error(
        "found streets of {km} km and {hours} h, expected at most {} km and {} h: cut the network to the city",
        DECIMETRES_MAX / 10_000,
        MILLIS_MAX / 3_600_000
    )]
    TooLarge {
        /// The longest street of each node, summed up, in kilometres.
        km: u64,
        /// The slowest of each, in hours.
        hours: u64,
    },
}

/// A street from node to node that costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The node where it ends.
    pub to: u32,
    /// What it costs.
    pub cost: Cost,
}

/// How much there is of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    pub(crate) corners: usize,
    /// From corner to corner, each direction counted.
    pub(crate) streets: usize,
    /// That are forbidden.
    pub(crate) turns: usize,
    /// Of all streets.
    pub(crate) decimetres: u64,
    /// That it takes to drive along all streets.
    pub(crate) millis: u64,
}

/// Nodes, and the streets that leave each. A corner at which turns are forbidden is several nodes ([`turns`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    places: Vec<Place>,
    corners: Corners,
    /// Where each node's edges begin, and after the last where all end.
    first: Vec<u32>,
    edges: Vec<Edge>,
}

impl Graph {
    /// A graph of a draft. Streets from a node to itself are left out: they lead nowhere.
    ///
    /// # Errors
    /// If there is no street, or one is not what a street can be, or there are too many.
    pub fn new(mut draft: Draft) -> Result<Self, GraphError> {
        draft.check()?;
        draft.streets.retain(|it| it.from != it.to);
        if draft.streets.is_empty() {
            let nodes = draft.places.len();
            return Err(GraphError::NoStreets { nodes });
        }
        let (split, corners) = turns::split(draft);
        let Draft {
            places,
            mut streets,
            ..
        } = split;
        check_counts(places.len(), streets.len())?;
        streets.sort_by_key(|it| (it.from, it.to, it.cost()));
        let graph = Self::sorted(places, corners, &streets);
        graph.check_size()?;
        graph.check_places()?;
        Ok(graph)
    }

    fn sorted(places: Vec<Place>, corners: Corners, streets: &[Street]) -> Self {
        let edges = streets.iter().map(|it| Edge {
            to: it.to,
            cost: it.cost(),
        });
        Self {
            first: starts(places.len(), streets.iter().map(|it| it.from)),
            edges: edges.collect(),
            places,
            corners,
        }
    }

    /// A way leaves each node at most once, so it is no longer than the longest street of each.
    fn check_size(&self) -> Result<(), GraphError> {
        let sum = |of: fn(Cost) -> u64| -> u64 {
            let nodes = 0..self.nodes() as u32;
            nodes
                .map(|node| self.edges_of(node).iter().map(|it| of(it.cost)).max())
                .map(Option::unwrap_or_default)
                .sum()
        };
        let (millis, decimetres) = (sum(Cost::millis), sum(Cost::decimetres));
        // The ways from a place to the first node and from the last one are two more streets.
        let room = |limit: u64| limit / 10 * 9;
        if millis > room(MILLIS_MAX) || decimetres > room(DECIMETRES_MAX) {
            return Err(GraphError::TooLarge {
                km: decimetres / 10_000,
                hours: millis / 3_600_000,
            });
        }
        Ok(())
    }

    /// No street leads farther than the longest street is long.
    fn check_places(&self) -> Result<(), GraphError> {
        for from in 0..self.nodes() as u32 {
            for edge in self.edges_of(from) {
                let ends = (self.place(from), self.place(edge.to));
                if is_near(ends) {
                    continue;
                }
                let metres = Space::Sphere.distance_m(ends.0, ends.1);
                if metres > STREET_MAX_M {
                    let to = edge.to;
                    return Err(GraphError::Apart { from, to, metres });
                }
            }
        }
        Ok(())
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.places.len()
    }

    /// How many edges there are.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.edges.len()
    }

    /// Where a node is.
    #[must_use]
    pub fn place(&self, node: u32) -> Place {
        self.places[node as usize]
    }

    /// Where all nodes are.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The edges that leave a node, by the node where they end and then by cost.
    #[must_use]
    pub fn edges_of(&self, node: u32) -> &[Edge] {
        let node = node as usize;
        &self.edges[self.first[node] as usize..self.first[node + 1] as usize]
    }

    /// Which corner each node stands for.
    pub(crate) fn corners(&self) -> &Corners {
        &self.corners
    }

    /// Each street from corner to corner once, though it may leave several nodes of a corner: the first of these, and the
    /// street with those that are parallel to it, the cheapest first.
    pub(crate) fn streets(&self) -> impl Iterator<Item = (u32, &[Edge])> {
        let corner_of = self.corners.of_each(self.nodes());
        (0..self.nodes() as u32).flat_map(move |node| {
            let corner = corner_of[node as usize];
            let streets = self
                .edges_of(node)
                .chunk_by(|one, other| one.to == other.to);
            let leaves_first = move |to| {
                let mut before = self.corners.nodes_of(corner).take_while(|it| *it < node);
                corner == node || before.all(|before| self.edge(before, to).is_none())
            };
            let streets = streets.filter(move |parallel| leaves_first(parallel[0].to));
            streets.map(move |parallel| (node, parallel))
        })
    }

    /// What there is to drive.
    pub(crate) fn extent(&self) -> Extent {
        let none = Extent {
            corners: self.nodes() - self.corners.others().len(),
            turns: self.corners.turns(),
            ..Extent::default()
        };
        let edges = self.streets().flat_map(|(_, parallel)| parallel);
        edges.fold(none, |extent, edge| Extent {
            streets: extent.streets + 1,
            decimetres: extent.decimetres + edge.cost.decimetres(),
            millis: extent.millis + edge.cost.millis(),
            ..extent
        })
    }

    /// The street from one corner to another: the node where it ends, and what the cheapest one costs.
    pub(crate) fn street(&self, from: u32, to: u32) -> Option<Edge> {
        let between = |from| {
            let ends = self.corners.nodes_of(to);
            ends.filter_map(move |to| self.edge(from, to).map(|cost| Edge { to, cost }))
        };
        self.corners.nodes_of(from).flat_map(between).next()
    }

    /// The cheapest edge from one node to another.
    #[must_use]
    pub fn edge(&self, from: u32, to: u32) -> Option<Cost> {
        let edges = self.edges_of(from);
        let at = edges.partition_point(|edge| edge.to < to);
        edges
            .get(at)
            .filter(|edge| edge.to == to)
            .map(|edge| edge.cost)
    }

    /// The graph of some of the nodes, in their order, and the edges between them.
    #[must_use]
    pub(crate) fn of_nodes(&self, keep: &[bool]) -> Self {
        let mut number = vec![u32::MAX; self.nodes()];
        let mut kept = 0;
        for (node, _) in keep.iter().enumerate().filter(|(_, keep)| **keep) {
            number[node] = kept;
            kept += 1;
        }
        let mut places = Vec::with_capacity(kept as usize);
        let corners = self.corners.renumbered(&number);
        let (mut first, mut edges) = (vec![0], Vec::new());
        for node in (0..self.nodes() as u32).filter(|node| keep[*node as usize]) {
            places.push(self.place(node));
            let inside = self.edges_of(node).iter().map(|edge| Edge {
                to: number[edge.to as usize],
                ..*edge
            });
            edges.extend(inside.filter(|edge| edge.to != u32::MAX));
            first.push(edges.len() as u32);
        }
        Self {
            places,
            corners,
            first,
            edges,
        }
    }
}

/// Whether two places are near enough for a street by their degrees alone.
fn is_near((a, b): (Place, Place)) -> bool {
    /// Half a degree, which is 56 km at most.
    const NEAR_E7: u32 = 5_000_000;
    let ((lat_a, lon_a), (lat_b, lon_b)) = (a.to_e7(), b.to_e7());
    lat_a.abs_diff(lat_b) <= NEAR_E7 && lon_a.abs_diff(lon_b) <= NEAR_E7
}

/// Where each of `count` groups begins in a list sorted by group, and after the last where all end.
pub(crate) fn starts(count: usize, sorted: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut first = vec![0; count + 1];
    for group in sorted {
        first[group as usize + 1] += 1;
    }
    for at in 0..count {
        first[at + 1] += first[at];
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(nodes: u32, streets: &[(u32, u32, f64, f64)]) -> Draft {
        Draft {
            places: (0..nodes)
                .map(|node| Place::from_metres(f64::from(node) * 100.0, 0.0))
                .collect(),
            streets: streets
                .iter()
                .map(|&(from, to, length_m, speed_kmh)| Street {
                    from,
                    to,
                    length_m,
                    speed_kmh,
                    class: None,
                })
                .collect(),
            ..Draft::default()
        }
    }

    #[test]
    fn what_is_no_network_says_why() {
        for (found, expected) in [
            (draft(0, &[]), "found 0 nodes and no street"),
            (draft(3, &[]), "found 3 nodes and no street"),
            (
                draft(2, &[(1, 1, 5.0, 30.0)]),
                "found 2 nodes and no street",
            ),
            (
                draft(2, &[(0, 2, 5.0, 30.0)]),
                "street 0: found node 2, expected one of 2",
            ),
            (
                draft(2, &[(0, 1, f64::NAN, 30.0)]),
                "found a length of NaN m",
            ),
            (draft(2, &[(0, 1, -1.0, 30.0)]), "found a length of -1 m"),
            (
                draft(2, &[(0, 1, 1.0, 0.0)]),
                "found 0 km/h, expected 1 to 200",
            ),
            (draft(2, &[(0, 1, 1.0, f64::INFINITY)]), "found inf km/h"),
            (
                draft(2_001, &[(0, 2_000, 1.0, 30.0)]),
                "found a street from node 0 to node 2000, 222390 m apart",
            ),
        ] {
            let text = Graph::new(found).unwrap_err().to_string();
            assert!(text.contains(expected), "{text} has {expected}");
        }
    }

    #[test]
    fn a_network_beyond_all_cities_is_refused() {
        let slow: Vec<_> = (0..1_000)
            .map(|node| (node, node + 1, STREET_MAX_M, SPEED_MIN_KMH))
            .collect();
        let error = Graph::new(draft(1_001, &slow)).unwrap_err();
        assert!(matches!(error, GraphError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn edges_stand_by_node_and_the_cheapest_of_parallel_ones_first() {
        let streets = [
            (1, 0, 100.0, 36.0),
            (0, 1, 200.0, 36.0),
            (0, 1, 100.0, 36.0),
            (1, 1, 1.0, 30.0),
        ];
        let graph = Graph::new(draft(3, &streets)).unwrap();
        assert_eq!(graph.edges(), 3);
        assert_eq!(graph.edge(0, 1), Some(Cost::new(10_000, 1_000)));
        assert_eq!(graph.edges_of(0).len(), 2);
        assert_eq!(graph.edge(1, 2), None);
        assert!(graph.edges_of(2).is_empty());
    }
}
