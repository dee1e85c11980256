//! From riders and candidates to pairs: the cost graph of a round and the policy that reads it.

use std::collections::BTreeMap;

use domain::assign::{Batched, CostGraphBuilder, Nearest, Policy};
use domain::trip::Trip;
use domain::{DriverId, Timestamp};

use crate::config::{Assignment, Market};
use crate::ports::Candidate;

/// A rider in a round.
pub(super) struct Waiting {
    /// The trip.
    pub(super) trip: Trip,
    /// Drivers who could still come, nearest first.
    pub(super) candidates: Vec<Candidate>,
    /// Whether this round is done with the rider.
    pub(super) settled: bool,
}

/// A rider, by place in the round, and the driver meant for them.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// The rider's place in the round.
    pub(super) rider: usize,
    /// The driver.
    pub(super) candidate: Candidate,
}

/// Pairs the riders who are not settled with the candidates they have left. Costs are milliseconds of
/// the way to the pick-up.
pub(super) fn pair(market: &Market, waiting: &[Waiting], now: Timestamp) -> Vec<Pair> {
    let riders: Vec<usize> = (0..waiting.len())
        .filter(|&at| !waiting[at].settled && !waiting[at].candidates.is_empty())
        .collect();
    let mut places: BTreeMap<DriverId, u32> = BTreeMap::new();
    for &rider in &riders {
        for candidate in &waiting[rider].candidates {
            let next = u32::try_from(places.len()).expect("candidates are bounded");
            places.entry(candidate.driver).or_insert(next);
        }
    }
    let penalty = match market.dispatch.assignment {
        Assignment::Batched { unserved_penalty } => unserved_penalty.map(milliseconds),
        Assignment::Nearest => None,
    };
    let mut graph = CostGraphBuilder::new(places.len()).expect("candidates are bounded");
    for &rider in &riders {
        let edges = waiting[rider].candidates.iter().map(|candidate| {
            let metres = candidate.distance_m * market.travel.circuity();
            let way = market.travel.way_of(metres, now);
            (places[&candidate.driver], milliseconds(way.duration))
        });
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
    riders
        .iter()
        .zip(&assignment.drivers)
        .filter_map(|(&rider, &driver)| {
            let driver = driver?;
            let candidate = waiting[rider]
                .candidates
                .iter()
                .find(|c| places[&c.driver] == driver)?;
            Some(Pair {
                rider,
                candidate: *candidate,
            })
        })
        .collect()
}

fn milliseconds(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
