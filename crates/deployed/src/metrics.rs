//! What CloudWatch measured of a deployment while it was under load. Its figures are of whole minutes.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::stack::{QUEUES, TABLES};
use aws_config::SdkConfig;
use aws_sdk_cloudwatch::error::DisplayErrorContext;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use domain::Timestamp;

use crate::{DeployedError, first_sentence};

/// CloudWatch's finest period of what AWS measures itself, in seconds.
const PERIOD_S: i32 = 60;
/// Series in one call (docs: AmazonCloudWatch/latest/APIReference/API_GetMetricData).
const QUERIES_MAX: usize = 500;
/// Pages of one answer, at most.
const PAGES_MAX: usize = 100;

/// A span of time in whole minutes, as CloudWatch counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    /// The minutes that lie within two moments, whole; where none does, those that are touched. None of no time.
    #[must_use]
    pub fn between(from: Timestamp, until: Timestamp) -> Option<Self> {
        if until <= from {
            return None;
        }
        let within = Self {
            from: next_minute(from),
            until: minute_of(until),
        };
        let touched = Self {
            from: minute_of(from),
            until: next_minute(until),
        };
        Some(if within.from < within.until {
            within
        } else {
            touched
        })
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.until.since(self.from)
    }
}

/// When the minute begins that a moment is in.
fn minute_of(at: Timestamp) -> Timestamp {
    let minute = i64::from(PERIOD_S);
    Timestamp::from_millis(at.as_secs().div_euclid(minute) * minute * 1_000)
}

/// When a minute begins next: at that moment, or after it.
#[must_use]
pub fn next_minute(at: Timestamp) -> Timestamp {
    let began = minute_of(at);
    if began == at {
        return at;
    }
    began + Duration::from_secs(PERIOD_S.unsigned_abs().into())
}

/// A function's figures.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FunctionMetrics {
    /// Calls that ran.
    pub invocations: u64,
    /// Of those, calls that failed.
    pub errors: u64,
    /// Calls that were refused.
    pub throttles: u64,
    /// The most calls at once.
    pub concurrency_max: u64,
    /// How long calls took, summed; without the starts of environments, which CloudWatch does not count.
    pub duration: Duration,
}

/// A queue's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueMetrics {
    /// Messages sent.
    pub sent: u64,
    /// Messages received, each time counted.
    pub received: u64,
    /// Messages deleted.
    pub deleted: u64,
    /// Receives that found nothing.
    pub empty_receives: u64,
    /// The oldest message at any time.
    pub age_max: Duration,
}

/// The figures of a table and its indexes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TableMetrics {
    /// Read units.
    pub read_units: f64,
    /// Write units.
    pub write_units: f64,
    /// Writes whose condition did not hold.
    pub conditional_failures: u64,
    /// Reads and writes that were throttled.
    pub throttles: u64,
}

/// A deployment's figures, by names without prefix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// Requests to the HTTP API.
    pub api_requests: u64,
    /// Functions.
    pub functions: BTreeMap<&'static str, FunctionMetrics>,
    /// Queues.
    pub queues: BTreeMap<&'static str, QueueMetrics>,
    /// Tables.
    pub tables: BTreeMap<&'static str, TableMetrics>,
    /// The share (0 to 1) of the tracker's processors in use, on average; none where it is not on ECS.
    pub tracker_cpu: Option<f64>,
}

/// The functions there are.
const FUNCTIONS: [&str; 4] = ["pricing", "trips", "matching", "surge"];

/// How a series becomes one figure.
#[derive(Debug, Clone, Copy)]
enum Statistic {
    Sum,
    Maximum,
    Average,
}

impl Statistic {
    fn name(self) -> &'static str {
        match self {
            Self::Sum => "Sum",
            Self::Maximum => "Maximum",
            Self::Average => "Average",
        }
    }

    fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::Sum => values.iter().sum(),
            Self::Maximum => values.iter().copied().fold(0.0, f64::max),
            Self::Average => values.iter().sum::<f64>() / values.len().max(1) as f64,
        }
    }
}

/// A series that is asked for.
struct Series {
    namespace: &'static str,
    name: &'static str,
    statistic: Statistic,
    dimensions: Vec<(&'static str, String)>,
}

/// What was measured of the deployment with this prefix, whose HTTP API is at a URL, in a span.
///
/// # Errors
/// If CloudWatch refuses.
pub async fn metrics(
    account: &SdkConfig,
    prefix: &str,
    api_url: &str,
    span: Span,
) -> Result<Metrics, DeployedError> {
    let series = series(prefix, api_url);
    let figures = figures(&aws_sdk_cloudwatch::Client::new(account), &series, span).await?;
    Ok(gather(prefix, &series, &figures))
}

fn series(prefix: &str, api_url: &str) -> Vec<Series> {
    use Statistic::{Average, Maximum, Sum};
    let mut all = Vec::new();
    let mut ask =
        |namespace, dimensions: &[(&'static str, String)], names: &[(&'static str, Statistic)]| {
            all.extend(names.iter().map(|(name, statistic)| Series {
                namespace,
                name,
                statistic: *statistic,
                dimensions: dimensions.to_vec(),
            }));
        };
    // The API's host begins with its id.
    let host = api_url.rsplit("//").next().unwrap_or_default();
    let id = host.split('.').next().unwrap_or_default().to_owned();
    ask("AWS/ApiGateway", &[("ApiId", id)], &[("Count", Sum)]);
    for name in FUNCTIONS {
        let figures = [
            ("Invocations", Sum),
            ("Errors", Sum),
            ("Throttles", Sum),
            ("ConcurrentExecutions", Maximum),
            ("Duration", Sum),
        ];
        ask(
            "AWS/Lambda",
            &[("FunctionName", format!("{prefix}{name}"))],
            &figures,
        );
    }
    for spec in &QUEUES {
        let figures = [
            ("NumberOfMessagesSent", Sum),
            ("NumberOfMessagesReceived", Sum),
            ("NumberOfMessagesDeleted", Sum),
            ("NumberOfEmptyReceives", Sum),
            ("ApproximateAgeOfOldestMessage", Maximum),
        ];
        ask(
            "AWS/SQS",
            &[("QueueName", format!("{prefix}{}", spec.name))],
            &figures,
        );
    }
    for spec in &TABLES {
        let figures = [
            ("ConsumedReadCapacityUnits", Sum),
            ("ConsumedWriteCapacityUnits", Sum),
            ("ReadThrottleEvents", Sum),
            ("WriteThrottleEvents", Sum),
        ];
        let table = ("TableName", format!("{prefix}{}", spec.name));
        let of_table = [table.clone()];
        ask("AWS/DynamoDB", &of_table, &figures);
        let conditions = [("ConditionalCheckFailedRequests", Sum)];
        ask("AWS/DynamoDB", &of_table, &conditions);
        // What is written to an index is counted there alone.
        for index in spec.indexes {
            let index = ("GlobalSecondaryIndexName", index.name.to_owned());
            ask("AWS/DynamoDB", &[table.clone(), index], &figures);
        }
    }
    let service = [
        ("ClusterName", format!("{prefix}fleet")),
        ("ServiceName", "fleet-tracker".to_owned()),
    ];
    ask("AWS/ECS", &service, &[("CPUUtilization", Average)]);
    all
}

/// One figure of each series, in their order; none of a series without a value.
async fn figures(
    client: &aws_sdk_cloudwatch::Client,
    series: &[Series],
    span: Span,
) -> Result<Vec<Option<f64>>, DeployedError> {
    debug_assert!(series.len() <= QUERIES_MAX, "they fit into one call");
    let mut values: Vec<Vec<f64>> = vec![Vec::new(); series.len()];
    let mut next = None;
    for _ in 0..PAGES_MAX {
        let queries = series
            .iter()
            .enumerate()
            .map(|(at, series)| query(at, series));
        let answer = client
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_secs(span.from.as_secs()))
            .end_time(DateTime::from_secs(span.until.as_secs()))
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| DeployedError::Refused {
                call: "GetMetricData",
                detail: first_sentence(&DisplayErrorContext(&error).to_string()),
            })?;
        for result in answer.metric_data_results() {
            let at = result
                .id()
                .and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
            if let Some(values) = at.and_then(|at| values.get_mut(at)) {
                values.extend_from_slice(result.values());
            }
        }
        next = answer.next_token().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    let figure = |(values, series): (&Vec<f64>, &Series)| {
        (!values.is_empty()).then(|| series.statistic.of(values))
    };
    Ok(values.iter().zip(series).map(figure).collect())
}

fn query(at: usize, series: &Series) -> MetricDataQuery {
    let dimension = |(name, value): &(&'static str, String)| {
        Dimension::builder().name(*name).value(value).build()
    };
    let metric = Metric::builder()
        .namespace(series.namespace)
        .metric_name(series.name)
        .set_dimensions(Some(series.dimensions.iter().map(dimension).collect()))
        .build();
    let statistic = MetricStat::builder()
        .metric(metric)
        .period(PERIOD_S)
        .stat(series.statistic.name())
        .build();
    MetricDataQuery::builder()
        .id(format!("m{at}"))
        .metric_stat(statistic)
        .build()
}

fn gather(prefix: &str, series: &[Series], figures: &[Option<f64>]) -> Metrics {
    // The sum of all that was asked of a resource by that name: of a table, with its indexes.
    let of = |name: &str, resource: Option<String>| {
        let asked = |series: &Series| {
            series.name == name
                && resource.as_ref().is_none_or(|resource| {
                    series.dimensions.iter().any(|(_, value)| value == resource)
                })
        };
        let found = series.iter().zip(figures);
        found
            .filter(|(series, _)| asked(series))
            .filter_map(|(_, figure)| *figure)
            .reduce(|sum, figure| sum + figure)
    };
    let number = |name: &str, resource: &str| of(name, Some(format!("{prefix}{resource}")));
    let count = |name: &str, resource: &str| whole(number(name, resource).unwrap_or(0.0));
    let functions = FUNCTIONS.map(|name| {
        let duration_ms = number("Duration", name).unwrap_or(0.0);
        let metrics = FunctionMetrics {
            invocations: count("Invocations", name),
            errors: count("Errors", name),
            throttles: count("Throttles", name),
            concurrency_max: count("ConcurrentExecutions", name),
            duration: Duration::from_secs_f64(duration_ms.max(0.0) / 1_000.0),
        };
        (name, metrics)
    });
    let queues = QUEUES.each_ref().map(|spec| {
        let name = spec.name;
        let age_s = number("ApproximateAgeOfOldestMessage", name).unwrap_or(0.0);
        let metrics = QueueMetrics {
            sent: count("NumberOfMessagesSent", name),
            received: count("NumberOfMessagesReceived", name),
            deleted: count("NumberOfMessagesDeleted", name),
            empty_receives: count("NumberOfEmptyReceives", name),
            age_max: Duration::from_secs_f64(age_s.max(0.0)),
        };
        (name, metrics)
    });
    let tables = TABLES.each_ref().map(|spec| {
        let name = spec.name;
        let metrics = TableMetrics {
            read_units: number("ConsumedReadCapacityUnits", name).unwrap_or(0.0),
            write_units: number("ConsumedWriteCapacityUnits", name).unwrap_or(0.0),
            conditional_failures: count("ConditionalCheckFailedRequests", name),
            throttles: count("ReadThrottleEvents", name) + count("WriteThrottleEvents", name),
        };
        (name, metrics)
    });
    Metrics {
        api_requests: whole(of("Count", None).unwrap_or(0.0)),
        functions: functions.into(),
        queues: queues.into(),
        tables: tables.into(),
        tracker_cpu: of("CPUUtilization", None).map(|percent| percent / 100.0),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts; `as` saturates"
)]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_finds_its_place() {
        let series = series("dev-", "https://abc123.execute-api.eu-west-1.amazonaws.com");
        assert!(series.len() <= QUERIES_MAX);
        assert_eq!(series[0].dimensions, [("ApiId", "abc123".to_owned())]);
        let figures: Vec<Option<f64>> = series
            .iter()
            .map(
                |series| match (series.name, series.dimensions[0].1.as_str()) {
                    ("Count", _) => Some(7.0),
                    ("Throttles", "dev-trips") => Some(3.0),
                    ("Duration", "dev-matching") => Some(1_500.0),
                    ("ApproximateAgeOfOldestMessage", "dev-trip-events") => Some(2.0),
                    ("NumberOfEmptyReceives", "dev-trip-events") => Some(9.0),
                    ("WriteThrottleEvents", "dev-fleet") => Some(1.0),
                    ("ReadThrottleEvents", "dev-trips") => Some(2.0),
                    ("ConditionalCheckFailedRequests", "dev-trips") => Some(4.0),
                    ("ConsumedWriteCapacityUnits", "dev-trips") => {
                        // The table, and each of its two indexes.
                        Some(match series.dimensions.get(1) {
                            None => 100.0,
                            Some((name, value)) => {
                                assert_eq!(*name, "GlobalSecondaryIndexName");
                                assert!(["open", "due"].contains(&value.as_str()), "{value}");
                                30.0
                            }
                        })
                    }
                    ("CPUUtilization", "dev-fleet") => Some(25.0),
                    _ => None,
                },
            )
            .collect();
        let metrics = gather("dev-", &series, &figures);
        assert_eq!(metrics.api_requests, 7);
        assert_eq!(metrics.functions["trips"].throttles, 3);
        assert_eq!(metrics.functions["pricing"], FunctionMetrics::default());
        let matching = metrics.functions["matching"].duration;
        assert_eq!(matching, Duration::from_millis(1_500));
        assert_eq!(
            metrics.queues["trip-events"].age_max,
            Duration::from_secs(2)
        );
        assert_eq!(metrics.queues["trip-events"].empty_receives, 9);
        assert_eq!(metrics.tables["fleet"].throttles, 1);
        let trips = TableMetrics {
            read_units: 0.0,
            write_units: 160.0,
            conditional_failures: 4,
            throttles: 6,
        };
        assert_eq!(metrics.tables["trips"], trips);
        assert_eq!(metrics.tracker_cpu, Some(0.25));
    }

    #[test]
    fn spans_are_of_whole_minutes_within_and_of_those_touched_where_there_is_none() {
        let at = Timestamp::from_millis;
        for (from_ms, until_ms, minutes) in [
            (120_000, 420_000, Some((2, 7))),
            (120_001, 420_000, Some((3, 7))),
            (119_999, 479_999, Some((2, 7))),
            (121_000, 179_000, Some((2, 3))),
            (170_000, 190_000, Some((2, 4))),
            (170_000, 240_000, Some((3, 4))),
            (170_000, 170_000, None),
            (170_000, 160_000, None),
        ] {
            let expected = minutes.map(|(from, until)| Span {
                from: at(from * 60_000),
                until: at(until * 60_000),
            });
            let found = Span::between(at(from_ms), at(until_ms));
            assert_eq!(found, expected, "{from_ms} to {until_ms} ms");
        }
    }

    #[test]
    fn series_become_figures() {
        let values = [1.0, 4.0, 1.0];
        assert_eq!(Statistic::Sum.of(&values), 6.0);
        assert_eq!(Statistic::Maximum.of(&values), 4.0);
        assert_eq!(Statistic::Average.of(&values), 2.0);
    }
}
