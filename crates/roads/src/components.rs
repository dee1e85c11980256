//! The part of a network in which every node reaches every other.

use crate::graph::Graph;

/// What was left out of a network, because nobody gets there or away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Nodes.
    pub nodes: usize,
    /// Edges, each direction counted.
    pub edges: usize,
}

/// The largest strongly connected part, of equal ones the one with the lowest node, and what is not in it.
#[must_use]
pub fn largest_component(graph: &Graph) -> (Graph, Dropped) {
    let component = components(graph);
    let count = component.iter().max().map_or(0, |last| *last as usize + 1);
    let mut sizes = vec![0_usize; count];
    for it in &component {
        sizes[*it as usize] += 1;
    }
    let most = sizes.iter().copied().max().unwrap_or(0);
    let chosen = component
        .iter()
        .copied()
        .find(|it| sizes[*it as usize] == most);
    let keep: Vec<bool> = component.iter().map(|it| Some(*it) == chosen).collect();
    let kept = graph.of_nodes(&keep);
    let (all, left) = (graph.extent(), kept.extent());
    let dropped = Dropped {
        nodes: all.corners - left.corners,
        edges: all.streets - left.streets,
    };
    (kept, dropped)
}

/// Tarjan's algorithm with a stack of its own: a chain of a million nodes is no deeper recursion.
/// R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972).
fn components(graph: &Graph) -> Vec<u32> {
    const UNSEEN: u32 = u32::MAX;
    let nodes = graph.nodes();
    let mut component = vec![UNSEEN; nodes];
    let mut seen_at = vec![UNSEEN; nodes];
    let mut lowest = vec![0_u32; nodes];
    let (mut seen, mut found) = (0, 0);
    // Nodes without a component yet, and the way that is being walked with the next edge of each of its nodes.
    let (mut open, mut walk): (Vec<u32>, Vec<(u32, usize)>) = (Vec::new(), Vec::new());
    for root in 0..nodes as u32 {
        if seen_at[root as usize] != UNSEEN {
            continue;
        }
        walk.push((root, 0));
        while let Some((node, next)) = walk.pop() {
            let at = node as usize;
            if next == 0 {
                (seen_at[at], lowest[at]) = (seen, seen);
                seen += 1;
                open.push(node);
            } else {
                let child = graph.edges_of(node)[next - 1].to as usize;
                lowest[at] = lowest[at].min(lowest[child]);
            }
            let mut next = next;
            let edges = graph.edges_of(node);
            while let Some(edge) = edges.get(next) {
                let to = edge.to as usize;
                if seen_at[to] == UNSEEN {
                    break;
                }
                if component[to] == UNSEEN {
                    lowest[at] = lowest[at].min(seen_at[to]);
                }
                next += 1;
            }
            if let Some(edge) = edges.get(next) {
                walk.push((node, next + 1));
                walk.push((edge.to, 0));
            } else if lowest[at] == seen_at[at] {
                while let Some(member) = open.pop() {
                    component[member as usize] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{Draft, Street};
    use domain::Place;

    fn graph(nodes: u32, edges: &[(u32, u32)]) -> Graph {
        Graph::new(Draft {
            places: (0..nodes)
                .map(|node| Place::from_metres(f64::from(node), 0.0))
                .collect(),
            streets: edges
                .iter()
                .map(|&(from, to)| Street {
                    from,
                    to,
                    length_m: 10.0,
                    speed_kmh: 36.0,
                    class: None,
                })
                .collect(),
            ..Draft::default()
        })
        .unwrap()
    }

    #[test]
    fn the_largest_part_stays_and_dead_ends_go() {
        // A ring of three, a way out of it, a way into it, and a pair apart.
        let whole = graph(7, &[(0, 1), (1, 2), (2, 0), (2, 3), (4, 0), (5, 6), (6, 5)]);
        let (kept, dropped) = largest_component(&whole);
        assert_eq!((kept.nodes(), kept.edges()), (3, 3));
        assert_eq!(dropped, Dropped { nodes: 4, edges: 4 });
        assert_eq!(kept.places(), &whole.places()[..3]);
    }

    #[test]
    fn of_equal_parts_the_first_stays() {
        let (kept, _) = largest_component(&graph(4, &[(2, 3), (3, 2), (0, 1), (1, 0)]));
        assert!(kept.place(0).east_m().abs() < 1e-9);
        let (one, dropped) = largest_component(&graph(3, &[(0, 1), (1, 2)]));
        assert_eq!((one.nodes(), one.edges(), dropped.nodes), (1, 0, 2));
    }

    #[test]
    fn a_long_chain_is_walked_without_recursion() {
        let there = (0..100_000).map(|node| (node, node + 1));
        let back = there.clone().map(|(from, to)| (to, from));
        let edges: Vec<_> = there.chain(back).collect();
        let (kept, dropped) = largest_component(&graph(100_001, &edges));
        assert_eq!((kept.nodes(), dropped.nodes), (100_001, 0));
    }
}
