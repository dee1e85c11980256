//! The difference of two summaries: what changed, by how much, and whether for the better.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::format::{Unit, decimals, show_some};
use crate::metrics::{Better, metrics};
use crate::summary::Summary;
use crate::text::printable;

/// Below this relative change a figure counts as the same.
pub const SAME_SHARE: f64 = 0.01;

/// A figure of two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Under which heading it stands.
    pub group: &'static str,
    /// Its name.
    pub name: String,
    /// Of what it is.
    pub unit: Unit,
    /// What the run compared against measured.
    pub before: Option<f64>,
    /// What this run measured.
    pub after: Option<f64>,
    /// Whether it changed for the better.
    pub verdict: Verdict,
}

/// Whether a figure changed for the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// For the better.
    Better,
    /// For the worse.
    Worse,
    /// Hardly changed.
    Same,
    /// Changed, and neither way is better; or one run did not measure it.
    Changed,
}

impl Verdict {
    /// The verdict as a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Same => "same",
            Self::Changed => "changed",
        }
    }
}

impl Difference {
    /// The relative change, `after / before - 1`.
    #[must_use]
    pub fn change(&self) -> Option<f64> {
        let change = self.after? / self.before? - 1.0;
        change.is_finite().then_some(change)
    }

    /// The relative change in percent, with its sign.
    #[must_use]
    pub fn change_text(&self) -> String {
        self.change().map_or_else(String::new, |change| {
            let sign = if change > 0.0 { "+" } else { "" };
            format!("{sign}{} %", decimals(change * 100.0, 1))
        })
    }

    /// All of it as a line of text, under a [`heading`].
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "  {:<28} {:>12} {:>12} {:>10}  {}",
            printable(&self.name),
            show_some(self.before, self.unit),
            show_some(self.after, self.unit),
            self.change_text(),
            self.verdict.word(),
        )
    }
}

/// The heads of the columns of [`Difference::line`], under a title.
#[must_use]
pub fn heading(title: &str) -> String {
    format!(
        "{:<30} {:>12} {:>12} {:>10}",
        printable(title),
        "before",
        "after",
        "change"
    )
}

/// Every figure of `after`, and of `before` where only that has it, held against each other.
#[must_use]
pub fn diff(before: &Summary, after: &Summary) -> Vec<Difference> {
    let mut earlier: BTreeMap<_, _> = metrics(before)
        .into_iter()
        .map(|metric| ((metric.group, metric.name.clone()), metric))
        .collect();
    let mut differences = Vec::new();
    for metric in metrics(after) {
        let was = earlier
            .remove(&(metric.group, metric.name.clone()))
            .and_then(|metric| metric.value);
        differences.push(Difference {
            group: metric.group,
            name: metric.name,
            unit: metric.unit,
            before: was,
            after: metric.value,
            verdict: verdict(was, metric.value, metric.better),
        });
    }
    differences.extend(earlier.into_values().map(|metric| Difference {
        group: metric.group,
        name: metric.name,
        unit: metric.unit,
        before: metric.value,
        after: None,
        verdict: verdict(metric.value, None, metric.better),
    }));
    // A stable sort by heading, so that what only the earlier run has stands with its kind.
    let order = ["Rides", "Latency", "Load", "Market", "Infrastructure"];
    differences.sort_by_key(|d| order.iter().position(|group| *group == d.group));
    differences
}

fn verdict(before: Option<f64>, after: Option<f64>, better: Better) -> Verdict {
    let (before, after) = match (before, after) {
        (None, None) => return Verdict::Same,
        (Some(before), Some(after)) => (before, after),
        _ => return Verdict::Changed,
    };
    if (after - before).abs() <= SAME_SHARE * before.abs() {
        return Verdict::Same;
    }
    match (better, after > before) {
        (Better::Neither, _) => Verdict::Changed,
        (Better::Higher, true) | (Better::Lower, false) => Verdict::Better,
        (Better::Higher, false) | (Better::Lower, true) => Verdict::Worse,
    }
}

/// What to know before reading the difference: settings in which the runs were not alike.
#[must_use]
pub fn cautions(before: &Summary, after: &Summary) -> Vec<String> {
    let pairs = [
        ("scenario", before.scenario.clone(), after.scenario.clone()),
        ("seed", before.seed.to_string(), after.seed.to_string()),
        ("target", before.target.clone(), after.target.clone()),
        (
            "speedup",
            before.speedup.to_string(),
            after.speedup.to_string(),
        ),
        ("version", before.version.clone(), after.version.clone()),
    ];
    pairs
        .into_iter()
        .filter(|(_, was, is)| was != is)
        .map(|(what, was, is)| {
            format!("{what}: {} before, {} now", printable(&was), printable(&is))
        })
        .collect()
}

/// The difference as plain text in aligned columns.
#[must_use]
pub fn diff_text(before: &Summary, after: &Summary) -> String {
    let mut out = String::new();
    for caution in cautions(before, after) {
        let _ = writeln!(out, "note: {caution}");
    }
    let mut group = "";
    for difference in diff(before, after) {
        if difference.group != group {
            group = difference.group;
            let _ = writeln!(out, "\n{}", heading(group));
        }
        let _ = writeln!(out, "{}", difference.line());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{ClockKind, Cost};

    fn of<'a>(all: &'a [Difference], name: &str) -> &'a Difference {
        all.iter().find(|d| d.name == name).unwrap()
    }

    #[test]
    fn each_figure_knows_which_way_is_better() {
        let mut before = Summary::new("s", 1, "embedded", ClockKind::Wall);
        let mut after = Summary::new("s", 2, "embedded", ClockKind::Wall);
        for (summary, quote, completed) in [(&mut before, 40.0, 100), (&mut after, 50.0, 120)] {
            summary.latency_ms.get_mut("quote").unwrap().p99 = Some(quote);
            summary.rides.completed = completed;
            summary.rides.requested = completed;
            summary.money.gross = 100.0;
        }
        before.cost_usd = Some(Cost::default());
        let all = diff(&before, &after);
        assert_eq!(of(&all, "quote p99").verdict, Verdict::Worse);
        assert_eq!(of(&all, "quote p99").change_text(), "+25.0 %");
        assert_eq!(of(&all, "completed").verdict, Verdict::Better);
        assert_eq!(of(&all, "requested").verdict, Verdict::Changed);
        assert_eq!(of(&all, "gross").verdict, Verdict::Same);
        assert_eq!(of(&all, "cost").verdict, Verdict::Changed);
        assert_eq!(of(&all, "request p99").verdict, Verdict::Same);
        assert_eq!(cautions(&before, &after), ["seed: 1 before, 2 now"]);
        let text = diff_text(&before, &after);
        let line = text.lines().find(|line| line.contains("quote p99"));
        let words: Vec<_> = line.unwrap().split_whitespace().collect();
        assert_eq!(words.join(" "), "quote p99 40.0 ms 50.0 ms +25.0 % worse");
    }
}
