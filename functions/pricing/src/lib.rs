//! The pricing function: `POST /quotes` → an upfront fare and the token that proves it.

use std::sync::Arc;

use bytes::Bytes;
use domain::Place;
use host::WallClock;
use http::Method;
use lambda::http::{HttpAnswer, HttpError, HttpRequest, answer};
use lambda::{Function, FunctionError};
use services::config::Market;
use services::ports::{Clock, MarketReader};
use services::quote::{Quoting, SignedQuote};
use services::token::Keyring;
use wire::api::{QuoteBody, QuoteView, surge_number};

#[cfg(test)]
mod tests;

/// The pricing function over any ports.
#[derive(Debug)]
pub struct Pricing<M, C> {
    quoting: Quoting<M, C>,
}

/// The pricing function on the AWS adapters.
pub type Wired = Pricing<aws::DynamoMarket, WallClock>;

/// The pricing function on a stack.
#[must_use]
pub fn wire(market: Arc<Market>, keyring: Arc<Keyring>, stack: &aws::Stack) -> Wired {
    let cells = aws::DynamoMarket::new(stack);
    Pricing::new(Quoting::new(market, keyring, cells, WallClock))
}

impl<M: MarketReader, C: Clock> Pricing<M, C> {
    /// The function around its use case.
    pub fn new(quoting: Quoting<M, C>) -> Self {
        Self { quoting }
    }

    async fn route(&self, request: HttpRequest) -> Result<HttpAnswer, HttpError> {
        match (request.segments().as_slice(), &request.method) {
            (["quotes"], &Method::POST) => self.quote(&request).await,
            (["quotes"], _) => Err(request.method_not_allowed("POST")),
            _ => Err(request.unknown_route()),
        }
    }

    async fn quote(&self, request: &HttpRequest) -> Result<HttpAnswer, HttpError> {
        let rider = request.rider()?;
        let QuoteBody {
            pickup,
            dropoff,
            product,
        } = request.json()?;
        let (pickup, dropoff) = (Place::try_from(pickup)?, Place::try_from(dropoff)?);
        let signed = self
            .quoting
            .quote(rider, pickup, dropoff, product.as_deref())
            .await?;
        Ok(HttpAnswer::json(200, &view(signed)))
    }
}

impl<M: MarketReader + 'static, C: Clock + 'static> Function for Pricing<M, C> {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        answer(&payload, |request| self.route(request)).await
    }
}

fn view(signed: SignedQuote) -> QuoteView {
    let SignedQuote {
        quote,
        pickup_eta,
        token,
    } = signed;
    QuoteView {
        product: quote.product.map(|product| product.to_string()),
        total_minor: quote.fare.total().minor(),
        ride_minor: quote.fare.ride.minor(),
        booking_fee_minor: quote.fare.booking_fee.minor(),
        currency: quote.fare.currency.to_string(),
        surge: surge_number(quote.fare.surge),
        distance_m: quote.distance_m,
        duration_s: quote.duration.as_secs_f64(),
        pickup_eta_s: pickup_eta.map(|eta| eta.as_secs_f64()),
        expires_at_ms: quote.expires_at.as_millis(),
        quote_token: token,
    }
}
