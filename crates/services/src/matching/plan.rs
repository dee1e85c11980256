//! From riders and candidates to pairs: the cost graph of a round and the policy that reads it.

use domain::assign::{Batched, CostGraphBuilder, Nearest, Policy};
use domain::travel::{Travel, Way};
use domain::trip::Trip;
use domain::{DriverId, Timestamp};

use crate::config::{Assignment, Market};
use crate::ports::Candidate;

/// A rider in a round.
pub(super) struct Waiting {
    /// The trip.
    pub(super) trip: Trip,
    /// Drivers who could still come, nearest first.
    pub(super) approaches: Vec<Approach>,
    /// Whether this round is done with the rider.
    pub(super) settled: bool,
}

/// A driver who could come, and the way to the pick-up.
#[derive(Clone, Copy)]
pub(super) struct Approach {
    /// The driver.
    pub(super) candidate: Candidate,
    /// The way.
    pub(super) way: Way,
}

impl Waiting {
    /// A rider whom any of some drivers could reach, who would leave at a time.
    pub(super) fn new(
        trip: Trip,
        candidates: &[Candidate],
        travel: &Travel,
        leaving: Timestamp,
    ) -> Self {
        let place = |it: &Candidate| (it.place, it.distance_m);
        let ways = travel.ways_to(trip.pickup, candidates, place, leaving);
        let approaches = candidates.iter().zip(ways);
        Self {
            approaches: approaches
                .map(|(candidate, way)| Approach {
                    candidate: *candidate,
                    way,
                })
                .collect(),
            trip,
            settled: false,
        }
    }
}

/// A rider, by place in the round, and the driver meant for them.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// The rider's place in the round.
    pub(super) rider: usize,
    /// The driver, and the way.
    pub(super) approach: Approach,
}

/// Pairs the riders who are not settled with the candidates they have left. Costs are milliseconds of
/// the way to the pick-up.
pub(super) fn pair(market: &Market, waiting: &[Waiting]) -> Vec<Pair> {
    let riders: Vec<usize> = (0..waiting.len())
        .filter(|&at| !waiting[at].settled && !waiting[at].approaches.is_empty())
        .collect();
    let (places, drivers) = places(riders.iter().map(|&rider| &waiting[rider]));
    let penalty = match market.dispatch.assignment {
        Assignment::Batched { unserved_penalty } => unserved_penalty.map(milliseconds),
        Assignment::Nearest => None,
    };
    let mut graph = CostGraphBuilder::new(drivers)
        .expect("candidates are bounded")
        .with_room(riders.len(), places.len());
    let mut rest = &places[..];
    for &rider in &riders {
        let approaches = &waiting[rider].approaches;
        let (own, after) = rest.split_at(approaches.len());
        rest = after;
        let edges = approaches
            .iter()
            .zip(own)
            .map(|(approach, place)| (*place, milliseconds(approach.way.duration)));
        graph
            .rider(edges, penalty)
            .expect("every candidate has a place");
    }
    let graph = graph
        .build()
        .expect("a way takes at most 1e9 s, and a round is bounded");
    let assignment = match market.dispatch.assignment {
        Assignment::Batched { .. } => Batched.assign(&graph),
        Assignment::Nearest => Nearest.assign(&graph),
    };
    let mut rest = &places[..];
    let mut pairs = Vec::with_capacity(riders.len());
    for (&rider, &driver) in riders.iter().zip(&assignment.drivers) {
        let approaches = &waiting[rider].approaches;
        let (own, after) = rest.split_at(approaches.len());
        rest = after;
        let chosen = own.iter().position(|place| Some(*place) == driver);
        pairs.extend(chosen.map(|at| Pair {
            rider,
            approach: approaches[at],
        }));
    }
    pairs
}

/// The place of each candidate's driver among all drivers by id, one rider's candidates after the other, and
/// how many drivers there are.
fn places<'a>(riders: impl Iterator<Item = &'a Waiting> + Clone) -> (Vec<u32>, usize) {
    let approaches = riders.clone().flat_map(|rider| &rider.approaches);
    let drivers = approaches.map(|it| it.candidate.driver);
    let count = riders.map(|rider| rider.approaches.len()).sum();
    let mut by_driver: Vec<(DriverId, u32)> = Vec::with_capacity(count);
    by_driver.extend(drivers.zip(0u32..));
    by_driver.sort_unstable();
    let mut places = vec![0; by_driver.len()];
    let mut drivers: u32 = 0;
    let mut last = None;
    for (driver, edge) in by_driver {
        drivers += u32::from(last != Some(driver));
        last = Some(driver);
        places[edge as usize] = drivers - 1;
    }
    (places, drivers as usize)
}

fn milliseconds(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
