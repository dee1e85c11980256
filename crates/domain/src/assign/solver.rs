//! The optimal kernel: bidding first, then shortest augmenting paths for the riders it left over.
//!
//! Both keep the same invariant, so that the bids are a warm start and the end is exact: a rider's
//! worth plus a driver's price never exceeds the cost of the pair, it equals it for pairs that are
//! made, and a driver who is free has price zero. Prices only fall, from zero. The bids are those of
//! Bertsekas' auction with ε = 0 (the augmenting row reduction of Jonker and Volgenant, 1987), the
//! paths are Dijkstra's on reduced costs, ended at the first driver who is free.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Assignment, CostGraph, Duals};

/// No rider, no driver: a place that no graph has.
const NONE: u32 = u32::MAX;
/// The choice of a rider who is left unserved for good.
const UNSERVED: u32 = u32::MAX - 1;
/// Bids per rider, on average, before the rest is left to paths. Price wars among the last riders end
/// in ever smaller bids.
const BIDS_PER_RIDER: usize = 40;
/// Farther than any path.
const FAR: i64 = i64::MAX;

/// Where a shortest path ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// At a driver who is free.
    Driver(u32),
    /// At a rider who gives the driver up and is left unserved.
    Unserved(u32),
}

/// The optimal kernel with its buffers, which grow to the largest graph solved and are used again.
#[derive(Debug, Default)]
pub struct Solver {
    /// Each rider's driver, [`NONE`] or [`UNSERVED`].
    choice: Vec<u32>,
    /// Each driver's rider or [`NONE`].
    owner: Vec<u32>,
    /// Each rider's dual price.
    worth: Vec<i64>,
    /// Each driver's dual price, at most zero.
    price: Vec<i64>,
    /// Riders left to paths.
    left: Vec<u32>,
    /// Of the current search: distance and previous rider of each driver; [`FAR`] where not reached.
    distance: Vec<i64>,
    previous: Vec<u32>,
    reached: Vec<u32>,
    settled: Vec<u32>,
    /// Reached drivers by distance; those at the current distance are taken from `level` first.
    heap: BinaryHeap<Reverse<(i64, u32)>>,
    level: Vec<u32>,
}

impl Solver {
    /// A solver without buffers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The optimal assignment. Of several that cost the same, always the same one.
    #[must_use]
    pub fn solve(&mut self, graph: &CostGraph) -> Assignment {
        self.reset(graph);
        self.bid(graph);
        for at in 0..self.left.len() {
            self.augment(graph, self.left[at]);
        }
        self.assignment(graph)
    }

    /// The optimal assignment and the dual prices that prove it (see [`super::certify`]).
    #[must_use]
    pub fn solve_with_duals(&mut self, graph: &CostGraph) -> (Assignment, Duals) {
        let assignment = self.solve(graph);
        (
            assignment,
            Duals {
                riders: self.worth.clone(),
                drivers: self.price.clone(),
            },
        )
    }

    fn reset(&mut self, graph: &CostGraph) {
        fn fill<T: Copy>(buffer: &mut Vec<T>, length: usize, value: T) {
            buffer.clear();
            buffer.resize(length, value);
        }
        let (riders, drivers) = (graph.rider_count(), graph.driver_count());
        fill(&mut self.choice, riders, NONE);
        fill(&mut self.owner, drivers, NONE);
        fill(&mut self.worth, riders, 0);
        fill(&mut self.price, drivers, 0);
        fill(&mut self.distance, drivers, FAR);
        fill(&mut self.previous, drivers, NONE);
        self.left.clear();
    }

    /// Each rider in turn takes the driver of least reduced cost and lowers the driver's price to where
    /// the second choice is as good; whoever had the driver bids again.
    fn bid(&mut self, graph: &CostGraph) {
        let riders = u32::try_from(graph.rider_count()).expect("places are 32-bit");
        let mut bids_left = graph.rider_count() * BIDS_PER_RIDER;
        for first in 0..riders {
            let mut rider = first;
            loop {
                if bids_left == 0 {
                    self.left.push(rider);
                    break;
                }
                bids_left -= 1;
                match self.bid_once(graph, rider) {
                    Some(outbid) => rider = outbid,
                    None => break,
                }
            }
        }
    }

    /// One bid; returns the rider who was outbid, if one was.
    fn bid_once(&mut self, graph: &CostGraph, rider: u32) -> Option<u32> {
        let at = rider as usize;
        let penalty = graph.effective_penalty(at);
        let (mut first, mut second) = ((penalty, NONE), (FAR, NONE));
        let (drivers, costs) = graph.row(at);
        for (&driver, &cost) in drivers.iter().zip(costs) {
            // Candidates come cheapest first and prices are at most zero: none after can be better.
            if cost >= second.0 {
                break;
            }
            let reduced = cost - self.price[driver as usize];
            if reduced < first.0 {
                second = first;
                first = (reduced, driver);
            } else if reduced < second.0 {
                second = (reduced, driver);
            }
        }
        if first.1 == NONE {
            self.worth[at] = penalty;
            self.choice[at] = UNSERVED;
            return None;
        }
        if first.0 == second.0 && self.owner[first.1 as usize] != NONE {
            if second.1 == NONE || self.owner[second.1 as usize] != NONE {
                self.left.push(rider);
                return None;
            }
            std::mem::swap(&mut first, &mut second);
        }
        let driver = first.1 as usize;
        self.price[driver] -= second.0 - first.0;
        self.worth[at] = second.0;
        self.choice[at] = first.1;
        let outbid = std::mem::replace(&mut self.owner[driver], rider);
        (outbid != NONE).then(|| {
            self.choice[outbid as usize] = NONE;
            outbid
        })
    }

    /// Serves one more rider, or leaves one unserved, along the shortest path from `source`.
    fn augment(&mut self, graph: &CostGraph, source: u32) {
        self.worth[source as usize] = 0;
        let mut best = graph.effective_penalty(source as usize);
        let mut end = End::Unserved(source);
        self.relax(graph, source, 0, &mut best, &mut end);
        while let Some((distance, driver)) = self.nearest_open() {
            if distance >= best {
                break;
            }
            self.settled.push(driver);
            let rider = self.owner[driver as usize];
            let unserved =
                distance + graph.effective_penalty(rider as usize) - self.worth[rider as usize];
            if unserved < best {
                best = unserved;
                end = End::Unserved(rider);
            }
            self.relax(graph, rider, distance, &mut best, &mut end);
        }
        self.worth[source as usize] = best;
        for driver in self.settled.drain(..) {
            let gain = best - self.distance[driver as usize];
            self.price[driver as usize] -= gain;
            self.worth[self.owner[driver as usize] as usize] += gain;
        }
        self.follow_back(source, end);
        for driver in self.reached.drain(..) {
            self.distance[driver as usize] = FAR;
        }
        self.heap.clear();
        self.level.clear();
    }

    /// The driver to settle next and the distance.
    fn nearest_open(&mut self) -> Option<(i64, u32)> {
        if let Some(driver) = self.level.pop() {
            return Some((self.distance[driver as usize], driver));
        }
        while let Some(Reverse((distance, driver))) = self.heap.pop() {
            if distance == self.distance[driver as usize] {
                return Some((distance, driver));
            }
        }
        None
    }

    /// Reaches the candidates of a rider who is at `distance`. Drivers who are free end the path and so
    /// bound it: nothing at or beyond the best end is looked at.
    fn relax(
        &mut self,
        graph: &CostGraph,
        rider: u32,
        distance: i64,
        best: &mut i64,
        end: &mut End,
    ) {
        let offset = distance - self.worth[rider as usize];
        let (drivers, costs) = graph.row(rider as usize);
        for (&driver, &cost) in drivers.iter().zip(costs) {
            if offset + cost >= *best {
                break;
            }
            let at = driver as usize;
            let reached = offset + cost - self.price[at];
            if reached >= *best || reached >= self.distance[at] {
                continue;
            }
            if self.distance[at] == FAR {
                self.reached.push(driver);
            }
            self.distance[at] = reached;
            self.previous[at] = rider;
            if self.owner[at] == NONE {
                *best = reached;
                *end = End::Driver(driver);
            } else if reached == distance {
                self.level.push(driver);
            } else {
                self.heap.push(Reverse((reached, driver)));
            }
        }
    }

    /// Hands the drivers along the path back by one, from its end to the source.
    fn follow_back(&mut self, source: u32, end: End) {
        let mut driver = match end {
            End::Driver(driver) => driver,
            End::Unserved(rider) => std::mem::replace(&mut self.choice[rider as usize], UNSERVED),
        };
        while driver != NONE {
            let rider = self.previous[driver as usize];
            self.owner[driver as usize] = rider;
            driver = std::mem::replace(&mut self.choice[rider as usize], driver);
            if rider == source {
                break;
            }
        }
    }

    fn assignment(&self, graph: &CostGraph) -> Assignment {
        let cost_of = |(rider, driver): (usize, &u32)| match *driver {
            // The pair is tight, so its cost is the sum of its dual prices.
            driver if driver < UNSERVED => self.worth[rider] + self.price[driver as usize],
            _ => graph.unserved_penalty(rider).unwrap_or(0),
        };
        let place = |driver: &u32| (*driver < UNSERVED).then_some(*driver);
        Assignment {
            drivers: self.choice.iter().map(place).collect(),
            cost: self.choice.iter().enumerate().map(cost_of).sum(),
        }
    }
}
