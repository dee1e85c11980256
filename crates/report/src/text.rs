//! The summary as plain text, for a terminal or a pipe.

use std::fmt::Write as _;

use crate::format::{Unit, count, show, show_some, words};
use crate::metrics::metrics;
use crate::summary::{Cost, Summary};

/// The summary as plain text: verdicts first, then figures in aligned columns.
#[must_use]
pub fn text(summary: &Summary) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} on {} · seed {} · {} simulated in {}",
        printable(&summary.scenario),
        printable(&summary.target),
        summary.seed,
        show(summary.seconds.simulated, Unit::Seconds),
        show(summary.seconds.wall, Unit::Seconds),
    );
    for note in &summary.notes {
        let _ = writeln!(out, "  note: {}", printable(note));
    }
    verdicts(summary, &mut out);
    latency_table(summary, &mut out);
    let mut group = "";
    for metric in metrics(summary) {
        if metric.group == "Latency" {
            continue;
        }
        if metric.group != group {
            group = metric.group;
            let _ = writeln!(out, "\n{group}");
        }
        let value = match (&summary.cost_usd, metric.unit) {
            (Some(cost), Unit::Dollars) => cost.show(metric.value),
            _ => show_some(metric.value, metric.unit),
        };
        let _ = writeln!(out, "  {:<28} {value:>14}", printable(&metric.name));
    }
    if let Some(note) = summary.cost_usd.as_ref().and_then(Cost::footnote) {
        let _ = writeln!(out, "  {}", printable(&note));
    }
    products(summary, &mut out);
    for (title, counts) in [
        ("Unserved because", &summary.unserved_because),
        ("Cancelled by and when", &summary.cancels),
    ] {
        if !counts.is_empty() {
            let _ = writeln!(out, "\n{title}");
        }
        for (name, number) in counts {
            let _ = writeln!(
                out,
                "  {:<28} {:>14}",
                printable(&words(name)),
                count(*number)
            );
        }
    }
    if let Some(replicas) = &summary.replicas {
        out.push_str(&crate::replicas::text(replicas));
    }
    out
}

fn products(summary: &Summary, out: &mut String) {
    if summary.products.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "\n{:<22} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "Products", "requested", "completed", "unserved", "served", "wait", "wait p90"
    );
    for (name, figures) in &summary.products {
        let wait = &figures.pickup.wait_s;
        let _ = writeln!(
            out,
            "  {:<20} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
            printable(name),
            count(figures.requested),
            count(figures.completed),
            count(figures.unserved),
            show_some(figures.served_share, Unit::Share),
            show_some(wait.mean, Unit::Seconds),
            show_some(wait.p90, Unit::Seconds),
        );
    }
}

fn verdicts(summary: &Summary, out: &mut String) {
    let violations = summary.audit.violations_count();
    let checked = count(summary.audit.checked);
    let _ = if violations == 0 {
        writeln!(out, "  audit: clean, {checked} facts checked")
    } else {
        writeln!(
            out,
            "  AUDIT: {} violations in {checked} facts checked",
            count(violations)
        )
    };
    for violation in summary.audit.violations.iter().take(10) {
        let whose = violation
            .trip
            .as_deref()
            .or(violation.driver.as_deref())
            .unwrap_or("the run");
        let _ = writeln!(
            out,
            "    {} of {whose}: {}",
            violation.rule,
            printable(&violation.detail)
        );
    }
    for slo in &summary.slo {
        let verdict = if slo.passed { "kept" } else { "BROKEN" };
        let unit = slo_unit(&slo.name);
        let _ = writeln!(
            out,
            "  slo {:<28} {:>12}   limit {:>10}   {verdict}",
            printable(&slo.name),
            show_some(slo.actual, unit),
            show(slo.limit, unit)
        );
    }
}

/// The unit of a limit by its name.
pub(crate) fn slo_unit(name: &str) -> Unit {
    if name.ends_with("_share") {
        Unit::Share
    } else {
        Unit::Milliseconds
    }
}

fn latency_table(summary: &Summary, out: &mut String) {
    let _ = writeln!(
        out,
        "\n{:<22} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "Latency", "count", "p50", "p90", "p99", "p99.9", "max"
    );
    for (step, figures) in &summary.latency_ms {
        let _ = write!(
            out,
            "  {:<20} {:>10}",
            printable(&words(step)),
            count(figures.count)
        );
        for value in [
            figures.p50,
            figures.p90,
            figures.p99,
            figures.p999,
            figures.max,
        ] {
            let _ = write!(out, " {:>10}", show_some(value, Unit::Milliseconds));
        }
        out.push('\n');
    }
}

/// Text from files, without what a terminal would act upon.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{ClockKind, Slo, Violation};

    #[test]
    fn costs_that_rest_on_unverified_figures_are_marked() {
        let mut summary = Summary::new("peak", 42, "twin", ClockKind::Virtual);
        let mut cost = Cost {
            total: 2.5,
            ..Cost::default()
        };
        summary.cost_usd = Some(cost.clone());
        assert!(!text(&summary).contains('*'));
        cost.unverified = vec!["profile.table.get".into()];
        summary.cost_usd = Some(cost.clone());
        let marked = text(&summary);
        assert!(marked.contains(" *\n"), "{marked}");
        assert!(
            marked.contains("* rests on a figure that nobody has checked: profile.table.get\n"),
            "{marked}"
        );
        cost.unverified = (0..20).map(|n| format!("profile.key_{n:02}")).collect();
        let note = cost.footnote().unwrap();
        assert!(
            note.ends_with("profile.key_11 and 8 more (cost_usd.unverified in summary.json)"),
            "{note}"
        );
    }

    #[test]
    fn verdicts_come_first_and_columns_align() {
        let mut summary = Summary::new("peak\u{1b}[31m", 42, "embedded", ClockKind::Wall);
        summary.slo.push(Slo {
            name: "quote_p99".into(),
            limit: 50.0,
            actual: Some(61.0),
            passed: false,
        });
        summary
            .unserved_because
            .insert("patience_over".into(), 1_234);
        let clean = text(&summary);
        assert!(clean.contains("audit: clean, 0 facts checked"));
        assert!(clean.contains("BROKEN"));
        assert!(
            clean.contains("patience over                         1,234"),
            "{clean}"
        );
        assert!(!clean.contains('\u{1b}'));
        summary.audit.violations.push(Violation {
            rule: "conservation".into(),
            trip: None,
            driver: None,
            detail: "found 1, expected 2".into(),
        });
        let broken = text(&summary);
        assert!(broken.contains("AUDIT: 1 violations"), "{broken}");
        assert!(broken.contains("conservation of the run: found 1, expected 2"));
    }
}
