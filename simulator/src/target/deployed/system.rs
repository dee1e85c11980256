//! A deployment under load.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws::QueueConsumer;
use aws::stack::QUEUES;
use cloud::lambda_pool::LambdaCounters;
use cloud::processor_sharing::ProcessorUsage;
use cloud::timed::TableUse;
use deployed::{FunctionMetrics, Metrics, Span};
use domain::Resolution;
use domain::hold::Hold;
use domain::trip::Trip;
use drive::counted::{ContainerUse, Counted, QueueUse};
use identity::Issuer;
use services::ports::PortError;

use super::Deployment;
use super::probe::Probe;
use crate::commands::run::interrupt::Interrupt;
use crate::exit::Failure;
use crate::load::{Api, connect};
use crate::target::system::Sent;

/// How often CloudWatch is asked whether it has counted everything.
const METRICS_EVERY: Duration = Duration::from_secs(10);
/// The share of what was sent that CloudWatch must have counted to be believed.
const COUNTED_SHARE: f64 = 0.98;

/// What Lambda rounds a call up by, on average: it is paid by the millisecond.
const ROUNDED_UP_MS: f64 = 0.5;

/// A deployment under load.
pub struct DeployedSystem {
    deployment: Deployment,
    probe: Probe,
}

impl DeployedSystem {
    /// Sees that its tracker and its API answer.
    ///
    /// # Errors
    /// If one does not.
    pub async fn reach(deployment: Deployment) -> Result<Self, Failure> {
        let outputs = &deployment.outputs;
        let tracker = connect(&outputs.tracker_url)
            .await
            .map_err(Failure::target)?;
        let api = Api::new(&outputs.api_url, calls::Calls::default()).map_err(Failure::target)?;
        if !api.answers().await {
            return Err(Failure::target(format!(
                "{}: found no answer, or an error of the server, expected the HTTP API there",
                outputs.api_url
            )));
        }
        let probe = Probe::start(api, tracker);
        Ok(Self { deployment, probe })
    }

    pub(in crate::target) fn http_url(&self) -> String {
        self.deployment.outputs.api_url.clone()
    }

    pub(in crate::target) fn tracker_url(&self) -> String {
        self.deployment.outputs.tracker_url.clone()
    }

    pub(in crate::target) fn issuer(&self) -> &Issuer {
        &self.deployment.issuer
    }

    pub(in crate::target) fn zones(&self) -> Resolution {
        self.deployment.market.resolution
    }

    pub(in crate::target) fn notes(&self) -> Vec<String> {
        self.deployment.notes.clone()
    }

    pub(in crate::target) fn died(&self) -> Option<String> {
        self.probe.died()
    }

    /// What can be counted at any moment: what is in the queues.
    pub(in crate::target) async fn queues(&self) -> Result<BTreeMap<String, QueueUse>, PortError> {
        let stack = &self.deployment.aws;
        let mut queues = BTreeMap::new();
        for spec in &QUEUES {
            let depth = QueueConsumer::new(stack, spec.queue).depth().await?;
            let used = QueueUse {
                dead_letters: QueueConsumer::dead_letters(stack, spec.queue).await?,
                depth_visible: depth.visible,
                depth_in_flight: depth.in_flight,
                ..QueueUse::default()
            };
            queues.insert(spec.name.to_owned(), used);
        }
        Ok(queues)
    }

    pub(in crate::target) async fn counted(&self) -> Result<Counted, PortError> {
        Ok(Counted {
            queues: self.queues().await?,
            ..Counted::default()
        })
    }

    /// What CloudWatch has counted of the minutes that count, once it has the requests that were sent in them, or its
    /// time is over, or nobody wants to wait; put over what is known of the queues.
    pub(in crate::target) async fn measured(
        &mut self,
        mut counted: Counted,
        sent: Sent,
        interrupt: &Interrupt,
    ) -> Counted {
        // Cut short in the warm-up, of which nothing counts.
        let Some(span) = Span::between(sent.from, sent.until) else {
            return counted;
        };
        let expected = expected(&sent, span.length());
        let asked_from = Instant::now();
        let Deployment {
            outputs, account, ..
        } = &self.deployment;
        let metrics = loop {
            let metrics = deployed::metrics(account, &outputs.name_prefix, &outputs.api_url, span);
            let metrics = match metrics.await {
                Ok(metrics) => metrics,
                // What riders and drivers saw is not lost for that.
                Err(error) => {
                    self.deployment.notes.push(format!(
                        "CloudWatch could not be asked ({error}): nothing is known of functions and tables, and of \
                         queues only what is in them."
                    ));
                    return counted;
                }
            };
            let enough = metrics.api_requests as f64 >= expected * COUNTED_SHARE;
            let waited = asked_from.elapsed();
            if enough || waited >= self.deployment.metrics_within || interrupt.came() {
                if !enough {
                    self.deployment.notes.push(format!(
                        "CloudWatch had counted {} of {expected:.0} HTTP requests after {:.0} s: figures of functions, queues \
                         and tables may be too low.",
                        metrics.api_requests,
                        waited.as_secs_f64()
                    ));
                }
                break metrics;
            }
            interrupt.or_after(METRICS_EVERY).await;
        };
        self.deployment.notes.push(
            "What functions cost is by the durations that CloudWatch has, without the starts of environments, which it \
             does not have and Lambda charges too."
                .to_owned(),
        );
        let window = sent.until.since(sent.from);
        fill(&mut counted, &metrics, span.length().min(window));
        let note = in_minutes(&mut counted, span.length(), window);
        self.deployment.notes.extend(note);
        counted
    }

    pub(in crate::target) async fn trips(&self) -> Result<Vec<Trip>, PortError> {
        let Deployment { aws, market, .. } = &self.deployment;
        aws::DynamoTrips::new(aws, market.sweep).all_trips().await
    }

    pub(in crate::target) async fn holds(&self) -> Result<Vec<Hold>, PortError> {
        aws::DynamoHolds::new(&self.deployment.aws)
            .all_holds()
            .await
    }
}

#[cfg(test)]
impl DeployedSystem {
    /// One whose every part is said to be at one address.
    pub async fn all_at(resolved: &crate::scenario::Resolved, at: std::net::SocketAddr) -> Self {
        let url = format!("http://{at}");
        let clients = aws::Clients::embedded(&url, &url);
        let market = crate::target::embedded::market_of(resolved, domain::Timestamp::ZERO);
        let deployment = Deployment {
            outputs: deployed::Outputs {
                api_url: url.clone(),
                tracker_url: url.clone(),
                name_prefix: "rushhour-".to_owned(),
                issuer: None,
                audience: "rushhour".to_owned(),
                market: String::new(),
            },
            issuer: Issuer::development(&[7; 64]).unwrap(),
            market: market.unwrap(),
            aws: aws::Stack::new(clients, aws::Resources::new("rushhour-", &url)),
            account: aws::account(Some("us-east-1")).await,
            metrics_within: Duration::ZERO,
            notes: Vec::new(),
        };
        let tracker = tonic::transport::Endpoint::from_shared(url.clone()).unwrap();
        let api = Api::new(&url, calls::Calls::default()).unwrap();
        let probe = Probe::start(api, tracker.connect_lazy());
        Self { deployment, probe }
    }
}

/// The requests of those sent that CloudWatch has to count in so long a part of the time.
fn expected(sent: &Sent, counted_for: Duration) -> f64 {
    let all = sent.until.since(sent.from);
    let share = counted_for.as_secs_f64() / all.as_secs_f64();
    sent.requests as f64 * share.min(1.0)
}

/// What it means for the bill, and what a reader must know of it, that minutes are whole and what counts may not be: a
/// part of it stands for all, and what was used just before and after cannot be told from it.
fn in_minutes(counted: &mut Counted, minutes: Duration, window: Duration) -> Option<String> {
    let then = match minutes.cmp(&window) {
        Ordering::Equal => return None,
        Ordering::Less => {
            counted.counted_for = Some(minutes);
            "for which the bill takes what was counted at the same rate"
        }
        Ordering::Greater => "and the bill has what was used just before and after these as well",
    };
    Some(format!(
        "CloudWatch counts in whole minutes: its figures are of {:.0} s and all others of {:.0} s, {then}.",
        minutes.as_secs_f64(),
        window.as_secs_f64()
    ))
}

fn fill(counted: &mut Counted, metrics: &Metrics, span: Duration) {
    counted.http_requests = metrics.api_requests;
    for (name, used) in &metrics.functions {
        let counters = LambdaCounters {
            invocations: used.invocations,
            errors: used.errors,
            throttles: used.throttles,
            concurrency_max: u32::try_from(used.concurrency_max).unwrap_or(u32::MAX),
            billed_ms: billed_ms(used),
            ..LambdaCounters::default()
        };
        counted.functions.insert((*name).to_owned(), counters);
    }
    for (name, used) in &metrics.queues {
        let queue = counted.queues.entry((*name).to_owned()).or_default();
        (queue.sent, queue.received, queue.deleted) = (used.sent, used.received, used.deleted);
        // Sends, receives and deletes are calls; in which batches, CloudWatch does not say.
        queue.requests = used.sent + used.received + used.deleted + used.empty_receives;
        queue.redelivered = used.received.saturating_sub(used.sent);
        queue.age_max = used.age_max;
    }
    for (name, used) in &metrics.tables {
        let table = TableUse {
            read_units: used.read_units,
            write_units: used.write_units,
            throttles: used.throttles,
            conditional_failures: used.conditional_failures,
            ..TableUse::default()
        };
        counted.tables.insert((*name).to_owned(), table);
    }
    let task_seconds = span.as_secs_f64();
    let cpu = metrics.tracker_cpu.map(|share| ProcessorUsage {
        jobs_vcpu_s: share * task_seconds,
        capacity_vcpu_s: task_seconds,
        ..ProcessorUsage::default()
    });
    let tracker = ContainerUse {
        tasks_max: 1,
        cpu,
        task_seconds,
        messages: 0,
    };
    counted
        .containers
        .insert("fleet-tracker".to_owned(), tracker);
}

/// What Lambda charges for calls, of which CloudWatch has the sum as it was, in ms.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of durations; `as` saturates"
)]
fn billed_ms(used: &FunctionMetrics) -> u64 {
    let took_ms = used.duration.as_secs_f64() * 1_000.0;
    (took_ms + used.invocations as f64 * ROUNDED_UP_MS).round() as u64
}

#[cfg(test)]
mod tests {
    use deployed::QueueMetrics;
    use domain::Timestamp;

    use super::*;

    #[test]
    fn requests_are_expected_of_the_minutes_that_are_counted() {
        let seconds = |s: i64| Timestamp::from_millis(s * 1_000);
        let expected_of = |from, until| {
            let sent = Sent {
                from: seconds(from),
                until: seconds(until),
                requests: 300,
            };
            let span = Span::between(sent.from, sent.until).unwrap();
            expected(&sent, span.length())
        };
        assert_eq!(expected_of(300, 600), 300.0);
        assert_eq!(expected_of(300, 390), 200.0);
        assert_eq!(expected_of(300, 330), 300.0, "and what was before");
    }

    #[test]
    fn a_bill_is_for_minutes_that_lie_within_what_counts() {
        let seconds = Duration::from_secs;
        for (minutes, window, counted_for, said) in [
            (300, 300, None, None),
            (
                60,
                90,
                Some(seconds(60)),
                Some("of 60 s and all others of 90 s, for which the bill"),
            ),
            (
                60,
                30,
                None,
                Some("of 60 s and all others of 30 s, and the bill has what was used"),
            ),
        ] {
            let mut counted = Counted::default();
            let note = in_minutes(&mut counted, seconds(minutes), seconds(window));
            assert_eq!(counted.counted_for, counted_for);
            assert_eq!(note.is_some(), said.is_some());
            let note = note.unwrap_or_default();
            assert!(note.contains(said.unwrap_or_default()), "{note}");
        }
    }

    #[test]
    fn measurements_go_over_what_is_known_of_the_queues() {
        let in_queue = QueueUse {
            dead_letters: 2,
            ..QueueUse::default()
        };
        let mut counted = Counted {
            queues: BTreeMap::from([("trip-events".to_owned(), in_queue)]),
            ..Counted::default()
        };
        let trips = FunctionMetrics {
            invocations: 1_000,
            duration: Duration::from_millis(7_250),
            throttles: 5,
            concurrency_max: 9,
            ..FunctionMetrics::default()
        };
        let events = QueueMetrics {
            sent: 10,
            received: 12,
            deleted: 10,
            empty_receives: 3,
            ..QueueMetrics::default()
        };
        let metrics = Metrics {
            api_requests: 40,
            functions: BTreeMap::from([("trips", trips)]),
            queues: BTreeMap::from([("trip-events", events)]),
            ..Metrics::default()
        };
        fill(&mut counted, &metrics, Duration::from_secs(60));
        let trips = &counted.functions["trips"];
        assert_eq!((trips.throttles, trips.concurrency_max), (5, 9));
        assert_eq!(trips.billed_ms, 7_750);
        let queue = &counted.queues["trip-events"];
        assert_eq!(queue.requests, 35);
        assert_eq!((queue.dead_letters, queue.redelivered), (2, 2));
        assert_eq!(counted.http_requests, 40);
        assert_eq!(counted.containers["fleet-tracker"].task_seconds, 60.0);
    }
}
