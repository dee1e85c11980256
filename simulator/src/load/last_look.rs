//! The last look: when all is quiet, every rider whose ride had not ended asks once more how it stands,
//! so that what the load generator saw can be held against the store, ride by ride.

use std::time::Duration;

use domain::trip::TripState;
use domain::{Money, RiderId, TripId};
use drive::last_look::LastLook;
use drive::seen::SeenTrips;
use futures_util::stream::{self, StreamExt};
use identity::{Issuer, Subject};
use services::ports::Clock;
use trace::TraceContext;
use wire::api::TripView;

use super::api::{Api, CallError, Caller};
use host::WallClock;

/// Riders who ask at once.
const ASKING_AT_ONCE: usize = 16;
/// Times a rider asks before the trip counts as not found.
const ASKS_MAX: usize = 10;
/// How long a rider waits before asking again: a function with little concurrency turns some away.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Riders who also ask for another's trip.
const STRANGERS: usize = 50;
/// How long these tokens are good for.
const TOKEN_TTL: Duration = Duration::from_secs(600);

enum Answer {
    Stands(TripState, Option<Money>),
    NotFound,
    Unknown,
}

/// Asks for every trip whose end was not seen, and brings `seen` up to date.
pub async fn look(api: &Api, issuer: &Issuer, seen: &mut SeenTrips) -> LastLook {
    let open: Vec<(TripId, RiderId)> = seen
        .iter()
        .filter(|(_, seen)| seen.state.is_none_or(|state| !state.is_final()))
        .map(|(trip, seen)| (trip, seen.rider))
        .collect();
    let answers: Vec<(TripId, Answer)> = stream::iter(open)
        .map(|(trip, rider)| async move { (trip, ask(api, issuer, rider, trip).await) })
        .buffer_unordered(ASKING_AT_ONCE)
        .collect()
        .await;
    let mut last = LastLook::default();
    let now = WallClock.now();
    for (trip, answer) in answers {
        let Some(known) = seen.get_mut(trip) else {
            continue;
        };
        match answer {
            Answer::Stands(state, charged) => {
                known.answered_at.get_or_insert(now);
                known.state = Some(state);
                known.state_at = Some(now);
                known.charged_total = charged;
            }
            // Never confirmed and not there: the request did not arrive.
            Answer::NotFound if known.answered_at.is_none() => {
                seen.remove(trip);
            }
            Answer::NotFound => last.missing.push(trip),
            Answer::Unknown => {}
        }
    }
    strangers(api, issuer, seen, &mut last).await;
    last
}

async fn ask(api: &Api, issuer: &Issuer, rider: RiderId, trip: TripId) -> Answer {
    let token = issuer.issue(Subject::Rider(rider.0), TOKEN_TTL);
    for _ in 0..ASKS_MAX {
        let caller = Caller {
            token: &token,
            trace: TraceContext::root(),
        };
        match api.get::<TripView>(&format!("/trips/{trip}"), caller).await {
            Ok(view) => {
                let charged = view.charged_minor.map(Money::from_minor);
                let state = TripState::from_words(&view.state, view.because.as_deref());
                return state.map_or(Answer::Unknown, |state| Answer::Stands(state, charged));
            }
            Err(CallError::Answered { status: 404, .. }) => return Answer::NotFound,
            Err(_) => tokio::time::sleep(ASK_AGAIN_AFTER).await,
        }
    }
    Answer::Unknown
}

/// Some riders ask for the trip of the rider before them, which must be refused.
async fn strangers(api: &Api, issuer: &Issuer, seen: &SeenTrips, last: &mut LastLook) {
    let trips: Vec<(TripId, RiderId)> = seen
        .iter()
        .map(|(trip, seen)| (trip, seen.rider))
        .take(STRANGERS + 1)
        .collect();
    for pair in trips.windows(2) {
        let ((trip, owner), (_, stranger)) = (pair[0], pair[1]);
        if owner == stranger {
            continue;
        }
        let token = issuer.issue(Subject::Rider(stranger.0), TOKEN_TTL);
        let caller = Caller {
            token: &token,
            trace: TraceContext::root(),
        };
        match api.get::<TripView>(&format!("/trips/{trip}"), caller).await {
            Ok(_) => last.foreign_shown.push((stranger, trip)),
            Err(_) => last.foreign_refused += 1,
        }
    }
}
