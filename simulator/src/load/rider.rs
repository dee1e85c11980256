//! One rider: carries out what the rider's behaviour says over HTTP and, once a driver is found, on a
//! stream of the car's positions.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::trip::TripState;
use domain::{Money, TripId};
use drive::agents::{CallUnderWay, asks_for_quote};
use drive::keys::{key_text, trip_of};
use identity::Subject;
use tokio::sync::watch;
use tonic::Streaming;
use trace::TraceContext;
use wire::api::{QuoteBody, QuoteView, TripBody, TripView};
use wire::grpc::{self, v1};
use workload::demand::RiderPlan;
use workload::rider::{Call, Failure, Rider, RiderAction, RiderEvent};

use super::api::{CallError, Caller};
use super::limits::OPEN_MAX;
use super::pass::Pass;
use super::streams::authorized;
use super::{InFlight, Shared, wait};

struct Agent {
    shared: Arc<Shared>,
    rider: Rider,
    trip: TripId,
    pass: Pass,
    /// Whoever looks for what became of this rider finds all of it in one trace.
    trace: TraceContext,
    quote: Option<QuoteView>,
    call: CallUnderWay,
    following: Option<Streaming<v1::CarPosition>>,
}

/// Rides, from the quote to the end or until the run is quiet.
pub(super) async fn ride(shared: Arc<Shared>, plan: RiderPlan, mut quiet: watch::Receiver<bool>) {
    let pass = Pass::new(Subject::Rider(plan.rider.0), &shared);
    let mut agent = Agent {
        rider: Rider::new(&shared.world, plan),
        trip: trip_of(&plan),
        pass,
        trace: TraceContext::root(),
        quote: None,
        call: CallUnderWay::default(),
        following: None,
        shared,
    };
    while !agent.rider.is_gone() {
        let event = tokio::select! {
            biased;
            _ = quiet.wait_for(|quiet| *quiet) => break,
            event = agent.next() => event,
        };
        // A request that was begun is seen through, so that what was sent is known.
        agent.step(event).await;
    }
    let shared = &agent.shared;
    agent.call.left(&shared.recorder, shared.now());
}

impl Agent {
    async fn next(&mut self) -> RiderEvent {
        let wake = wait::until_some(&self.shared.clock, self.rider.wake_at());
        let Some(following) = &mut self.following else {
            wake.await;
            return RiderEvent::Wake;
        };
        let watched = async { while let Ok(Some(_)) = following.message().await {} };
        tokio::select! {
            biased;
            () = watched => {}
            () = wake => return RiderEvent::Wake,
        }
        self.following = None;
        RiderEvent::FollowEnded
    }

    async fn step(&mut self, event: RiderEvent) {
        let mut events = VecDeque::from([event]);
        let mut actions = Vec::new();
        while let Some(event) = events.pop_front() {
            self.rider
                .step(&self.shared.world, event, self.shared.now(), &mut actions);
            for action in std::mem::take(&mut actions) {
                if let Some(event) = self.act(action).await {
                    events.push_back(event);
                }
            }
        }
    }

    async fn act(&mut self, action: RiderAction) -> Option<RiderEvent> {
        match action {
            RiderAction::RequestQuote => Some(self.request_quote().await),
            RiderAction::RequestRide {
                idempotency_key,
                patience,
            } => {
                let patience_ms = u64::try_from(patience.as_millis())
                    .unwrap_or(u64::MAX)
                    .max(1);
                Some(
                    self.request_ride(&key_text(idempotency_key), patience_ms)
                        .await,
                )
            }
            RiderAction::Poll { trip } => Some(self.poll(trip).await),
            RiderAction::Cancel { trip } => Some(self.cancel(trip).await),
            RiderAction::Follow { trip } => {
                let request = authorized(
                    v1::WatchRequest {
                        trip: grpc::trip_bytes(trip),
                    },
                    self.pass.token(&self.shared),
                );
                let mut client = self.shared.streams.watch();
                match tokio::time::timeout(OPEN_MAX, client.watch(request)).await {
                    Ok(Ok(answer)) => {
                        self.following = Some(answer.into_inner());
                        None
                    }
                    _ => Some(RiderEvent::FollowEnded),
                }
            }
            RiderAction::Leave(_) => {
                let shared = &self.shared;
                self.call.left(&shared.recorder, shared.now());
                self.following = None;
                None
            }
        }
    }

    async fn request_quote(&mut self) -> RiderEvent {
        let shared = &self.shared;
        let scheduled_at =
            asks_for_quote(&shared.recorder, &self.rider, &shared.world, shared.now());
        self.call.sent(Call::Quote, scheduled_at);
        let plan = self.rider.plan();
        let body = QuoteBody {
            pickup: plan.pickup.into(),
            dropoff: plan.dropoff.into(),
            product: plan.product.map(|product| product.to_string()),
        };
        let answer = {
            let _in_flight = InFlight::new(&self.shared);
            let caller = Caller {
                token: self.pass.token(&self.shared),
                trace: self.trace,
            };
            self.shared
                .api
                .post::<QuoteView>("/quotes", caller, None, &body)
                .await
        };
        let now = self.shared.now();
        match self.answered(answer) {
            Ok(view) => {
                self.shared.recorder.quoted(scheduled_at, now, view.surge);
                self.shared
                    .heat
                    .quoted(self.rider.plan().pickup, view.surge, now);
                let event = RiderEvent::Quoted {
                    price: Money::from_minor(view.total_minor),
                    pickup_eta: view.pickup_eta_s.map(kernel::random::span),
                };
                self.quote = Some(view);
                event
            }
            Err(failure) => RiderEvent::Failed(failure),
        }
    }

    async fn request_ride(&mut self, key: &str, patience_ms: u64) -> RiderEvent {
        let Some(quote) = self.quote.clone() else {
            return RiderEvent::Failed(Failure::Refused);
        };
        let scheduled_at = self.call.sent(Call::Ride, self.shared.now());
        let plan = *self.rider.plan();
        let quoted = Money::from_minor(quote.total_minor);
        self.shared
            .recorder
            .requesting(self.trip, plan.rider, scheduled_at, quoted);
        let body = TripBody {
            quote_token: quote.quote_token,
            pickup: plan.pickup.into(),
            dropoff: plan.dropoff.into(),
            patience_ms,
        };
        let answer = {
            let _in_flight = InFlight::new(&self.shared);
            let caller = Caller {
                token: self.pass.token(&self.shared),
                trace: self.trace,
            };
            self.shared
                .api
                .post::<TripView>("/trips", caller, Some(key), &body)
                .await
        };
        match self.answered(answer) {
            Ok(_) => {
                self.shared.recorder.confirmed(self.trip, self.shared.now());
                RiderEvent::Requested { trip: self.trip }
            }
            Err(failure) => RiderEvent::Failed(failure),
        }
    }

    async fn poll(&mut self, trip: TripId) -> RiderEvent {
        self.call.sent(Call::Poll, self.shared.now());
        let answer = {
            let _in_flight = InFlight::new(&self.shared);
            let caller = Caller {
                token: self.pass.token(&self.shared),
                trace: self.trace,
            };
            self.shared
                .api
                .get::<TripView>(&format!("/trips/{trip}"), caller)
                .await
        };
        match self.answered(answer) {
            Ok(view) => self.shown(&view),
            Err(failure) => RiderEvent::Failed(failure),
        }
    }

    async fn cancel(&mut self, trip: TripId) -> RiderEvent {
        self.call.sent(Call::Cancel, self.shared.now());
        let path = format!("/trips/{trip}/cancel");
        let answer = {
            let _in_flight = InFlight::new(&self.shared);
            let caller = Caller {
                token: self.pass.token(&self.shared),
                trace: self.trace,
            };
            self.shared
                .api
                .post::<TripView>(&path, caller, None, &serde_json::json!({}))
                .await
        };
        // Too late to cancel is an answer, not an error.
        if let Err(CallError::Answered { status: 409, code }) = &answer
            && code == "wrong_state"
        {
            self.call.too_late(&self.shared.recorder);
            return RiderEvent::CancelRefused;
        }
        match self.answered(answer) {
            Ok(view) => self.shown(&view),
            Err(failure) => RiderEvent::Failed(failure),
        }
    }

    fn answered<T>(&mut self, answer: Result<T, CallError>) -> Result<T, Failure> {
        let shared = &self.shared;
        self.call.answered(&shared.recorder, shared.now(), answer)
    }

    fn shown(&self, view: &TripView) -> RiderEvent {
        let Some(stands) = TripState::from_words(&view.state, view.because.as_deref()) else {
            return RiderEvent::Failed(Failure::Refused);
        };
        let charged = view.charged_minor.map(Money::from_minor);
        self.shared
            .recorder
            .shown(self.trip, self.shared.now(), stands, charged);
        RiderEvent::Seen(stands)
    }
}
