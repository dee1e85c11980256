//! What is wrong with a request: each case has a status and a code that never changes its meaning.

use domain::PlaceError;
use services::error::RideError;
use wire::api::{ErrorBody, ErrorView};

use crate::limits::BODY_BYTES_MAX;

/// Why a request was not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    /// The body is longer than any of ours.
    #[error("found a longer body, expected at most {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
    /// The body is not JSON of the shape that the route takes.
    #[error("found a body that cannot be read: {detail}")]
    MalformedBody {
        /// Where it went wrong.
        detail: String,
    },
    /// There is no such path.
    #[error("found no route for {path}")]
    UnknownRoute {
        /// The path asked for.
        path: String,
    },
    /// There is such a path, but not with this method.
    #[error("found method {found}, expected {allowed}")]
    MethodNotAllowed {
        /// The method asked for.
        found: String,
        /// The methods there are.
        allowed: &'static str,
    },
    /// The route has no authorizer, or the token has no subject.
    #[error("found no authenticated caller, expected a rider's token")]
    Unauthenticated,
    /// Someone else than a rider calls.
    #[error("found caller {found:?}, expected a rider such as rider-17")]
    NotARider {
        /// Who it is.
        found: String,
    },
    /// A place is not on the globe.
    #[error("{0}")]
    NoSuchPlace(#[from] PlaceError),
    /// The path names what cannot be a trip.
    #[error("found no trip {found:?} of the caller's")]
    NoSuchTrip {
        /// What the path names.
        found: String,
    },
    /// The use case says no.
    #[error(transparent)]
    Ride(#[from] RideError),
}

impl HttpError {
    /// The HTTP status, and the code that never changes its meaning.
    #[must_use]
    pub fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::BodyTooLarge => (413, "body_too_large"),
            Self::MalformedBody { .. } => (400, "malformed_body"),
            Self::UnknownRoute { .. } => (404, "unknown_route"),
            Self::MethodNotAllowed { .. } => (405, "method_not_allowed"),
            Self::Unauthenticated => (401, "unauthenticated"),
            Self::NotARider { .. } => (403, "not_a_rider"),
            Self::NoSuchPlace(_) => (422, "no_such_place"),
            Self::NoSuchTrip { .. } => (404, "no_such_trip"),
            Self::Ride(error) => error.status_and_code(),
        }
    }

    /// What the caller is told. Of our own failures that is the code alone: the rest is for the log.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        let (status, code) = self.status_and_code();
        let message = match status {
            500.. => "the request could not be done for a reason on this side".to_owned(),
            429 => "too many requests at this moment: try again".to_owned(),
            _ => self.to_string(),
        };
        ErrorBody {
            error: ErrorView {
                code: code.to_owned(),
                message,
            },
        }
    }
}
