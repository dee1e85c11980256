//! A table of ours against theirs.

use std::fmt::{self, Display, Formatter, Write as _};
use std::process::ExitCode;

/// One row: a thing measured, with what it must reach.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    case: String,
    ours: String,
    theirs: String,
    reached: String,
    wanted: String,
    holds: bool,
}

/// How many times as fast, with as many digits as mean something.
fn times(ratio: f64) -> String {
    let digits = if ratio < 10.0 { 2 } else { 0 };
    format!("{ratio:.digits$} ×")
}

impl Figure {
    /// A cost of one operation, less of which is better: the ratio is theirs to ours. `unit` is of both; `peer` names
    /// the other side.
    #[must_use]
    pub fn cost(case: &str, ours: f64, peer: &str, theirs: f64, unit: &str, wanted: f64) -> Self {
        Self::ratio(case, ours, peer, theirs, unit, theirs / ours, wanted)
    }

    /// A rate, more of which is better: the ratio is ours to theirs.
    #[must_use]
    pub fn rate(case: &str, ours: f64, peer: &str, theirs: f64, unit: &str, wanted: f64) -> Self {
        Self::ratio(case, ours, peer, theirs, unit, ours / theirs, wanted)
    }

    fn ratio(
        case: &str,
        ours: f64,
        peer: &str,
        theirs: f64,
        unit: &str,
        ratio: f64,
        wanted: f64,
    ) -> Self {
        Self {
            case: case.to_owned(),
            ours: format!("{} {unit}", number(ours)),
            theirs: format!("{peer}: {} {unit}", number(theirs)),
            reached: times(ratio),
            wanted: format!("≥ {wanted} ×"),
            holds: ratio >= wanted,
        }
    }

    /// A quantity of ours alone that may be at most `limit`.
    #[must_use]
    pub fn at_most(case: &str, ours: f64, unit: &str, limit: f64) -> Self {
        Self {
            case: case.to_owned(),
            ours: format!("{} {unit}", number(ours)),
            theirs: String::new(),
            reached: String::new(),
            wanted: format!("≤ {} {unit}", number(limit)),
            holds: ours <= limit,
        }
    }

    /// A quantity of ours alone that must be at least `limit`.
    #[must_use]
    pub fn at_least(case: &str, ours: f64, unit: &str, limit: f64) -> Self {
        Self {
            wanted: format!("≥ {} {unit}", number(limit)),
            holds: ours >= limit,
            ..Self::at_most(case, ours, unit, limit)
        }
    }

    /// Ours and theirs, of which nothing is wanted.
    #[must_use]
    pub fn told(case: &str, ours: f64, peer: &str, theirs: f64, unit: &str) -> Self {
        Self {
            wanted: String::new(),
            ..Self::cost(case, ours, peer, theirs, unit, 0.0)
        }
    }

    /// The same of a rate.
    #[must_use]
    pub fn rate_told(case: &str, ours: f64, peer: &str, theirs: f64, unit: &str) -> Self {
        Self {
            wanted: String::new(),
            ..Self::rate(case, ours, peer, theirs, unit, 0.0)
        }
    }

    /// A quantity of ours alone, of which nothing is wanted.
    #[must_use]
    pub fn aside(case: &str, ours: f64, unit: &str) -> Self {
        Self {
            wanted: String::new(),
            ..Self::at_least(case, ours, unit, f64::NEG_INFINITY)
        }
    }

    /// The same row, telling beside ours what the other side has.
    #[must_use]
    pub fn beside(mut self, peer: &str, theirs: f64, unit: &str) -> Self {
        self.theirs = format!("{peer}: {} {unit}", number(theirs));
        self
    }

    /// A row of the case that could not be measured here, and why.
    #[must_use]
    pub fn skipped(case: &str, why: &str) -> Self {
        Self {
            case: case.to_owned(),
            ours: String::new(),
            theirs: format!("skipped: {why}"),
            reached: String::new(),
            wanted: String::new(),
            holds: true,
        }
    }
}

/// Three digits that count, and thousands apart.
fn number(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 1_000.0 {
        let digits = format!("{magnitude:.0}");
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        return grouped;
    }
    match magnitude {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// What one benchmark found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison(Vec<Figure>);

impl Comparison {
    /// Adds a row, and says it on standard error at once: a benchmark takes minutes.
    pub fn add(&mut self, figure: Figure) {
        eprintln!("{figure}");
        self.0.push(figure);
    }

    /// Whether every row reaches what it must.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.iter().all(|figure| figure.holds)
    }

    /// Prints the table; 0 if every row holds, else 1.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "the table is what a benchmark prints")]
    pub fn finish(&self) -> ExitCode {
        print!("{}", self.table());
        if self.holds() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        }
    }

    fn table(&self) -> String {
        let mut table =
            "| case | ours | other | ratio | wanted | |\n| --- | --- | --- | --- | --- | --- |\n"
                .to_owned();
        for figure in &self.0 {
            writeln!(table, "{figure}").expect("a string takes what is written");
        }
        table
    }
}

impl Display for Figure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let judged = match (self.wanted.is_empty(), self.holds) {
            (true, _) => "",
            (false, true) => "holds",
            (false, false) => "**missed**",
        };
        write!(
            f,
            "| {} | {} | {} | {} | {} | {judged} |",
            self.case, self.ours, self.theirs, self.reached, self.wanted
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_better_when_less_and_a_rate_when_more() {
        let cost = Figure::cost("update", 15.0, "rstar", 1_649.0, "ns", 50.0);
        assert_eq!(
            cost.to_string(),
            "| update | 15.0 ns | rstar: 1,649 ns | 110 × | ≥ 50 × | holds |"
        );
        let rate = Figure::rate("requests", 90_000.0, "oha", 86_000.0, "/s", 2.0);
        assert_eq!(
            rate.to_string(),
            "| requests | 90,000 /s | oha: 86,000 /s | 1.05 × | ≥ 2 × | **missed** |"
        );
    }

    #[test]
    fn a_limit_is_kept_or_missed_and_what_was_skipped_is_neither() {
        let mut comparison = Comparison::default();
        comparison.add(Figure::at_most("memory", 150.0, "MB", 200.0));
        comparison.add(Figure::skipped("scipy", "found no python3"));
        assert!(comparison.holds());
        comparison.add(Figure::at_least("rate", 99_999.0, "/s", 100_000.0));
        assert!(!comparison.holds());
        assert_eq!(comparison.table().lines().count(), 5);
    }
}
