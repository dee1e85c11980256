//! Bids: the warm start of the optimal kernel, after Bertsekas' auction (1979, with ε-scaling 1988).
//!
//! Each rider in turn takes the driver of least reduced cost and lowers the driver's price to where the
//! second choice is as good, and ε further; whoever had the driver bids again.

use super::matching::{ALONE, FAR, FREE, Rows, Side};

/// Bids per rider of the exact auction, on average, before the rest is left to paths: price wars
/// among the last riders end in ever smaller bids.
const EXACT_BIDS_PER_RIDER: usize = 40;
/// The same for each round of the scaled auction.
const SCALED_BIDS_PER_RIDER: usize = 60;
/// Each round's ε is the last one's divided by this.
const SCALING: i64 = 5;

/// The two best choices of a row: what they come to, and the column, [`ALONE`] for none.
type Choices = ((i64, u32), (i64, u32));

fn choices(graph: &Rows<'_>, drivers: &Side, rider: u32, alone: i64) -> Choices {
    let (mut first, mut second) = ((alone, ALONE), (FAR, ALONE));
    for (driver, cost) in graph.row(rider) {
        // Cheapest first, and prices are at most zero: none after can be better.
        if cost >= second.0 {
            break;
        }
        let reduced = cost - drivers.duals[driver as usize];
        if reduced < first.0 {
            second = first;
            first = (reduced, driver);
        } else if reduced < second.0 {
            second = (reduced, driver);
        }
    }
    (first, second)
}

/// Bids with ε = 0: what comes of it is exact, but where two choices are as good and both taken, or a
/// price war goes on for too long, a rider is added to those `left`.
pub(super) fn bid_exactly(
    graph: &Rows<'_>,
    riders: &mut Side,
    drivers: &mut Side,
    left: &mut Vec<u32>,
) {
    let mut bids_left = riders.partners.len() * EXACT_BIDS_PER_RIDER;
    for first in places(riders) {
        let mut bidder = Some(first);
        while let Some(rider) = bidder {
            if bids_left == 0 {
                left.push(rider);
                break;
            }
            bids_left -= 1;
            let alone = graph.alone[rider as usize];
            let (mut best, mut second) = choices(graph, drivers, rider, alone);
            let is_open = |driver: u32| driver == ALONE || drivers.is_available(driver);
            if best.0 == second.0 && !is_open(best.1) {
                if !is_open(second.1) {
                    left.push(rider);
                    break;
                }
                std::mem::swap(&mut best, &mut second);
            }
            bidder = take(riders, drivers, rider, best, second.0);
        }
    }
}

/// Auctions with ever smaller ε, each from the prices of the last. Prices end up close to optimal, the
/// matching within ε of them; neither is exact, and [`keep_tight`] makes them so. A rider who would be
/// dearer than the cheapest candidate by more than `patience` is left alone for now: where not all
/// can be served, bids would otherwise have to climb to the penalty step by step.
pub(super) fn bid_scaled(
    graph: &Rows<'_>,
    patience: i64,
    epsilon: i64,
    riders: &mut Side,
    drivers: &mut Side,
) {
    let mut epsilon = epsilon;
    loop {
        riders.partners.fill(FREE);
        drivers.partners.fill(FREE);
        let mut bids_left = riders.partners.len() * SCALED_BIDS_PER_RIDER;
        for first in places(riders) {
            let mut bidder = Some(first);
            while let Some(rider) = bidder.filter(|_| bids_left > 0) {
                bids_left -= 1;
                let cheapest = graph.row(rider).next().map_or(0, |(_, cost)| cost);
                let alone = graph.alone[rider as usize].min(cheapest.saturating_add(patience));
                let (best, second) = choices(graph, drivers, rider, alone);
                bidder = take(
                    riders,
                    drivers,
                    rider,
                    best,
                    second.0.saturating_add(epsilon),
                );
            }
        }
        if epsilon <= 1 {
            return;
        }
        epsilon = (epsilon / SCALING).max(1);
    }
}

/// Gives a rider the driver chosen, or none, and lets it be worth that much; returns who was outbid.
fn take(
    riders: &mut Side,
    drivers: &mut Side,
    rider: u32,
    best: (i64, u32),
    worth: i64,
) -> Option<u32> {
    riders.partners[rider as usize] = best.1;
    if best.1 == ALONE {
        riders.duals[rider as usize] = best.0;
        return None;
    }
    riders.duals[rider as usize] = worth;
    drivers.duals[best.1 as usize] -= worth - best.0;
    let outbid = std::mem::replace(&mut drivers.partners[best.1 as usize], rider);
    (outbid != FREE).then(|| {
        riders.partners[outbid as usize] = FREE;
        outbid
    })
}

/// Lets every rider be worth what the prices allow, keeps the pairs that are tight then, makes others
/// that are, and adds the riders who have none to those `left`.
pub(super) fn keep_tight(
    graph: &Rows<'_>,
    riders: &mut Side,
    drivers: &mut Side,
    left: &mut Vec<u32>,
) {
    for rider in places(riders) {
        let at = rider as usize;
        let ((worth, _), _) = choices(graph, drivers, rider, graph.alone[at]);
        riders.duals[at] = worth;
        let held = riders.partners[at];
        let is_tight = |(driver, cost): (u32, i64)| {
            driver == held && cost - drivers.duals[driver as usize] == worth
        };
        if held < ALONE && !graph.row(rider).any(is_tight) {
            drivers.partners[held as usize] = FREE;
            riders.partners[at] = FREE;
        }
    }
    for rider in places(riders) {
        if riders.partners[rider as usize] < ALONE {
            continue;
        }
        let worth = riders.duals[rider as usize];
        let is_tight = |(driver, cost): &(u32, i64)| {
            drivers.is_available(*driver) && cost - drivers.duals[*driver as usize] == worth
        };
        let found = graph.row(rider).find(is_tight).map(|(driver, _)| driver);
        riders.partners[rider as usize] = match found {
            Some(driver) => {
                drivers.partners[driver as usize] = rider;
                driver
            }
            None if worth == graph.alone[rider as usize] => ALONE,
            None => {
                left.push(rider);
                FREE
            }
        };
    }
}

fn places(side: &Side) -> std::ops::Range<u32> {
    0..u32::try_from(side.partners.len()).expect("places are 32-bit")
}
