//! The text of states, outcomes and tries: the same in `trips.parquet`, `summary.json` and the report.

use domain::trip::{CancelStage, CancelledBy, TripState, Try, TryOutcome, UnservedReason};
use domain::{Attempt, DriverId, Timestamp};

use super::SeenAccept;

const BY: [(CancelledBy, &str); 3] = [
    (CancelledBy::Rider, "rider"),
    (CancelledBy::Driver, "driver"),
    (CancelledBy::System, "system"),
];

const STAGES: [(CancelStage, &str); 5] = [
    (CancelStage::Requested, "requested"),
    (CancelStage::Offered, "offered"),
    (CancelStage::Accepted, "accepted"),
    (CancelStage::Arrived, "arrived"),
    (CancelStage::PickedUp, "picked_up"),
];

const REASONS: [(UnservedReason, &str); 4] = [
    (UnservedReason::NoDriverInReach, "no_driver_in_reach"),
    (UnservedReason::PatienceOver, "patience_over"),
    (UnservedReason::AttemptsExhausted, "attempts_exhausted"),
    (
        UnservedReason::NoneAvailableAtOnce,
        "none_available_at_once",
    ),
];

const OUTCOMES: [(TryOutcome, &str); 6] = [
    (TryOutcome::Pending, "pending"),
    (TryOutcome::Accepted, "accepted"),
    (TryOutcome::Declined, "declined"),
    (TryOutcome::Expired, "expired"),
    (TryOutcome::Withdrawn, "withdrawn"),
    (TryOutcome::Lost, "lost"),
];

fn text_of<T: PartialEq>(table: &'static [(T, &'static str)], value: &T) -> &'static str {
    table
        .iter()
        .find(|(known, _)| known == value)
        .map(|(_, text)| *text)
        .expect("the table names every value")
}

fn value_of<T: Copy>(table: &[(T, &'static str)], text: &str) -> Option<T> {
    table
        .iter()
        .find(|(_, known)| *known == text)
        .map(|(value, _)| *value)
}

/// The name of a state, without the why.
#[must_use]
pub fn state(state: TripState) -> &'static str {
    match state {
        TripState::Requested => "requested",
        TripState::Offered => "offered",
        TripState::Accepted => "accepted",
        TripState::Arrived => "arrived",
        TripState::PickedUp => "picked_up",
        TripState::Completed => "completed",
        TripState::Cancelled { .. } => "cancelled",
        TripState::Unserved { .. } => "unserved",
    }
}

/// Why a trip ended as it did: `rider_accepted` of a cancelled one, `patience_over` of an unserved one.
#[must_use]
pub fn why(state: TripState) -> Option<String> {
    match state {
        TripState::Cancelled { by, stage } => Some(cancel(by, stage)),
        TripState::Unserved { because } => Some(reason(because).to_owned()),
        _ => None,
    }
}

/// By whom and in which stage, as the summary's `cancels` has it: `rider_accepted`.
#[must_use]
pub fn cancel(by: CancelledBy, stage: CancelStage) -> String {
    format!("{}_{}", text_of(&BY, &by), text_of(&STAGES, &stage))
}

/// Why no driver was found, as the summary's `unserved_because` has it.
#[must_use]
pub fn reason(because: UnservedReason) -> &'static str {
    text_of(&REASONS, &because)
}

/// How a try ended.
#[must_use]
pub fn outcome(outcome: TryOutcome) -> &'static str {
    text_of(&OUTCOMES, &outcome)
}

/// Reads a state from [`state()`] and [`why`].
#[must_use]
pub fn parse_state(name: &str, why: Option<&str>) -> Option<TripState> {
    let plain = match name {
        "requested" => TripState::Requested,
        "offered" => TripState::Offered,
        "accepted" => TripState::Accepted,
        "arrived" => TripState::Arrived,
        "picked_up" => TripState::PickedUp,
        "completed" => TripState::Completed,
        "cancelled" => {
            let (by, stage) = why?.split_once('_')?;
            return Some(TripState::Cancelled {
                by: value_of(&BY, by)?,
                stage: value_of(&STAGES, stage)?,
            });
        }
        "unserved" => {
            return Some(TripState::Unserved {
                because: value_of(&REASONS, why?)?,
            });
        }
        _ => return None,
    };
    Some(plain)
}

/// A state and its why in one word: `completed`, `cancelled:rider_accepted`.
#[must_use]
pub fn whole_state(of: TripState) -> String {
    why(of).map_or_else(
        || state(of).to_owned(),
        |why| format!("{}:{why}", state(of)),
    )
}

/// Reads [`whole_state`].
#[must_use]
pub fn parse_whole_state(text: &str) -> Option<TripState> {
    match text.split_once(':') {
        Some((name, why)) => parse_state(name, Some(why)),
        None => parse_state(text, None),
    }
}

/// Tries as one text: `driver,offered µs,deadline µs,outcome,ended µs` joined by `;`.
#[must_use]
pub fn tries(tries: &[Try]) -> String {
    let one = |t: &Try| {
        let ended = t
            .ended_at
            .map_or_else(String::new, |at| at.as_micros().to_string());
        let (offered, deadline) = (t.offered_at.as_micros(), t.deadline.as_micros());
        let outcome = outcome(t.outcome);
        format!("{},{offered},{deadline},{outcome},{ended}", t.driver.0)
    };
    tries.iter().map(one).collect::<Vec<_>>().join(";")
}

/// Reads [`tries`].
#[must_use]
pub fn parse_tries(text: &str) -> Option<Vec<Try>> {
    let one = |text: &str| {
        let mut fields = text.split(',');
        let parsed = Try {
            driver: DriverId(fields.next()?.parse().ok()?),
            offered_at: micros(fields.next()?)?,
            deadline: micros(fields.next()?)?,
            outcome: value_of(&OUTCOMES, fields.next()?)?,
            ended_at: match fields.next()? {
                "" => None,
                ended => Some(micros(ended)?),
            },
        };
        fields.next().is_none().then_some(parsed)
    };
    list(text).map(one).collect()
}

/// Seen accepts as one text: `attempt,driver,µs` joined by `;`.
#[must_use]
pub fn accepts(accepts: &[SeenAccept]) -> String {
    let one = |a: &SeenAccept| format!("{},{},{}", a.attempt, a.driver.0, a.at.as_micros());
    accepts.iter().map(one).collect::<Vec<_>>().join(";")
}

/// Reads [`accepts`].
#[must_use]
pub fn parse_accepts(text: &str) -> Option<Vec<SeenAccept>> {
    let one = |text: &str| {
        let mut fields = text.split(',');
        let parsed = SeenAccept {
            attempt: Attempt(fields.next()?.parse().ok()?),
            driver: DriverId(fields.next()?.parse().ok()?),
            at: micros(fields.next()?)?,
        };
        fields.next().is_none().then_some(parsed)
    };
    list(text).map(one).collect()
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').filter(|one| !one.is_empty())
}

fn micros(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_text() {
        let mut states = vec![
            TripState::Requested,
            TripState::Offered,
            TripState::Accepted,
            TripState::Arrived,
            TripState::PickedUp,
            TripState::Completed,
        ];
        for (by, _) in BY {
            states.extend(STAGES.map(|(stage, _)| TripState::Cancelled { by, stage }));
        }
        states.extend(REASONS.map(|(because, _)| TripState::Unserved { because }));
        for of in states {
            assert_eq!(parse_state(state(of), why(of).as_deref()), Some(of));
            assert_eq!(parse_whole_state(&whole_state(of)), Some(of));
        }
        assert_eq!(
            cancel(CancelledBy::Rider, CancelStage::Accepted),
            "rider_accepted"
        );
        assert_eq!(parse_whole_state("cancelled"), None);
        assert_eq!(parse_whole_state("cancelled:rider_later"), None);
    }

    #[test]
    fn tries_survive_their_text() {
        let given: Vec<_> = OUTCOMES
            .iter()
            .zip(0..)
            .map(|((outcome, _), n)| Try {
                driver: DriverId(n),
                offered_at: Timestamp::from_micros(-5),
                deadline: Timestamp::from_micros(15_000_000),
                outcome: *outcome,
                ended_at: (*outcome != TryOutcome::Pending).then_some(Timestamp::ZERO),
            })
            .collect();
        assert_eq!(parse_tries(&tries(&given)), Some(given));
        assert_eq!(parse_tries(""), Some(Vec::new()));
        for malformed in ["1", "1,2,3,accepted", "1,2,3,perhaps,4", "1,2,3,lost,4,5"] {
            assert_eq!(parse_tries(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn accepts_survive_their_text() {
        let given = vec![SeenAccept {
            attempt: Attempt(2),
            driver: DriverId(9),
            at: Timestamp::from_micros(77),
        }];
        assert_eq!(parse_accepts(&accepts(&given)), Some(given));
        assert_eq!(parse_accepts("1,2"), None);
    }
}
