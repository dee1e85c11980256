//! What functions and match rounds tell while they run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use report::distill::quantile;
use report::latency::LatencyHistogram;
use report::summary::{Matching, RoundSize};
use services::matching::RoundReport;

/// What functions and match rounds tell while they run.
#[derive(Debug, Default)]
pub struct Watched {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counting: bool,
    durations: BTreeMap<String, LatencyHistogram>,
    rounds: u64,
    sizes: Vec<u64>,
    reserve_conflicts: u64,
}

impl Watched {
    /// One that counts nothing yet.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while watching")
    }

    /// From now on things count, or no longer.
    pub fn count(&self, counting: bool) {
        self.state().counting = counting;
    }

    /// A call of a function has ended.
    pub fn invoked(&self, function: &str, duration: Duration) {
        let mut state = self.state();
        if state.counting {
            if !state.durations.contains_key(function) {
                state
                    .durations
                    .insert(function.to_owned(), LatencyHistogram::default());
            }
            state
                .durations
                .get_mut(function)
                .expect("inserted if it was missing")
                .record(duration);
        }
    }

    /// A match round was run.
    pub fn round(&self, report: &RoundReport) {
        let mut state = self.state();
        if state.counting {
            state.rounds += 1;
            state.sizes.push(report.waiting as u64);
            state.reserve_conflicts += report.reserve_conflicts as u64;
        }
    }

    /// How long calls of a function ran.
    #[must_use]
    pub fn durations(&self, function: &str) -> LatencyHistogram {
        self.state()
            .durations
            .get(function)
            .cloned()
            .unwrap_or_default()
    }

    /// The match rounds, as the summary has them.
    #[must_use]
    pub fn matching(&self) -> Matching {
        let state = self.state();
        let mut sizes = state.sizes.clone();
        sizes.sort_unstable();
        let mean =
            (!sizes.is_empty()).then(|| sizes.iter().sum::<u64>() as f64 / sizes.len() as f64);
        let as_numbers: Vec<f64> = sizes.iter().map(|size| *size as f64).collect();
        Matching {
            rounds: state.rounds,
            round_size: RoundSize {
                mean: mean.map(|mean| (mean * 1_000.0).round() / 1_000.0),
                p99: quantile(&as_numbers, 0.99),
                max: sizes.last().copied(),
            },
            reserve_conflicts: state.reserve_conflicts,
        }
    }
}
