//! The gRPC calls: who may make them, what they carry, and which use case they are.

use std::sync::Arc;

use calls::Calls;
use domain::{Attempt, DriverId, RiderId, Timestamp};
use fleet::index::CandidateLists;
use identity::{Caller, IdentityError, Subject};
use services::ports::{
    CandidateQuery, Clock, HoldStore, MarketSnapshots, PortError, Reserved, TripEvents,
};
use services::track::Tracker;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use trace::{Kind, Rides, Scope, Span, TRACEPARENT};
use wire::grpc::v1::fleet_tracker_server::FleetTracker;
use wire::grpc::{self, MessageFault, v1};

use crate::callers::Callers;
use crate::limits::{BATCH_ANSWERS_MAX, QUERIES_MAX, WATCH_BACKLOG_MAX};
use crate::metrics::Metrics;
use crate::streams::{Down, Streams};
use crate::{follow, report, track};

/// What all calls share.
pub(crate) struct Shared<H, E, S, C> {
    pub(crate) tracker: Tracker<H, E, S, Arc<Streams>, C>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) metrics: Arc<Metrics>,
    /// In which traces the rides of live holds were requested.
    pub(crate) rides: Rides,
    pub(crate) callers: Callers,
    pub(crate) calls: Calls,
    pub(crate) clock: C,
    /// True once the tracker is to stop.
    pub(crate) stopped: watch::Receiver<bool>,
}

/// The service, over what is shared.
pub(crate) struct Service<H, E, S, C>(pub(crate) Arc<Shared<H, E, S, C>>);

pub(crate) fn bad_message(fault: MessageFault) -> Status {
    Status::invalid_argument(fault.to_string())
}

fn port_status(error: PortError) -> Status {
    match error {
        PortError::Throttled { .. } => Status::resource_exhausted(error.to_string()),
        PortError::Unavailable { .. } => Status::unavailable(error.to_string()),
        PortError::Corrupt { .. } => Status::data_loss(error.to_string()),
    }
}

impl<H, E, S, C> Shared<H, E, S, C> {
    /// Work for whoever asks in a span, or for nobody, that may be for any ride.
    pub(crate) fn scope(&self, span: Option<&Span>) -> Scope {
        Scope {
            current: span.map(Span::context),
            rides: self.rides.clone(),
        }
    }

    /// A call's span, done for whoever the caller says.
    fn span<T>(&self, name: &str, request: &Request<T>) -> Span {
        let parent = request.metadata().get(TRACEPARENT);
        let parent = parent.and_then(|value| value.to_str().ok()?.parse().ok());
        Span::new(name, Kind::Server, parent)
    }
}

impl<H, E, S, C: Clock> Shared<H, E, S, C> {
    async fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let token = request
            .metadata()
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(|| {
                Status::unauthenticated(
                    "found no token, expected metadata `authorization: Bearer …`",
                )
            })?;
        self.verify(token)
            .await
            .map_err(|error| Status::unauthenticated(error.to_string()))
    }

    /// Who a token speaks for now.
    pub(crate) async fn verify(&self, token: &str) -> Result<Caller, IdentityError> {
        self.callers.verify(token, || self.clock.now()).await
    }

    /// Waits until a stream has to end, because its token expires or the tracker stops, and says why; `again` is what
    /// its owner is to do then.
    pub(crate) async fn over(&self, until: Timestamp, again: &str) -> Status {
        let mut stopped = self.stopped.clone();
        let stopping = stopped.wait_for(|stop| *stop);
        tokio::select! {
            () = tokio::time::sleep(until.since(self.clock.now())) => {
                Status::unauthenticated(format!("the token expired: {again} with a fresh one"))
            }
            _ = stopping => Status::unavailable(format!("the tracker shuts down: {again}")),
        }
    }

    /// A driver, and how long the token is good.
    async fn driver<T>(&self, request: &Request<T>) -> Result<(DriverId, Timestamp), Status> {
        let Caller { subject, until } = self.caller(request).await?;
        match subject {
            Subject::Driver(id) => Ok((DriverId(id), until)),
            other => Err(denied(other, "a driver")),
        }
    }

    /// A rider, and how long the token is good.
    async fn rider<T>(&self, request: &Request<T>) -> Result<(RiderId, Timestamp), Status> {
        let Caller { subject, until } = self.caller(request).await?;
        match subject {
            Subject::Rider(id) => Ok((RiderId(id), until)),
            other => Err(denied(other, "a rider")),
        }
    }

    /// A part of the system, and how long the token is good.
    async fn system<T>(&self, request: &Request<T>) -> Result<Timestamp, Status> {
        let Caller { subject, until } = self.caller(request).await?;
        match subject {
            Subject::Service => Ok(until),
            other => Err(denied(other, "a part of the system")),
        }
    }
}

impl<H, E, S, C> Shared<H, E, S, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    /// The nearest drivers of each query, counted and timed.
    pub(crate) async fn find(
        &self,
        queries: &[CandidateQuery],
        k: usize,
        radius_m: Option<f64>,
    ) -> CandidateLists {
        let asked = queries.len() as u64;
        self.metrics.candidate_queries.inc_by(asked);
        let finding = async {
            calls::add_items(asked);
            self.tracker.candidates(queries, k, radius_m)
        };
        self.calls.work("tracker.candidates", finding).await
    }
}

fn denied(found: Subject, expected: &str) -> Status {
    Status::permission_denied(format!("found {found}, expected {expected}"))
}

#[tonic::async_trait]
impl<H, E, S, C> FleetTracker for Service<H, E, S, C>
where
    H: HoldStore + 'static,
    E: TripEvents + 'static,
    S: MarketSnapshots + 'static,
    C: Clock + 'static,
{
    type TrackStream = ReceiverStream<Down>;
    type ReportStream = ReceiverStream<Result<v1::PingBatchTaken, Status>>;
    type WatchStream = ReceiverStream<Result<v1::CarPosition, Status>>;

    async fn track(
        &self,
        request: Request<Streaming<v1::DriverMessage>>,
    ) -> Result<Response<Self::TrackStream>, Status> {
        let (driver, until) = self.0.driver(&request).await?;
        let (link, receiver) = self.0.streams.open(driver);
        tokio::spawn(track::serve(
            self.0.clone(),
            (driver, until),
            link,
            request.into_inner(),
        ));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn report(
        &self,
        request: Request<Streaming<v1::PingBatch>>,
    ) -> Result<Response<Self::ReportStream>, Status> {
        let until = self.0.system(&request).await?;
        let (answers, receiver) = mpsc::channel(BATCH_ANSWERS_MAX + 1);
        let batches = request.into_inner();
        tokio::spawn(report::serve(self.0.clone(), until, batches, answers));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn candidates(
        &self,
        request: Request<v1::CandidatesRequest>,
    ) -> Result<Response<v1::CandidatesReply>, Status> {
        self.0.system(&request).await?;
        let request = request.into_inner();
        let found = request.lat_e7.len();
        if found > QUERIES_MAX {
            let message = format!("found {found} queries, expected at most {QUERIES_MAX}");
            return Err(Status::invalid_argument(message));
        }
        let queries = grpc::candidate_queries(&request)
            .and_then(|queries| {
                let query = |row: grpc::BatchedQuery<'_>| CandidateQuery {
                    pickup: row.pickup,
                    classes: row.classes,
                    excluded: row.excluded.iter().copied().map(DriverId).collect(),
                };
                queries
                    .map(|row| row.map(query))
                    .collect::<Result<Vec<_>, _>>()
            })
            .map_err(bad_message)?;
        self.0.metrics.messages.inc();
        let k = (request.k as usize).min(domain::limits::CANDIDATES_MAX);
        let radius_m = (request.radius_m > 0.0).then_some(request.radius_m);
        let lists = self.0.find(&queries, k, radius_m).await;
        let mut reply = grpc::candidates_reply(queries.len(), lists.total());
        for list in lists.iter() {
            let found = list.iter().map(|it| (it.driver, it.place, it.distance_m));
            grpc::add_candidates(&mut reply, found);
        }
        Ok(Response::new(reply))
    }

    async fn reserve(
        &self,
        request: Request<v1::ReserveRequest>,
    ) -> Result<Response<v1::ReserveReply>, Status> {
        self.0.system(&request).await?;
        let span = self.0.span("tracker.reserve", &request);
        let request = request.into_inner();
        let key = grpc::hold_key(request.key).map_err(bad_message)?;
        self.0.rides.found(key.trip.0, span.context());
        let offer = grpc::offered_ride(request.ride).map_err(bad_message)?;
        let deadline = Timestamp::from_micros(request.deadline_us);
        self.0.metrics.messages.inc();
        let reserving = self.0.tracker.reserve(key, deadline, &offer);
        let reserving = trace::within(self.0.scope(Some(&span)), reserving);
        let reserved = self.0.calls.work("tracker.reserve", reserving).await;
        let (outcome, held_by, word) = match reserved.map_err(port_status)? {
            Reserved::Held => (v1::ReserveOutcome::Held, 0, "held"),
            Reserved::DriverTaken => (v1::ReserveOutcome::DriverTaken, 0, "driver_taken"),
            Reserved::TripHeldBy(driver) => (v1::ReserveOutcome::TripHeld, driver.0, "trip_held"),
        };
        self.0.metrics.reservation(word);
        Ok(Response::new(v1::ReserveReply {
            outcome: outcome.into(),
            held_by,
        }))
    }

    async fn offer(
        &self,
        request: Request<v1::OfferRequest>,
    ) -> Result<Response<v1::OfferReply>, Status> {
        self.0.system(&request).await?;
        let span = self.0.span("tracker.offer", &request);
        let key = grpc::hold_key(request.into_inner().key).map_err(bad_message)?;
        self.0.rides.found(key.trip.0, span.context());
        self.0.metrics.messages.inc();
        let offering = self.0.tracker.offer(key);
        let offering = trace::within(self.0.scope(Some(&span)), offering);
        let shown = self.0.calls.work("tracker.offer", offering).await;
        let shown = shown.map_err(port_status)?;
        Ok(Response::new(v1::OfferReply { shown }))
    }

    async fn release(
        &self,
        request: Request<v1::ReleaseRequest>,
    ) -> Result<Response<v1::ReleaseReply>, Status> {
        self.0.system(&request).await?;
        let span = self.0.span("tracker.release", &request);
        let key = grpc::hold_key(request.into_inner().key).map_err(bad_message)?;
        self.0.metrics.messages.inc();
        let releasing = self.0.tracker.release(key);
        let releasing = trace::within(self.0.scope(Some(&span)), releasing);
        let released = self.0.calls.work("tracker.release", releasing).await;
        released.map_err(port_status)?;
        Ok(Response::new(v1::ReleaseReply {}))
    }

    async fn hold(
        &self,
        request: Request<v1::HoldRequest>,
    ) -> Result<Response<v1::HoldReply>, Status> {
        self.0.system(&request).await?;
        let request = request.into_inner();
        let trip = grpc::trip_id(&request.trip).map_err(bad_message)?;
        self.0.metrics.messages.inc();
        let looking = async { self.0.tracker.hold(trip, Attempt(request.attempt)) };
        let status = self.0.calls.work("tracker.hold", looking).await;
        let hold = status.map(|status| grpc::live_hold(&status.hold, status.last_ping_at));
        Ok(Response::new(v1::HoldReply { hold }))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (rider, until) = self.0.rider(&request).await?;
        let trip = grpc::trip_id(&request.into_inner().trip).map_err(bad_message)?;
        if !self.0.tracker.has_ride(rider, trip) {
            return Err(Status::not_found(format!(
                "found no accepted trip {trip} of {rider}, expected one with a driver on the way"
            )));
        }
        let (sender, receiver) = mpsc::channel(WATCH_BACKLOG_MAX + 1);
        let following = follow::serve(self.0.clone(), (rider, until), trip, sender);
        tokio::spawn(following);
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}
