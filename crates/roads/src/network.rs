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
use crate::draft::Draft;
use crate::flow::Flow;
use crate::graph::{Extent, Graph, GraphError};
use crate::hierarchy::{Hierarchy, Search};
use crate::snap::{Snap, streets};
use crate::traffic::{HOURS, Traffic, TrafficError};

/// Searches whose memory is kept for the next one: as many as may be under way at once on a large machine.
const SEARCHES_KEPT: usize = 64;

/// Why a draft is no network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NetworkError {
    /// Its nodes and streets are none.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Traffic is told of classes that no street has.
    #[error("traffic: {0}")]
    Traffic(#[from] TrafficError),
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
    /// Nodes, of which a corner with forbidden turns is one.
    pub nodes: usize,
    /// Edges, each direction counted.
    pub edges: usize,
    /// Turns that are forbidden, in what was left out too.
    pub turns: usize,
    /// Length of all edges, in kilometres.
    pub km: f64,
    /// Their mean speed where traffic slows none, in km/h.
    pub mean_kmh: f64,
    /// The same as traffic has it, by the hour of the day.
    pub kmh_by_hour: [f64; HOURS],
    /// Periods of traffic.
    pub periods: usize,
    /// What was left out, because nobody gets there or away.
    pub dropped: Dropped,
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            nodes,
            edges,
            turns,
            km,
            mean_kmh,
            kmh_by_hour,
            periods: _,
            dropped,
        } = self;
        write!(
            f,
            "{nodes} nodes, {edges} streets from node to node, {km:.0} km, {mean_kmh:.0} km/h in the mean"
        )?;
        let slowest_kmh = kmh_by_hour.iter().copied().fold(*mean_kmh, f64::min);
        if slowest_kmh < *mean_kmh {
            write!(f, ", {slowest_kmh:.0} km/h when traffic is slowest")?;
        }
        if *turns > 0 {
            write!(f, ", forbidden turns: {turns}")?;
        }
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
    /// The streets when all are free, then in each period of traffic: all of the same nodes and streets.
    flows: Vec<Flow>,
    /// Which of them holds, by the hour of the day.
    by_hour: [u8; HOURS],
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
    /// The largest part of a draft in which every node reaches every other, with all streets free at all hours.
    ///
    /// # Errors
    /// If there is none, or a street is not what a street can be.
    pub fn new(draft: Draft) -> Result<Self, NetworkError> {
        Self::in_traffic(draft, &Traffic::default())
    }

    /// The same with streets slowed by traffic. Each of its periods has a hierarchy of its own, for the fastest way is
    /// another one when arteries are full.
    ///
    /// # Errors
    /// As of [`new`](Self::new), and if traffic is told of classes that no street has.
    pub fn in_traffic(draft: Draft, traffic: &Traffic) -> Result<Self, NetworkError> {
        let slowed = traffic.slow(&draft)?;
        let mut graphs = Vec::with_capacity(1 + slowed.len());
        let mut left_out = Dropped::default();
        for draft in std::iter::once(draft).chain(slowed) {
            let whole = Graph::new(draft)?;
            let (graph, dropped) = largest_component(&whole);
            if graph.edges() == 0 {
                let nodes = whole.extent().corners;
                return Err(NetworkError::Disconnected { nodes });
            }
            left_out = dropped;
            graphs.push(graph);
        }
        let graphs = graphs.into_iter().map(|graph| {
            let hierarchy = Hierarchy::of(&graph);
            (graph, hierarchy)
        });
        Self::ready(graphs.collect(), traffic.by_hour(), left_out)
    }

    /// The network of graphs of the same streets of which all hang together, at least one, with their hierarchies, and
    /// which of them holds at each hour.
    pub(crate) fn ready(
        graphs: Vec<(Graph, Hierarchy)>,
        by_hour: [u8; HOURS],
        dropped: Dropped,
    ) -> Result<Self, NetworkError> {
        let free = &graphs[0].0;
        let extents: Vec<Extent> = graphs.iter().map(|(graph, _)| graph.extent()).collect();
        let whole = extents[0];
        if extents
            .iter()
            .any(|it| it.decimetres == 0 || it.millis == 0)
        {
            let edges = whole.streets;
            return Err(NetworkError::NoLength { edges });
        }
        let mps = |it: &Extent| it.decimetres as f64 * 100.0 / it.millis as f64;
        let kmh = |flow: usize| mps(&extents[flow]) * 3.6;
        let streets = streets(free);
        let snap = Snap::new(free, &streets);
        let graphs = graphs.into_iter();
        let flows = graphs.map(|(graph, hierarchy)| Flow::new(graph, hierarchy, &streets));
        Ok(Self {
            flows: flows.collect(),
            by_hour,
            snap,
            survey: Survey {
                nodes: whole.corners,
                edges: whole.streets,
                turns: whole.turns,
                km: whole.decimetres as f64 / 10_000.0,
                mean_kmh: kmh(0),
                kmh_by_hour: by_hour.map(|flow| kmh(usize::from(flow))),
                periods: extents.len() - 1,
                dropped,
            },
            mean_speed_mps: mps(&whole),
            searches: Mutex::default(),
        })
    }

    /// What it is made of.
    #[must_use]
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// The nodes and edges that are driven on, all of them free.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.flows[0].graph
    }

    /// All flows, the first of which is free, and which of them holds at each hour.
    pub(crate) fn flows(&self) -> (&[Flow], [u8; HOURS]) {
        (&self.flows, self.by_hour)
    }

    fn flow(&self, hour: usize) -> &Flow {
        &self.flows[usize::from(self.by_hour[hour])]
    }

    /// Runs a search with memory of one that is done, in whichever flow: all have as many nodes.
    fn searching<T>(&self, run: impl FnOnce(&mut Search) -> T) -> T {
        let kept = || self.searches.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().pop();
        let mut search = known.unwrap_or_else(|| Search::new(&self.flows[0].hierarchy));
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

    fn speed_share(&self, hour: usize) -> f64 {
        self.survey.kmh_by_hour[hour] / self.survey.mean_kmh
    }

    fn kerb(&self, place: Place) -> Option<Place> {
        self.snap.nearest(place).map(|kerb| kerb.place)
    }

    fn way(&self, from: Place, to: Place, hour: usize) -> Option<Way> {
        let (from, to) = (self.snap.nearest(from)?, self.snap.nearest(to)?);
        let flow = self.flow(hour);
        let (from, to) = (flow.stand(&from), flow.stand(&to));
        let cost = self.searching(|search| flow.between(search, &from, &to));
        Some(way(cost))
    }

    fn ways_to(&self, to: Place, from: &[Place], hour: usize) -> Vec<Option<Way>> {
        let Some(to) = self.snap.nearest(to) else {
            return vec![None; from.len()];
        };
        let flow = self.flow(hour);
        let stand = |from: &Place| Some(flow.stand(&self.snap.nearest(*from)?));
        let from = from.iter().map(stand);
        let costs = self.searching(|search| flow.to(search, &flow.stand(&to), from));
        costs.into_iter().map(|cost| cost.map(way)).collect()
    }

    fn path(&self, from: Place, to: Place, hour: usize) -> Option<(Way, Path)> {
        let (from, to) = (self.snap.nearest(from)?, self.snap.nearest(to)?);
        let flow = self.flow(hour);
        let stands = (flow.stand(&from), flow.stand(&to));
        let found = self.searching(|search| flow.through(search, &stands.0, &stands.1));
        let begin = std::iter::once((from.place, Cost::ZERO));
        let stops = begin.chain(found.nodes).chain([(to.place, found.cost)]);
        let whole = (found.cost.millis() as f64).max(1.0);
        let points = stops.map(|(place, cost)| Waypoint {
            place,
            share: cost.millis() as f64 / whole,
            metres: metres(cost),
        });
        let path = Path::new(points.collect()).expect("costs add up along a way");
        Some((way(found.cost), path))
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
