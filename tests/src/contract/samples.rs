//! Trips, holds and times to test with.

use std::time::Duration;

use domain::fare::{Charge, Fare};
use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::surge::Multiplier;
use domain::trip::{Stamps, Trip, TripState};
use domain::{Attempt, Currency, DriverId, Money, Place, Region, RiderId, Timestamp, TripId};

/// A whole second of a day that is past.
#[must_use]
pub fn second(second: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + second * 1_000)
}

/// A region.
///
/// # Panics
/// If the name is none.
#[must_use]
pub fn region(name: &str) -> Region {
    Region::new(name).expect("a sample's region is well named")
}

/// A place some metres off a corner of Manhattan, with more digits than any grid keeps.
///
/// # Panics
/// Never: it lies on the globe.
#[must_use]
pub fn place(number: u32) -> Place {
    let offset = f64::from(number) * 1.234_567_89e-5;
    Place::new(
        40.758_012_345_678_9 + offset,
        -73.985_598_765_432_1 - offset,
    )
    .expect("on the globe")
}

/// A trip that was just requested.
#[must_use]
pub fn trip(region: &Region, number: u32, requested_at: Timestamp) -> Trip {
    // Spread over the identifiers as real ones are.
    let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let patience = Duration::from_secs(300);
    Trip {
        id: TripId(id),
        region: region.clone(),
        rider: RiderId(u64::MAX - u64::from(number)),
        product: None,
        pickup: place(number),
        dropoff: place(number + 1_000),
        fare: Fare {
            currency: Currency::USD,
            ride: Money::from_minor(1_234),
            booking_fee: Money::from_minor(275),
            driver_pay: Money::from_minor(-5),
            surge: Multiplier::from_hundredths(130),
        },
        distance_m: 3_210.123_456_789,
        duration: Duration::from_nanos(754_321_987_654),
        fingerprint: id.to_le_bytes(),
        patience,
        requested_at,
        patience_until: requested_at + patience,
        state: TripState::Requested,
        tries: Vec::new(),
        stamps: Stamps::default(),
        since: requested_at,
        checked_at: Timestamp::ZERO,
        charge: Charge::default(),
        version: 1,
    }
}

/// The key of a hold.
#[must_use]
pub fn key(trip: u32, attempt: u32, driver: u32) -> HoldKey {
    HoldKey {
        trip: TripId(u128::from(trip) << 64 | 7),
        attempt: Attempt(attempt),
        driver: DriverId(driver.into()),
    }
}

/// A hold as it is reserved.
#[must_use]
pub fn hold(key: HoldKey, deadline: Timestamp) -> Hold {
    Hold {
        key,
        stage: HoldStage::Reserved,
        deadline,
        accepted_at: None,
        offer: Offer {
            rider: RiderId(u64::MAX),
            pickup: place(1),
            dropoff: place(2),
            driver_pay: Money::from_minor(987),
            pickup_distance_m: 456.789_012_345,
        },
    }
}
