//! The rule that nothing is lost and nothing made up.

use std::collections::BTreeSet;

use domain::trip::TripState;

use super::{AuditInput, Findings, LoadCounts, Subject};
use crate::trips::TripRow;

pub(super) fn conservation(input: &AuditInput<'_>, findings: &mut Findings) {
    let mut known = BTreeSet::new();
    for row in input.rows {
        findings.expect(known.insert(row.trip), Subject::trip(row.trip), || {
            "found it twice in the store, expected once".to_owned()
        });
    }
    for trip in &input.evidence.missing {
        findings.expect(known.contains(trip), Subject::trip(*trip), || {
            "found it confirmed to its rider and not in the store, expected it there".to_owned()
        });
    }
    let evidence = input.evidence;
    for (what, unread) in [
        ("trips", &evidence.trips_unread),
        ("holds", &evidence.holds_unread),
    ] {
        if let Some(why) = unread {
            findings.expect(false, Subject::default(), || {
                format!("found the {what} of the store unread ({why}), expected them to be read")
            });
        }
    }
    let load = &evidence.load;
    let store = counts(input.rows);
    for (who, counts) in [("the store", &store), ("the load generator", load)] {
        let begun = counts.in_progress_at_start + counts.requested;
        let known = counts.completed + counts.cancelled + counts.unserved + counts.in_progress;
        let ended = known + counts.state_unknown;
        findings.expect(begun == ended, Subject::default(), || {
            format!("found {ended} rides ended or in progress by {who}, expected {begun} as begun")
        });
    }
    if evidence.trips_unread.is_some() {
        return;
    }
    // A request whose answer was lost may or may not be in the store.
    let lost = load.unknown;
    // A ride of which nobody learnt how it stands is in the store, in one state or another.
    let either = lost + load.state_unknown;
    let at_start = (store.in_progress_at_start, load.in_progress_at_start);
    let pairs = [
        ("in progress at the start", at_start, 0),
        ("requested", (store.requested, load.requested), lost),
        ("completed", (store.completed, load.completed), either),
        ("cancelled", (store.cancelled, load.cancelled), either),
        ("unserved", (store.unserved, load.unserved), either),
        ("in progress", (store.in_progress, load.in_progress), either),
    ];
    for (what, (found, seen), unknown) in pairs {
        let fits = (seen..=seen + unknown).contains(&found);
        findings.expect(fits, Subject::default(), || {
            let more = if unknown > 0 {
                format!(" to {}", seen + unknown)
            } else {
                String::new()
            };
            format!("found {found} rides {what} in the store, expected {seen}{more} as the load generator saw")
        });
    }
}

/// What the store comes to, counted as the load generator counts.
fn counts(rows: &[TripRow]) -> LoadCounts {
    let mut counts = LoadCounts::default();
    for row in rows {
        if row.in_progress_at_start {
            counts.in_progress_at_start += 1;
        } else {
            counts.requested += 1;
        }
        match row.state {
            TripState::Completed => counts.completed += 1,
            TripState::Cancelled { .. } => counts.cancelled += 1,
            TripState::Unserved { .. } => counts.unserved += 1,
            _ => counts.in_progress += 1,
        }
    }
    counts
}

#[cfg(test)]
pub(super) fn counts_of(rows: &[TripRow]) -> LoadCounts {
    counts(rows)
}
