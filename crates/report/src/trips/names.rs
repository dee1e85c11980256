//! Whole states, tries and accepts as text, for `trips.parquet` and messages. The words are the domain's.

use domain::trip::{TripState, Try, TryOutcome};
use domain::{Attempt, DriverId, Timestamp};

use super::SeenAccept;

/// A state and its why in one word: `completed`, `cancelled:rider_accepted`.
#[must_use]
pub fn whole_state(of: TripState) -> String {
    of.because().map_or_else(
        || of.name().to_owned(),
        |because| format!("{}:{because}", of.name()),
    )
}

/// Reads [`whole_state`].
#[must_use]
pub fn parse_whole_state(text: &str) -> Option<TripState> {
    match text.split_once(':') {
        Some((name, because)) => TripState::from_words(name, Some(because)),
        None => TripState::from_words(text, None),
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
        let outcome = t.outcome.name();
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
            outcome: TryOutcome::from_name(fields.next()?)?,
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
    use domain::trip::{CancelStage, CancelledBy, UnservedReason};

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
        for by in CancelledBy::ALL {
            states.extend(CancelStage::ALL.iter().map(|stage| TripState::Cancelled {
                by: *by,
                stage: *stage,
            }));
        }
        let unserved = |because: &UnservedReason| TripState::Unserved { because: *because };
        states.extend(UnservedReason::ALL.iter().map(unserved));
        for of in states {
            assert_eq!(parse_whole_state(&whole_state(of)), Some(of));
        }
        let because = UnservedReason::NeverOffered;
        let never_offered = Some(TripState::Unserved { because });
        assert_eq!(parse_whole_state("unserved:never_offered"), never_offered);
        let older = parse_whole_state("unserved:no_driver_in_reach");
        assert_eq!(older, never_offered, "files are still read");
        assert_eq!(parse_whole_state("cancelled"), None);
        assert_eq!(parse_whole_state("cancelled:rider_later"), None);
    }

    #[test]
    fn tries_survive_their_text() {
        let given: Vec<_> = TryOutcome::ALL
            .iter()
            .zip(0..)
            .map(|(outcome, n)| Try {
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
