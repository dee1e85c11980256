//! How DynamoDB and SQS are reached: time-outs, retries, credentials.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

use crate::limits::{
    ATTEMPT_TIMEOUT, BACKOFF_FIRST, BACKOFF_MAX, CALL_ATTEMPTS_MAX, CALL_TIMEOUT, CONNECT_TIMEOUT,
    FUNCTION_ATTEMPT_TIMEOUT, FUNCTION_CALL_TIMEOUT, RECEIVE_GRACE, RECEIVE_WAIT_MAX,
};

/// The region that the embedded servers believe to be.
pub const EMBEDDED_REGION: &str = "us-east-1";

/// The clients. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Clients {
    /// For every table.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// For everything on queues but receiving.
    pub sqs: aws_sdk_sqs::Client,
    /// For receiving, whose calls may last [`RECEIVE_WAIT_MAX`].
    pub sqs_receiver: aws_sdk_sqs::Client,
}

impl Clients {
    /// Clients of AWS, with credentials, region and endpoints as the environment has them. A region that
    /// is given wins over the environment's.
    pub async fn on_aws(region: Option<&str>) -> Self {
        Self::from_config(&account(region).await, None, None)
    }

    /// Clients of a function, with credentials, region and endpoints as its environment has them. Lambda sets
    /// all of them; the other places where [`Self::on_aws`] would look (files, roles, metadata of an instance)
    /// are left out, for they make a function half as large again and slow to start. A call takes no longer than
    /// leaves the function time to say that it failed.
    #[must_use]
    pub fn in_function() -> Self {
        Self::of_variables(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn of_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let credentials = EnvironmentVariableCredentialsProvider::new();
        let config = config(
            variable("AWS_REGION").map(Region::new),
            SharedCredentialsProvider::new(credentials),
            function_timeouts(),
        );
        Self::of_endpoints(&config, variable)
    }

    /// A service's own endpoint wins over that of all.
    fn of_endpoints(config: &SdkConfig, variable: impl Fn(&str) -> Option<String>) -> Self {
        let endpoint = |service| variable(service).or_else(|| variable("AWS_ENDPOINT_URL"));
        Self::from_config(
            config,
            endpoint("AWS_ENDPOINT_URL_DYNAMODB").as_deref(),
            endpoint("AWS_ENDPOINT_URL_SQS").as_deref(),
        )
    }

    /// Clients of servers on this machine, such as `http://127.0.0.1:8000`. They read neither the
    /// environment nor the home directory nor an instance's metadata.
    #[must_use]
    pub fn embedded(dynamodb_endpoint: &str, sqs_endpoint: &str) -> Self {
        let timeouts = timeouts(ATTEMPT_TIMEOUT, CALL_TIMEOUT);
        Self::on_this_machine(dynamodb_endpoint, sqs_endpoint, timeouts)
    }

    /// The same for a function that this process hosts: it waits for a call as long as [`Self::in_function`] has it
    /// wait.
    #[must_use]
    pub fn embedded_in_function(dynamodb_endpoint: &str, sqs_endpoint: &str) -> Self {
        Self::on_this_machine(dynamodb_endpoint, sqs_endpoint, function_timeouts())
    }

    fn on_this_machine(
        dynamodb_endpoint: &str,
        sqs_endpoint: &str,
        timeouts: TimeoutConfig,
    ) -> Self {
        // The servers want a signature and look at nothing in it.
        let credentials = Credentials::new("embedded", "embedded", None, None, "embedded");
        let config = config(
            Some(Region::new(EMBEDDED_REGION)),
            SharedCredentialsProvider::new(credentials),
            timeouts,
        );
        Self::from_config(&config, Some(dynamodb_endpoint), Some(sqs_endpoint))
    }

    /// Clients of a configuration, with endpoints other than its own where they are given.
    #[must_use]
    pub fn from_config(
        config: &SdkConfig,
        dynamodb_endpoint: Option<&str>,
        sqs_endpoint: Option<&str>,
    ) -> Self {
        let mut dynamodb = aws_sdk_dynamodb::config::Builder::from(config);
        let mut sqs = aws_sdk_sqs::config::Builder::from(config);
        if let Some(endpoint) = dynamodb_endpoint {
            dynamodb = dynamodb.endpoint_url(endpoint);
        }
        if let Some(endpoint) = sqs_endpoint {
            sqs = sqs.endpoint_url(endpoint);
        }
        let longest = RECEIVE_WAIT_MAX + RECEIVE_GRACE;
        let receive = timeouts(longest, longest * 2);
        let receiver = sqs.clone().timeout_config(receive);
        Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            sqs_receiver: aws_sdk_sqs::Client::from_conf(receiver.build()),
        }
    }
}

/// Credentials, region and endpoints of AWS by the SDK's own chain, with the time-outs and retries of [`Clients`]. A
/// region that is given wins over the chain's.
pub async fn account(region: Option<&str>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(crate::https::client())
        .retry_config(retries())
        .timeout_config(timeouts(ATTEMPT_TIMEOUT, CALL_TIMEOUT))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    loader.load().await
}

/// A configuration that nothing is looked up for.
fn config(
    region: Option<Region>,
    credentials: SharedCredentialsProvider,
    timeouts: TimeoutConfig,
) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(crate::https::client())
        .region(region)
        .credentials_provider(credentials)
        .retry_config(retries())
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(CALL_ATTEMPTS_MAX)
        .with_initial_backoff(BACKOFF_FIRST)
        .with_max_backoff(BACKOFF_MAX)
}

fn function_timeouts() -> TimeoutConfig {
    timeouts(FUNCTION_ATTEMPT_TIMEOUT, FUNCTION_CALL_TIMEOUT)
}

fn timeouts(attempt: Duration, call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(attempt)
        .operation_timeout(call)
        .build()
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    fn regions(clients: &Clients) -> [Option<&str>; 2] {
        [
            clients.dynamodb.config().region(),
            clients.sqs.config().region(),
        ]
        .map(|region| region.map(Region::as_ref))
    }

    #[test]
    fn a_function_goes_where_its_environment_says() {
        let clients = Clients::of_variables(|name| match name {
            "AWS_REGION" => Some("eu-west-1".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:1".to_owned()),
            "AWS_ENDPOINT_URL_SQS" => Some("http://127.0.0.1:2".to_owned()),
            _ => None,
        });
        assert_eq!(regions(&clients), [Some("eu-west-1"); 2]);
    }

    /// What a table's call may take: an attempt, and all of them.
    fn longest(clients: &Clients) -> [Option<Duration>; 2] {
        let timeouts = clients.dynamodb.config().timeout_config();
        let timeouts = timeouts.expect("time-outs that were set");
        [
            timeouts.operation_attempt_timeout(),
            timeouts.operation_timeout(),
        ]
    }

    #[test]
    fn a_function_waits_less_for_a_call_than_a_container() {
        let function = Clients::of_variables(|_| None);
        let expected = [FUNCTION_ATTEMPT_TIMEOUT, FUNCTION_CALL_TIMEOUT].map(Some);
        assert_eq!(longest(&function), expected);
        let hosted = Clients::embedded_in_function("http://127.0.0.1:1", "http://127.0.0.1:1");
        assert_eq!(longest(&hosted), expected);
        let container = Clients::embedded("http://127.0.0.1:1", "http://127.0.0.1:1");
        let expected = [ATTEMPT_TIMEOUT, CALL_TIMEOUT].map(Some);
        assert_eq!(longest(&container), expected);
    }

    /// What somebody sends first to a server on this machine, who says no more after it.
    async fn first_words(server: tokio::net::TcpListener) -> String {
        let (mut caller, _) = server.accept().await.unwrap();
        let mut words = vec![0; 4_096];
        let read = caller.read(&mut words).await.unwrap();
        String::from_utf8_lossy(&words[..read]).to_lowercase()
    }

    #[tokio::test]
    async fn each_service_is_asked_at_its_own_endpoint() {
        let listen = || tokio::net::TcpListener::bind("127.0.0.1:0");
        let (tables, queues) = (listen().await.unwrap(), listen().await.unwrap());
        let url = |server: &tokio::net::TcpListener| {
            Some(format!("http://{}", server.local_addr().unwrap()))
        };
        let (all, sqs) = (url(&tables), url(&queues));
        let config = config(
            Some(Region::new("eu-west-1")),
            SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")),
            timeouts(ATTEMPT_TIMEOUT, CALL_TIMEOUT),
        );
        let clients = Clients::of_endpoints(&config, |name| match name {
            "AWS_ENDPOINT_URL" => all.clone(),
            "AWS_ENDPOINT_URL_SQS" => sqs.clone(),
            _ => None,
        });
        let asking = tokio::spawn(async move {
            let asked = (
                clients.dynamodb.list_tables().send(),
                clients.sqs.list_queues().send(),
            );
            tokio::join!(asked.0, asked.1)
        });
        let heard = tokio::join!(first_words(tables), first_words(queues));
        asking.abort();
        assert!(
            heard.0.contains("dynamodb_20120810.listtables"),
            "{heard:?}"
        );
        assert!(heard.1.contains("amazonsqs.listqueues"), "{heard:?}");
    }
}
