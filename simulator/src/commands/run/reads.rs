//! What is read of the system beside what riders and drivers see. What cannot be read is told: what they saw is not lost
//! for that.

use std::time::Duration;

use domain::Timestamp;
use domain::hold::Hold;
use domain::trip::Trip;
use drive::counted::Counted;
use services::ports::PortError;

use crate::target::system::System;

/// What a reader of the figures must know of counters that were not read.
fn uncounted(when: &str, error: &str, counts: &str) -> String {
    format!(
        "What the system counts itself could not be read at the end{when} ({error}): figures of {counts} lack it."
    )
}

/// The counters at the end of the warm-up: asked for until they are told.
#[derive(Debug, Default)]
pub(super) struct AtWarmup {
    counted: Option<Counted>,
    /// Why they were not told when they were first asked for.
    refused: Option<String>,
    /// How long after the end of the warm-up they were.
    late: Duration,
}

impl AtWarmup {
    pub(super) fn was_tried(&self) -> bool {
        self.is_read() || self.refused.is_some()
    }

    pub(super) fn is_read(&self) -> bool {
        self.counted.is_some()
    }

    /// They were asked for, so long after the end of the warm-up.
    pub(super) fn note(&mut self, counted: Result<Counted, PortError>, late: Duration) {
        match counted {
            Ok(counted) => (self.counted, self.late) = (Some(counted), late),
            Err(error) => {
                self.refused.get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// What a system knows of a run, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// What a reader of the figures must know.
    pub(super) notes: Vec<String>,
    /// Whether something was not read to the end.
    pub(super) is_lacking: bool,
}

impl Reads {
    fn lack(&mut self, note: String) {
        self.notes.push(note);
        self.is_lacking = true;
    }

    /// What was counted from the end of the warm-up to that of the run. Of a run that was cut short in its warm-up,
    /// nothing counts.
    pub(super) fn counted(
        &mut self,
        at_warmup: AtWarmup,
        at_end: Result<Counted, PortError>,
        counts: &str,
    ) -> Counted {
        let AtWarmup {
            counted,
            refused,
            late,
        } = at_warmup;
        match (&counted, refused) {
            (Some(_), Some(error)) => self.notes.push(format!(
                "What the system counts itself could not be read at the end of the warm-up ({error}) and was {:.0} s \
                 later: figures of {counts} lack that time.",
                late.as_secs_f64()
            )),
            (None, Some(error)) => self.lack(uncounted(" of the warm-up", &error, counts)),
            (_, None) => {}
        }
        match (counted, at_end) {
            (Some(at_warmup), Ok(at_end)) => at_end.since(&at_warmup),
            (_, Err(error)) => {
                self.lack(uncounted("", &error.to_string(), counts));
                Counted::default()
            }
            (None, Ok(_)) => Counted::default(),
        }
    }

    /// The store at the end of a run that began then.
    pub(super) async fn store(&mut self, system: &System, since: Timestamp) -> Store {
        let mut store = Store::default();
        match system.trips(since).await {
            Ok(trips) => store.trips = trips,
            Err(error) => {
                self.lack(format!(
                    "The store's trips could not be read ({error}): nothing is known of rides, waits and money, and \
                     the audit cannot be clean."
                ));
                store.trips_unread = Some(error.to_string());
                // Without trips they say nothing.
                return store;
            }
        }
        match system.holds().await {
            Ok(holds) => store.holds = holds,
            Err(error) => {
                self.lack(format!(
                    "The store's holds could not be read ({error}): the audit cannot be clean."
                ));
                store.holds_unread = Some(error.to_string());
            }
        }
        store
    }
}

/// What the store has at the end, and why it was not read.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) trips: Vec<Trip>,
    pub(super) holds: Vec<Hold>,
    pub(super) trips_unread: Option<String>,
    pub(super) holds_unread: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(http_requests: u64) -> Counted {
        Counted {
            http_requests,
            ..Counted::default()
        }
    }

    fn refused<T>() -> Result<T, PortError> {
        Err(PortError::Unavailable {
            port: "SQS",
            detail: "refused".to_owned(),
        })
    }

    #[test]
    fn counters_are_asked_for_until_they_are_told_and_are_missed_in_words() {
        let (soon, late) = (Duration::ZERO, Duration::from_secs(4));
        for (told, at_end, counted, said, lacking) in [
            (vec![Ok(requests(5))], Ok(requests(7)), 2, None, false),
            (
                vec![refused(), refused(), Ok(requests(6))],
                Ok(requests(7)),
                1,
                Some("at the end of the warm-up (SQS is unavailable: refused) and was 4 s later"),
                false,
            ),
            (
                vec![refused()],
                Ok(requests(7)),
                0,
                Some("could not be read at the end of the warm-up (SQS"),
                true,
            ),
            (
                vec![Ok(requests(5))],
                refused(),
                0,
                Some("could not be read at the end (SQS is unavailable: refused)"),
                true,
            ),
            // Cut short in the warm-up.
            (vec![], Ok(requests(7)), 0, None, false),
        ] {
            let mut at_warmup = AtWarmup::default();
            for (at, told) in told.into_iter().enumerate() {
                assert!(!at_warmup.is_read());
                at_warmup.note(told, if at == 0 { soon } else { late });
                assert!(at_warmup.was_tried());
            }
            let mut reads = Reads::default();
            let found = reads.counted(at_warmup, at_end, "queues");
            assert_eq!(found.http_requests, counted);
            assert_eq!(reads.is_lacking, lacking, "{reads:?}");
            match said {
                Some(said) => assert!(reads.notes[0].contains(said), "{reads:?}"),
                None => assert_eq!(reads.notes, Vec::<String>::new()),
            }
        }
    }
}
