//! Where the time from request to accept went.

use domain::Timestamp;

use super::{Window, mean};
use crate::trips::TripRow;

/// The mean parts of the time from request to accept, in seconds, of a tenth of the rides.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PathSlice {
    /// Rides in this slice.
    pub rides: u64,
    /// From the scheduled time until the request was stored.
    pub request_s: f64,
    /// Until the first offer was made: the window, the match round and, where no driver was in reach,
    /// the rounds after it.
    pub matching_s: f64,
    /// Offers to drivers who did not take the ride, and the rounds between them.
    pub other_drivers_s: f64,
    /// Until the driver's stream received the offer.
    pub delivery_s: f64,
    /// Until the driver accepted.
    pub answer_s: f64,
}

impl PathSlice {
    /// The whole time, in seconds.
    #[must_use]
    pub fn total_s(&self) -> f64 {
        self.parts().iter().sum()
    }

    /// The parts in their order.
    #[must_use]
    pub fn parts(&self) -> [f64; 5] {
        [
            self.request_s,
            self.matching_s,
            self.other_drivers_s,
            self.delivery_s,
            self.answer_s,
        ]
    }
}

/// The rides requested inside the window that were accepted, quickest first, in ten equal slices. The
/// delivery is known of the first offer alone, and is taken as part of the answer of later ones.
#[must_use]
pub fn accept_path(rows: &[TripRow], window: &Window) -> Vec<PathSlice> {
    let mut paths: Vec<[f64; 5]> = rows
        .iter()
        .filter(|row| !row.in_progress_at_start && window.holds(row.asked_at()))
        .filter_map(path)
        .collect();
    paths.sort_by(|a, b| a.iter().sum::<f64>().total_cmp(&b.iter().sum()));
    let slices = paths.len().min(10);
    (0..slices)
        .map(|n| slice(&paths[n * paths.len() / slices..(n + 1) * paths.len() / slices]))
        .collect()
}

fn path(row: &TripRow) -> Option<[f64; 5]> {
    let accepted_at = row.accepted_at()?;
    let (first, last) = (row.tries.first()?, row.accepted_try()?);
    let span = |from: Timestamp, to: Timestamp| to.since(from).as_secs_f64();
    let received_at = row
        .seen
        .as_ref()
        .and_then(|seen| seen.first_offer_at)
        .filter(|at| row.tries.len() == 1 && *at >= last.offered_at)
        .unwrap_or(last.offered_at);
    Some([
        span(row.asked_at(), row.requested_at),
        span(row.requested_at, first.offered_at),
        span(first.offered_at, last.offered_at),
        span(last.offered_at, received_at),
        span(received_at, accepted_at),
    ])
}

fn slice(paths: &[[f64; 5]]) -> PathSlice {
    let part = |index: usize| {
        let values: Vec<f64> = paths.iter().map(|path| path[index]).collect();
        mean(&values).unwrap_or(0.0)
    };
    PathSlice {
        rides: paths.len() as u64,
        request_s: part(0),
        matching_s: part(1),
        other_drivers_s: part(2),
        delivery_s: part(3),
        answer_s: part(4),
    }
}
