//! A graph as bytes, and how it is checked when it is read.

use domain::Place;

use super::{Edge, Graph};
use crate::cost::Cost;
use crate::draft::check_counts;
use crate::network::NetworkError;
use crate::packed::{Reader, UnpackError, Writer, read_costs, read_starts};
use crate::turns::Corners;

impl Graph {
    pub(crate) fn write(&self, body: &mut Writer) {
        body.count(self.nodes());
        body.count(self.edges());
        let places = self.places.iter().map(|place| place.to_e7());
        body.all(places.clone().map(|(lat, _)| lat.to_le_bytes()));
        body.all(places.map(|(_, lon)| lon.to_le_bytes()));
        let others = self.corners.others();
        body.count(self.corners.turns());
        body.count(others.len());
        body.all(others.iter().map(|(corner, _)| corner.to_le_bytes()));
        body.all(others.iter().map(|(_, node)| node.to_le_bytes()));
        body.all(self.first.iter().map(|first| first.to_le_bytes()));
        body.all(self.edges.iter().map(|edge| edge.to.to_le_bytes()));
        self.write_costs(body);
    }

    /// What tells it from a graph of the same streets that cost something else.
    pub(crate) fn write_costs(&self, body: &mut Writer) {
        body.all(self.edges.iter().map(|edge| edge.cost.to_le_bytes()));
    }

    pub(crate) fn read(body: &mut Reader<'_>) -> Result<Self, UnpackError> {
        let (nodes, edges) = (body.count()?, body.count()?);
        check_counts(nodes, edges).map_err(NetworkError::Graph)?;
        let latitudes = body.all(nodes)?.map(i32::from_le_bytes);
        let longitudes = body.all(nodes)?.map(i32::from_le_bytes);
        let places = latitudes.zip(longitudes);
        let places = places.map(|(lat, lon)| Place::from_e7(lat, lon));
        let places: Result<Vec<Place>, _> = places.collect();
        let places =
            places.map_err(|_| UnpackError::Inconsistent("a node that is not on the globe"))?;
        let corners = read_corners(body, &places)?;
        let first = read_starts(body, nodes, edges)?;
        let to = body.all(edges)?.map(u32::from_le_bytes);
        let to = to.map(|to| Edge {
            to,
            cost: Cost::ZERO,
        });
        let streets = Self {
            places,
            corners,
            first,
            edges: to.collect(),
        };
        if streets.edges.iter().any(|edge| edge.to as usize >= nodes) {
            return Err(UnpackError::Inconsistent("a street to a node that is none"));
        }
        let corner_of = streets.corners.of_each(nodes);
        let leads_nowhere = |node: u32| {
            let corner = corner_of[node as usize];
            let mut edges = streets.edges_of(node).iter();
            edges.any(|edge| corner_of[edge.to as usize] == corner)
        };
        if (0..nodes as u32).any(leads_nowhere) {
            return Err(UnpackError::Inconsistent("a street that leads nowhere"));
        }
        let graph = streets.read_costs(body)?;
        graph.check_places().map_err(NetworkError::Graph)?;
        Ok(graph)
    }

    /// The same streets that cost [something else](Self::write_costs).
    pub(crate) fn read_costs(mut self, body: &mut Reader<'_>) -> Result<Self, UnpackError> {
        let costs = read_costs(body, self.edges())?;
        for (edge, cost) in self.edges.iter_mut().zip(costs) {
            edge.cost = cost;
        }
        let in_order = |node| {
            let edges = self.edges_of(node);
            edges.is_sorted_by_key(|edge| (edge.to, edge.cost))
        };
        if !(0..self.nodes() as u32).all(in_order) {
            return Err(UnpackError::Inconsistent("streets in disorder"));
        }
        self.check_size().map_err(NetworkError::Graph)?;
        Ok(self)
    }
}

/// Which corner each node stands for; all that do are in one place.
fn read_corners(body: &mut Reader<'_>, places: &[Place]) -> Result<Corners, UnpackError> {
    let (turns, count) = (body.count()?, body.count()?);
    let corners = body.all(count)?.map(u32::from_le_bytes);
    let others = corners.zip(body.all(count)?.map(u32::from_le_bytes));
    let corners = Corners::new(others.collect(), turns, places.len());
    let place = |node: u32| places[node as usize];
    let is_in_place = |(corner, node): &(u32, u32)| place(*corner) == place(*node);
    corners
        .filter(|it| it.others().iter().all(is_in_place))
        .ok_or(UnpackError::Inconsistent("corners that cannot be"))
}
