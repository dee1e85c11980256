//! What it means that a transaction on a hold was cancelled, from the two items read back after it.
//!
//! The two reads are not one snapshot, so every decision rests on one of the items alone. Where neither
//! stands in the way any more, the transaction is tried again.

use domain::Timestamp;
use domain::hold::{Hold, HoldKey, HoldStage, Refusal};
use services::ports::{HoldEnd, Reserved};
use wire::items::hold::Ledger;

/// What to do after a cancelled transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterCancel<D> {
    /// Answer this.
    Decided(D),
    /// Nothing stands in the way now.
    Again,
}

/// How a hold stands that was to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The driver does not have it any more.
    Gone,
    /// It was accepted, and only expiry was asked for.
    Stays,
    /// The trip went on to another driver when the hold was void; only the driver's item is left.
    VoidRemains,
}

/// Whether a trip's ledger forbids a new hold: the opposite of the condition `TRIP_IS_FREE`.
fn keeps_trip(ledger: &Ledger, key: HoldKey, now: Timestamp) -> bool {
    if ledger.key.attempt < key.attempt {
        return ledger.accepted && !ledger.ended;
    }
    let same_attempt = ledger.key.attempt == key.attempt;
    let may_be_replaced = ledger.key.driver == key.driver || ledger.ended || ledger.deadline < now;
    !(same_attempt && !ledger.accepted && may_be_replaced)
}

pub(super) fn reserve_over(
    key: HoldKey,
    now: Timestamp,
    driver: Option<&Hold>,
    ledger: Option<&Ledger>,
) -> AfterCancel<Reserved> {
    let driver = driver.filter(|hold| hold.is_live(now));
    if driver.is_some_and(|hold| hold.key == key) {
        return AfterCancel::Decided(Reserved::Held);
    }
    if let Some(ledger) = ledger.filter(|ledger| keeps_trip(ledger, key, now)) {
        return AfterCancel::Decided(Reserved::TripHeldBy(ledger.key.driver));
    }
    if driver.is_some() {
        return AfterCancel::Decided(Reserved::DriverTaken);
    }
    AfterCancel::Again
}

/// What the trip's ledger says of an accept. What the driver's item says is [`domain::hold::accept`]'s.
pub(super) fn accept_over(key: HoldKey, ledger: Option<&Ledger>) -> AfterCancel<Refusal> {
    match ledger {
        Some(ledger) if ledger.key == key && !ledger.ended => AfterCancel::Again,
        // The hold ended, or was void on another's clock and the trip went on to another driver.
        _ => AfterCancel::Decided(Refusal::NotOffered),
    }
}

pub(super) fn end_over(
    key: HoldKey,
    why: HoldEnd,
    driver: Option<&Hold>,
    ledger: Option<&Ledger>,
) -> AfterCancel<Ended> {
    let Some(hold) = driver.filter(|hold| hold.key == key) else {
        return AfterCancel::Decided(Ended::Gone);
    };
    if hold.stage == HoldStage::Accepted && why == HoldEnd::Expired {
        return AfterCancel::Decided(Ended::Stays);
    }
    if ledger.is_none_or(|ledger| ledger.key != key) {
        return AfterCancel::Decided(Ended::VoidRemains);
    }
    AfterCancel::Again
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Attempt, DriverId, TripId};

    const NOW: Timestamp = Timestamp::from_millis(10_000);

    fn key(attempt: u32, driver: u64) -> HoldKey {
        HoldKey {
            trip: TripId(1),
            attempt: Attempt(attempt),
            driver: DriverId(driver),
        }
    }

    fn ledger(attempt: u32, deadline_ms: i64, accepted: bool, ended: bool) -> Ledger {
        Ledger {
            key: key(attempt, 1),
            deadline: Timestamp::from_millis(deadline_ms),
            accepted,
            ended,
        }
    }

    #[test]
    fn a_ledger_keeps_its_trip_as_long_as_it_must() {
        let (live, void) = (10_000, 9_999);
        let cases = [
            // Attempt 2 of another driver over…
            (ledger(1, live, false, false), false),
            (ledger(1, live, true, false), true),
            (ledger(1, live, true, true), false),
            (ledger(2, live, false, false), true),
            (ledger(2, void, false, false), false),
            (ledger(2, live, false, true), false),
            (ledger(2, void, true, true), true),
            (ledger(3, void, false, true), true),
        ];
        for (ledger, kept) in cases {
            assert_eq!(keeps_trip(&ledger, key(2, 2), NOW), kept, "{ledger:?}");
        }
        // The same driver again.
        assert!(!keeps_trip(&ledger(2, live, false, false), key(2, 1), NOW));
        assert!(keeps_trip(&ledger(2, live, true, true), key(2, 1), NOW));
    }

    #[test]
    fn an_accept_over_a_ledger_that_went_on_is_refused() {
        assert_eq!(
            accept_over(key(1, 1), Some(&ledger(2, 0, false, false))),
            AfterCancel::Decided(Refusal::NotOffered)
        );
        assert_eq!(
            accept_over(key(1, 1), Some(&ledger(1, 0, false, false))),
            AfterCancel::Again
        );
    }
}
