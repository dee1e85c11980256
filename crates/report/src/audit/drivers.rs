//! Rules about who has which driver.

use std::collections::{BTreeMap, BTreeSet};

use domain::limits::ATTEMPTS_MAX;
use domain::trip::{CancelledBy, TripState, TryOutcome};
use domain::{DriverId, Timestamp, TripId};

use super::{AuditInput, Findings, Subject};
use crate::trips::TripRow;

/// From when to when a driver was kept by a trip.
struct Kept {
    from: Timestamp,
    until: Timestamp,
    trip: TripId,
}

fn kept_until(row: &TripRow, ended_at: Timestamp) -> Timestamp {
    match row.state {
        // The store learns of a no-show after the tracker has let the driver go, and has only its own
        // time: the arrival is the last moment at which the driver was surely kept.
        TripState::Cancelled {
            by: CancelledBy::Driver,
            ..
        } => row.stamps.arrived_at.unwrap_or(row.since),
        _ => row.ended_at().unwrap_or(ended_at),
    }
}

pub(super) fn one_driver_one_live_trip(input: &AuditInput<'_>, findings: &mut Findings) {
    let evidence = input.evidence;
    let mut kept: BTreeMap<DriverId, Vec<Kept>> = BTreeMap::new();
    for row in input.rows {
        if let (Some(driver), Some(from)) = (row.driver(), row.accepted_at()) {
            let until = kept_until(row, evidence.ended_at);
            let trip = row.trip;
            kept.entry(driver)
                .or_default()
                .push(Kept { from, until, trip });
        }
    }
    let tolerance = evidence.bounds.clock_error();
    for (driver, spans) in &mut kept {
        spans.sort_by_key(|span| (span.from, span.until, span.trip));
        for pair in spans.windows(2) {
            let (earlier, later) = (&pair[0], &pair[1]);
            let subject = Subject::trip(later.trip).driver(*driver);
            findings.expect(later.from + tolerance >= earlier.until, subject, || {
                format!(
                    "found it accepted at {} while trip {} kept the driver from {} to {}, expected no overlap",
                    later.from, earlier.trip, earlier.from, earlier.until
                )
            });
        }
    }
    let (mut drivers, mut trips) = (BTreeMap::new(), BTreeMap::new());
    for hold in &evidence.holds {
        let subject = Subject::trip(hold.trip).driver(hold.driver);
        let other = drivers.insert(hold.driver, hold.trip);
        findings.expect(other.is_none(), subject, || {
            format!(
                "found a second live hold of the driver, for trip {}, expected one",
                show(other)
            )
        });
        let other = trips.insert(hold.trip, hold.driver);
        findings.expect(other.is_none(), subject, || {
            format!(
                "found a second live hold for the trip, of {}, expected one",
                show(other)
            )
        });
    }
}

pub(super) fn product_as_chosen(input: &AuditInput<'_>, findings: &mut Findings) {
    let Some(served_by) = &input.evidence.served_by else {
        for row in input.rows {
            findings.expect(row.product.is_none(), Subject::trip(row.trip), || {
                format!(
                    "found the product {}, expected none, as there is nothing to choose",
                    show(row.product)
                )
            });
        }
        return;
    };
    for row in input.rows {
        let product = show(row.product);
        let classes = served_by.products.get(&product);
        for tried in &row.tries {
            let class = served_by.drivers.get(&tried.driver.to_string());
            let serves = classes
                .zip(class)
                .is_some_and(|(classes, class)| classes.contains(class));
            let subject = Subject::trip(row.trip).driver(tried.driver);
            findings.expect(serves, subject, || {
                format!(
                    "found an offer of the product {product} to the driver of a vehicle of class {}, expected one of {classes:?}",
                    show(class)
                )
            });
        }
    }
}

fn show<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

pub(super) fn one_accept_per_trip(input: &AuditInput<'_>, findings: &mut Findings) {
    for row in input.rows {
        let subject = Subject::trip(row.trip);
        let accepted = row
            .tries
            .iter()
            .filter(|t| t.outcome == TryOutcome::Accepted)
            .count();
        findings.expect(accepted <= 1, subject, || {
            format!("found {accepted} accepted tries, expected at most one")
        });
        let before_last = row.tries.split_last().map_or(&[][..], |(_, rest)| rest);
        let ended = before_last.iter().all(|t| {
            !matches!(t.outcome, TryOutcome::Pending | TryOutcome::Accepted) && t.ended_at.is_some()
        });
        findings.expect(ended, subject, || {
            "found a try that had not ended before the next, expected each to end first".to_owned()
        });
        findings.expect(row.tries.len() <= ATTEMPTS_MAX, subject, || {
            format!(
                "found {} tries, expected at most {ATTEMPTS_MAX}",
                row.tries.len()
            )
        });
        seen_accepts(row, findings);
    }
}

/// The tracker confirms one driver per attempt, and the next only after the last was lost.
fn seen_accepts(row: &TripRow, findings: &mut Findings) {
    let Some(seen) = row.seen.as_ref().filter(|seen| !seen.accepts.is_empty()) else {
        return;
    };
    let confirmed: BTreeSet<_> = seen.accepts.iter().map(|a| (a.attempt, a.driver)).collect();
    let confirmed: Vec<_> = confirmed.into_iter().collect();
    for pair in confirmed.windows(2) {
        let ((attempt, driver), (next, other)) = (pair[0], pair[1]);
        let subject = Subject::trip(row.trip).driver(other);
        let outcome = try_of(row, attempt.0).map(|t| t.outcome);
        let released = attempt != next && outcome == Some(TryOutcome::Lost);
        findings.expect(released, subject, || {
            format!(
                "found accepts confirmed to {driver} (attempt {attempt}) and to {other} (attempt {next}), expected one"
            )
        });
    }
}

fn try_of(row: &TripRow, attempt: u32) -> Option<&domain::trip::Try> {
    let index = usize::try_from(attempt.checked_sub(1)?).ok()?;
    row.tries.get(index)
}

pub(super) fn own_trip_only(input: &AuditInput<'_>, findings: &mut Findings) {
    for row in input.rows {
        let Some(seen) = &row.seen else { continue };
        let subject = Subject::trip(row.trip);
        findings.expect(seen.rider == row.rider, subject, || {
            format!(
                "found it asked for by {}, expected {}",
                seen.rider, row.rider
            )
        });
        for accept in &seen.accepts {
            let asked = try_of(row, accept.attempt.0).map(|t| t.driver);
            findings.expect(
                asked == Some(accept.driver),
                subject.driver(accept.driver),
                || {
                    format!(
                        "found attempt {} accepted by {}, expected {}, to whom it was offered",
                        accept.attempt,
                        accept.driver,
                        show(asked)
                    )
                },
            );
        }
    }
    findings.checked += input.evidence.foreign_views_refused;
    for view in &input.evidence.foreign_views {
        findings.expect(false, Subject::trip(view.trip), || {
            format!(
                "found it shown to {}, expected its own rider alone",
                view.rider
            )
        });
    }
}
