//! What the stack counted, and the difference of two moments: figures are of the time after the warm-up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cloud::lambda_pool::LambdaCounters;
use fleet_tracker::MetricsSnapshot;
use local::stack::{QueueAccount, Stack};
use report::latency::LatencyHistogram;
use services::matching::RoundReport;
use services::ports::PortError;

/// The stack's counters at one moment.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Functions by name.
    pub functions: BTreeMap<String, LambdaCounters>,
    /// Requests to the HTTP API.
    pub http_requests: u64,
    /// Tables by name.
    pub tables: BTreeMap<String, aws::meter::TableUse>,
    /// Queues by name.
    pub queues: BTreeMap<String, QueueAccount>,
    /// The tracker.
    pub tracker: MetricsSnapshot,
    /// The most messages seen waiting, by queue.
    pub depth_max: BTreeMap<String, u64>,
}

impl Counted {
    /// The counters now.
    ///
    /// # Errors
    /// If the queues cannot be asked.
    pub async fn now(stack: &Stack) -> Result<Self, PortError> {
        let named = |name: &&'static str| (*name).to_owned();
        Ok(Self {
            functions: stack.function_counters(),
            http_requests: stack.http_counters().requests,
            tables: stack
                .table_use()
                .iter()
                .map(|(name, used)| (named(name), *used))
                .collect(),
            queues: stack
                .queue_accounts()
                .await?
                .iter()
                .map(|(name, used)| (named(name), *used))
                .collect(),
            tracker: stack.tracker_metrics().unwrap_or_default(),
            depth_max: BTreeMap::new(),
        })
    }

    /// Notes how much waits in each queue.
    pub fn note_depth(&mut self, accounts: &BTreeMap<&'static str, QueueAccount>) {
        for (name, account) in accounts {
            let waiting = account.depth.visible + account.depth.in_flight;
            let most = self.depth_max.entry((*name).to_owned()).or_default();
            *most = (*most).max(waiting);
        }
    }

    /// What was counted since an earlier moment. Maxima stay those of the whole run.
    #[must_use]
    pub fn since(mut self, earlier: &Self) -> Self {
        for (name, now) in &mut self.functions {
            if let Some(then) = earlier.functions.get(name) {
                now.invocations -= then.invocations;
                now.errors -= then.errors;
                now.cold_starts -= then.cold_starts;
                now.throttles -= then.throttles;
                now.billed_ms -= then.billed_ms;
            }
        }
        self.http_requests -= earlier.http_requests;
        for (name, now) in &mut self.tables {
            if let Some(then) = earlier.tables.get(name) {
                now.requests -= then.requests;
                now.read_units -= then.read_units;
                now.write_units -= then.write_units;
                now.throttles -= then.throttles;
                now.conditional_failures -= then.conditional_failures;
            }
        }
        for (name, now) in &mut self.queues {
            if let Some(then) = earlier.queues.get(name) {
                now.used.requests -= then.used.requests;
                now.used.sent -= then.used.sent;
                now.used.received -= then.used.received;
                now.used.redelivered -= then.used.redelivered;
                now.used.deleted -= then.used.deleted;
                now.dead_letters -= then.dead_letters.min(now.dead_letters);
            }
        }
        self.tracker.messages -= earlier.tracker.messages;
        self.tracker.pings -= earlier.tracker.pings;
        self
    }
}

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
    pub fn durations(&self, function: &str) -> LatencyHistogram {
        self.state()
            .durations
            .get(function)
            .cloned()
            .unwrap_or_default()
    }

    /// The match rounds, as the summary has them.
    pub fn matching(&self) -> report::summary::Matching {
        let state = self.state();
        let mut sizes = state.sizes.clone();
        sizes.sort_unstable();
        let mean =
            (!sizes.is_empty()).then(|| sizes.iter().sum::<u64>() as f64 / sizes.len() as f64);
        let as_numbers: Vec<f64> = sizes.iter().map(|size| *size as f64).collect();
        report::summary::Matching {
            rounds: state.rounds,
            round_size: report::summary::RoundSize {
                mean: mean.map(|mean| (mean * 1_000.0).round() / 1_000.0),
                p99: report::distill::quantile(&as_numbers, 0.99),
                max: sizes.last().copied(),
            },
            reserve_conflicts: state.reserve_conflicts,
        }
    }
}
