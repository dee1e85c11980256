//! What an invocation says of itself when it ends: one line, which CloudWatch takes for a log line and for metrics
//! (docs: AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification).
//!
//! It is kept around each invocation where the function runs on Lambda. Whoever does the work says by which way its event
//! came ([`began`]), and what came of it ([`ended`], [`count`], [`note`]). Elsewhere nobody keeps an account, and what is
//! said is lost.

use std::cell::RefCell;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// Under which name CloudWatch has the metrics.
pub const NAMESPACE: &str = "Rushhour";

/// The route of an event that does not say by which way it came. CloudWatch takes no empty one.
pub const UNKNOWN_ROUTE: &str = "unknown";

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Done.
    #[default]
    Done,
    /// The caller's mistake.
    Refused,
    /// Too much at this moment.
    Throttled,
    /// Not done, or not all of it.
    Failed,
}

impl Outcome {
    /// Of an HTTP status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::Throttled,
            500.. => Self::Failed,
            400.. => Self::Refused,
            _ => Self::Done,
        }
    }

    /// In one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Default)]
struct Account {
    /// None: nobody could say it yet.
    route: Option<String>,
    outcome: Outcome,
    /// Metrics, beside the number of invocations and their latency.
    counts: Vec<(&'static str, u64)>,
    /// What is said beside metrics.
    notes: Vec<(&'static str, Value)>,
}

tokio::task_local! {
    static ACCOUNT: RefCell<Account>;
}

fn with(change: impl FnOnce(&mut Account)) {
    let _ = ACCOUNT.try_with(|account| change(&mut account.borrow_mut()));
}

/// By which way the event came. To be said before anything may fail.
pub fn began(route: &str) {
    with(|account| account.route = Some(route.to_owned()));
}

/// What came of it. An invocation that fails need not say so.
pub fn ended(outcome: Outcome) {
    with(|account| account.outcome = outcome);
}

/// Adds to what the invocation counts under a name.
pub fn count(name: &'static str, more: usize) {
    let more = u64::try_from(more).unwrap_or(u64::MAX);
    with(
        |account| match account.counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count = count.saturating_add(more),
            None => account.counts.push((name, more)),
        },
    );
}

/// Says something of the invocation that is no metric.
pub fn note(name: &'static str, value: impl Into<Value>) {
    let value = value.into();
    with(|account| account.notes.push((name, value)));
}

/// Has an invocation done, and says what it says of itself: the line.
pub async fn keep<T, E>(
    function: &str,
    invocation: impl Future<Output = Result<T, E>>,
) -> (Result<T, E>, String) {
    let began = Instant::now();
    let within = async {
        let result = invocation.await;
        if result.is_err() {
            with(|account| account.outcome = Outcome::Failed);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let account = ACCOUNT.with(RefCell::take);
        (result, account.line(function, now, began.elapsed()))
    };
    ACCOUNT.scope(RefCell::default(), within).await
}

impl Account {
    fn line(self, function: &str, now: Duration, took: Duration) -> String {
        let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
        let counts = self.counts.iter();
        let metrics: Vec<Value> = [metric("Calls", "Count"), metric("Latency", "Milliseconds")]
            .into_iter()
            .chain(counts.map(|(name, _)| metric(name, "Count")))
            .collect();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let mut line = Map::new();
        let about = json!({
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["Function", "Route", "Outcome"]],
                "Metrics": metrics,
            }],
        });
        line.insert("_aws".into(), about);
        line.insert("Function".into(), function.into());
        let route = self.route.unwrap_or_else(|| UNKNOWN_ROUTE.to_owned());
        line.insert("Route".into(), route.into());
        line.insert("Outcome".into(), self.outcome.as_str().into());
        line.insert("Calls".into(), 1.into());
        line.insert("Latency".into(), (took.as_secs_f64() * 1_000.0).into());
        for (name, count) in self.counts {
            line.insert(name.into(), count.into());
        }
        for (name, value) in self.notes {
            line.insert(name.into(), value);
        }
        Value::Object(line).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_invocation_s_line_is_a_log_line_and_metrics() {
        count("Lost", 9);
        let (result, line) = keep("rushhour-trips", async {
            began("POST /trips");
            ended(Outcome::of_status(202));
            count("Messages", 2);
            count("Messages", 1);
            note("trip_id", "t");
            Ok::<_, ()>(7)
        })
        .await;
        assert_eq!(result, Ok(7));
        let line: Value = serde_json::from_str(&line).unwrap();
        let about = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(about["Namespace"], NAMESPACE);
        // Each dimension and metric that is named stands beside it, as the specification wants.
        for name in about["Dimensions"][0].as_array().unwrap() {
            assert!(line[name.as_str().unwrap()].is_string(), "{name}");
        }
        let metrics = about["Metrics"].as_array().unwrap();
        let names: Vec<&str> = metrics.iter().filter_map(|m| m["Name"].as_str()).collect();
        assert_eq!(names, ["Calls", "Latency", "Messages"]);
        for name in names {
            assert!(line[name].is_number(), "{name}");
        }
        assert_eq!(
            (&line["Messages"], &line["trip_id"], &line["Outcome"]),
            (&json!(3), &json!("t"), &json!("done"))
        );
        assert_eq!(line["Route"], "POST /trips");
        assert!(line["_aws"]["Timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    }

    #[tokio::test]
    async fn an_invocation_that_fails_says_so() {
        let (result, line) = keep("f", async { Err::<(), _>("no") }).await;
        assert_eq!(result, Err("no"));
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["Route"], &line["Outcome"]),
            (&json!("unknown"), &json!("failed"))
        );
        assert_eq!(Outcome::of_status(429).as_str(), "throttled");
        assert_eq!(Outcome::of_status(404).as_str(), "refused");
        assert_eq!(Outcome::of_status(503).as_str(), "failed");
    }
}
