//! What a network is made from, as a reader of files finds it.

use domain::Place;

use crate::cost::Cost;
use crate::graph::GraphError;
use crate::traffic::{Class, Classes};
use crate::turns::Turn;

/// Nodes of a network at most: a metropolis with every bend of its streets has about a million.
pub const NODES_MAX: usize = 4_000_000;
/// Streets of a network at most, each direction counted.
pub const STREETS_MAX: usize = 16_000_000;
/// The longest street from node to node, in metres.
pub const STREET_MAX_M: f64 = 100_000.0;
/// The slowest street, in km/h.
pub const SPEED_MIN_KMH: f64 = 1.0;
/// The fastest street, in km/h.
pub const SPEED_MAX_KMH: f64 = 200.0;

/// A street in one direction, from node to node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Street {
    /// The number of the node where it begins.
    pub from: u32,
    /// The number of the node where it ends.
    pub to: u32,
    /// Its length in metres.
    pub length_m: f64,
    /// How fast cars are on it when nothing slows them.
    pub speed_kmh: f64,
    /// By which traffic tells it from others.
    pub class: Option<Class>,
}

impl Street {
    /// The same street in the other direction.
    #[must_use]
    pub fn back(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            ..self
        }
    }

    pub(crate) fn cost(&self) -> Cost {
        let millis = self.length_m / self.speed_kmh * 3_600.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and bounded by the longest street at the lowest speed"
        )]
        let whole = |number: f64| number.round() as u64;
        Cost::new(whole(millis), whole(self.length_m * 10.0))
    }
}

/// Nodes and streets between them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// Where each node is.
    pub places: Vec<Place>,
    /// The streets, each direction for itself.
    pub streets: Vec<Street>,
    /// The classes that streets have.
    pub classes: Classes,
    /// Turns that nobody may take. Of streets that are not there they say nothing.
    pub turns: Vec<Turn>,
}

impl Draft {
    /// Whether each street and each forbidden turn is one that can be.
    pub(crate) fn check(&self) -> Result<(), GraphError> {
        let (nodes, streets) = (self.places.len(), &self.streets);
        check_counts(nodes, streets.len())?;
        let is_none = |node: &u32| *node as usize >= nodes;
        for (street, it) in streets.iter().enumerate() {
            if let Some(node) = [it.from, it.to].into_iter().find(is_none) {
                return Err(GraphError::Node {
                    street,
                    node,
                    nodes,
                });
            }
            if !(0.0..=STREET_MAX_M).contains(&it.length_m) {
                let metres = it.length_m;
                return Err(GraphError::Length { street, metres });
            }
            if !(SPEED_MIN_KMH..=SPEED_MAX_KMH).contains(&it.speed_kmh) {
                let kmh = it.speed_kmh;
                return Err(GraphError::Speed { street, kmh });
            }
        }
        for (turn, it) in self.turns.iter().enumerate() {
            if let Some(node) = [it.from, it.via, it.to].into_iter().find(is_none) {
                return Err(GraphError::TurnNode { turn, node, nodes });
            }
        }
        Ok(())
    }
}

pub(crate) fn check_counts(nodes: usize, streets: usize) -> Result<(), GraphError> {
    for (what, found, limit) in [
        ("nodes", nodes, NODES_MAX),
        ("streets", streets, STREETS_MAX),
    ] {
        if found > limit {
            return Err(GraphError::TooMany { what, found, limit });
        }
    }
    Ok(())
}
