//! The HTTP API as riders call it: a gateway or a load balancer, and the use cases behind it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cloud::http_api::HttpApi;
use cloud::timed::{Draws, TimedMarket, TimedQueue, TimedTrips, VirtualClock};
use domain::trip::Trip;
use domain::{ProductName, RiderId, Timestamp, TripId};
use drive::agents::CallFailure;
use kernel::{Local, Time};
use services::error::RideError;
use services::quote::{Quoting, SignedQuote};
use services::request::{RideRequest, Riding};
use wire::messages::Ring;
use workload::demand::RiderPlan;

use crate::host::{CallError, Host, Work};
use crate::tracker::TrackerLink;
use crate::way::Way;

/// A call that was not answered well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The code that never changes its meaning.
    pub(crate) code: &'static str,
}

impl CallFailure for ApiError {
    fn kind(&self) -> String {
        format!("{} {}", self.status, self.code)
    }

    fn may_pass(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

/// A part behind the API, and what stands between it and riders.
pub(crate) struct Front {
    pub(crate) host: Host,
    /// To the part and back, without the part.
    pub(crate) way: Way,
}

/// What riders do with trips, on the modelled cloud.
pub(crate) type Rides = Riding<TimedTrips, TimedQueue<Ring>, TrackerLink, VirtualClock>;

/// The API.
pub(crate) struct Api {
    pub(crate) time: Time,
    pub(crate) gateway: Local<HttpApi>,
    pub(crate) draws: Draws,
    pub(crate) pricing: Front,
    pub(crate) trips: Front,
    pub(crate) quoting: Arc<Quoting<TimedMarket, VirtualClock>>,
    pub(crate) riding: Arc<Rides>,
    pub(crate) in_flight: AtomicU64,
}

impl Api {
    /// Requests to the gateway so far.
    pub(crate) fn requests(&self) -> u64 {
        self.gateway.lock().counters().requests
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// `POST /quotes`.
    pub(crate) async fn quote(&self, plan: &RiderPlan) -> Result<SignedQuote, ApiError> {
        let product = plan.product.as_ref().map(ProductName::as_str);
        // In its place once: every level below holds a reference to it, not itself.
        let quote = self
            .quoting
            .quote(plan.rider, plan.pickup, plan.dropoff, product);
        let quote = pin!(quote);
        self.call(&self.pricing, "pricing.quote", quote).await
    }

    /// `POST /trips`.
    pub(crate) async fn request(&self, request: &RideRequest) -> Result<Trip, ApiError> {
        let request = pin!(self.riding.request(request));
        self.call(&self.trips, "trips.request", request).await
    }

    /// `GET /trips/{id}`.
    pub(crate) async fn read(&self, rider: RiderId, trip: TripId) -> Result<Trip, ApiError> {
        let read = pin!(self.riding.read(rider, trip));
        self.call(&self.trips, "trips.read", read).await
    }

    /// `POST /trips/{id}/cancel`.
    pub(crate) async fn cancel(&self, rider: RiderId, trip: TripId) -> Result<Trip, ApiError> {
        // Large and rare: kept out of what every rider's task holds.
        let cancel = Box::pin(self.riding.cancel(rider, trip));
        self.call(&self.trips, "trips.cancel", cancel).await
    }

    async fn call<T>(
        &self,
        front: &Front,
        work: Work,
        run: impl Future<Output = Result<T, RideError>>,
    ) -> Result<T, ApiError> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let outward = front.way.span(&self.draws) / 2;
        self.time.sleep(outward).await;
        let answer = self.behind(front, work, run).await;
        self.time.sleep(outward).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        answer
    }

    async fn behind<T>(
        &self,
        front: &Front,
        work: Work,
        run: impl Future<Output = Result<T, RideError>>,
    ) -> Result<T, ApiError> {
        let mut deadline = None;
        if matches!(front.host, Host::Function(_)) {
            deadline = Some(
                self.gateway
                    .lock()
                    .admit(self.now())
                    .map_err(|_| ApiError {
                        status: 429,
                        code: "too_many_requests",
                    })?,
            );
        }
        let answer = front.host.call(work, run).await;
        // A function goes on when its caller has been answered already: who asks is told so when it has ended, which is
        // later than the API would have.
        if deadline.is_some_and(|deadline| self.now() > deadline) {
            self.gateway.lock().timed_out();
            return Err(ApiError {
                status: 503,
                code: "integration_timeout",
            });
        }
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let (status, code) = error.status_and_code();
                Err(ApiError { status, code })
            }
            // A throttled function reaches a client of an HTTP API as 5xx.
            Err(CallError::Throttled) => Err(ApiError {
                status: 503,
                code: "throttled",
            }),
            Err(CallError::TimedOut) => Err(ApiError {
                status: 504,
                code: "timed_out",
            }),
        }
    }
}
