//! Turns that are forbidden, and what becomes of the corners where they are.
//!
//! Ways are found from node to node, and a node does not know from where a car came. So a corner at which turns are
//! forbidden stands in the graph as several nodes in one place: one for each set of turns that some of the streets which
//! lead there forbid, without these turns, and the corner's own for all other streets. The hierarchy knows nothing of it.
//!
//! A car that may not turn left drives on, turns round and comes back, if nothing keeps it from doing so: at the next bend
//! of the street, a few metres on, for a bend is a node as well. Cars turn round at corners and at the ends of streets, not
//! in bends that are driven through both ways; so on the streets that meet at such a corner that is forbidden as well, up to the next
//! corner. Elsewhere nothing need be forbidden: no fastest way comes back to where it was.

use std::collections::{BTreeMap, BTreeSet};

use crate::draft::{Draft, STREETS_MAX, Street};

/// A turn that nobody may take: from the street between two nodes into that between the second and a third. To turn round
/// is to come back to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// The node that the car comes from.
    pub from: u32,
    /// The corner.
    pub via: u32,
    /// The node that it may not go on to.
    pub to: u32,
}

/// Which corner each node stands for. Most stand for themselves alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Corners {
    /// The others that stand for a corner, which is the lowest of its nodes: corner and node, in order.
    others: Vec<(u32, u32)>,
    /// Turns that are forbidden, those of bends aside, wherever they are.
    turns: usize,
}

impl Corners {
    /// Corners and the nodes that stand for them besides, in order. None if they cannot be: out of order, beyond the `nodes`
    /// that there are, above the corner's own, or of two corners.
    pub(crate) fn new(others: Vec<(u32, u32)>, turns: usize, nodes: usize) -> Option<Self> {
        let is_above = |(corner, node): &(u32, u32)| corner < node && (*node as usize) < nodes;
        let is_ordered = others.is_sorted_by(|one, other| one < other);
        let mut named: Vec<u32> = others.iter().map(|(_, node)| *node).collect();
        named.sort_unstable();
        let stands_for_one = named.windows(2).all(|pair| pair[0] < pair[1]);
        let is_no_corner = |(corner, _): &(u32, u32)| named.binary_search(corner).is_err();
        let can_be = is_ordered && stands_for_one && others.iter().all(is_above);
        (can_be && others.iter().all(is_no_corner)).then_some(Self { others, turns })
    }

    /// Corners and the nodes that stand for them besides, in order.
    pub(crate) fn others(&self) -> &[(u32, u32)] {
        &self.others
    }

    /// How many turns are forbidden.
    pub(crate) fn turns(&self) -> usize {
        self.turns
    }

    /// The corner of each of so many nodes.
    pub(crate) fn of_each(&self, nodes: usize) -> Vec<u32> {
        let mut corners: Vec<u32> = (0..nodes as u32).collect();
        for &(corner, node) in &self.others {
            corners[node as usize] = corner;
        }
        corners
    }

    /// All nodes that stand for a corner, its own first.
    pub(crate) fn nodes_of(&self, corner: u32) -> impl Iterator<Item = u32> + '_ {
        let begin = self.others.partition_point(|(at, _)| *at < corner);
        let others = self.others[begin..].iter();
        let others = others.take_while(move |(at, _)| *at == corner);
        std::iter::once(corner).chain(others.map(|(_, node)| *node))
    }

    /// The same when nodes have other numbers, and some none ([`u32::MAX`]). Numbers rise as they did.
    pub(crate) fn renumbered(&self, number: &[u32]) -> Self {
        let mut others = Vec::new();
        for corner in self.others.chunk_by(|one, other| one.0 == other.0) {
            let nodes = self.nodes_of(corner[0].0).map(|node| number[node as usize]);
            let mut nodes = nodes.filter(|node| *node != u32::MAX);
            if let Some(lowest) = nodes.next() {
                others.extend(nodes.map(|node| (lowest, node)));
            }
        }
        others.sort_unstable();
        Self {
            others,
            turns: self.turns,
        }
    }
}

/// Streets between nodes, as far as it matters which nodes have one.
struct Neighbours {
    /// From and to, in order.
    there: Vec<(u32, u32)>,
    /// The same in either direction.
    either: Vec<(u32, u32)>,
}

impl Neighbours {
    fn of(streets: &[Street]) -> Self {
        let in_order = |mut pairs: Vec<(u32, u32)>| {
            pairs.sort_unstable();
            pairs.dedup();
            pairs
        };
        let ends = streets.iter().map(|it| (it.from, it.to));
        Self {
            either: in_order(ends.clone().flat_map(|(a, b)| [(a, b), (b, a)]).collect()),
            there: in_order(ends.collect()),
        }
    }

    fn leads(&self, from: u32, to: u32) -> bool {
        self.there.binary_search(&(from, to)).is_ok()
    }

    /// The nodes that a node has a street to or from.
    fn of_node(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let begin = self.either.partition_point(|(at, _)| *at < node);
        let rest = self.either[begin..].iter();
        rest.take_while(move |(at, _)| *at == node)
            .map(|(_, other)| *other)
    }

    /// The two neighbours of a node that has two: a bend of a street.
    fn of_bend(&self, node: u32) -> Option<[u32; 2]> {
        let mut neighbours = self.of_node(node);
        let both = [neighbours.next()?, neighbours.next()?];
        neighbours.next().is_none().then_some(both)
    }

    /// Whether a turn can be taken at all.
    fn can_take(&self, turn: &Turn) -> bool {
        self.leads(turn.from, turn.via) && self.leads(turn.via, turn.to)
    }

    /// What is forbidden where some turns are: to turn round in the bends of the streets that meet there, but where a
    /// street ends for one of its directions.
    fn in_bends(&self, turns: &BTreeSet<Turn>) -> Vec<Turn> {
        let mut forbidden = Vec::new();
        let corners: BTreeSet<u32> = turns.iter().map(|turn| turn.via).collect();
        let mut seen = BTreeSet::new();
        for corner in corners {
            for first in self.of_node(corner) {
                let (mut before, mut via) = (corner, first);
                while let Some([one, other]) = self.of_bend(via).filter(|_| via != corner) {
                    if !seen.insert(via) {
                        break;
                    }
                    let on = [(one, other), (other, one)].map(|(from, to)| Turn { from, via, to });
                    if on.iter().all(|on| self.can_take(on) && !turns.contains(on)) {
                        forbidden.extend(on.map(|Turn { from, .. }| Turn {
                            from,
                            via,
                            to: from,
                        }));
                    }
                    (before, via) = (via, if one == before { other } else { one });
                }
            }
        }
        forbidden
    }
}

/// The same draft without forbidden turns, in which none of them can be taken, and which corner each of its nodes stands
/// for: those that are new come last. Nodes and streets must be there.
pub(crate) fn split(draft: Draft) -> (Draft, Corners) {
    let Draft {
        mut places,
        streets,
        classes,
        turns,
    } = draft;
    if turns.is_empty() {
        let draft = Draft {
            places,
            streets,
            classes,
            turns,
        };
        return (draft, Corners::default());
    }
    let neighbours = Neighbours::of(&streets);
    let can_take = |turn: &Turn| neighbours.can_take(turn);
    let mut forbidden: BTreeSet<Turn> = turns.into_iter().filter(can_take).collect();
    let turns = forbidden.len();
    forbidden.extend(neighbours.in_bends(&forbidden));
    let mut by_way_in: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for turn in forbidden {
        let tos = by_way_in.entry((turn.via, turn.from)).or_default();
        tos.push(turn.to);
    }
    let own = places.len() as u32;
    // Streets that forbid the same turns lead to the same node.
    let mut node_of: BTreeMap<(u32, &[u32]), u32> = BTreeMap::new();
    let mut others: Vec<(u32, u32)> = Vec::new();
    let mut way_in: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for ((via, from), tos) in &by_way_in {
        let node = *node_of.entry((*via, tos)).or_insert_with(|| {
            let node = own + others.len() as u32;
            places.push(places[*via as usize]);
            others.push((*via, node));
            node
        });
        way_in.insert((*from, *via), node);
    }
    let without: BTreeMap<u32, &[u32]> = node_of
        .iter()
        .map(|((_, tos), node)| (*node, *tos))
        .collect();
    let corners = Corners { others, turns };
    let mut split = Vec::with_capacity(streets.len());
    for street in streets {
        let to = way_in.get(&(street.from, street.to));
        let to = *to.unwrap_or(&street.to);
        let may_turn = |node: &u32| {
            let tos = without.get(node);
            tos.is_none_or(|tos| !tos.contains(&street.to))
        };
        let from = corners.nodes_of(street.from).filter(may_turn);
        split.extend(from.map(|from| Street { from, to, ..street }));
        if split.len() > STREETS_MAX {
            // Too many to go on, which whoever counts them says.
            break;
        }
    }
    let draft = Draft {
        places,
        streets: split,
        classes,
        turns: Vec::new(),
    };
    (draft, corners)
}

#[cfg(test)]
mod tests;
