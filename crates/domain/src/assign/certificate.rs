//! The proof that an assignment is optimal, checked without trusting the solver.
//!
//! By linear programming duality: whatever prices are feasible, no assignment costs less than their sum.
//! So an assignment that costs exactly their sum is optimal.

use super::{Assignment, CostGraph};

/// Dual prices of an assignment, in the graph's unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duals {
    /// What serving each rider is worth: at most the unserved penalty.
    pub riders: Vec<i64>,
    /// What one more of each driver would save, as a number of at most zero; zero for a spare driver.
    pub drivers: Vec<i64>,
}

/// What keeps an assignment and its duals from being a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The lists are not as long as the graph is large.
    #[error("the lists of riders or drivers are not of the graph's length")]
    Shape,
    /// A driver was given twice, or to a rider whose candidate it is not.
    #[error("driver {driver} given to rider {rider} is taken or no candidate")]
    NotAnAssignment {
        /// The rider's place.
        rider: usize,
        /// The driver's place.
        driver: u32,
    },
    /// A dual price breaks its bound: a rider's above the penalty, a driver's above zero, or both
    /// together above the cost of the pair.
    #[error("dual prices of rider {rider:?} and driver {driver:?} exceed their bound by {excess}")]
    Infeasible {
        /// The rider's place, if one is concerned.
        rider: Option<usize>,
        /// The driver's place, if one is concerned.
        driver: Option<u32>,
        /// By how much.
        excess: i128,
    },
    /// A pair that was made, a rider left unserved or a driver left over has slack.
    #[error("complementary slackness fails by {slack} for rider {rider:?} and driver {driver:?}")]
    Slack {
        /// The rider's place, if one is concerned.
        rider: Option<usize>,
        /// The driver's place, if one is concerned.
        driver: Option<u32>,
        /// By how much.
        slack: i128,
    },
    /// The stated cost is not the sum of its parts.
    #[error("the assignment states a cost of {stated}, its pairs and penalties add up to {summed}")]
    Cost {
        /// As stated.
        stated: i64,
        /// As added up.
        summed: i128,
    },
}

/// Checks that an assignment is one, that the duals are feasible, and that both fit by complementary
/// slackness. If so the assignment is optimal: cheapest under the stated penalties, riders without a
/// penalty served as many as can be.
///
/// # Errors
/// The first thing that fails.
pub fn certify(
    graph: &CostGraph,
    assignment: &Assignment,
    duals: &Duals,
) -> Result<(), CertificateError> {
    if assignment.drivers.len() != graph.rider_count()
        || duals.riders.len() != graph.rider_count()
        || duals.drivers.len() != graph.driver_count()
    {
        return Err(CertificateError::Shape);
    }
    let taken = check_pairs(graph, assignment, duals)?;
    for ((driver, price), is_taken) in (0_u32..).zip(&duals.drivers).zip(taken) {
        let (rider, driver, price) = (None, Some(driver), i128::from(*price));
        if price > 0 {
            return Err(CertificateError::Infeasible {
                rider,
                driver,
                excess: price,
            });
        }
        if price < 0 && !is_taken {
            return Err(CertificateError::Slack {
                rider,
                driver,
                slack: -price,
            });
        }
    }
    Ok(())
}

/// Checks every rider's side; returns which drivers are taken.
fn check_pairs(
    graph: &CostGraph,
    assignment: &Assignment,
    duals: &Duals,
) -> Result<Vec<bool>, CertificateError> {
    let mut taken = vec![false; graph.driver_count()];
    let mut summed = 0_i128;
    for (rider, assigned) in assignment.drivers.iter().enumerate() {
        let worth = i128::from(duals.riders[rider]);
        let slack_of = |driver: Option<u32>, cost: i64| {
            let price = driver.map_or(0, |driver| duals.drivers[driver as usize]);
            i128::from(cost) - worth - i128::from(price)
        };
        let penalty = (None, graph.effective_penalty(rider));
        let choices = graph
            .candidates(rider)
            .map(|(driver, cost)| (Some(driver), cost));
        for (driver, cost) in choices.chain([penalty]) {
            let slack = slack_of(driver, cost);
            if slack < 0 {
                return Err(CertificateError::Infeasible {
                    rider: Some(rider),
                    driver,
                    excess: -slack,
                });
            }
        }
        let cost = match *assigned {
            None => penalty.1,
            Some(driver) => {
                let cost = graph
                    .cost(rider, driver)
                    .filter(|_| !taken[driver as usize]);
                taken[driver as usize] = true;
                cost.ok_or(CertificateError::NotAnAssignment { rider, driver })?
            }
        };
        let slack = slack_of(*assigned, cost);
        if slack != 0 {
            return Err(CertificateError::Slack {
                rider: Some(rider),
                driver: *assigned,
                slack,
            });
        }
        let counted = if assigned.is_some() {
            Some(cost)
        } else {
            graph.unserved_penalty(rider)
        };
        summed += i128::from(counted.unwrap_or(0));
    }
    if summed != i128::from(assignment.cost) {
        return Err(CertificateError::Cost {
            stated: assignment.cost,
            summed,
        });
    }
    Ok(taken)
}
