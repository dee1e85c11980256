//! A rider, from the quote to the end of the ride, as a state machine: [`Rider::step`] takes what
//! happened and says what the rider's app does next.
//!
//! ```text
//! scheduled → quote → ride requested → poll until a driver is found → follow the car → end
//!               └→ leaves                        ↑_______________________|  (the stream ended)
//! ```
//!
//! The host carries out each action and answers it with one event: a call that gets no answer is a
//! [`Failure::TryAgain`]. After each step it asks [`Rider::wake_at`] when to wake the rider; a wake that
//! comes early, late or for nothing does no harm.

#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::limits::PATIENCE_MAX;
use domain::trip::{CancelStage, CancelledBy, TripState, UnservedReason};
use domain::{Money, RiderId, Timestamp, TripId};

use crate::demand::RiderPlan;
use crate::world::{Cancellation, PROMISE_IF_NONE, World};

/// Times a call is tried again after a failure that may pass.
pub const RETRIES_MAX: u32 = 6;
/// The wait before the first retry; each further one doubles it. Run time: the app is part of the system.
pub const RETRY_AFTER: Duration = Duration::from_millis(250);
/// From the end of the car's stream to the question how the ride ended. Run time.
pub const ASK_AFTER_FOLLOWING: Duration = Duration::from_secs(1);
/// The shortest patience that is sent.
const PATIENCE_MIN: Duration = Duration::from_millis(1);

/// What happens to a rider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiderEvent {
    /// The time of [`Rider::wake_at`] has come.
    Wake,
    /// The quote is there.
    Quoted {
        /// The fare.
        price: Money,
        /// The promised wait until the pick-up, if drivers are near. City time, as the system quotes it.
        pickup_eta: Option<Duration>,
    },
    /// The request was taken.
    Requested {
        /// As this trip.
        trip: TripId,
    },
    /// How the trip stands: the answer to a poll or a cancel.
    Seen(TripState),
    /// The cancel was refused: the rider is in the car, or the ride has ended.
    CancelRefused,
    /// The stream of the car's positions ended, or could not be opened.
    FollowEnded,
    /// The car leaves with the rider in it. A host that plays drivers too may say so; else the rider finds
    /// out by asking.
    PickedUp,
    /// The call under way failed.
    Failed(Failure),
}

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It may pass: 429, 503, a timeout, a broken connection.
    TryAgain,
    /// It will not: any other refusal.
    Refused,
}

/// What a rider does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RiderAction {
    /// Asks for a quote. Answered by [`RiderEvent::Quoted`].
    RequestQuote,
    /// Requests the ride as quoted. Answered by [`RiderEvent::Requested`].
    RequestRide {
        /// The same however often the request is sent.
        idempotency_key: u128,
        /// How long the rider waits for a driver. Run time.
        patience: Duration,
    },
    /// Asks how the trip stands. Answered by [`RiderEvent::Seen`].
    Poll {
        /// The trip.
        trip: TripId,
    },
    /// Opens the stream of the car's positions. Answered, in the end, by [`RiderEvent::FollowEnded`].
    Follow {
        /// The trip.
        trip: TripId,
    },
    /// Cancels. Answered by [`RiderEvent::Seen`] or [`RiderEvent::CancelRefused`].
    Cancel {
        /// The trip.
        trip: TripId,
    },
    /// Is gone: nothing follows. Close what is open.
    Leave(RiderEnd),
}

/// How it ended for a rider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RiderEnd {
    /// Did not take the quote.
    QuoteLost,
    /// Was brought to the destination.
    Completed,
    /// The ride was cancelled.
    Cancelled {
        /// By whom.
        by: CancelledBy,
        /// In which stage.
        stage: CancelStage,
    },
    /// No driver was found.
    Unserved {
        /// Why.
        because: UnservedReason,
    },
    /// A call was refused, or failed too often.
    Failed(Call),
}

/// The calls that a rider's app makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// For a quote.
    Quote,
    /// For a ride.
    Ride,
    /// How the trip stands.
    Poll,
    /// To cancel.
    Cancel,
}

/// What a rider is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Will make a call at a time.
    Until(Timestamp, Call),
    /// Has a call under way.
    Calling(Call),
    /// Follows the car.
    Following,
    /// Is gone.
    Gone,
}

/// A rider.
#[derive(Debug, Clone)]
pub struct Rider {
    plan: RiderPlan,
    phase: Phase,
    /// Failures of the present call so far.
    failures: u32,
    trip: Option<TripId>,
    /// The promised wait, city time.
    promise: Duration,
    requested_at: Timestamp,
    found: bool,
    cancel_at: Option<Timestamp>,
    polled_at: Timestamp,
}

impl Rider {
    /// A rider who will come when the plan says.
    #[must_use]
    pub fn new(world: &World, plan: RiderPlan) -> Self {
        let comes_at = world.pace.run_time(plan.at);
        Self {
            plan,
            phase: Phase::Until(comes_at, Call::Quote),
            failures: 0,
            trip: None,
            promise: PROMISE_IF_NONE,
            requested_at: comes_at,
            found: false,
            cancel_at: None,
            polled_at: comes_at,
        }
    }

    /// A rider whose ride is under way when the scenario begins: asks at once how it stands, then follows.
    #[must_use]
    pub fn under_way(world: &World, plan: RiderPlan, trip: TripId) -> Self {
        let mut rider = Self::new(world, plan);
        rider.trip = Some(trip);
        rider.found = true;
        rider.phase = Phase::Until(world.pace.started_at(), Call::Poll);
        rider
    }

    /// Who.
    #[must_use]
    pub fn id(&self) -> RiderId {
        self.plan.rider
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &RiderPlan {
        &self.plan
    }

    /// The trip, once requested.
    #[must_use]
    pub fn trip(&self) -> Option<TripId> {
        self.trip
    }

    /// When the rider was to ask for the quote, in the run's time: where latency is counted from.
    #[must_use]
    pub fn scheduled_at(&self, world: &World) -> Timestamp {
        world.pace.run_time(self.plan.at)
    }

    /// Whether the present call is made for the first time, and not again after it failed.
    #[must_use]
    pub fn is_first_try(&self) -> bool {
        self.failures == 0
    }

    /// When the rider next does something unasked; none while waiting for an answer, or gone.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Until(at, _) => Some(match (self.cancel_at, self.found) {
                (Some(cancel_at), true) => at.min(cancel_at),
                _ => at,
            }),
            Phase::Following => self.cancel_at,
            Phase::Calling(_) | Phase::Gone => None,
        }
    }

    /// Whether the rider is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.phase == Phase::Gone
    }

    /// Takes what happened; what the rider does about it is added to `actions`. An event that answers
    /// nothing that was asked is ignored.
    pub fn step(
        &mut self,
        world: &World,
        event: RiderEvent,
        now: Timestamp,
        actions: &mut Vec<RiderAction>,
    ) {
        match (event, self.phase) {
            (_, Phase::Gone) => {}
            (RiderEvent::Wake, _) => self.wake(world, now, actions),
            (RiderEvent::Quoted { price, pickup_eta }, Phase::Calling(Call::Quote)) => {
                self.decide(world, price, pickup_eta, now, actions);
            }
            (RiderEvent::Requested { trip }, Phase::Calling(Call::Ride)) => {
                self.trip = Some(trip);
                self.failures = 0;
                self.phase = Phase::Until(now + world.riders.poll_every, Call::Poll);
            }
            (RiderEvent::Seen(state), Phase::Calling(Call::Poll | Call::Cancel)) => {
                self.see(world, state, now, actions);
            }
            (RiderEvent::CancelRefused, Phase::Calling(Call::Cancel)) => {
                self.cancel_at = None;
                self.call(world, Call::Poll, now, actions);
            }
            (RiderEvent::FollowEnded, Phase::Following) => {
                let next_poll = self.polled_at + world.riders.poll_every;
                let at = next_poll.max(now + ASK_AFTER_FOLLOWING);
                self.phase = Phase::Until(at, Call::Poll);
            }
            (RiderEvent::PickedUp, _) => self.cancel_at = None,
            (RiderEvent::Failed(failure), Phase::Calling(call)) => {
                self.fail(call, failure, now, actions);
            }
            // Answers to what is no longer asked: a follow that ends during a cancel, a late reply.
            _ => {}
        }
    }

    fn wake(&mut self, world: &World, now: Timestamp, actions: &mut Vec<RiderAction>) {
        let cancels = self.found && self.cancel_at.is_some_and(|at| at <= now);
        match self.phase {
            Phase::Following | Phase::Until(_, Call::Poll) if cancels => {
                self.cancel_at = None;
                self.failures = 0;
                self.call(world, Call::Cancel, now, actions);
            }
            Phase::Until(at, call) if at <= now => self.call(world, call, now, actions),
            _ => {}
        }
    }

    fn call(&mut self, world: &World, call: Call, now: Timestamp, actions: &mut Vec<RiderAction>) {
        self.phase = Phase::Calling(call);
        let trip = || self.trip.expect("polls and cancels follow a request");
        actions.push(match call {
            Call::Quote => RiderAction::RequestQuote,
            Call::Ride => RiderAction::RequestRide {
                idempotency_key: self.plan.idempotency_key,
                patience: world
                    .pace
                    .in_run(self.plan.patience)
                    .clamp(PATIENCE_MIN, PATIENCE_MAX),
            },
            Call::Poll => RiderAction::Poll { trip: trip() },
            Call::Cancel => RiderAction::Cancel { trip: trip() },
        });
        if call == Call::Poll {
            self.polled_at = now;
        }
    }

    /// Takes the quote or leaves.
    fn decide(
        &mut self,
        world: &World,
        price: Money,
        pickup_eta: Option<Duration>,
        now: Timestamp,
        actions: &mut Vec<RiderAction>,
    ) {
        self.failures = 0;
        self.promise = pickup_eta.unwrap_or(PROMISE_IF_NONE);
        let acceptance = world
            .riders
            .quote_acceptance
            .probability(self.promise, price);
        if self.plan.draws.quote < acceptance {
            self.requested_at = now;
            self.call(world, Call::Ride, now, actions);
        } else {
            self.leave(RiderEnd::QuoteLost, actions);
        }
    }

    fn see(
        &mut self,
        world: &World,
        state: TripState,
        now: Timestamp,
        actions: &mut Vec<RiderAction>,
    ) {
        self.failures = 0;
        match state {
            TripState::Completed => self.leave(RiderEnd::Completed, actions),
            TripState::Cancelled { by, stage } => {
                self.leave(RiderEnd::Cancelled { by, stage }, actions);
            }
            TripState::Unserved { because } => {
                self.leave(RiderEnd::Unserved { because }, actions);
            }
            TripState::Requested | TripState::Offered => {
                self.phase = Phase::Until(now + world.riders.poll_every, Call::Poll);
            }
            TripState::Accepted | TripState::Arrived | TripState::PickedUp => {
                if !self.found {
                    self.found = true;
                    self.cancel_at = self.cancels_at(world, now);
                }
                if state == TripState::PickedUp {
                    self.cancel_at = None;
                }
                self.phase = Phase::Following;
                let trip = self.trip.expect("what is seen was requested");
                actions.push(RiderAction::Follow { trip });
            }
        }
    }

    /// When the rider will cancel unless picked up before, now that a driver is found.
    fn cancels_at(&self, world: &World, now: Timestamp) -> Option<Timestamp> {
        let draws = &self.plan.draws;
        let wait = match world.riders.cancellation {
            Cancellation::Constant(probability) => {
                (draws.cancel < probability).then(|| self.promise.mul_f64(draws.cancel_when))
            }
            Cancellation::Hazard {
                per_minute_on_time,
                per_minute_late,
            } => {
                let waited = world.pace.in_city(now.since(self.requested_at));
                let on_time_minutes = self.promise.saturating_sub(waited).as_secs_f64() / 60.0;
                // The hazard a rider takes before cancelling is exponential with mean 1.
                let takes = -(1.0 - draws.cancel).ln();
                let minutes = if takes <= per_minute_on_time * on_time_minutes {
                    takes / per_minute_on_time
                } else {
                    let left = takes - per_minute_on_time * on_time_minutes;
                    on_time_minutes + left / per_minute_late
                };
                minutes
                    .is_finite()
                    .then(|| kernel::random::span(minutes * 60.0))
            }
        };
        wait.map(|city| now + world.pace.in_run(city))
    }

    /// Tries again, ever later, or gives up.
    fn fail(
        &mut self,
        call: Call,
        failure: Failure,
        now: Timestamp,
        actions: &mut Vec<RiderAction>,
    ) {
        if failure == Failure::Refused || self.failures >= RETRIES_MAX {
            self.leave(RiderEnd::Failed(call), actions);
            return;
        }
        // Between half and the whole of the doubled wait, elsewhere in it at each retry.
        let turn = (self.plan.draws.retry + f64::from(self.failures) * 0.618_034).fract();
        let wait = RETRY_AFTER * 2u32.pow(self.failures);
        self.failures += 1;
        self.phase = Phase::Until(now + wait.mul_f64(0.5 + 0.5 * turn), call);
    }

    fn leave(&mut self, end: RiderEnd, actions: &mut Vec<RiderAction>) {
        self.phase = Phase::Gone;
        self.cancel_at = None;
        actions.push(RiderAction::Leave(end));
    }
}
