//! Surge: the price multiplier of each cell, from supply and demand.
//!
//! [`update`] is a pure step from the multipliers in force to the next ones. A cell's pressure is its
//! demand over what its supply bears; it is smoothed over the neighbouring cells, so that prices do not
//! jump across a street, then cut into steps with hysteresis, so that they do not flap from one update
//! to the next. All arithmetic is in integers: the same input gives the same prices on every machine.

use std::collections::{BTreeMap, BTreeSet};

use crate::cell::{Around, Cell};

#[cfg(test)]
mod tests;

/// A price multiplier in hundredths: 100 is no surge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Multiplier(u32);

impl Multiplier {
    /// No surge.
    pub const NONE: Self = Self(100);

    /// From hundredths; below 100 becomes 100, for surge never makes a ride cheaper.
    #[must_use]
    pub const fn from_hundredths(hundredths: u32) -> Self {
        Self(if hundredths < 100 { 100 } else { hundredths })
    }

    /// The multiplier in hundredths.
    #[must_use]
    pub const fn hundredths(self) -> u32 {
        self.0
    }
}

impl Default for Multiplier {
    fn default() -> Self {
        Self::NONE
    }
}

/// The highest cap a policy may set, in hundredths: a hundredfold.
pub const CAP_MAX_HUNDREDTHS: u32 = 10_000;

/// What a surge policy is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurgeTerms {
    /// No multiplier is above this. Where it does not lie on a step, the step below it is the highest.
    pub cap: Multiplier,
    /// Multipliers are no surge and whole steps above it, in hundredths.
    pub step_hundredths: u32,
    /// The share of a cell's pressure that is the mean of its neighbours', in percent.
    pub smoothing_percent: u32,
    /// How far below its step, in hundredths of multiplier, a cell's pressure has to fall before the
    /// multiplier follows. Less than a step, or no multiplier would ever return to none.
    pub hysteresis_hundredths: u32,
    /// How many steps a multiplier falls in one update at most. It rises at once.
    pub fall_steps_max: u32,
    /// Requests per available driver, in hundredths, that a cell bears without surge. At twice this
    /// the pressure is twofold, and so on. A cell without drivers counts as one with a single driver.
    pub target_ratio_hundredths: u32,
}

impl Default for SurgeTerms {
    /// Threefold at most, in tenths; **an assumption** throughout, as no market's rule is public.
    fn default() -> Self {
        Self {
            cap: Multiplier::from_hundredths(300),
            step_hundredths: 10,
            smoothing_percent: 40,
            hysteresis_hundredths: 5,
            fall_steps_max: 3,
            target_ratio_hundredths: 100,
        }
    }
}

/// Why a surge policy cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SurgeError {
    /// The cap is absurd.
    #[error("found a cap of {0} hundredths, expected 100 to {CAP_MAX_HUNDREDTHS}")]
    Cap(u32),
    /// The step is nothing.
    #[error("found a step of 0 hundredths, expected at least 1")]
    Step,
    /// More than all of a cell's pressure would be its neighbours'.
    #[error("found a smoothing of {0} %, expected 0 to 100")]
    Smoothing(u32),
    /// A multiplier would never return to none.
    #[error("found a hysteresis of {found} hundredths, expected less than the step of {step}")]
    Hysteresis {
        /// The hysteresis, in hundredths.
        found: u32,
        /// The step, in hundredths.
        step: u32,
    },
    /// A multiplier would never fall.
    #[error("found a fall of at most 0 steps an update, expected at least 1")]
    Fall,
    /// A cell would bear no request at all.
    #[error("found a target ratio of 0, expected a positive number of requests per driver")]
    TargetRatio,
}

/// A rule by which surge follows supply and demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurgePolicy {
    terms: SurgeTerms,
}

impl SurgePolicy {
    /// A policy of these terms.
    ///
    /// # Errors
    /// If a term is out of its range.
    pub fn new(terms: SurgeTerms) -> Result<Self, SurgeError> {
        if terms.cap.0 > CAP_MAX_HUNDREDTHS {
            return Err(SurgeError::Cap(terms.cap.0));
        }
        if terms.step_hundredths == 0 {
            return Err(SurgeError::Step);
        }
        if terms.smoothing_percent > 100 {
            return Err(SurgeError::Smoothing(terms.smoothing_percent));
        }
        if terms.hysteresis_hundredths >= terms.step_hundredths {
            return Err(SurgeError::Hysteresis {
                found: terms.hysteresis_hundredths,
                step: terms.step_hundredths,
            });
        }
        if terms.fall_steps_max == 0 {
            return Err(SurgeError::Fall);
        }
        if terms.target_ratio_hundredths == 0 {
            return Err(SurgeError::TargetRatio);
        }
        Ok(Self { terms })
    }

    /// What it is made of.
    #[must_use]
    pub fn terms(&self) -> &SurgeTerms {
        &self.terms
    }

    /// The pressure in a cell on its own, in millionths of a multiplier, from none to the cap.
    fn pressure(&self, supply: u32, demand: u32) -> Pressure {
        let bearable = u128::from(self.terms.target_ratio_hundredths) * u128::from(supply.max(1));
        let pressure = u128::from(demand) * 100 * u128::from(MICROS) / bearable;
        let cap = u128::from(self.terms.cap.0) * u128::from(MICROS_PER_HUNDREDTH);
        let bounded = pressure.clamp(u128::from(MICROS), cap);
        Pressure::try_from(bounded).expect("the cap is at most a hundredfold")
    }

    /// The step to stand on at a pressure, coming from another.
    fn next_step(&self, previous: u32, pressure: Pressure) -> u32 {
        let excess = pressure.saturating_sub(MICROS);
        let step = u64::from(self.terms.step_hundredths) * MICROS_PER_HUNDREDTH;
        let reached = u32::try_from(excess / step).expect("the cap is at most a hundredfold");
        let hysteresis = u64::from(self.terms.hysteresis_hundredths) * MICROS_PER_HUNDREDTH;
        if reached >= previous {
            reached
        } else if excess + hysteresis >= u64::from(previous) * step {
            previous
        } else {
            reached.max(previous.saturating_sub(self.terms.fall_steps_max))
        }
    }

    fn step_of(&self, multiplier: Multiplier) -> u32 {
        (multiplier.min(self.terms.cap).0 - Multiplier::NONE.0) / self.terms.step_hundredths
    }

    fn multiplier_of(&self, step: u32) -> Multiplier {
        Multiplier(Multiplier::NONE.0 + step * self.terms.step_hundredths)
    }
}

impl Default for SurgePolicy {
    fn default() -> Self {
        Self::new(SurgeTerms::default()).expect("the default terms are in range")
    }
}

/// A multiplier before it is cut into steps, in millionths.
type Pressure = u64;
const MICROS: Pressure = 1_000_000;
const MICROS_PER_HUNDREDTH: Pressure = 10_000;

/// The multipliers that follow from those in force and from what was just counted: available drivers
/// and open requests per cell, a missing cell being zero. All cells are to be of one resolution. `around`
/// remembers what was looked up, from call to call.
///
/// The result holds only cells **above** [`Multiplier::NONE`]; [`changes`] gives what to write.
#[must_use]
pub fn update(
    policy: &SurgePolicy,
    previous: &BTreeMap<Cell, Multiplier>,
    supply: &BTreeMap<Cell, u32>,
    demand: &BTreeMap<Cell, u32>,
    around: &mut Around,
) -> BTreeMap<Cell, Multiplier> {
    let pressures: BTreeMap<Cell, Pressure> = demand
        .iter()
        .map(|(cell, &requests)| {
            (
                *cell,
                policy.pressure(supply.get(cell).copied().unwrap_or(0), requests),
            )
        })
        .filter(|(_, pressure)| *pressure > MICROS)
        .collect();
    let mut cells: BTreeSet<Cell> = previous.keys().chain(pressures.keys()).copied().collect();
    if policy.terms.smoothing_percent > 0 {
        for cell in pressures.keys() {
            cells.extend(around.of(*cell));
        }
    }
    cells
        .into_iter()
        .filter_map(|cell| {
            let from = policy.step_of(previous.get(&cell).copied().unwrap_or_default());
            let to = policy.next_step(from, smoothed(policy, &pressures, cell, around.of(cell)));
            (to > 0).then(|| (cell, policy.multiplier_of(to)))
        })
        .collect()
}

/// A cell's own pressure and the mean of its neighbours', weighted.
fn smoothed(
    policy: &SurgePolicy,
    pressures: &BTreeMap<Cell, Pressure>,
    cell: Cell,
    neighbours: &[Cell],
) -> Pressure {
    let at = |cell: &Cell| pressures.get(cell).copied().unwrap_or(MICROS);
    let share = u64::from(policy.terms.smoothing_percent);
    if share == 0 {
        return at(&cell);
    }
    let count = u64::try_from(neighbours.len()).expect("a cell has six neighbours at most");
    let around: Pressure = neighbours.iter().map(at).sum();
    ((100 - share) * count * at(&cell) + share * around) / (100 * count)
}

/// What differs between two results of [`update`]: the next multiplier of each such cell,
/// [`Multiplier::NONE`] where surge has ended.
#[must_use]
pub fn changes(
    previous: &BTreeMap<Cell, Multiplier>,
    next: &BTreeMap<Cell, Multiplier>,
) -> BTreeMap<Cell, Multiplier> {
    let ended = previous.keys().map(|cell| (*cell, Multiplier::NONE));
    let mut changed: BTreeMap<Cell, Multiplier> = ended.collect();
    changed.extend(next);
    changed
        .retain(|cell, multiplier| previous.get(cell).copied().unwrap_or_default() != *multiplier);
    changed
}
