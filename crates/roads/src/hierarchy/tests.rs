use proptest::prelude::*;

use super::*;
use crate::dijkstra::Dijkstra;
use crate::draft::{Draft, Street};
use crate::table::Table;
use domain::Place;

fn graph(nodes: u32, streets: &[(u32, u32, u32)]) -> Option<Graph> {
    let draft = Draft {
        places: (0..nodes)
            .map(|node| Place::from_metres(f64::from(node % 10) * 100.0, f64::from(node / 10)))
            .collect(),
        streets: streets
            .iter()
            .map(|&(from, to, decimetres)| Street {
                from: from % nodes,
                to: to % nodes,
                length_m: f64::from(decimetres) / 10.0,
                speed_kmh: 36.0,
                class: None,
            })
            .collect(),
        ..Draft::default()
    };
    Graph::new(draft).ok()
}

/// What the nodes of a way cost, one edge after the other.
fn cost_along(graph: &Graph, nodes: &[u32]) -> Cost {
    nodes.windows(2).fold(Cost::ZERO, |so_far, pair| {
        so_far + graph.edge(pair[0], pair[1]).expect("an edge of the graph")
    })
}

fn agree(graph: &Graph) -> Result<(), TestCaseError> {
    let hierarchy = Hierarchy::of(graph);
    let mut search = Search::new(&hierarchy);
    let mut plain = Dijkstra::new(graph);
    let all: Vec<u32> = (0..graph.nodes() as u32).collect();
    let table = Table::new(&hierarchy, &mut search, &all, &all);
    for &from in &all {
        let costs = plain.costs(graph, from, &all);
        prop_assert_eq!(table.row(from as usize), &costs[..]);
        for &to in &all {
            let known = costs[to as usize];
            let expected = (known != Cost::NEVER).then_some(known);
            prop_assert_eq!(plain.cost(graph, from, to), expected);
            let found = search.between(&hierarchy, [(from, Cost::ZERO)], [(to, Cost::ZERO)]);
            prop_assert_eq!(found.map(|it| it.cost), expected);
            if let Some(found) = found {
                let (nodes, first) = search.nodes(&hierarchy, &found);
                prop_assert_eq!(first, Cost::ZERO);
                prop_assert_eq!((nodes[0], nodes[nodes.len() - 1]), (from, to));
                prop_assert_eq!(cost_along(graph, &nodes), found.cost);
            }
        }
    }
    for &to in &all {
        search.end_at(&hierarchy, [(to, Cost::ZERO)]);
        for &from in &all {
            let cost = search.from(&hierarchy, [(from, Cost::ZERO)]);
            prop_assert_eq!(cost, table.row(from as usize)[to as usize]);
        }
    }
    Ok(())
}

proptest! {
    /// Parts that do not hang together, streets of no length, parallel ones and loops included.
    #[test]
    fn every_way_is_as_dijkstra_has_it(
        nodes in 1..40_u32,
        streets in prop::collection::vec((0..40_u32, 0..40_u32, 0..30_u32), 1..160),
    ) {
        if let Some(graph) = graph(nodes, &streets) {
            agree(&graph)?;
        }
    }

    /// Many ways of equal cost, as in a city of blocks.
    #[test]
    fn so_it_is_on_a_grid(gone in prop::collection::vec(any::<prop::sample::Index>(), 0..40)) {
        let side = 7_u32;
        let mut streets = Vec::new();
        for at in 0..side * side {
            if at % side + 1 < side {
                streets.extend([(at, at + 1, 1_000), (at + 1, at, 1_000)]);
            }
            if at / side + 1 < side {
                streets.extend([(at, at + side, 1_000), (at + side, at, 1_000)]);
            }
        }
        for index in gone {
            streets.swap_remove(index.index(streets.len()));
        }
        agree(&graph(side * side, &streets).expect("some streets are left"))?;
    }
}

#[test]
fn the_same_graph_gives_the_same_hierarchy() {
    let streets: Vec<_> = (0..200_u32)
        .map(|at| (at * 7, at * 13 + 1, at % 17))
        .collect();
    let graph = graph(50, &streets).unwrap();
    let (one, other) = (Hierarchy::of(&graph), Hierarchy::of(&graph));
    assert_eq!(one.node, other.node);
    assert_eq!(one.arcs(), other.arcs());
}
