//! Who gets which driver: policies over a sparse cost graph.
//!
//! Build a [`CostGraph`] with [`CostGraphBuilder`], then ask a [`Policy`]: [`Batched`] for the optimum
//! of a round, [`Nearest`] for first come, nearest available. [`Solver`] is the optimal kernel with
//! buffers that are used again; it also returns the [`Duals`] by which [`certify`] proves the optimum.

mod auction;
mod certificate;
mod graph;
mod matching;
mod path;
mod solver;

#[cfg(test)]
mod tests;

pub use certificate::{CertificateError, Duals, certify};
pub use graph::{CostGraph, CostGraphBuilder, GraphError};
pub use solver::Solver;

/// A driver for each rider, or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assignment {
    /// The driver's place for each rider, in the graph's order.
    pub drivers: Vec<Option<u32>>,
    /// The costs of all pairs and the stated penalties of riders left unserved, in the graph's unit.
    pub cost: i64,
}

impl Assignment {
    /// How many riders have a driver.
    #[must_use]
    pub fn served(&self) -> usize {
        self.drivers.iter().flatten().count()
    }
}

/// A way to decide who gets which driver. The same graph gives the same assignment.
pub trait Policy {
    /// Assigns drivers to riders: each driver to one rider at most, and only where the graph has the pair.
    fn assign(&self, graph: &CostGraph) -> Assignment;
}

/// The optimum of a round: the least total of pair costs and unserved penalties. Riders without a
/// penalty are served as many as can be, and then at the least cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Batched;

impl Policy for Batched {
    fn assign(&self, graph: &CostGraph) -> Assignment {
        Solver::new().solve(graph)
    }
}

/// First come, nearest available: each rider in the graph's order takes the cheapest driver that is
/// left. Penalties count in the total but change no choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Nearest;

impl Policy for Nearest {
    fn assign(&self, graph: &CostGraph) -> Assignment {
        let mut taken = vec![false; graph.driver_count()];
        let mut assignment = Assignment::default();
        for rider in 0..graph.rider_count() {
            let nearest = graph
                .candidates(rider)
                .find(|(driver, _)| !taken[*driver as usize]);
            assignment.cost += match nearest {
                Some((driver, cost)) => {
                    taken[driver as usize] = true;
                    cost
                }
                None => graph.unserved_penalty(rider).unwrap_or(0),
            };
            assignment.drivers.push(nearest.map(|(driver, _)| driver));
        }
        assignment
    }
}
