//! Rules about a trip's way through its states, and about time.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::trip::{CancelStage, CancelledBy, TripState, TryOutcome};
use domain::{Timestamp, TripId};

use super::{AuditInput, Evidence, Findings, LiveHold, Subject};
use crate::trips::{TripRow, names};

pub(super) fn state_machine(input: &AuditInput<'_>, findings: &mut Findings) {
    let tolerance = input.evidence.bounds.clock_error();
    for row in input.rows {
        let subject = Subject::trip(row.trip);
        let missing = missing_stamps(row);
        findings.expect(missing.is_empty(), subject, || {
            format!(
                "found it {} without {}, expected every earlier step's time",
                row.state.name(),
                missing.join(", ")
            )
        });
        in_order(row, tolerance, findings);
        let last = row.tries.last().map(|t| t.outcome);
        findings.expect(last_try_fits(row.state, last), subject, || {
            format!(
                "found it {} with its last try {}, expected one that leads there",
                names::whole_state(row.state),
                last.map_or("none", TryOutcome::name)
            )
        });
        seen_end_is_final(row, findings);
    }
}

fn missing_stamps(row: &TripRow) -> Vec<&'static str> {
    let needed = match row.state {
        TripState::Accepted => 1,
        TripState::Arrived => 2,
        TripState::PickedUp => 3,
        TripState::Completed => 4,
        TripState::Cancelled { stage, .. } => match stage {
            CancelStage::Requested | CancelStage::Offered => 0,
            CancelStage::Accepted => 1,
            CancelStage::Arrived => 2,
            CancelStage::PickedUp => 3,
        },
        TripState::Requested | TripState::Offered | TripState::Unserved { .. } => 0,
    };
    stamps(row)
        .into_iter()
        .take(needed)
        .filter(|(_, at)| at.is_none())
        .map(|(name, _)| name)
        .collect()
}

fn stamps(row: &TripRow) -> [(&'static str, Option<Timestamp>); 4] {
    [
        ("accepted_at", row.stamps.accepted_at),
        ("arrived_at", row.stamps.arrived_at),
        ("picked_up_at", row.stamps.picked_up_at),
        ("dropped_off_at", row.stamps.dropped_off_at),
    ]
}

fn in_order(row: &TripRow, tolerance: Duration, findings: &mut Findings) {
    let mut steps = vec![("requested_at", row.requested_at)];
    for tried in &row.tries {
        steps.push(("offered_at", tried.offered_at));
        // An accepted try's end is the accept itself, which follows among the stamps.
        if tried.outcome != TryOutcome::Accepted {
            steps.extend(tried.ended_at.map(|at| ("the end of a try", at)));
        }
    }
    steps.extend(
        stamps(row)
            .into_iter()
            .filter_map(|(name, at)| Some((name, at?))),
    );
    let disorder = steps
        .windows(2)
        .find(|pair| pair[1].1 + tolerance < pair[0].1);
    findings.expect(disorder.is_none(), Subject::trip(row.trip), || {
        disorder.map_or_else(String::new, |pair| {
            format!(
                "found {} {} before {} {}, expected it after",
                pair[1].0, pair[1].1, pair[0].0, pair[0].1
            )
        })
    });
}

fn last_try_fits(state: TripState, last: Option<TryOutcome>) -> bool {
    let ended = matches!(
        last,
        None | Some(TryOutcome::Declined | TryOutcome::Expired | TryOutcome::Lost)
    );
    match state {
        TripState::Requested | TripState::Unserved { .. } => ended,
        TripState::Offered => last == Some(TryOutcome::Pending),
        TripState::Accepted | TripState::Arrived | TripState::PickedUp | TripState::Completed => {
            last == Some(TryOutcome::Accepted)
        }
        TripState::Cancelled { by, stage } => match (by, stage) {
            (CancelledBy::Rider, CancelStage::Requested) => ended,
            (CancelledBy::Rider, CancelStage::Offered) => last == Some(TryOutcome::Withdrawn),
            (CancelledBy::Rider, CancelStage::Accepted | CancelStage::Arrived)
            | (CancelledBy::Driver, CancelStage::Arrived)
            | (CancelledBy::System, CancelStage::PickedUp) => last == Some(TryOutcome::Accepted),
            _ => false,
        },
    }
}

fn seen_end_is_final(row: &TripRow, findings: &mut Findings) {
    let Some(seen) = row.seen.as_ref().and_then(|seen| seen.state) else {
        return;
    };
    findings.expect(
        !seen.is_final() || seen == row.state,
        Subject::trip(row.trip),
        || {
            format!(
                "found it {}, expected {}, which the rider had been shown and which is final",
                names::whole_state(row.state),
                names::whole_state(seen)
            )
        },
    );
}

pub(super) fn every_request_ends(input: &AuditInput<'_>, findings: &mut Findings) {
    let bounds = &input.evidence.bounds;
    for row in input.rows {
        let last_try_over = row.tries.last().map(|t| t.deadline);
        let search_over = last_try_over.map_or(row.patience_until, |at| at.max(row.patience_until))
            + bounds.search_grace();
        let (limit, until) = match row.state {
            TripState::Requested | TripState::Offered => (search_over, input.evidence.ended_at),
            TripState::Unserved { .. } => (search_over, row.since),
            TripState::Accepted | TripState::Arrived | TripState::PickedUp => {
                (row.since + bounds.under_way_max(), input.evidence.ended_at)
            }
            TripState::Completed | TripState::Cancelled { .. } => (Timestamp::MAX, row.since),
        };
        findings.expect(until <= limit, Subject::trip(row.trip), || {
            format!(
                "found it {} since {} at {until}, expected an end by {limit}",
                row.state.name(),
                row.since
            )
        });
    }
}

pub(super) fn no_hold_outlives_deadline(input: &AuditInput<'_>, findings: &mut Findings) {
    let tolerance = input.evidence.bounds.clock_error();
    for row in input.rows {
        for tried in row
            .tries
            .iter()
            .filter(|t| t.outcome == TryOutcome::Accepted)
        {
            let at = tried.ended_at.unwrap_or(tried.deadline);
            let subject = Subject::trip(row.trip).driver(tried.driver);
            findings.expect(at <= tried.deadline + tolerance, subject, || {
                format!(
                    "found it accepted at {at}, expected by its deadline {}",
                    tried.deadline
                )
            });
        }
    }
    let rows: BTreeMap<TripId, &TripRow> = input.rows.iter().map(|row| (row.trip, row)).collect();
    for hold in &input.evidence.holds {
        let fault = hold_fault(hold, rows.get(&hold.trip).copied(), input.evidence);
        let subject = Subject::trip(hold.trip).driver(hold.driver);
        findings.expect(fault.is_none(), subject, || fault.unwrap_or_default());
    }
}

fn hold_fault(hold: &LiveHold, row: Option<&TripRow>, evidence: &Evidence) -> Option<String> {
    let now = evidence.ended_at;
    if !hold.accepted {
        return (now > hold.deadline + evidence.bounds.clock_error()).then(|| {
            format!(
                "found it held at {now}, expected to be free after its deadline {}",
                hold.deadline
            )
        });
    }
    let Some(row) = row else {
        return Some(
            "found it held for a trip that is not in the store, expected to be released".to_owned(),
        );
    };
    // The trip may have ended or moved on a moment before the store was read.
    let settled = now > row.since + evidence.bounds.search_grace();
    let fits = row.state.is_assigned()
        && row.driver() == Some(hold.driver)
        && row.tries.len() == usize::try_from(hold.attempt).unwrap_or(usize::MAX);
    (settled && !fits).then(|| {
        format!(
            "found it held for attempt {} of a trip {} since {} with {} tries, expected to be released",
            hold.attempt,
            row.state.name(),
            row.since,
            row.tries.len()
        )
    })
}
