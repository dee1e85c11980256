//! One rider in virtual time: carries out what the rider's behaviour says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::trip::Trip;
use domain::{Timestamp, TripId};
use drive::agents::{CallUnderWay, asks_for_quote};
use drive::keys::{key_text, trip_of};
use services::quote::SignedQuote;
use services::request::RideRequest;
use workload::demand::RiderPlan;
use workload::rider::{Call, Failure, Rider, RiderAction, RiderEvent};

use crate::api::ApiError;
use crate::run::Shared;

struct Agent {
    shared: Arc<Shared>,
    rider: Rider,
    trip: TripId,
    quote: Option<SignedQuote>,
    call: CallUnderWay,
    following: bool,
}

/// Rides, from the quote to the end.
pub(crate) async fn ride(shared: Arc<Shared>, plan: RiderPlan) {
    let mut agent = Agent {
        rider: Rider::new(&shared.world, plan),
        trip: trip_of(&plan),
        quote: None,
        call: CallUnderWay::default(),
        following: false,
        shared,
    };
    while !agent.rider.is_gone() {
        let event = agent.next().await;
        agent.step(event).await;
    }
}

impl Agent {
    async fn next(&mut self) -> RiderEvent {
        let wake_at = self.rider.wake_at();
        if self.following {
            let (rider, trip) = (self.rider.id(), self.trip);
            if self.shared.tracker.follow(rider, trip, wake_at).await {
                self.following = false;
                return RiderEvent::FollowEnded;
            }
            return RiderEvent::Wake;
        }
        // A rider who neither follows nor has a time has ended: behaviour sees to one of the two.
        let until_us = wake_at.map_or(self.shared.time.now_us(), Timestamp::as_micros);
        self.shared.time.sleep_until_us(until_us).await;
        RiderEvent::Wake
    }

    async fn step(&mut self, event: RiderEvent) {
        let mut events = VecDeque::from([event]);
        let mut actions = Vec::new();
        while let Some(event) = events.pop_front() {
            let shared = self.shared.clone();
            self.rider
                .step(&shared.world, event, shared.now(), &mut actions);
            for action in std::mem::take(&mut actions) {
                events.extend(self.act(action).await);
            }
        }
    }

    async fn act(&mut self, action: RiderAction) -> Option<RiderEvent> {
        match action {
            // Large and short: kept out of what a rider's task holds all the way.
            RiderAction::RequestQuote => Some(Box::pin(self.request_quote()).await),
            RiderAction::RequestRide {
                idempotency_key,
                patience,
            } => Some(Box::pin(self.request_ride(idempotency_key, patience)).await),
            RiderAction::Poll { trip } => {
                self.call.sent(Call::Poll, self.shared.now());
                let answer = self.shared.api.read(self.rider.id(), trip).await;
                Some(self.seen(answer))
            }
            RiderAction::Cancel { trip } => Some(self.cancel(trip).await),
            RiderAction::Follow { .. } => {
                self.following = true;
                None
            }
            RiderAction::Leave(_) => {
                let shared = &self.shared;
                self.call.left(&shared.recorder, shared.now());
                self.following = false;
                None
            }
        }
    }

    async fn request_quote(&mut self) -> RiderEvent {
        let shared = self.shared.clone();
        let scheduled_at =
            asks_for_quote(&shared.recorder, &self.rider, &shared.world, shared.now());
        self.call.sent(Call::Quote, scheduled_at);
        let plan = *self.rider.plan();
        let answer = shared.api.quote(&plan).await;
        let now = shared.now();
        match self.answered(answer) {
            Ok(signed) => {
                let surge = wire::api::surge_number(signed.quote.fare.surge);
                shared.recorder.quoted(scheduled_at, now, surge);
                shared.heat.quoted(plan.pickup, surge, now);
                if surge > 1.0
                    && let Some(lookout) = &shared.lookout
                {
                    lookout.surge();
                }
                let event = RiderEvent::Quoted {
                    price: signed.quote.fare.total(),
                    pickup_eta: signed.pickup_eta,
                };
                self.quote = Some(signed);
                event
            }
            Err(failure) => RiderEvent::Failed(failure),
        }
    }

    async fn request_ride(&mut self, key: u128, patience: std::time::Duration) -> RiderEvent {
        let shared = self.shared.clone();
        let Some(signed) = &self.quote else {
            return RiderEvent::Failed(Failure::Refused);
        };
        let scheduled_at = self.call.sent(Call::Ride, shared.now());
        let plan = *self.rider.plan();
        let quoted = signed.quote.fare.total();
        shared
            .recorder
            .requesting(self.trip, plan.rider, scheduled_at, quoted);
        let request = RideRequest {
            rider: plan.rider,
            idempotency_key: key_text(key),
            quote_token: signed.token.clone(),
            pickup: plan.pickup,
            dropoff: plan.dropoff,
            // Sent as whole milliseconds.
            patience: std::time::Duration::from_millis(
                u64::try_from(patience.as_millis())
                    .unwrap_or(u64::MAX)
                    .max(1),
            ),
        };
        let answer = shared.api.request(&request).await;
        match self.answered(answer) {
            Ok(_) => {
                self.quote = None;
                shared.recorder.confirmed(self.trip, shared.now());
                RiderEvent::Requested { trip: self.trip }
            }
            Err(failure) => RiderEvent::Failed(failure),
        }
    }

    async fn cancel(&mut self, trip: TripId) -> RiderEvent {
        let shared = self.shared.clone();
        self.call.sent(Call::Cancel, shared.now());
        let answer = shared.api.cancel(self.rider.id(), trip).await;
        // Too late to cancel is an answer, not an error.
        if answer
            .as_ref()
            .is_err_and(|error| error.code == "wrong_state")
        {
            self.call.too_late(&shared.recorder);
            return RiderEvent::CancelRefused;
        }
        self.seen(answer)
    }

    fn seen(&mut self, answer: Result<Trip, ApiError>) -> RiderEvent {
        match self.answered(answer) {
            Ok(trip) => {
                let charged = trip.state.is_final().then(|| trip.charge.rider_pays());
                let now = self.shared.now();
                self.shared
                    .recorder
                    .shown(self.trip, now, trip.state, charged);
                RiderEvent::Seen(trip.state)
            }
            Err(failure) => RiderEvent::Failed(failure),
        }
    }

    fn answered<T>(&mut self, answer: Result<T, ApiError>) -> Result<T, Failure> {
        let (shared, now) = (&self.shared, self.shared.now());
        let in_flight = shared.api.in_flight.load(Ordering::Relaxed);
        shared.recorder.in_flight(in_flight + 1, now);
        self.call.answered(&shared.recorder, now, answer)
    }
}
