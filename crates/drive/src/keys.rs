//! The names that a rider's request is made under.

use domain::TripId;
use workload::demand::RiderPlan;

/// The trip that a rider's request will be: known before it is sent, because it follows from the key.
#[must_use]
pub fn trip_of(plan: &RiderPlan) -> TripId {
    services::request::trip_id(plan.rider, &key_text(plan.idempotency_key))
}

/// An idempotency key as it is sent: 32 hexadecimal digits.
#[must_use]
pub fn key_text(key: u128) -> String {
    format!("{key:032x}")
}
