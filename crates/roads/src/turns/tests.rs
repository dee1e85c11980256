use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use domain::Place;
use proptest::prelude::*;

use super::*;
use crate::components::{Dropped, largest_component};
use crate::cost::Cost;
use crate::dijkstra::Dijkstra;
use crate::graph::{Extent, Graph};
use crate::town::{blocks, some_turns};

fn turn(from: u32, via: u32, to: u32) -> Turn {
    Turn { from, via, to }
}

/// What ways from a corner cost, by a search from street to street that knows where a car comes from. Cars turn round at
/// corners and ends of streets, and in bends that are not driven through both ways.
struct Plain<'a> {
    draft: &'a Draft,
}

impl Plain<'_> {
    fn cost_of(street: &Street) -> Cost {
        let draft = Draft {
            places: vec![Place::from_metres(0.0, 0.0); 2],
            streets: vec![Street {
                from: 0,
                to: 1,
                ..*street
            }],
            ..Draft::default()
        };
        Graph::new(draft).unwrap().edge(0, 1).unwrap()
    }

    fn may_turn(&self, one: &Street, next: &Street) -> bool {
        let turns = &self.draft.turns;
        let forbidden = |to| turns.contains(&turn(one.from, one.to, to));
        let streets = || self.draft.streets.iter();
        let ends = streets().filter_map(|it| match one.to {
            via if it.from == via => Some(it.to),
            via if it.to == via => Some(it.from),
            _ => None,
        });
        let ends: BTreeSet<u32> = ends.collect();
        let ends: Vec<u32> = ends.into_iter().collect();
        let is_driven = |from, to| streets().any(|it| (it.from, it.to) == (from, to));
        let is_through = |from, to| {
            let on = turn(from, one.to, to);
            is_driven(from, one.to) && is_driven(one.to, to) && !turns.contains(&on)
        };
        let is_bend = matches!(ends[..], [a, b] if is_through(a, b) && is_through(b, a));
        let turns_round = one.from == next.to;
        one.to == next.from && !(is_bend && turns_round) && !forbidden(next.to)
    }

    fn costs_from(&self, corner: u32) -> Vec<Cost> {
        let streets = &self.draft.streets;
        let mut costs = vec![Cost::NEVER; self.draft.places.len()];
        costs[corner as usize] = Cost::ZERO;
        let mut done = vec![false; streets.len()];
        let mut open = BinaryHeap::new();
        for (number, street) in streets.iter().enumerate() {
            if street.from == corner {
                open.push(Reverse((Self::cost_of(street), number)));
            }
        }
        while let Some(Reverse((cost, number))) = open.pop() {
            if std::mem::replace(&mut done[number], true) {
                continue;
            }
            let street = &streets[number];
            let known = &mut costs[street.to as usize];
            *known = cost.min(*known);
            for (next, it) in streets.iter().enumerate() {
                if !done[next] && self.may_turn(street, it) {
                    open.push(Reverse((cost + Self::cost_of(it), next)));
                }
            }
        }
        costs
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_way_takes_a_forbidden_turn_and_none_is_longer_for_it(
        seed in 0..1_000_u64,
        columns in 1..5_u32,
        rows in 2..5_u32,
        share in prop::sample::select(vec![0.0, 0.05, 0.3]),
    ) {
        let draft = some_turns(seed, columns, rows, share);
        let Ok(graph) = Graph::new(draft.clone()) else {
            return Ok(());
        };
        prop_assert!(share > 0.0 || graph.corners().others().is_empty());
        let plain = Plain { draft: &draft };
        let mut search = Dijkstra::new(&graph);
        for from in 0..draft.places.len() as u32 {
            let expected = plain.costs_from(from);
            for (to, expected) in (0..).zip(expected) {
                let ends = graph.corners().nodes_of(to);
                let found = ends.filter_map(|end| search.cost(&graph, from, end)).min();
                prop_assert_eq!(found.unwrap_or(Cost::NEVER), expected, "{} to {}", from, to);
            }
        }
    }
}

/// A crossing of two streets, 0 in the middle, with bends on the way to the four ends:
///
/// ```text
///           4
///           3
///   8 - 7 - 0 - 1 - 2
///           5
///           6
/// ```
fn crossing(turns: Vec<Turn>) -> Draft {
    let corners = [
        (0.0, 0.0),
        (1.0, 0.0),
        (2.0, 0.0),
        (0.0, 1.0),
        (0.0, 2.0),
        (0.0, -1.0),
        (0.0, -2.0),
        (-1.0, 0.0),
        (-2.0, 0.0),
    ];
    let ends = [
        (0, 1),
        (1, 2),
        (0, 3),
        (3, 4),
        (0, 5),
        (5, 6),
        (0, 7),
        (7, 8),
    ];
    blocks(&corners, &ends, turns)
}

fn metres(graph: &Graph, from: u32, to: u32) -> Option<u64> {
    let mut search = Dijkstra::new(graph);
    let ends = graph.corners().nodes_of(to);
    let costs = ends.filter_map(|end| search.cost(graph, from, end));
    costs.map(|cost| cost.decimetres() / 10).min()
}

#[test]
fn who_may_not_turn_left_turns_round_at_the_end_of_the_street_and_not_in_its_bend() {
    let free = Graph::new(crossing(Vec::new())).unwrap();
    assert_eq!((metres(&free, 6, 8), free.nodes()), (Some(400), 9));
    // From the south no turn to the west: on to the north end and back, and then right.
    let graph = Graph::new(crossing(vec![turn(5, 0, 7)])).unwrap();
    assert_eq!(metres(&graph, 6, 8), Some(800));
    assert_eq!(metres(&graph, 8, 6), Some(400));
    assert_eq!(metres(&graph, 2, 8), Some(400));
    // The crossing stands for itself twice, each bend for itself and for both of its directions.
    assert_eq!(graph.nodes(), 9 + 1 + 4 * 2);
    let expected = Extent {
        turns: 1,
        ..free.extent()
    };
    assert_eq!(graph.extent(), expected);
}

#[test]
fn a_street_that_meets_a_one_way_against_it_stays_a_street_both_ways() {
    let mut draft = crossing(vec![turn(5, 0, 7)]);
    draft.streets.retain(|it| (it.from, it.to) != (1, 2));
    let ring = Street {
        from: 2,
        to: 4,
        ..draft.streets[0]
    };
    draft.streets.extend([ring, ring.back()]);
    let graph = Graph::new(draft).unwrap();
    // Node 1 is a bend from which there is no way on for who comes from 0: cars turn round in it.
    let (_, dropped) = largest_component(&graph);
    assert_eq!(dropped, Dropped::default());
    assert_eq!(metres(&graph, 0, 1), Some(100));
}

#[test]
fn a_turn_more_that_is_forbidden_makes_no_way_shorter() {
    let graph = Graph::new(crossing(vec![turn(5, 0, 7), turn(4, 3, 4)])).unwrap();
    assert_eq!(metres(&graph, 6, 8), Some(800));
}

#[test]
fn turns_of_streets_that_are_not_there_forbid_nothing() {
    let turns = vec![turn(5, 0, 8), turn(1, 3, 4), turn(2, 2, 2)];
    let graph = Graph::new(crossing(turns)).unwrap();
    assert_eq!(graph, Graph::new(crossing(Vec::new())).unwrap());
}

#[test]
fn a_turn_at_a_node_that_is_not_there_says_so() {
    let turns = vec![turn(5, 0, 7), turn(5, 0, 9)];
    let error = Graph::new(crossing(turns)).unwrap_err().to_string();
    assert_eq!(error, "forbidden turn 1: found node 9, expected one of 9");
}

#[test]
fn to_turn_round_can_be_forbidden_at_an_end() {
    let graph = Graph::new(crossing(vec![turn(5, 0, 7), turn(3, 4, 3)])).unwrap();
    // The north end is none any more: round at the east end.
    assert_eq!(metres(&graph, 6, 8), Some(800));
    let turns = vec![turn(5, 0, 7), turn(3, 4, 3), turn(1, 2, 1)];
    let graph = Graph::new(crossing(turns)).unwrap();
    // Round at the crossing itself, and at the south end where it began.
    assert_eq!(metres(&graph, 6, 8), None);
    let rest = vec![turn(5, 0, 7), turn(5, 0, 3), turn(5, 0, 1)];
    let graph = Graph::new(crossing(rest)).unwrap();
    assert_eq!(metres(&graph, 6, 8), None);
    assert_eq!(metres(&graph, 6, 6), Some(0));
}

#[test]
fn corners_are_told_by_the_lowest_of_their_nodes_that_is_left() {
    let corners = Corners::new(vec![(0, 4), (0, 5), (2, 6)], 3, 7).unwrap();
    assert_eq!(corners.of_each(7), [0, 1, 2, 3, 0, 0, 2]);
    assert_eq!(corners.nodes_of(0).collect::<Vec<_>>(), [0, 4, 5]);
    assert_eq!(corners.nodes_of(3).collect::<Vec<_>>(), [3]);
    // Node 0 and node 6 go.
    let number = [u32::MAX, 0, 1, 2, 3, 4, u32::MAX];
    let left = corners.renumbered(&number);
    assert_eq!((left.others(), left.turns()), (&[(3, 4)][..], 3));
    for cannot_be in [
        vec![(0, 7)],
        vec![(4, 0)],
        vec![(0, 0)],
        vec![(0, 5), (0, 4)],
        vec![(0, 4), (1, 4)],
        vec![(0, 4), (4, 5)],
    ] {
        assert_eq!(Corners::new(cannot_be.clone(), 3, 7), None, "{cannot_be:?}");
    }
}
