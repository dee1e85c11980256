//! A street network ready to drive on: what the rest of the system sees of it, by [`Streets`].

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::Place;
use domain::path::{Path, Waypoint};
use domain::travel::{Streets, Way};

use crate::components::{Dropped, largest_component};
use crate::cost::Cost;
use crate::graph::{Draft, Graph, GraphError};
use crate::hierarchy::{Hierarchy, Search};
use crate::snap::{Kerb, Snap};

/// Searches whose memory is kept for the next one: as many as may be under way at once on a large machine.
const SEARCHES_KEPT: usize = 64;

/// Why a draft is no network.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// Its nodes and streets are none.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No two nodes reach each other.
    #[error(
        "found {nodes} nodes of which no two reach each other, expected streets that lead there and back"
    )]
    Disconnected {
        /// Nodes that were found.
        nodes: usize,
    },
    /// All streets have no length.
    #[error("found {edges} streets of no length, expected some metres")]
    NoLength {
        /// Streets that were found.
        edges: usize,
    },
}

/// What a network is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Survey {
    /// Nodes.
    pub nodes: usize,
    /// Edges, each direction counted.
    pub edges: usize,
    /// Length of all edges, in kilometres.
    pub km: f64,
    /// Their mean speed, in km/h.
    pub mean_kmh: f64,
    /// What was left out, because nobody gets there or away.
    pub dropped: Dropped,
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            nodes,
            edges,
            km,
            mean_kmh,
            dropped,
        } = self;
        write!(
            f,
            "{nodes} nodes, {edges} streets from node to node, {km:.0} km, {mean_kmh:.0} km/h in the mean"
        )?;
        if *dropped == Dropped::default() {
            return Ok(());
        }
        write!(
            f,
            "; left out, because not all others are reached from there and back: {} nodes, {} streets",
            dropped.nodes, dropped.edges
        )
    }
}

/// A network of streets on the Earth.
pub struct Network {
    graph: Graph,
    hierarchy: Hierarchy,
    snap: Snap,
    survey: Survey,
    mean_speed_mps: f64,
    searches: Mutex<Vec<Search>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Network({})", self.survey)
    }
}

impl Network {
    /// The largest part of a draft in which every node reaches every other.
    ///
    /// # Errors
    /// If there is none, or a street is not what a street can be.
    pub fn new(draft: Draft) -> Result<Self, NetworkError> {
        let whole = Graph::new(draft)?;
        let (graph, dropped) = largest_component(&whole);
        if graph.edges() == 0 {
            let nodes = whole.nodes();
            return Err(NetworkError::Disconnected { nodes });
        }
        let hierarchy = Hierarchy::of(&graph);
        Self::ready(graph, hierarchy, dropped)
    }

    /// The network of a graph of which all hangs together, and its hierarchy.
    pub(crate) fn ready(
        graph: Graph,
        hierarchy: Hierarchy,
        dropped: Dropped,
    ) -> Result<Self, NetworkError> {
        let edges = (0..graph.nodes() as u32).flat_map(|node| graph.edges_of(node));
        let (mut millis, mut decimetres) = (0, 0);
        for edge in edges {
            millis += edge.cost.millis();
            decimetres += edge.cost.decimetres();
        }
        if millis == 0 || decimetres == 0 {
            let edges = graph.edges();
            return Err(NetworkError::NoLength { edges });
        }
        let mean_speed_mps = decimetres as f64 * 100.0 / millis as f64;
        Ok(Self {
            hierarchy,
            snap: Snap::new(&graph),
            survey: Survey {
                nodes: graph.nodes(),
                edges: graph.edges(),
                km: decimetres as f64 / 10_000.0,
                mean_kmh: mean_speed_mps * 3.6,
                dropped,
            },
            graph,
            mean_speed_mps,
            searches: Mutex::default(),
        })
    }

    /// What it is made of.
    #[must_use]
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// The nodes and edges that are driven on.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    pub(crate) fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// Runs a search with memory of one that is done.
    fn searching<T>(&self, run: impl FnOnce(&mut Search) -> T) -> T {
        let kept = || self.searches.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().pop();
        let mut search = known.unwrap_or_else(|| Search::new(&self.hierarchy));
        let found = run(&mut search);
        let mut kept = kept();
        if kept.len() < SEARCHES_KEPT {
            kept.push(search);
        }
        found
    }
}

impl Streets for Network {
    fn mean_speed_mps(&self) -> f64 {
        self.mean_speed_mps
    }

    fn kerb(&self, place: Place) -> Option<Place> {
        self.snap.nearest(place).map(|kerb| kerb.place)
    }

    fn way(&self, from: Place, to: Place) -> Option<Way> {
        let (from, to) = (self.snap.nearest(from)?, self.snap.nearest(to)?);
        let direct = on_one_street(&from, &to);
        let found =
            self.searching(|search| search.between(&self.hierarchy, leaving(&from), arriving(&to)));
        let cost = found.map_or(Cost::NEVER, |found| found.cost).min(direct);
        Some(way(cost))
    }

    fn ways_to(&self, to: Place, from: &[Place]) -> Vec<Option<Way>> {
        let Some(to) = self.snap.nearest(to) else {
            return vec![None; from.len()];
        };
        self.searching(|search| {
            search.end_at(&self.hierarchy, arriving(&to));
            let one = |from: &Place| {
                let from = self.snap.nearest(*from)?;
                let cost = search.from(&self.hierarchy, leaving(&from));
                Some(way(cost.min(on_one_street(&from, &to))))
            };
            from.iter().map(one).collect()
        })
    }

    fn path(&self, from: Place, to: Place) -> Option<(Way, Path)> {
        let (from, to) = (self.snap.nearest(from)?, self.snap.nearest(to)?);
        let direct = on_one_street(&from, &to);
        let found = self.searching(|search| {
            let found = search.between(&self.hierarchy, leaving(&from), arriving(&to))?;
            let is_shorter = found.cost < direct;
            is_shorter.then(|| (found.cost, search.nodes(&self.hierarchy, &found)))
        });
        let (cost, nodes, to_first) = match found {
            Some((cost, (nodes, to_first))) => (cost, nodes, to_first),
            None => (direct, Vec::new(), Cost::ZERO),
        };
        let mut stops = vec![(from.place, Cost::ZERO)];
        let mut so_far = to_first;
        for (at, node) in nodes.iter().enumerate() {
            if let Some(before) = at.checked_sub(1) {
                let edge = self.graph.edge(nodes[before], *node);
                so_far = so_far + edge.expect("a way goes along edges");
            }
            stops.push((self.graph.place(*node), so_far));
        }
        stops.push((to.place, cost));
        let whole = (cost.millis() as f64).max(1.0);
        let points = stops.into_iter().map(|(place, cost)| Waypoint {
            place,
            share: cost.millis() as f64 / whole,
            metres: metres(cost),
        });
        let path = Path::new(points.collect()).expect("costs add up along a way");
        Some((way(cost), path))
    }
}

fn metres(cost: Cost) -> f64 {
    cost.decimetres() as f64 / 10.0
}

fn way(cost: Cost) -> Way {
    Way {
        distance_m: metres(cost),
        duration: Duration::from_millis(cost.millis()),
    }
}

/// The nodes that a car at a kerb comes to first, and what it costs to get there.
fn leaving(from: &Kerb) -> impl Iterator<Item = (u32, Cost)> + use<> {
    let Kerb { segment, share, .. } = *from;
    let there = Some(segment.there).filter(|cost| *cost != Cost::NEVER);
    let back = Some(segment.back).filter(|cost| *cost != Cost::NEVER);
    [
        there.map(|cost| (segment.b, cost.less(cost.part(share)))),
        back.map(|cost| (segment.a, cost.part(share))),
        // On a corner a car may leave by any street.
        (share <= 0.0).then_some((segment.a, Cost::ZERO)),
        (share >= 1.0).then_some((segment.b, Cost::ZERO)),
    ]
    .into_iter()
    .flatten()
}

/// The nodes from which a car comes to a kerb, and what it costs from there.
fn arriving(to: &Kerb) -> impl Iterator<Item = (u32, Cost)> + use<> {
    let Kerb { segment, share, .. } = *to;
    let there = Some(segment.there).filter(|cost| *cost != Cost::NEVER);
    let back = Some(segment.back).filter(|cost| *cost != Cost::NEVER);
    [
        there.map(|cost| (segment.a, cost.part(share))),
        back.map(|cost| (segment.b, cost.less(cost.part(share)))),
        (share <= 0.0).then_some((segment.a, Cost::ZERO)),
        (share >= 1.0).then_some((segment.b, Cost::ZERO)),
    ]
    .into_iter()
    .flatten()
}

/// The cost from a kerb to another farther down the same street; never where there is no such way.
fn on_one_street(from: &Kerb, to: &Kerb) -> Cost {
    let segment = from.segment;
    if (segment.a, segment.b) != (to.segment.a, to.segment.b) {
        return Cost::NEVER;
    }
    let span = |whole: Cost, less: f64, more: f64| match whole {
        Cost::NEVER => Cost::NEVER,
        whole => whole.part(more).less(whole.part(less)),
    };
    if from.share.total_cmp(&to.share).is_eq() {
        Cost::ZERO
    } else if from.share < to.share {
        span(segment.there, from.share, to.share)
    } else {
        span(segment.back, to.share, from.share)
    }
}
