//! What a rider does: `POST /trips`, `GET /trips/{id}`, `POST /trips/{id}/cancel`.

use std::time::Duration;

use domain::{Place, TripId};
use http::Method;
use lambda::http::{HttpAnswer, HttpError, HttpRequest};
use services::ports::{Clock, Doorbell, Fleet, TripStore};
use services::request::{RideRequest, Riding};
use wire::api::{TripBody, TripView};

/// The header that names a rider's request, so that sending it again does nothing new.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(crate) async fn route<T, B, F, C>(
    riding: &Riding<T, B, F, C>,
    request: HttpRequest,
) -> Result<HttpAnswer, HttpError>
where
    T: TripStore,
    B: Doorbell,
    F: Fleet,
    C: Clock,
{
    match (request.segments().as_slice(), &request.method) {
        (["trips"], &Method::POST) => {
            let trip = riding.request(&ride_request(&request)?).await?;
            Ok(HttpAnswer::json(202, &TripView::from(&trip)).about(trip.id))
        }
        (["trips", id], &Method::GET) => {
            let trip = riding.read(request.rider()?, trip_id(id)?).await?;
            Ok(HttpAnswer::json(200, &TripView::from(&trip)))
        }
        (["trips", id, "cancel"], &Method::POST) => {
            let trip = riding.cancel(request.rider()?, trip_id(id)?).await?;
            Ok(HttpAnswer::json(200, &TripView::from(&trip)))
        }
        (["trips"] | ["trips", _, "cancel"], _) => Err(request.method_not_allowed("POST")),
        (["trips", _], _) => Err(request.method_not_allowed("GET")),
        _ => Err(request.unknown_route()),
    }
}

fn ride_request(request: &HttpRequest) -> Result<RideRequest, HttpError> {
    let rider = request.rider()?;
    let TripBody {
        quote_token,
        pickup,
        dropoff,
        patience_ms,
    } = request.json()?;
    Ok(RideRequest {
        rider,
        idempotency_key: request.header(IDEMPOTENCY_KEY).to_owned(),
        quote_token,
        pickup: Place::try_from(pickup)?,
        dropoff: Place::try_from(dropoff)?,
        patience: Duration::from_millis(patience_ms),
    })
}

fn trip_id(text: &str) -> Result<TripId, HttpError> {
    text.parse().map_err(|_| HttpError::NoSuchTrip {
        found: text.chars().take(64).collect(),
    })
}
