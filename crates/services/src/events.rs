//! `trip-events`: what drivers report, applied to trips. At least once, in no order.

use std::sync::Arc;

use domain::trip::{Outcome, Trip, TripEvent, TripState};

use crate::config::Market;
use crate::error::MessageError;
use crate::ports::{Clock, Doorbell, Fleet, TripStore};
use crate::ring::ring;
use crate::swap::{Changed, Decision, change};

/// The use case that applies trip events.
#[derive(Debug, Clone)]
pub struct TripProgress<T, B, F, C> {
    market: Arc<Market>,
    trips: T,
    doorbell: B,
    fleet: F,
    clock: C,
}

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The trip moved there.
    Moved(TripState),
    /// It changed nothing.
    Unchanged,
    /// The trip would not have it, and the driver was let go.
    Released,
}

impl<T: TripStore, B: Doorbell, F: Fleet, C: Clock> TripProgress<T, B, F, C> {
    /// Trips in `trips`; declined ones ring by `doorbell`; refused drivers are let go through `fleet`.
    pub fn new(market: Arc<Market>, trips: T, doorbell: B, fleet: F, clock: C) -> Self {
        Self {
            market,
            trips,
            doorbell,
            fleet,
            clock,
        }
    }

    /// Applies one event.
    ///
    /// # Errors
    /// If the trip does not exist (no retry helps), or a port fails (a retry does).
    pub async fn apply(&self, event: &TripEvent) -> Result<Applied, MessageError> {
        let now = self.clock.now();
        let decide = |trip: &Trip| match trip.apply(event, &self.market.tariff, now) {
            Outcome::Moved(next) => {
                let state = next.state;
                Decision::Store(next, Verdict::Moved(state))
            }
            Outcome::Unchanged => Decision::Leave(Verdict::Unchanged),
            Outcome::Refused { release } => Decision::Leave(Verdict::Refused(release)),
        };
        match change(&self.trips, event.key.trip, decide).await? {
            Changed::NoSuchTrip => Err(MessageError::UnknownTrip(event.key.trip)),
            Changed::Contended => Err(MessageError::Contended("trip")),
            Changed::Done(_, Verdict::Unchanged) => Ok(Applied::Unchanged),
            Changed::Done(_, Verdict::Refused(key)) => {
                self.fleet.release(key).await?;
                Ok(Applied::Released)
            }
            Changed::Done(_, Verdict::Moved(state)) => {
                if state == TripState::Requested {
                    let market = &self.market;
                    ring(&self.doorbell, &self.clock, market, &market.region).await?;
                }
                Ok(Applied::Moved(state))
            }
        }
    }
}

enum Verdict {
    Moved(TripState),
    Unchanged,
    Refused(domain::hold::HoldKey),
}
