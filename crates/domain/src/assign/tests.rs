//! The optimum held against its certificate and against brute force, and the rules of the policies.

use proptest::prelude::*;

use super::*;

type Row = (Vec<(u32, i64)>, Option<i64>);

fn graph(drivers: usize, rows: &[Row]) -> CostGraph {
    let mut builder = CostGraphBuilder::new(drivers).unwrap();
    for (candidates, penalty) in rows {
        builder.rider(candidates.iter().copied(), *penalty).unwrap();
    }
    builder.build().unwrap()
}

fn rows(
    riders: usize,
    drivers: u32,
    degree: usize,
    costs: std::ops::Range<i64>,
) -> impl Strategy<Value = Vec<Row>> {
    let candidates = prop::collection::vec((0..drivers, costs.clone()), 0..=degree);
    prop::collection::vec((candidates, prop::option::of(costs)), 0..=riders)
}

/// Riders served without a penalty of their own and the cost, the best of all assignments.
fn brute_force(graph: &CostGraph, rider: usize, taken: &mut [bool]) -> (usize, i64) {
    if rider == graph.rider_count() {
        return (0, 0);
    }
    let penalty = graph.unserved_penalty(rider);
    let (forfeits, cost) = brute_force(graph, rider + 1, taken);
    let mut best = (
        forfeits + usize::from(penalty.is_none()),
        cost + penalty.unwrap_or(0),
    );
    for (driver, cost) in graph.candidates(rider) {
        if !taken[driver as usize] {
            taken[driver as usize] = true;
            let (forfeits, rest) = brute_force(graph, rider + 1, taken);
            best = best.min((forfeits, rest + cost));
            taken[driver as usize] = false;
        }
    }
    best
}

/// Riders left unserved who have no penalty.
fn forfeits(graph: &CostGraph, assignment: &Assignment) -> usize {
    let unserved = |rider: &usize| {
        assignment.drivers[*rider].is_none() && graph.unserved_penalty(*rider).is_none()
    };
    (0..graph.rider_count()).filter(unserved).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Few different costs, so that ties abound; negative ones too.
    #[test]
    fn small_optima_are_those_of_brute_force(rows in rows(6, 6, 5, -3..8)) {
        let graph = graph(6, &rows);
        let (assignment, duals) = Solver::new().solve_with_duals(&graph);
        prop_assert_eq!(certify(&graph, &assignment, &duals), Ok(()));
        let best = brute_force(&graph, 0, &mut [false; 6]);
        prop_assert_eq!((forfeits(&graph, &assignment), assignment.cost), best);
        prop_assert_eq!(Batched.assign(&graph), assignment);
        let (scaled, duals) = Solver::new().solve_scaled_with_duals(&graph);
        prop_assert_eq!(certify(&graph, &scaled, &duals), Ok(()));
        prop_assert_eq!((forfeits(&graph, &scaled), scaled.cost), best);
    }

    #[test]
    fn larger_optima_are_proven_and_no_worse_than_nearest(
        drivers in 1..60_u32,
        rows in rows(60, 60, 8, -50..1_000_000),
    ) {
        let rows: Vec<Row> = rows
            .into_iter()
            .map(|(row, penalty)| (row.into_iter().map(|(d, c)| (d % drivers, c)).collect(), penalty))
            .collect();
        let graph = graph(drivers as usize, &rows);
        let (assignment, duals) = Solver::new().solve_with_duals(&graph);
        prop_assert_eq!(certify(&graph, &assignment, &duals), Ok(()));
        let (scaled, duals) = Solver::new().solve_scaled_with_duals(&graph);
        prop_assert_eq!(certify(&graph, &scaled, &duals), Ok(()));
        prop_assert_eq!(scaled.cost, assignment.cost);
        let nearest = Nearest.assign(&graph);
        let rank = |assignment: &Assignment| (forfeits(&graph, assignment), assignment.cost);
        prop_assert!(rank(&assignment) <= rank(&nearest));
    }

    /// Buffers left over from one graph change nothing in the next.
    #[test]
    fn a_solver_is_used_again(first in rows(30, 20, 6, 0..100), second in rows(30, 20, 6, 0..100)) {
        let (first, second) = (graph(20, &first), graph(20, &second));
        let mut solver = Solver::new();
        let _ = solver.solve(&first);
        prop_assert_eq!(solver.solve(&second), Solver::new().solve(&second));
        let _ = solver.solve_scaled_with_duals(&first);
        prop_assert_eq!(solver.solve(&second), Solver::new().solve(&second));
    }
}

/// A candidate at zero is not the nearest where others cost less than nothing.
#[test]
fn costs_below_zero_are_settled_in_order() {
    let rows = [
        (vec![(1, -3), (1, -3), (2, -3)], None),
        (vec![(2, 0), (3, 0)], None),
        (vec![(2, 0)], Some(3)),
        (vec![(1, 3)], Some(4)),
    ];
    let graph = graph(6, &rows);
    let (assignment, duals) = Solver::new().solve_with_duals(&graph);
    assert_eq!(certify(&graph, &assignment, &duals), Ok(()));
}

#[test]
fn nearest_serves_in_order_and_the_optimum_looks_at_all() {
    let rows = [
        (vec![(0, 1), (1, 2)], None),
        (vec![(0, 2), (1, 9)], None),
        (vec![(1, 5)], Some(4)),
    ];
    let graph = graph(2, &rows);
    let nearest = Nearest.assign(&graph);
    assert_eq!(
        nearest,
        Assignment {
            drivers: vec![Some(0), Some(1), None],
            cost: 14
        }
    );
    let batched = Batched.assign(&graph);
    assert_eq!(
        batched,
        Assignment {
            drivers: vec![Some(1), Some(0), None],
            cost: 8
        }
    );
    assert_eq!(batched.served(), 2);
}

#[test]
fn without_a_penalty_service_comes_before_cost() {
    // Serving both costs 1001, serving the first alone 1.
    let rows = [(vec![(0, 1), (1, 1_000)], None), (vec![(0, 1)], None)];
    let both = Batched.assign(&graph(2, &rows));
    assert_eq!(
        both,
        Assignment {
            drivers: vec![Some(1), Some(0)],
            cost: 1_001
        }
    );
    let rows = rows.map(|(row, _)| (row, Some(500)));
    let one = Batched.assign(&graph(2, &rows));
    assert_eq!((one.served(), one.cost), (1, 501));
}

#[test]
fn a_certificate_refuses_what_is_not_optimal() {
    let rows = [(vec![(0, 1), (1, 2)], None), (vec![(0, 2), (1, 9)], None)];
    let graph = graph(2, &rows);
    let (optimum, duals) = Solver::new().solve_with_duals(&graph);
    assert_eq!(certify(&graph, &optimum, &duals), Ok(()));
    let dearer = Assignment {
        drivers: vec![Some(0), Some(1)],
        cost: 10,
    };
    assert!(matches!(
        certify(&graph, &dearer, &duals),
        Err(CertificateError::Slack { .. })
    ));
    let twice = Assignment {
        drivers: vec![Some(0), Some(0)],
        cost: 3,
    };
    assert!(certify(&graph, &twice, &duals).is_err());
    let misstated = Assignment {
        cost: optimum.cost + 1,
        ..optimum.clone()
    };
    assert!(matches!(
        certify(&graph, &misstated, &duals),
        Err(CertificateError::Cost { .. })
    ));
    let mut greedy = duals;
    greedy.riders[0] += 1;
    assert!(matches!(
        certify(&graph, &optimum, &greedy),
        Err(CertificateError::Infeasible { .. })
    ));
}

#[test]
fn empty_graphs_and_riders_without_candidates_are_no_trouble() {
    assert_eq!(Batched.assign(&graph(0, &[])), Assignment::default());
    assert_eq!(Batched.assign(&graph(3, &[])), Assignment::default());
    let lonely = graph(0, &[(vec![], Some(7)), (vec![], None)]);
    let unserved = Assignment {
        drivers: vec![None, None],
        cost: 7,
    };
    assert_eq!(Batched.assign(&lonely), unserved);
    assert_eq!(Nearest.assign(&lonely), unserved);
}

#[test]
fn costs_whose_sums_might_overflow_are_refused_and_the_largest_allowed_are_solved() {
    let limit = (i64::MAX / 8 - 1) / 8;
    let rows = |cost: i64| {
        [
            (vec![(0, cost), (1, -cost)], None),
            (vec![(0, cost), (1, cost)], Some(cost)),
            (vec![(1, cost)], None),
        ]
    };
    let extreme = graph(2, &rows(limit));
    let (assignment, duals) = Solver::new().solve_with_duals(&extreme);
    assert_eq!(certify(&extreme, &assignment, &duals), Ok(()));
    assert_eq!(assignment.drivers, [Some(0), None, Some(1)]);
    let (scaled, duals) = Solver::new().solve_scaled_with_duals(&extreme);
    assert_eq!(certify(&extreme, &scaled, &duals), Ok(()));

    let refused = |cost: i64| {
        let mut builder = CostGraphBuilder::new(2).unwrap();
        for (row, penalty) in rows(cost) {
            builder.rider(row, penalty).unwrap();
        }
        builder.build().unwrap_err()
    };
    let found = -limit - 1;
    assert_eq!(
        refused(limit + 1),
        GraphError::CostTooLarge {
            found,
            limit,
            riders: 3
        }
    );
    assert!(matches!(
        refused(-i64::MAX),
        GraphError::CostTooLarge { .. }
    ));
    let mut builder = CostGraphBuilder::new(2).unwrap();
    assert_eq!(
        builder.rider([(0, 1), (2, 1)], None).unwrap_err(),
        GraphError::UnknownDriver {
            rider: 0,
            found: 2,
            driver_count: 2
        }
    );
    assert_eq!(builder.rider([(1, i64::MIN)], None).map(|_| ()), Ok(()));
    assert!(matches!(
        builder.build(),
        Err(GraphError::CostTooLarge {
            found: i64::MIN,
            ..
        })
    ));
}
