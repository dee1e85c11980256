//! The two items of a hold: `driver#<n>` is the live hold of a driver, `trip#<id>` is the trip's ledger,
//! which outlives the hold and says which attempt was kept by whom and whether it was accepted.

use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::{Attempt, DriverId, Money, RiderId, Timestamp, TripId};
use serde::{Deserialize, Serialize};

use super::{
    DOC, ITEM_VERSION, Item, ItemError, KEY, PlaceDoc, VERSION, Value, check_version, error,
    key_part, maybe_number, number, parsed, read_doc, text, timestamp, write_doc,
};

/// The trip a driver is kept for: 32 hexadecimal digits.
pub const TRIP: &str = "trip";
/// The driver a trip's attempt keeps: `driver-17`.
pub const DRIVER: &str = "driver";
/// The attempt.
pub const ATTEMPT: &str = "attempt";
/// The stage: `reserved`, `offered` or `accepted`.
pub const STAGE: &str = "stage";
/// Until when the hold may be accepted.
pub const DEADLINE: &str = "deadline_us";
/// When the driver accepted; absent if not.
pub const ACCEPTED_AT: &str = "accepted_at_us";
/// 1 in the ledger once the attempt was accepted.
pub const ACCEPTED: &str = "accepted";
/// 1 in the ledger once the attempt's hold has ended.
pub const ENDED: &str = "ended";

/// The partition key of a driver's live hold.
#[must_use]
pub fn driver_key(driver: DriverId) -> String {
    format!("driver#{}", driver.0)
}

/// The partition key of a trip's ledger.
#[must_use]
pub fn ledger_key(trip: TripId) -> String {
    format!("trip#{trip}")
}

/// The text of a stage.
#[must_use]
pub fn stage_text(stage: HoldStage) -> &'static str {
    match stage {
        HoldStage::Reserved => "reserved",
        HoldStage::Offered => "offered",
        HoldStage::Accepted => "accepted",
    }
}

/// What is known of a trip's last attempt to keep a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// Trip, attempt and driver.
    pub key: HoldKey,
    /// Until when the hold could be accepted.
    pub deadline: Timestamp,
    /// Whether it was.
    pub accepted: bool,
    /// Whether the hold has ended.
    pub ended: bool,
}

#[derive(Serialize, Deserialize)]
struct OfferDoc {
    rider: u64,
    pickup: PlaceDoc,
    dropoff: PlaceDoc,
    driver_pay: i64,
    pickup_distance_m: f64,
}

/// The item of a driver's hold.
#[must_use]
pub fn encode_hold(hold: &Hold) -> Item {
    let doc = OfferDoc {
        rider: hold.offer.rider.0,
        pickup: hold.offer.pickup.into(),
        dropoff: hold.offer.dropoff.into(),
        driver_pay: hold.offer.driver_pay.minor(),
        pickup_distance_m: hold.offer.pickup_distance_m,
    };
    let mut item = Item::from([
        (KEY.to_owned(), driver_key(hold.key.driver).into()),
        (VERSION.to_owned(), Value::Number(ITEM_VERSION)),
        (TRIP.to_owned(), hold.key.trip.to_string().into()),
        (ATTEMPT.to_owned(), hold.key.attempt.0.into()),
        (STAGE.to_owned(), stage_text(hold.stage).into()),
        (DEADLINE.to_owned(), hold.deadline.into()),
        (DOC.to_owned(), write_doc(&doc)),
    ]);
    if let Some(at) = hold.accepted_at {
        item.insert(ACCEPTED_AT.to_owned(), at.into());
    }
    item
}

/// Reads a hold from its driver's item.
///
/// # Errors
/// If the item is of another version, or damaged.
pub fn decode_hold(item: &Item) -> Result<Hold, ItemError> {
    check_version(item)?;
    let doc: OfferDoc = read_doc(item)?;
    let stage = match text(item, STAGE)? {
        "reserved" => HoldStage::Reserved,
        "offered" => HoldStage::Offered,
        "accepted" => HoldStage::Accepted,
        other => return Err(error(item, STAGE, other, "reserved, offered or accepted")),
    };
    Ok(Hold {
        key: HoldKey {
            trip: parsed(item, TRIP, "32 digits 0-9 a-f")?,
            attempt: Attempt(number(item, ATTEMPT)?),
            driver: DriverId(key_part(item, "driver")?),
        },
        stage,
        deadline: timestamp(item, DEADLINE)?,
        accepted_at: maybe_number(item, ACCEPTED_AT)?.map(Timestamp::from_micros),
        offer: Offer {
            rider: RiderId(doc.rider),
            pickup: doc.pickup.place(item)?,
            dropoff: doc.dropoff.place(item)?,
            driver_pay: Money::from_minor(doc.driver_pay),
            pickup_distance_m: doc.pickup_distance_m,
        },
    })
}

/// The item of a trip's ledger. What is not so is absent, as the conditions on it ask for existence.
#[must_use]
pub fn encode_ledger(ledger: &Ledger) -> Item {
    let mut item = Item::from([
        (KEY.to_owned(), ledger_key(ledger.key.trip).into()),
        (VERSION.to_owned(), Value::Number(ITEM_VERSION)),
        (ATTEMPT.to_owned(), ledger.key.attempt.0.into()),
        (DRIVER.to_owned(), ledger.key.driver.to_string().into()),
        (DEADLINE.to_owned(), ledger.deadline.into()),
    ]);
    for (attribute, so) in [(ACCEPTED, ledger.accepted), (ENDED, ledger.ended)] {
        if so {
            item.insert(attribute.to_owned(), Value::Number(1));
        }
    }
    item
}

/// Reads a trip's ledger.
///
/// # Errors
/// If the item is of another version, or damaged.
pub fn decode_ledger(item: &Item) -> Result<Ledger, ItemError> {
    check_version(item)?;
    Ok(Ledger {
        key: HoldKey {
            trip: key_part(item, "trip")?,
            attempt: Attempt(number(item, ATTEMPT)?),
            driver: parsed(item, DRIVER, "a driver such as driver-17")?,
        },
        deadline: timestamp(item, DEADLINE)?,
        accepted: maybe_number::<i128>(item, ACCEPTED)?.is_some(),
        ended: maybe_number::<i128>(item, ENDED)?.is_some(),
    })
}
