//! Functions and mappings, made of a configuration.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use aws::stack::QUEUES;
use aws::{Clients, QueueConsumer};
use cloud::event_source::EventSourceConfigError;
use fleet_client::{FleetClient, FleetClientConfig, FleetClientError};
use identity::{Issuer, Subject};
use lambda::{BoxFunction, Function};
use services::config::Market;
use services::token::Keyring;

use super::config::{Endpoints, FunctionName, FunctionSettings, StackConfig};
use super::environment::SERVICE_TOKEN_TTL;
use crate::event_source_host::{EventSourceHost, EventSourceSpec};
use crate::invoke_api::InvokedFunction;
use crate::lambda_host::{EnvironmentFactory, FunctionSpec, LambdaHost};
use crate::servers::EmbeddedAws;

/// What a new environment is made of.
#[derive(Clone)]
struct Recipe {
    market: Arc<Market>,
    keyring: Arc<Keyring>,
    /// Names and meter are everybody's; the clients are each environment's own.
    aws: aws::Stack,
    dynamodb_endpoint: String,
    sqs_endpoint: String,
    fleet: FleetClientConfig,
    round_observer: Option<matching::RoundObserver>,
}

/// Where DynamoDB and SQS are, in this order.
pub(super) fn endpoints(config: &StackConfig, servers: Option<&EmbeddedAws>) -> (String, String) {
    match &config.endpoints {
        Endpoints::At { dynamodb, sqs } => (dynamodb.clone(), sqs.clone()),
        Endpoints::Embedded(_) => {
            let servers = servers.expect("an embedded stack has its servers");
            (
                servers.dynamodb_endpoint.clone(),
                servers.sqs_endpoint.clone(),
            )
        }
    }
}

/// The four functions.
pub(super) fn functions(
    config: &StackConfig,
    market: &Arc<Market>,
    issuer: &Issuer,
    aws: &aws::Stack,
    tracker: SocketAddr,
    (dynamodb_endpoint, sqs_endpoint): (String, String),
) -> Result<Vec<FunctionSpec>, FleetClientError> {
    let fleet = FleetClientConfig {
        token: Some(issuer.issue(Subject::Service, SERVICE_TOKEN_TTL)),
        calls: config.calls.clone(),
        ..FleetClientConfig::at(format!("http://{tracker}"))
    };
    // Said now rather than by the first environment.
    FleetClient::new(&fleet)?;
    let recipe = Recipe {
        market: Arc::clone(market),
        keyring: Arc::new(config.quote_keys.clone()),
        aws: aws.clone(),
        dynamodb_endpoint,
        sqs_endpoint,
        fleet,
        round_observer: config.round_observer.clone(),
    };
    let specs = config
        .functions
        .iter()
        .map(|(name, settings)| spec(*name, settings, recipe.clone().factory(*name)));
    Ok(specs.collect())
}

/// The four functions in processes of their own, which are invoked at a URL.
pub(super) fn invoked_functions(config: &StackConfig, url: &str) -> Vec<FunctionSpec> {
    let specs = config.functions.iter().map(|(name, settings)| {
        let (url, called) = (url.to_owned(), name.as_str());
        let factory: EnvironmentFactory = Arc::new(move || {
            let function = InvokedFunction::new(&url, called);
            Box::pin(async move { function.map(boxed).map_err(|error| error.to_string()) })
        });
        spec(*name, settings, factory)
    });
    specs.collect()
}

fn spec(
    name: FunctionName,
    settings: &FunctionSettings,
    factory: EnvironmentFactory,
) -> FunctionSpec {
    FunctionSpec {
        name: name.as_str().to_owned(),
        pool: settings.pool.clone(),
        timeout: settings.timeout,
        added_latency: settings.added_latency,
        factory,
    }
}

impl Recipe {
    fn factory(self, name: FunctionName) -> EnvironmentFactory {
        Arc::new(move || {
            let recipe = self.clone();
            Box::pin(async move { recipe.make(name).map_err(|error| error.to_string()) })
        })
    }

    /// What a function's `main` does before it runs, with this machine's endpoints.
    fn make(self, name: FunctionName) -> Result<BoxFunction, FleetClientError> {
        let Self {
            market,
            keyring,
            fleet,
            ..
        } = self;
        let aws = aws::Stack {
            clients: Clients::embedded_in_function(&self.dynamodb_endpoint, &self.sqs_endpoint),
            ..self.aws
        };
        Ok(match name {
            FunctionName::Pricing => boxed(pricing::wire(market, keyring, &aws)),
            FunctionName::Surge => boxed(surge::wire(market, &aws)),
            FunctionName::Trips => boxed(trips::wire(market, keyring, &aws, fleet)?),
            FunctionName::Matching => {
                let rounds = matching::wire(market, &aws, FleetClient::new(&fleet)?);
                let observer = self.round_observer;
                boxed(rounds.observed_by(Arc::new(move |report| {
                    // What a round's own time grows with.
                    calls::add_items(report.waiting as u64);
                    if let Some(observer) = &observer {
                        observer(report);
                    }
                })))
            }
        })
    }
}

fn boxed(function: impl Function) -> BoxFunction {
    Box::new(function)
}

/// A mapping for each queue that the configuration has one for.
pub(super) fn mappings(
    config: &StackConfig,
    aws: &aws::Stack,
    host: &Arc<LambdaHost>,
) -> Result<BTreeMap<&'static str, EventSourceHost>, EventSourceConfigError> {
    let mut mappings = BTreeMap::new();
    for spec in &QUEUES {
        let Some(settings) = config.mappings.get(spec.name) else {
            continue;
        };
        let source = EventSourceSpec {
            queue: format!("{}{}", config.name_prefix, spec.name),
            function: FunctionName::of_queue(spec.queue).as_str().to_owned(),
            config: settings.clone(),
        };
        let consumer = QueueConsumer::new(aws, spec.queue);
        mappings.insert(
            spec.name,
            EventSourceHost::start(source, consumer, Arc::clone(host))?,
        );
    }
    Ok(mappings)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use aws::Resources;
    use aws::limits::{CALL_TIMEOUT, FUNCTION_CALL_TIMEOUT};
    use bytes::Bytes;
    use host::market::MarketDocument;
    use serde_json::Value;
    use tokio::net::TcpListener;

    use super::*;

    /// A rider's request for a trip, as the API passes it on.
    const READ: &str = include_str!("../../../../functions/trips/events/read.json");

    #[tokio::test]
    async fn a_table_that_stalls_leaves_a_function_time_to_say_so() {
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = format!("http://{}", mute.local_addr().unwrap());
        let market = MarketDocument::parse("region = 'here'\n[travel]\nspeed_kmh = 20").unwrap();
        let keys = BTreeMap::from([("k1".to_owned(), vec![7; 32])]);
        let recipe = Recipe {
            market: Arc::new(market.market().unwrap()),
            keyring: Arc::new(Keyring::new("k1", keys).unwrap()),
            aws: aws::Stack::new(Clients::embedded(&at, &at), Resources::new("", &at)),
            dynamodb_endpoint: at.clone(),
            sqs_endpoint: at.clone(),
            fleet: FleetClientConfig::at(&at),
            round_observer: None,
        };
        let trips = recipe.make(FunctionName::Trips).unwrap();
        let began = Instant::now();
        let answer = trips.invoke_boxed(Bytes::from_static(READ.as_bytes()));
        let answer: Value = serde_json::from_slice(&answer.await.unwrap()).unwrap();
        let took = began.elapsed();
        assert_eq!(answer["statusCode"], 503, "{answer}");
        assert!(
            (FUNCTION_CALL_TIMEOUT..CALL_TIMEOUT).contains(&took),
            "{took:?}"
        );
    }
}
