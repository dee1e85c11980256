//! The last look: when all is quiet, every rider whose ride had not ended asks once more how it stands,
//! so that what the load generator saw can be held against the store, ride by ride.
//!
//! A function with little concurrency turns many away. They ask again until they are answered, within bounds
//! ([`until_answered`]); of whom that does not help it is told that they were not answered.

#[cfg(test)]
mod tests;

use std::pin::pin;

use domain::trip::TripState;
use domain::{Money, RiderId, TripId};
use drive::agents::CallFailure;
use drive::last_look::LastLook;
use drive::seen::SeenTrips;
use futures_util::stream::{self, StreamExt};
use identity::{Issuer, Subject};
use services::ports::Clock;
use tokio::time::{Instant, sleep, timeout_at};
use trace::TraceContext;
use wire::api::TripView;

use super::api::{Api, CallError, Caller};
use super::limits::{
    ASK_AGAIN_AFTER, ASK_AGAIN_AFTER_MAX, ASKING_AT_ONCE, LOOK_MAX, LOOK_SILENCE_MAX, STRANGERS,
    TOKEN_TTL,
};
use host::WallClock;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    Stands(TripState, Option<Money>),
    NotFound,
    /// Refused for good, or not to be read: who asks again is told the same.
    Nothing,
}

/// Asks for every trip whose end was not seen, and brings `seen` up to date.
pub async fn look(api: &Api, issuer: &Issuer, seen: &mut SeenTrips) -> LastLook {
    let open: Vec<(TripId, RiderId)> = seen
        .iter()
        .filter(|(_, seen)| seen.state.is_none_or(|state| !state.is_final()))
        .map(|(trip, seen)| (trip, seen.rider))
        .collect();
    let mut last = LastLook {
        unanswered: open.iter().map(|(trip, _)| *trip).collect(),
        ..LastLook::default()
    };
    let give_up_at = Instant::now() + LOOK_MAX;
    let ask = async |(trip, rider)| ask(api, issuer, rider, trip).await;
    let asked = open.len();
    let answers = until_answered(open, give_up_at, ask).await;
    let is_silent = asked > 0 && answers.is_empty();
    let now = WallClock.now();
    for ((trip, _), answer) in answers {
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
            Answer::Nothing => continue,
        }
        last.unanswered.remove(&trip);
    }
    if !is_silent {
        strangers(api, issuer, seen, give_up_at, &mut last).await;
    }
    last
}

/// What the API says of a trip to who asks for it; none if it may say more later.
async fn ask(api: &Api, issuer: &Issuer, rider: RiderId, trip: TripId) -> Option<Answer> {
    match read(api, issuer, rider, trip).await {
        Ok(view) => {
            let charged = view.charged_minor.map(Money::from_minor);
            let state = TripState::from_words(&view.state, view.because.as_deref());
            Some(state.map_or(Answer::Nothing, |state| Answer::Stands(state, charged)))
        }
        Err(CallError::Answered { status: 404, .. }) => Some(Answer::NotFound),
        Err(error) => (!error.may_pass()).then_some(Answer::Nothing),
    }
}

async fn read(
    api: &Api,
    issuer: &Issuer,
    rider: RiderId,
    trip: TripId,
) -> Result<TripView, CallError> {
    let token = issuer.issue(Subject::Rider(rider.0), TOKEN_TTL);
    let caller = Caller {
        token: &token,
        trace: TraceContext::root(),
    };
    api.get(&format!("/trips/{trip}"), caller).await
}

/// Some riders ask for the trip of the rider before them, which must be refused.
async fn strangers(
    api: &Api,
    issuer: &Issuer,
    seen: &SeenTrips,
    give_up_at: Instant,
    last: &mut LastLook,
) {
    let trips: Vec<(TripId, RiderId)> = seen
        .iter()
        .map(|(trip, seen)| (trip, seen.rider))
        .take(STRANGERS + 1)
        .collect();
    let pairs = trips.windows(2).filter(|pair| pair[0].1 != pair[1].1);
    let asking = pairs.map(|pair| (pair[0].0, pair[1].1)).collect();
    let is_shown = async |(trip, stranger)| match read(api, issuer, stranger, trip).await {
        Ok(_) => Some(true),
        // Who is turned away for now was not refused.
        Err(error) => (!error.may_pass()).then_some(false),
    };
    for ((trip, stranger), shown) in until_answered(asking, give_up_at, is_shown).await {
        if shown {
            last.foreign_shown.push((stranger, trip));
        } else {
            last.foreign_refused += 1;
        }
    }
}

/// Has all of them ask, and who was not answered ask again: after a wait that grows from round to round, half as
/// many at once each time, because who always comes back at the same moment may always find everything taken. Gives up
/// when none was answered for long, or at a time.
async fn until_answered<T: Copy, A>(
    mut asking: Vec<T>,
    give_up_at: Instant,
    ask: impl AsyncFn(T) -> Option<A>,
) -> Vec<(T, A)> {
    let mut answers = Vec::with_capacity(asking.len());
    let mut pace = (ASKING_AT_ONCE, ASK_AGAIN_AFTER);
    let mut heard_at = Instant::now();
    while !asking.is_empty() {
        let (at_once, wait) = pace;
        let one = async |who| {
            let answer = ask(who).await;
            if answer.is_none() {
                sleep(wait).await;
            }
            (who, answer)
        };
        let round = std::mem::take(&mut asking);
        let mut round = pin!(stream::iter(round).map(one).buffer_unordered(at_once));
        loop {
            let silent_at = give_up_at.min(heard_at + LOOK_SILENCE_MAX);
            match timeout_at(silent_at, round.next()).await {
                Ok(Some((who, Some(answer)))) => {
                    heard_at = Instant::now();
                    answers.push((who, answer));
                }
                Ok(Some((who, None))) => asking.push(who),
                Ok(None) => break,
                Err(_) => return answers,
            }
        }
        pace = ((at_once / 2).max(1), (wait * 2).min(ASK_AGAIN_AFTER_MAX));
    }
    answers
}
