//! Rules about money.

use domain::Money;
use domain::trip::{CancelStage, CancelledBy, TripState};

use super::{AuditInput, Findings, Subject};
use crate::trips::TripRow;

pub(super) fn fare_as_quoted(input: &AuditInput<'_>, findings: &mut Findings) {
    for row in input.rows {
        let subject = Subject::trip(row.trip);
        let (ride, fee) = if ride_is_charged(row.state) {
            (row.fare.ride, row.fare.booking_fee)
        } else {
            (Money::ZERO, Money::ZERO)
        };
        let charged = (row.charge.ride, row.charge.booking_fee);
        findings.expect(charged == (ride, fee), subject, || {
            format!(
                "found {} and a booking fee of {} charged, expected {} and {} (minor units)",
                charged.0.minor(),
                charged.1.minor(),
                ride.minor(),
                fee.minor()
            )
        });
        let Some(seen) = &row.seen else { continue };
        if let Some(quoted) = seen.quoted_total {
            findings.expect(quoted == row.fare.total(), subject, || {
                format!(
                    "found a fare of {} in the store, expected {} as quoted (minor units)",
                    row.fare.total().minor(),
                    quoted.minor()
                )
            });
        }
        if let Some(charged) = seen.charged_total.filter(|_| row.state.is_final()) {
            findings.expect(charged == row.rider_pays, subject, || {
                format!(
                    "found {} charged in the store, expected {} as the rider was told (minor units)",
                    row.rider_pays.minor(),
                    charged.minor()
                )
            });
        }
    }
}

/// Whether the ride itself is paid: it took place, or the rider left from the car.
fn ride_is_charged(state: TripState) -> bool {
    matches!(
        state,
        TripState::Completed
            | TripState::Cancelled {
                by: CancelledBy::Rider,
                stage: CancelStage::PickedUp
            }
    )
}

pub(super) fn money_adds_up(input: &AuditInput<'_>, findings: &mut Findings) {
    for row in input.rows {
        let subject = Subject::trip(row.trip);
        let parts = parts_of(row);
        let pays = row.rider_pays.minor();
        let sum: i64 = parts.iter().sum();
        findings.expect(pays == sum, subject, || {
            format!(
                "found the rider to pay {pays}, expected {sum}, the sum of its parts (minor units)"
            )
        });
        let shared = row.charge.driver_pay + row.platform + row.charge.fees();
        findings.expect(row.rider_pays == shared, subject, || {
            format!(
                "found the rider to pay {pays}, expected {}: driver {} + platform {} + fees {} (minor units)",
                shared.minor(),
                row.charge.driver_pay.minor(),
                row.platform.minor(),
                row.charge.fees().minor()
            )
        });
        let least = parts.iter().copied().min().unwrap_or(0);
        let least = least.min(row.charge.driver_pay.minor());
        findings.expect(least >= 0, subject, || {
            format!("found an amount of {least}, expected none below zero (minor units)")
        });
        if row.state == TripState::Completed {
            let (paid, due) = (row.charge.driver_pay, row.fare.driver_pay);
            findings.expect(paid >= due, subject, || {
                format!(
                    "found the driver paid {}, expected at least {} as offered (minor units)",
                    paid.minor(),
                    due.minor()
                )
            });
        }
    }
}

fn parts_of(row: &TripRow) -> [i64; 5] {
    [
        row.charge.ride.minor(),
        row.charge.booking_fee.minor(),
        row.charge.wait_fee.minor(),
        row.charge.cancel_fee.minor(),
        row.charge.no_show_fee.minor(),
    ]
}
