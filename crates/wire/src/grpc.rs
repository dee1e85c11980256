//! The tracker's protobuf messages, and their conversions to and from the domain.

mod columns;

pub use columns::{
    BatchedPing, BatchedQuery, add_candidates, batched_pings, batched_vehicles, candidate_lists,
    candidate_queries, candidates_reply, candidates_request,
};

use bytes::Bytes;
use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::trip::{Stamps, TripEventKind};
use domain::{Attempt, DriverId, Money, RiderId, Timestamp, TripId, VehicleClass};

/// The generated code of `proto/fleet.proto`.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; documented in proto/fleet.proto"
)]
pub mod v1 {
    tonic::include_proto!("rushhour.fleet.v1");
}

/// A message that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found} in {field}, expected {expected}")]
pub struct MessageFault {
    /// Which field.
    pub field: &'static str,
    /// What it held.
    pub found: String,
    /// What it should have held.
    pub expected: &'static str,
}

fn fault(field: &'static str, found: impl ToString, expected: &'static str) -> MessageFault {
    MessageFault {
        field,
        found: found.to_string(),
        expected,
    }
}

/// A field that has to be there.
///
/// # Errors
/// If it is absent.
pub fn required<T>(value: Option<T>, field: &'static str) -> Result<T, MessageFault> {
    value.ok_or_else(|| fault(field, "nothing", "a value"))
}

/// The 16 bytes of a trip's name.
#[must_use]
pub fn trip_bytes(trip: TripId) -> Bytes {
    Bytes::copy_from_slice(&trip.0.to_be_bytes())
}

/// A trip's name from its 16 bytes.
///
/// # Errors
/// If there are not 16.
pub fn trip_id(bytes: &[u8]) -> Result<TripId, MessageFault> {
    let sixteen = bytes
        .try_into()
        .map_err(|_| fault("trip", format!("{} bytes", bytes.len()), "16 bytes"))?;
    Ok(TripId(u128::from_be_bytes(sixteen)))
}

/// Microseconds, 0 for none.
#[must_use]
pub fn micros(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::as_micros)
}

/// A time from microseconds, none from 0.
#[must_use]
pub fn timestamp(us: i64) -> Option<Timestamp> {
    (us != 0).then_some(Timestamp::from_micros(us))
}

impl From<domain::Place> for v1::Place {
    fn from(place: domain::Place) -> Self {
        let (lat_e7, lon_e7) = place.to_e7();
        Self { lat_e7, lon_e7 }
    }
}

/// A place that has to be there, and on the globe.
///
/// # Errors
/// If it is absent or out of range.
pub fn place(place: Option<v1::Place>, field: &'static str) -> Result<domain::Place, MessageFault> {
    let place = required(place, field)?;
    place_of(place.lat_e7, place.lon_e7, field)
}

fn place_of(lat_e7: i32, lon_e7: i32, field: &'static str) -> Result<domain::Place, MessageFault> {
    domain::Place::from_e7(lat_e7, lon_e7)
        .map_err(|error| fault(field, error, "a place on the globe"))
}

/// A class of vehicles.
///
/// # Errors
/// If there is none of that number.
pub fn vehicle_class(number: u32, field: &'static str) -> Result<VehicleClass, MessageFault> {
    VehicleClass::new(number).map_err(|_| fault(field, number, "a class of vehicles: below 16"))
}

impl From<HoldKey> for v1::HoldKey {
    fn from(key: HoldKey) -> Self {
        Self {
            trip: trip_bytes(key.trip),
            attempt: key.attempt.0,
            driver: key.driver.0,
        }
    }
}

/// A hold's key that has to be there.
///
/// # Errors
/// If it is absent, or the trip is not 16 bytes.
pub fn hold_key(key: Option<v1::HoldKey>) -> Result<HoldKey, MessageFault> {
    let key = required(key, "key")?;
    Ok(HoldKey {
        trip: trip_id(&key.trip)?,
        attempt: Attempt(key.attempt),
        driver: DriverId(key.driver),
    })
}

impl From<&Offer> for v1::OfferedRide {
    fn from(offer: &Offer) -> Self {
        Self {
            rider: offer.rider.0,
            pickup: Some(offer.pickup.into()),
            dropoff: Some(offer.dropoff.into()),
            driver_pay_minor: offer.driver_pay.minor(),
            pickup_distance_m: offer.pickup_distance_m,
        }
    }
}

/// What is offered, which has to be there.
///
/// # Errors
/// If it is absent, a place is off the globe, or the distance is not a number.
pub fn offered_ride(ride: Option<v1::OfferedRide>) -> Result<Offer, MessageFault> {
    let ride = required(ride, "ride")?;
    if !ride.pickup_distance_m.is_finite() || ride.pickup_distance_m < 0.0 {
        return Err(fault("pickup_distance_m", ride.pickup_distance_m, "metres"));
    }
    Ok(Offer {
        rider: RiderId(ride.rider),
        pickup: place(ride.pickup, "pickup")?,
        dropoff: place(ride.dropoff, "dropoff")?,
        driver_pay: Money::from_minor(ride.driver_pay_minor),
        pickup_distance_m: ride.pickup_distance_m,
    })
}

impl From<&Stamps> for v1::Stamps {
    fn from(stamps: &Stamps) -> Self {
        Self {
            accepted_at_us: micros(stamps.accepted_at),
            arrived_at_us: micros(stamps.arrived_at),
            picked_up_at_us: micros(stamps.picked_up_at),
            dropped_off_at_us: micros(stamps.dropped_off_at),
        }
    }
}

impl From<v1::Stamps> for Stamps {
    fn from(stamps: v1::Stamps) -> Self {
        Self {
            accepted_at: timestamp(stamps.accepted_at_us),
            arrived_at: timestamp(stamps.arrived_at_us),
            picked_up_at: timestamp(stamps.picked_up_at_us),
            dropped_off_at: timestamp(stamps.dropped_off_at_us),
        }
    }
}

/// What a driver may report of a ride.
///
/// # Errors
/// If the kind is none of them.
pub fn progress_kind(kind: i32) -> Result<TripEventKind, MessageFault> {
    match v1::ProgressKind::try_from(kind) {
        Ok(v1::ProgressKind::Arrived) => Ok(TripEventKind::Arrived),
        Ok(v1::ProgressKind::PickedUp) => Ok(TripEventKind::PickedUp),
        Ok(v1::ProgressKind::DroppedOff) => Ok(TripEventKind::DroppedOff),
        Ok(v1::ProgressKind::NoShow) => Ok(TripEventKind::NoShow),
        Ok(v1::ProgressKind::Unspecified) | Err(_) => Err(fault(
            "kind",
            kind,
            "arrived, picked up, dropped off or no show",
        )),
    }
}

/// The kind under which a driver's report travels; none for what only the tracker says.
#[must_use]
pub fn progress_kind_of(kind: TripEventKind) -> Option<v1::ProgressKind> {
    match kind {
        TripEventKind::Arrived => Some(v1::ProgressKind::Arrived),
        TripEventKind::PickedUp => Some(v1::ProgressKind::PickedUp),
        TripEventKind::DroppedOff => Some(v1::ProgressKind::DroppedOff),
        TripEventKind::NoShow => Some(v1::ProgressKind::NoShow),
        TripEventKind::Accepted | TripEventKind::Declined | TripEventKind::Expired => None,
    }
}

impl From<HoldStage> for v1::HoldStage {
    fn from(stage: HoldStage) -> Self {
        match stage {
            HoldStage::Reserved => Self::Reserved,
            HoldStage::Offered => Self::Offered,
            HoldStage::Accepted => Self::Accepted,
        }
    }
}

/// A live hold as a message.
#[must_use]
pub fn live_hold(hold: &Hold, last_ping_at: Option<Timestamp>) -> v1::LiveHold {
    v1::LiveHold {
        key: Some(hold.key.into()),
        stage: v1::HoldStage::from(hold.stage).into(),
        deadline_us: hold.deadline.as_micros(),
        accepted_at_us: micros(hold.accepted_at),
        ride: Some((&hold.offer).into()),
        last_ping_at_us: micros(last_ping_at),
    }
}

/// A live hold from its message, and when its driver last pinged.
///
/// # Errors
/// If a part is absent or not what it should be.
pub fn hold(live: v1::LiveHold) -> Result<(Hold, Option<Timestamp>), MessageFault> {
    let stage = match v1::HoldStage::try_from(live.stage) {
        Ok(v1::HoldStage::Reserved) => HoldStage::Reserved,
        Ok(v1::HoldStage::Offered) => HoldStage::Offered,
        Ok(v1::HoldStage::Accepted) => HoldStage::Accepted,
        Ok(v1::HoldStage::Unspecified) | Err(_) => {
            return Err(fault("stage", live.stage, "reserved, offered or accepted"));
        }
    };
    let hold = Hold {
        key: hold_key(live.key)?,
        stage,
        deadline: Timestamp::from_micros(live.deadline_us),
        accepted_at: timestamp(live.accepted_at_us),
        offer: offered_ride(live.ride)?,
    };
    Ok((hold, timestamp(live.last_ping_at_us)))
}
