//! How many of those who ask find a driver, whatever becomes of those who still wait when measuring ends.

use std::cmp::Reverse;
use std::time::Duration;

use domain::trip::{CancelStage, TripState};

use super::Window;
use crate::summary::figure;
use crate::trips::TripRow;

/// How the search for a ride's driver stands when measuring ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Search {
    /// A driver was found.
    Found,
    /// There will be none.
    Lost,
    /// It goes on.
    Open,
}

/// The share of rides requested in a window that find a driver: the Aalen–Johansen estimate of it, where rides that find
/// none are the competing risk and searches that go on are censored. What is left of those that go on longer than any
/// that was decided counts as not served. None without a ride.
///
/// To count what was decided in the window would tell of a run that is short against riders' patience that all were
/// served: who finds a driver does so in seconds, who finds none has waited for minutes by then.
#[must_use]
pub fn served_share<'a>(
    rows: impl IntoIterator<Item = &'a TripRow>,
    window: &Window,
) -> Option<f64> {
    let requested = rows
        .into_iter()
        .filter(|row| !row.in_progress_at_start && window.holds(row.requested_at));
    estimate(requested.map(|row| search(row, window)).collect())
}

/// The same of searches by how long they took or have taken.
fn estimate(mut searches: Vec<(Duration, Search)>) -> Option<f64> {
    if searches.is_empty() {
        return None;
    }
    searches.sort_unstable_by_key(|(took, _)| Reverse(*took));
    let (mut searching, mut served) = (1.0, 0.0);
    while let Some((after, _)) = searches.last().copied() {
        let at_risk = searches.len() as f64;
        let (mut found, mut lost) = (0.0, 0.0);
        while let Some((_, how)) = searches.pop_if(|(took, _)| *took == after) {
            found += f64::from(u8::from(how == Search::Found));
            lost += f64::from(u8::from(how == Search::Lost));
        }
        served += searching * found / at_risk;
        searching *= 1.0 - (found + lost) / at_risk;
    }
    figure(served, 6)
}

/// How long a ride's search took, or has taken when the window ends.
fn search(row: &TripRow, window: &Window) -> (Duration, Search) {
    let lost = match row.state {
        TripState::Unserved { .. }
        | TripState::Cancelled {
            stage: CancelStage::Requested | CancelStage::Offered,
            ..
        } => row.ended_at(),
        _ => None,
    };
    let found = row.accepted_at().map(|at| (at, Search::Found));
    let decided = lost.map(|at| (at, Search::Lost)).or(found);
    let (at, how) = decided
        .filter(|(at, _)| *at <= window.until)
        .unwrap_or((window.until, Search::Open));
    (at.since(row.requested_at), how)
}

#[cfg(test)]
mod tests {
    use super::Search::{Found, Lost, Open};
    use super::*;

    fn seconds(searches: &[(u64, Search)]) -> Vec<(Duration, Search)> {
        let timed = searches.iter();
        timed
            .map(|(took, how)| (Duration::from_secs(*took), *how))
            .collect()
    }

    #[test]
    fn where_all_is_decided_it_is_a_share() {
        let all = seconds(&[(2, Found), (600, Lost), (2, Found), (9, Found)]);
        assert_eq!(estimate(all), Some(0.75));
        assert_eq!(estimate(Vec::new()), None);
    }

    #[test]
    fn who_still_waits_counts_for_as_long_as_that_goes_on() {
        // Of three at 2 s one finds a driver; of the two left one is lost to sight at 5 s, and the other finds one at 9 s.
        let some = [(2, Found), (5, Open), (9, Found)];
        assert_eq!(estimate(seconds(&some)), Some(1.0));
        // The same where the last waits on: two thirds of the riders are not known to be served.
        let fewer = [(2, Found), (5, Open), (300, Open)];
        assert_eq!(estimate(seconds(&fewer)), Some(0.333_333));
        assert_eq!(estimate(seconds(&[(300, Open)])), Some(0.0));
    }

    #[test]
    fn it_is_the_same_however_soon_one_stops_to_look() {
        // Eight of ten find a driver after 1 to 8 s and two give up after ten minutes; one asks each second.
        let took = |rider: u64| match rider % 10 {
            lost @ 8..10 => (600 + lost, Lost),
            found => (1 + found, Found),
        };
        let stopped_after = |span: u64| {
            let seen = |rider: u64| match (span - rider, took(rider)) {
                (waited, (took, how)) if took <= waited => (took, how),
                (waited, _) => (waited, Open),
            };
            let all: Vec<_> = (0..span).map(seen).collect();
            estimate(seconds(&all)).unwrap()
        };
        for span in [100, 300, 3_600] {
            let share = stopped_after(span);
            assert!((share - 0.8).abs() < 0.03, "{share} after {span} s");
        }
    }
}
