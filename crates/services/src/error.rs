//! What goes wrong in a use case, in the words its callers get. Each has a stable code; hosts map them
//! to a status in one match (`wire::api`).

use domain::trip::TripState;
use domain::{Timestamp, TripId};

use crate::ports::PortError;
use crate::token::TokenError;

/// Why a rider's call was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RideError {
    /// A place is outside the area served.
    #[error("found {which} outside the area served, expected a place inside it")]
    OutsideServiceArea {
        /// `pickup` or `dropoff`.
        which: &'static str,
    },
    /// The way is longer than any ride.
    #[error("found a way of {found_m:.0} m, expected at most {limit_m:.0} m")]
    TooFar {
        /// Length of the way asked for, in metres.
        found_m: f64,
        /// The most there is, in metres.
        limit_m: f64,
    },
    /// The market has no such product.
    #[error("found the product {found:?}, expected {expected}")]
    UnknownProduct {
        /// What was asked for.
        found: String,
        /// What there is.
        expected: String,
    },
    /// The quote token is not one of ours, or was changed.
    #[error("quote token: {0}")]
    BadQuote(#[from] TokenError),
    /// The quote was made to someone else.
    #[error("found a quote made to another rider, expected one made to the caller")]
    QuoteOfAnother,
    /// The quote was for other places.
    #[error("found other places than were quoted, expected the same pick-up and destination")]
    QuoteForOtherPlaces,
    /// The quote is no longer good.
    #[error(
        "found a quote that expired at {at}, expected one that is still good: ask for a new one"
    )]
    QuoteExpired {
        /// When it did.
        at: Timestamp,
    },
    /// The idempotency key is missing or too long.
    #[error("found an idempotency key of {found} bytes, expected 1 to {limit}")]
    BadIdempotencyKey {
        /// Its length.
        found: usize,
        /// The most it may have.
        limit: usize,
    },
    /// The idempotency key was used for another request.
    #[error("found another request under the same idempotency key, expected the same or a new key")]
    KeyReused,
    /// The patience is out of bounds.
    #[error("found a patience of {found_s} s, expected 1 to {limit_s}")]
    BadPatience {
        /// Seconds asked for.
        found_s: u64,
        /// The most there may be.
        limit_s: u64,
    },
    /// The rider has no such trip. Also said of trips of others, so that ids tell nothing.
    #[error("found no trip {0} of the caller's")]
    NoSuchTrip(TripId),
    /// The trip's state does not allow it.
    #[error("found the trip {found:?}, expected {expected}")]
    WrongState {
        /// Where it stands.
        found: TripState,
        /// Where it would have to stand.
        expected: &'static str,
    },
    /// Others wrote the same trip again and again.
    #[error("the trip was written by others at the same time, again and again: try again")]
    Contended,
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Why a message from a queue was not handled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MessageError {
    /// It speaks of a trip that was never made: no retry will help.
    #[error("found an event of trip {0}, expected one that exists")]
    UnknownTrip(TripId),
    /// Others wrote the same item again and again.
    #[error("{0} was written by others at the same time, again and again")]
    Contended(&'static str),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl RideError {
    /// The HTTP status, and the code that never changes its meaning.
    #[must_use]
    pub fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::OutsideServiceArea { .. } => (422, "outside_service_area"),
            Self::TooFar { .. } => (422, "too_far"),
            Self::UnknownProduct { .. } => (422, "unknown_product"),
            Self::BadQuote(TokenError::Malformed) => (400, "quote_token_malformed"),
            Self::BadQuote(TokenError::UnknownKey) => (403, "quote_token_unknown_key"),
            Self::BadQuote(TokenError::Forged) => (403, "quote_token_forged"),
            Self::QuoteOfAnother => (403, "quote_of_another_rider"),
            Self::QuoteForOtherPlaces => (422, "quote_for_other_places"),
            Self::QuoteExpired { .. } => (410, "quote_expired"),
            Self::BadIdempotencyKey { .. } => (400, "bad_idempotency_key"),
            Self::KeyReused => (409, "idempotency_key_reused"),
            Self::BadPatience { .. } => (422, "bad_patience"),
            Self::NoSuchTrip(_) => (404, "no_such_trip"),
            Self::WrongState { .. } => (409, "wrong_state"),
            Self::Contended => (409, "contended"),
            Self::Port(PortError::Throttled { .. }) => (429, "throttled"),
            Self::Port(PortError::Unavailable { .. }) => (503, "unavailable"),
            Self::Port(PortError::Corrupt { .. }) => (500, "corrupt"),
        }
    }
}
