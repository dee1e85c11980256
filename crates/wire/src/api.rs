//! The JSON of the HTTP API, version 1: fields are added, never renamed. Amounts are minor units,
//! distances metres, spans seconds or milliseconds as named, times milliseconds since the Unix epoch.

use domain::surge::Multiplier;
use domain::trip::Trip;
use domain::{Place, PlaceError, Timestamp};
use serde::{Deserialize, Serialize};

/// A place in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

impl From<Place> for PlaceBody {
    fn from(place: Place) -> Self {
        Self {
            lat: place.lat(),
            lon: place.lon(),
        }
    }
}

impl TryFrom<PlaceBody> for Place {
    type Error = PlaceError;
    fn try_from(body: PlaceBody) -> Result<Self, PlaceError> {
        Self::new(body.lat, body.lon)
    }
}

/// `POST /quotes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteBody {
    /// From where.
    pub pickup: PlaceBody,
    /// To where.
    pub dropoff: PlaceBody,
    /// Which product; the market's usual one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

/// The answer to `POST /quotes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuoteView {
    /// Which product, where the market has products.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// What the rider would pay.
    pub total_minor: i64,
    /// The ride's part of it.
    pub ride_minor: i64,
    /// The booking fee's part of it.
    pub booking_fee_minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// The multiplier that applied; 1.0 is none.
    pub surge: f64,
    /// Length of the way.
    pub distance_m: f64,
    /// Time of the way.
    pub duration_s: f64,
    /// Until a car is there, if that can be told.
    pub pickup_eta_s: Option<f64>,
    /// Until when the quote is good.
    pub expires_at_ms: i64,
    /// Proof of all this, for `POST /trips`.
    pub quote_token: String,
}

/// `POST /trips`, with the header `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TripBody {
    /// The token of the quote taken.
    pub quote_token: String,
    /// From where.
    pub pickup: PlaceBody,
    /// To where.
    pub dropoff: PlaceBody,
    /// How long the rider will wait for a driver.
    pub patience_ms: u64,
}

/// A trip as its rider sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TripView {
    /// The trip's name.
    pub trip_id: String,
    /// `requested`, `offered`, `accepted`, `arrived`, `picked_up`, `completed`, `cancelled` or `unserved`.
    pub state: String,
    /// Which product, where the market has products.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Why it was cancelled or unserved, such as `rider_accepted` or `patience_over`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The driver, once one accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Tries to find a driver so far.
    pub attempts: u32,
    /// What was quoted.
    pub total_minor: i64,
    /// What was charged, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged_minor: Option<i64>,
    /// ISO 4217.
    pub currency: String,
    /// When it was requested.
    pub requested_at_ms: i64,
    /// When a driver accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_at_ms: Option<i64>,
    /// When the rider was picked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picked_up_at_ms: Option<i64>,
    /// When the rider was dropped off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_off_at_ms: Option<i64>,
}

impl From<&Trip> for TripView {
    fn from(trip: &Trip) -> Self {
        let ms = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        Self {
            trip_id: trip.id.to_string(),
            state: trip.state.name().to_owned(),
            product: trip.product.map(|product| product.to_string()),
            because: trip.state.because(),
            driver: trip.driver().map(|driver| driver.to_string()),
            attempts: trip.attempt().0,
            total_minor: trip.fare.total().minor(),
            charged_minor: trip
                .state
                .is_final()
                .then(|| trip.charge.rider_pays().minor()),
            currency: trip.fare.currency.to_string(),
            requested_at_ms: trip.requested_at.as_millis(),
            accepted_at_ms: ms(trip.stamps.accepted_at),
            picked_up_at_ms: ms(trip.stamps.picked_up_at),
            dropped_off_at_ms: ms(trip.stamps.dropped_off_at),
        }
    }
}

/// A multiplier as a number; 1.0 is none.
#[must_use]
pub fn surge_number(surge: Multiplier) -> f64 {
    f64::from(surge.hundredths()) / 100.0
}

/// What an error answers with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorView,
}

/// An error: a stable code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// Never changes its meaning.
    pub code: String,
    /// What was found, and what was expected.
    pub message: String,
}
