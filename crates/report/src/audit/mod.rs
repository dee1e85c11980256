//! What must always hold, each rule once, as a pure function over what a run left behind.
//!
//! [`audit`] runs them all; property tests and the twin call the same. A rule looks at the
//! [`TripRow`]s (the store, and beside each trip what the load generator saw) and at the
//! [`Evidence`]: the holds that were live at the end, and the load generator's own counts.

mod drivers;
mod evidence;
mod lifecycle;
mod money;
mod totals;

#[cfg(test)]
mod tests;

pub use evidence::{
    AuditBounds, Evidence, EvidenceError, ForeignView, LiveHold, LoadCounts,
    SCHEMA as EVIDENCE_SCHEMA, ServedBy,
};

use domain::{DriverId, TripId};

use crate::summary::{AuditFigures, RuleFigures, Violation};
use crate::trips::TripRow;

/// Violations listed for one rule; all are counted.
pub const VIOLATIONS_LISTED_MAX: usize = 100;

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct AuditInput<'a> {
    /// Every trip that the store has.
    pub rows: &'a [TripRow],
    /// What else the run left behind.
    pub evidence: &'a Evidence,
}

/// What must always hold.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name, as violations state it.
    pub name: &'static str,
    /// What must always hold, in a sentence.
    pub sentence: &'static str,
    check: fn(&AuditInput<'_>, &mut Findings),
}

const RULES: [Rule; 10] = [
    Rule {
        name: "one_driver_one_live_trip",
        sentence: "A driver has one live trip at a time, and a trip one live hold.",
        check: drivers::one_driver_one_live_trip,
    },
    Rule {
        name: "one_accept_per_trip",
        sentence: "A trip has one driver per attempt and at most one who accepted and kept it.",
        check: drivers::one_accept_per_trip,
    },
    Rule {
        name: "own_trip_only",
        sentence: "A driver accepts only an offer made to that driver; a rider sees only own trips.",
        check: drivers::own_trip_only,
    },
    Rule {
        name: "product_as_chosen",
        sentence: "A ride is offered only to drivers of vehicles that serve its product.",
        check: drivers::product_as_chosen,
    },
    Rule {
        name: "state_machine",
        sentence: "A trip moves only along its states, with each step's time in order; the end is final.",
        check: lifecycle::state_machine,
    },
    Rule {
        name: "every_request_ends",
        sentence: "Every accepted request comes to an end in bounded time.",
        check: lifecycle::every_request_ends,
    },
    Rule {
        name: "no_hold_outlives_deadline",
        sentence: "No hold outlives its deadline or its trip, and no accept comes after the deadline.",
        check: lifecycle::no_hold_outlives_deadline,
    },
    Rule {
        name: "conservation",
        sentence: "In progress at the start + requested = completed + cancelled + unserved + in progress at the end, in the store as the load generator saw it.",
        check: totals::conservation,
    },
    Rule {
        name: "fare_as_quoted",
        sentence: "The fare charged is the fare that was quoted.",
        check: money::fare_as_quoted,
    },
    Rule {
        name: "money_adds_up",
        sentence: "What the rider pays is the driver's, the platform's and the fees, to the cent.",
        check: money::money_adds_up,
    },
];

/// The rules, in the order in which reports show them.
#[must_use]
pub fn rules() -> &'static [Rule] {
    &RULES
}

/// Holds a run against every rule.
#[must_use]
pub fn audit(input: &AuditInput<'_>) -> AuditFigures {
    let mut figures = AuditFigures::default();
    for rule in rules() {
        let findings = check(rule, input);
        figures.checked += findings.checked;
        figures.rules.push(RuleFigures {
            rule: rule.name.to_owned(),
            sentence: rule.sentence.to_owned(),
            checked: findings.checked,
            violations: findings.violations,
        });
        figures.violations.extend(findings.listed);
    }
    figures
}

/// Holds a run against one rule.
#[must_use]
pub fn check(rule: &Rule, input: &AuditInput<'_>) -> Findings {
    let mut findings = Findings::new(rule.name);
    (rule.check)(input, &mut findings);
    findings
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    rule: &'static str,
    /// How many facts were held against the rule.
    pub checked: u64,
    /// How many broke it.
    pub violations: u64,
    /// The first of them, at most [`VIOLATIONS_LISTED_MAX`].
    pub listed: Vec<Violation>,
}

/// Of what a fact is.
#[derive(Debug, Clone, Copy, Default)]
struct Subject {
    trip: Option<TripId>,
    driver: Option<DriverId>,
}

impl Subject {
    fn trip(trip: TripId) -> Self {
        Self {
            trip: Some(trip),
            driver: None,
        }
    }

    fn driver(self, driver: DriverId) -> Self {
        Self {
            driver: Some(driver),
            ..self
        }
    }
}

impl Findings {
    fn new(rule: &'static str) -> Self {
        Self {
            rule,
            checked: 0,
            violations: 0,
            listed: Vec::new(),
        }
    }

    /// Counts a fact; where it does not hold, `detail` says what was found and what was expected.
    fn expect(&mut self, holds: bool, subject: Subject, detail: impl FnOnce() -> String) {
        self.checked += 1;
        if holds {
            return;
        }
        self.violations += 1;
        if self.listed.len() < VIOLATIONS_LISTED_MAX {
            self.listed.push(Violation {
                rule: self.rule.to_owned(),
                trip: subject.trip.map(|trip| trip.to_string()),
                driver: subject.driver.map(|driver| driver.to_string()),
                detail: detail(),
            });
        }
    }
}
