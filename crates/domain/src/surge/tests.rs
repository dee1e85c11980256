//! Properties of surge: capped, on steps, monotone in demand, calm at a threshold, and gone with demand.

use proptest::prelude::*;

use super::*;

/// [`super::update`] with nothing remembered.
fn update(
    policy: &SurgePolicy,
    previous: &BTreeMap<Cell, Multiplier>,
    supply: &BTreeMap<Cell, u32>,
    demand: &BTreeMap<Cell, u32>,
) -> BTreeMap<Cell, Multiplier> {
    super::update(policy, previous, supply, demand, &mut Around::default())
}
use crate::cell::Resolution;
use crate::place::Place;

type Counts = BTreeMap<Cell, u32>;
type Multipliers = BTreeMap<Cell, Multiplier>;

/// A patch of nineteen cells over Manhattan: a centre, its neighbours and theirs.
fn patch() -> Vec<Cell> {
    let resolution = Resolution::new(8).unwrap();
    let centre = Cell::of(Place::new(40.758, -73.9855).unwrap(), resolution);
    let mut cells = vec![centre];
    for ring in centre.neighbours() {
        cells.push(ring);
        cells.extend(ring.neighbours());
    }
    let mut seen = BTreeSet::new();
    cells.retain(|cell| seen.insert(*cell));
    cells
}

fn over_patch<T>(values: Vec<Option<T>>) -> BTreeMap<Cell, T> {
    patch()
        .into_iter()
        .zip(values)
        .filter_map(|(cell, value)| Some((cell, value?)))
        .collect()
}

fn counts(max: u32) -> impl Strategy<Value = Counts> {
    prop::collection::vec(prop::option::of(0..=max), 19).prop_map(over_patch)
}

fn multipliers() -> impl Strategy<Value = Multipliers> {
    prop::collection::vec(
        prop::option::of((0..40_u32).prop_map(|m| Multiplier(100 + 10 * m))),
        19,
    )
    .prop_map(over_patch)
}

prop_compose! {
    fn policies()(
        cap in 100..600_u32,
        (step_hundredths, hysteresis_hundredths) in (1..60_u32).prop_flat_map(|s| (Just(s), 0..s)),
        smoothing_percent in 0..=100_u32,
        fall_steps_max in 1..6_u32,
        target_ratio_hundredths in 1..400_u32,
    ) -> SurgePolicy {
        SurgePolicy::new(SurgeTerms {
            cap: Multiplier(cap),
            step_hundredths,
            smoothing_percent,
            hysteresis_hundredths,
            fall_steps_max,
            target_ratio_hundredths,
        })
        .expect("the ranges above are valid")
    }
}

proptest! {
    #[test]
    fn multipliers_are_on_steps_above_none_and_within_the_cap(
        policy in policies(),
        previous in multipliers(),
        supply in counts(50),
        demand in counts(200),
    ) {
        let next = update(&policy, &previous, &supply, &demand);
        for multiplier in next.values() {
            prop_assert!(*multiplier > Multiplier::NONE);
            prop_assert!(*multiplier <= policy.terms.cap);
            prop_assert_eq!((multiplier.0 - 100) % policy.terms.step_hundredths, 0);
        }
        prop_assert_eq!(&next, &update(&policy, &previous, &supply, &demand));
        let mut written = previous.clone();
        written.extend(changes(&previous, &next));
        written.retain(|_, multiplier| *multiplier > Multiplier::NONE);
        prop_assert_eq!(written, next, "writing the changes alone is enough");
    }

    #[test]
    fn more_demand_or_fewer_drivers_never_lower_a_price(
        policy in policies(),
        previous in multipliers(),
        supply in counts(20),
        demand in counts(60),
        more in counts(60),
    ) {
        let next = update(&policy, &previous, &supply, &demand);
        let mut risen = demand.clone();
        for (cell, requests) in &more {
            *risen.entry(*cell).or_insert(0) += requests;
        }
        let mut fewer = supply.clone();
        for (cell, drivers) in &mut fewer {
            *drivers = drivers.saturating_sub(more.get(cell).copied().unwrap_or(0));
        }
        for higher in [
            update(&policy, &previous, &supply, &risen),
            update(&policy, &previous, &fewer, &demand),
        ] {
            for (cell, multiplier) in &next {
                prop_assert!(higher.get(cell) >= Some(multiplier));
            }
        }
    }

    /// Pressure that moves within a band no wider than the hysteresis turns a price around once at most.
    #[test]
    fn a_price_does_not_flap_in_a_narrow_band(
        policy in policies(),
        first in 0..40_u32,
        low in MICROS..6 * MICROS,
        within in prop::collection::vec(0..=1_000_000_u64, 1..40),
    ) {
        let band = u64::from(policy.terms.hysteresis_hundredths) * MICROS_PER_HUNDREDTH;
        let mut steps = vec![first];
        for share in within {
            let pressure = low + band * share / 1_000_000;
            steps.push(policy.next_step(steps[steps.len() - 1], pressure));
        }
        steps.dedup();
        let rises: Vec<bool> = steps.windows(2).map(|pair| pair[1] > pair[0]).collect();
        prop_assert!(rises.is_sorted(), "it may fall and then rise, never more: {steps:?}");
    }

    #[test]
    fn surge_ends_where_demand_is_gone(policy in policies(), previous in multipliers(), supply in counts(50)) {
        let updates_max = CAP_MAX_HUNDREDTHS / policy.terms.step_hundredths + 1;
        let mut current = previous;
        for _ in 0..updates_max {
            let next = update(&policy, &current, &supply, &Counts::new());
            prop_assert!(next.iter().all(|(cell, m)| m < &current[cell] || current[cell] > policy.terms.cap));
            current = next;
            if current.is_empty() {
                break;
            }
        }
        prop_assert!(current.is_empty());
    }
}

fn one(cell: Cell, count: u32) -> Counts {
    BTreeMap::from([(cell, count)])
}

#[test]
fn surge_spills_over_to_the_neighbours_only() {
    let centre = patch()[0];
    let policy = SurgePolicy::default();
    let next = update(
        &policy,
        &BTreeMap::new(),
        &one(centre, 10),
        &one(centre, 25),
    );
    // 60 % of its own 2.5 and 40 % of neighbours at 1 is 1.9; a neighbour has 0.4 × (2.5 + 5 × 1) / 6
    // and 0.6 × 1, which is 1.1.
    assert_eq!(next[&centre], Multiplier(190));
    assert_eq!(next.len(), 7);
    assert!(
        centre
            .neighbours()
            .iter()
            .all(|cell| next[cell] == Multiplier(110))
    );
}

#[test]
fn a_price_rises_at_once_and_falls_by_steps() {
    let centre = patch()[0];
    let terms = SurgeTerms {
        smoothing_percent: 0,
        ..SurgeTerms::default()
    };
    let policy = SurgePolicy::new(terms).unwrap();
    let mut current = BTreeMap::new();
    let mut prices = Vec::new();
    for requests in [9, 20, 20, 19, 18, 10, 10, 10, 0, 0] {
        current = update(&policy, &current, &one(centre, 10), &one(centre, requests));
        prices.push(
            current
                .get(&centre)
                .map_or(100, |m: &Multiplier| m.hundredths()),
        );
    }
    assert_eq!(prices, [100, 200, 200, 190, 180, 150, 120, 100, 100, 100]);
}

#[test]
fn an_empty_cell_counts_as_one_driver() {
    let centre = patch()[0];
    let terms = SurgeTerms {
        smoothing_percent: 0,
        ..SurgeTerms::default()
    };
    let policy = SurgePolicy::new(terms).unwrap();
    let price = |requests| {
        update(
            &policy,
            &BTreeMap::new(),
            &Counts::new(),
            &one(centre, requests),
        )
    };
    assert!(
        price(1).is_empty(),
        "a single request to an empty cell is no shortage yet"
    );
    assert_eq!(price(2)[&centre], Multiplier(200));
    assert_eq!(price(u32::MAX)[&centre], Multiplier(300));
}

#[test]
fn senseless_terms_are_refused() {
    let with = |change: fn(&mut SurgeTerms)| {
        let mut terms = SurgeTerms::default();
        change(&mut terms);
        SurgePolicy::new(terms).map(|_| ())
    };
    assert_eq!(
        with(|terms| terms.cap = Multiplier(10_001)),
        Err(SurgeError::Cap(10_001))
    );
    assert_eq!(
        with(|terms| terms.step_hundredths = 0),
        Err(SurgeError::Step)
    );
    assert_eq!(
        with(|terms| terms.smoothing_percent = 101),
        Err(SurgeError::Smoothing(101))
    );
    assert_eq!(
        with(|terms| terms.hysteresis_hundredths = 10),
        Err(SurgeError::Hysteresis {
            found: 10,
            step: 10
        })
    );
    assert_eq!(
        with(|terms| terms.fall_steps_max = 0),
        Err(SurgeError::Fall)
    );
    assert_eq!(
        with(|terms| terms.target_ratio_hundredths = 0),
        Err(SurgeError::TargetRatio)
    );
}
