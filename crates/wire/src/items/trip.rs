//! The item of a trip: `trip#<id>`, with its state, version and request time beside the document.

use std::time::Duration;

use domain::fare::{Charge, Fare};
use domain::surge::Multiplier;
use domain::trip::{
    CancelStage, CancelledBy, Stamps, Trip, TripState, Try, TryOutcome, UnservedReason,
};
use domain::{Currency, DriverId, Money, ProductName, Region, RiderId, Timestamp, TripId};
use serde::{Deserialize, Serialize};

use super::{
    DOC, ITEM_VERSION, Item, ItemError, KEY, PlaceDoc, VERSION, Value, check_version, error,
    key_part, number, read_doc, text, timestamp, write_doc,
};

/// The trip's count of writes, which a transition compares.
pub const TRIP_VERSION: &str = "trip_version";
/// The trip's state, readable: `requested`, `cancelled/rider/accepted`, `unserved/patience_over`.
pub const STATE: &str = "state";
/// When the trip was requested.
pub const REQUESTED_AT: &str = "requested_at_us";

/// The partition key of a trip.
#[must_use]
pub fn trip_key(id: TripId) -> String {
    format!("trip#{id}")
}

#[derive(Serialize, Deserialize)]
struct TripDoc {
    region: String,
    rider: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    product: Option<String>,
    pickup: PlaceDoc,
    dropoff: PlaceDoc,
    fare: FareDoc,
    distance_m: f64,
    duration_ns: u64,
    fingerprint: String,
    patience_ns: u64,
    patience_until_us: i64,
    tries: Vec<TryDoc>,
    stamps: StampsDoc,
    since_us: i64,
    checked_at_us: i64,
    charge: ChargeDoc,
}

#[derive(Serialize, Deserialize)]
struct FareDoc {
    currency: String,
    ride: i64,
    booking_fee: i64,
    driver_pay: i64,
    surge: u32,
}

#[derive(Serialize, Deserialize)]
struct TryDoc {
    driver: u64,
    offered_at_us: i64,
    deadline_us: i64,
    outcome: OutcomeDoc,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at_us: Option<i64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeDoc {
    Pending,
    Accepted,
    Declined,
    Expired,
    Withdrawn,
    Lost,
}

#[derive(Serialize, Deserialize)]
struct StampsDoc {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted_at_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrived_at_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picked_up_at_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dropped_off_at_us: Option<i64>,
}

/// Amounts that are nothing are left out: most trips have no fee but the booking's.
#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct ChargeDoc {
    #[serde(skip_serializing_if = "is_nothing")]
    ride: i64,
    #[serde(skip_serializing_if = "is_nothing")]
    booking_fee: i64,
    #[serde(skip_serializing_if = "is_nothing")]
    wait_fee: i64,
    #[serde(skip_serializing_if = "is_nothing")]
    cancel_fee: i64,
    #[serde(skip_serializing_if = "is_nothing")]
    no_show_fee: i64,
    #[serde(skip_serializing_if = "is_nothing")]
    driver_pay: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_nothing(amount: &i64) -> bool {
    *amount == 0
}

/// The item of a trip.
#[must_use]
pub fn encode_trip(trip: &Trip) -> Item {
    let doc = TripDoc {
        region: trip.region.as_str().to_owned(),
        rider: trip.rider.0,
        product: trip.product.map(|product| product.to_string()),
        pickup: trip.pickup.into(),
        dropoff: trip.dropoff.into(),
        fare: encode_fare(&trip.fare),
        distance_m: trip.distance_m,
        duration_ns: nanos(trip.duration),
        fingerprint: format!("{:032x}", u128::from_be_bytes(trip.fingerprint)),
        patience_ns: nanos(trip.patience),
        patience_until_us: trip.patience_until.as_micros(),
        tries: trip.tries.iter().map(encode_try).collect(),
        stamps: encode_stamps(&trip.stamps),
        since_us: trip.since.as_micros(),
        checked_at_us: trip.checked_at.as_micros(),
        charge: encode_charge(&trip.charge),
    };
    Item::from([
        (KEY.to_owned(), trip_key(trip.id).into()),
        (VERSION.to_owned(), Value::Number(ITEM_VERSION)),
        (TRIP_VERSION.to_owned(), trip.version.into()),
        (STATE.to_owned(), state_text(trip.state).into()),
        (REQUESTED_AT.to_owned(), trip.requested_at.into()),
        (DOC.to_owned(), write_doc(&doc)),
    ])
}

/// Reads a trip from its item. Attributes beside those of [`encode_trip`] are ignored.
///
/// # Errors
/// If the item is of another version, or damaged.
pub fn decode_trip(item: &Item) -> Result<Trip, ItemError> {
    check_version(item)?;
    let doc: TripDoc = read_doc(item)?;
    let fingerprint = u128::from_str_radix(&doc.fingerprint, 16)
        .map_err(|_| error(item, DOC, &doc.fingerprint, "a fingerprint of 32 digits"))?;
    let region =
        Region::new(&doc.region).map_err(|why| error(item, DOC, &why.found, why.expected))?;
    let product = doc.product.as_deref().map(ProductName::new).transpose();
    let product = product.map_err(|why| error(item, DOC, &why.found, why.expected))?;
    let state = text(item, STATE)?;
    Ok(Trip {
        id: key_part(item, "trip")?,
        region,
        rider: RiderId(doc.rider),
        product,
        pickup: doc.pickup.place(item)?,
        dropoff: doc.dropoff.place(item)?,
        fare: decode_fare(&doc.fare, item)?,
        distance_m: doc.distance_m,
        duration: Duration::from_nanos(doc.duration_ns),
        fingerprint: fingerprint.to_be_bytes(),
        patience: Duration::from_nanos(doc.patience_ns),
        requested_at: timestamp(item, REQUESTED_AT)?,
        patience_until: Timestamp::from_micros(doc.patience_until_us),
        state: parse_state(state).ok_or_else(|| error(item, STATE, state, "a trip's state"))?,
        tries: doc.tries.iter().map(decode_try).collect(),
        stamps: decode_stamps(&doc.stamps),
        since: Timestamp::from_micros(doc.since_us),
        checked_at: Timestamp::from_micros(doc.checked_at_us),
        charge: decode_charge(&doc.charge),
        version: number(item, TRIP_VERSION)?,
    })
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

fn encode_fare(fare: &Fare) -> FareDoc {
    FareDoc {
        currency: fare.currency.as_str().to_owned(),
        ride: fare.ride.minor(),
        booking_fee: fare.booking_fee.minor(),
        driver_pay: fare.driver_pay.minor(),
        surge: fare.surge.hundredths(),
    }
}

fn decode_fare(doc: &FareDoc, item: &Item) -> Result<Fare, ItemError> {
    Ok(Fare {
        currency: Currency::new(&doc.currency)
            .ok_or_else(|| error(item, DOC, &doc.currency, "a currency of three capitals"))?,
        ride: Money::from_minor(doc.ride),
        booking_fee: Money::from_minor(doc.booking_fee),
        driver_pay: Money::from_minor(doc.driver_pay),
        surge: Multiplier::from_hundredths(doc.surge),
    })
}

fn encode_try(one: &Try) -> TryDoc {
    TryDoc {
        driver: one.driver.0,
        offered_at_us: one.offered_at.as_micros(),
        deadline_us: one.deadline.as_micros(),
        outcome: match one.outcome {
            TryOutcome::Pending => OutcomeDoc::Pending,
            TryOutcome::Accepted => OutcomeDoc::Accepted,
            TryOutcome::Declined => OutcomeDoc::Declined,
            TryOutcome::Expired => OutcomeDoc::Expired,
            TryOutcome::Withdrawn => OutcomeDoc::Withdrawn,
            TryOutcome::Lost => OutcomeDoc::Lost,
        },
        ended_at_us: one.ended_at.map(Timestamp::as_micros),
    }
}

fn decode_try(doc: &TryDoc) -> Try {
    Try {
        driver: DriverId(doc.driver),
        offered_at: Timestamp::from_micros(doc.offered_at_us),
        deadline: Timestamp::from_micros(doc.deadline_us),
        outcome: match doc.outcome {
            OutcomeDoc::Pending => TryOutcome::Pending,
            OutcomeDoc::Accepted => TryOutcome::Accepted,
            OutcomeDoc::Declined => TryOutcome::Declined,
            OutcomeDoc::Expired => TryOutcome::Expired,
            OutcomeDoc::Withdrawn => TryOutcome::Withdrawn,
            OutcomeDoc::Lost => TryOutcome::Lost,
        },
        ended_at: doc.ended_at_us.map(Timestamp::from_micros),
    }
}

fn encode_stamps(stamps: &Stamps) -> StampsDoc {
    let us = |stamp: Option<Timestamp>| stamp.map(Timestamp::as_micros);
    StampsDoc {
        accepted_at_us: us(stamps.accepted_at),
        arrived_at_us: us(stamps.arrived_at),
        picked_up_at_us: us(stamps.picked_up_at),
        dropped_off_at_us: us(stamps.dropped_off_at),
    }
}

fn decode_stamps(doc: &StampsDoc) -> Stamps {
    let at = |us: Option<i64>| us.map(Timestamp::from_micros);
    Stamps {
        accepted_at: at(doc.accepted_at_us),
        arrived_at: at(doc.arrived_at_us),
        picked_up_at: at(doc.picked_up_at_us),
        dropped_off_at: at(doc.dropped_off_at_us),
    }
}

fn encode_charge(charge: &Charge) -> ChargeDoc {
    ChargeDoc {
        ride: charge.ride.minor(),
        booking_fee: charge.booking_fee.minor(),
        wait_fee: charge.wait_fee.minor(),
        cancel_fee: charge.cancel_fee.minor(),
        no_show_fee: charge.no_show_fee.minor(),
        driver_pay: charge.driver_pay.minor(),
    }
}

fn decode_charge(doc: &ChargeDoc) -> Charge {
    Charge {
        ride: Money::from_minor(doc.ride),
        booking_fee: Money::from_minor(doc.booking_fee),
        wait_fee: Money::from_minor(doc.wait_fee),
        cancel_fee: Money::from_minor(doc.cancel_fee),
        no_show_fee: Money::from_minor(doc.no_show_fee),
        driver_pay: Money::from_minor(doc.driver_pay),
    }
}

/// Every state with its text; the two that carry a reason have one row for each.
const STATES: [(&str, TripState); 6] = [
    ("requested", TripState::Requested),
    ("offered", TripState::Offered),
    ("accepted", TripState::Accepted),
    ("arrived", TripState::Arrived),
    ("picked_up", TripState::PickedUp),
    ("completed", TripState::Completed),
];
const CANCELLED_BY: [(&str, CancelledBy); 3] = [
    ("rider", CancelledBy::Rider),
    ("driver", CancelledBy::Driver),
    ("system", CancelledBy::System),
];
const CANCEL_STAGES: [(&str, CancelStage); 5] = [
    ("requested", CancelStage::Requested),
    ("offered", CancelStage::Offered),
    ("accepted", CancelStage::Accepted),
    ("arrived", CancelStage::Arrived),
    ("picked_up", CancelStage::PickedUp),
];

fn name_of<T: PartialEq>(table: &[(&'static str, T)], value: &T) -> &'static str {
    table
        .iter()
        .find(|(_, candidate)| candidate == value)
        .map(|(name, _)| *name)
        .expect("the tables name every value")
}

fn value_of<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(candidate, _)| *candidate == name)
        .map(|(_, value)| *value)
}

fn state_text(state: TripState) -> String {
    match state {
        TripState::Cancelled { by, stage } => format!(
            "cancelled/{}/{}",
            name_of(&CANCELLED_BY, &by),
            name_of(&CANCEL_STAGES, &stage)
        ),
        TripState::Unserved { because } => format!("unserved/{}", because.name()),
        plain => name_of(&STATES, &plain).to_owned(),
    }
}

fn parse_state(text: &str) -> Option<TripState> {
    let mut parts = text.split('/');
    match (parts.next()?, parts.next(), parts.next()) {
        ("cancelled", Some(by), Some(stage)) => Some(TripState::Cancelled {
            by: value_of(&CANCELLED_BY, by)?,
            stage: value_of(&CANCEL_STAGES, stage)?,
        }),
        ("unserved", Some(because), None) => Some(TripState::Unserved {
            because: UnservedReason::from_name(because)?,
        }),
        (plain, None, None) => value_of(&STATES, plain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_words_of_stored_trips_are_still_read() {
        let because = UnservedReason::NeverOffered;
        let state = TripState::Unserved { because };
        assert_eq!(state_text(state), "unserved/never_offered");
        for text in ["unserved/never_offered", "unserved/no_driver_in_reach"] {
            assert_eq!(parse_state(text), Some(state));
        }
    }
}
