//! What a part in a process of its own finds in its environment: the settings that functions and tracker are
//! deployed with, filled in for this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host::market::MarketDocument;
use host::settings::PREFIX;
use identity::{Issuer, SecretError, Subject};

use super::config::{DEVELOPMENT_KEY, DEVELOPMENT_SECRET, Processes};

/// How long the functions' token to the tracker is good: longer than any run.
pub(super) const SERVICE_TOKEN_TTL: Duration = Duration::from_secs(30 * 86_400);
/// The account in the URLs of the embedded queues, and of those of emulators.
const EMBEDDED_ACCOUNT: &str = "000000000000";

/// Where a process finds the others.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    /// DynamoDB's URL.
    pub dynamodb: &'a str,
    /// SQS's URL.
    pub sqs: &'a str,
    /// What table and queue names begin with.
    pub name_prefix: &'a str,
    /// The secret of development tokens.
    pub identity_secret: &'a [u8],
    /// The processes themselves.
    pub processes: &'a Processes,
    /// The file of the streets that the market names, if it names any.
    pub streets: Option<&'a Path>,
}

impl Surroundings<'_> {
    /// The environment of the four functions.
    ///
    /// # Errors
    /// If the secret is too short to sign with.
    pub fn of_functions(
        &self,
        market: &MarketDocument,
    ) -> Result<BTreeMap<String, String>, SecretError> {
        let issuer = Issuer::development(self.identity_secret)?;
        let token = issuer.issue(Subject::Service, SERVICE_TOKEN_TTL);
        let key = STANDARD.encode(DEVELOPMENT_SECRET);
        let keys =
            serde_json::json!({ "signing": DEVELOPMENT_KEY, "keys": { DEVELOPMENT_KEY: key } });
        let tracker = format!("http://{}", self.processes.tracker_grpc);
        let mut variables = self.common(market);
        let own = [
            ("QUOTE_KEYS", keys.to_string()),
            ("FLEET_TRACKER_URL", tracker),
            ("FLEET_TRACKER_TOKEN", token),
        ];
        let streets = self
            .streets
            .map(|path| ("STREETS", path.display().to_string()));
        let own = own.into_iter().chain(streets);
        variables.extend(own.map(|(key, value)| (format!("{PREFIX}{key}"), value)));
        Ok(variables)
    }

    /// The environment of the tracker.
    #[must_use]
    pub fn of_tracker(&self, market: &MarketDocument) -> BTreeMap<String, String> {
        let mut variables = self.common(market);
        let own = [
            ("IDENTITY_SECRET", STANDARD.encode(self.identity_secret)),
            ("GRPC_LISTEN", self.processes.tracker_grpc.to_string()),
            ("METRICS_LISTEN", self.processes.tracker_metrics.to_string()),
        ];
        variables.extend(own.map(|(key, value)| (format!("{PREFIX}{key}"), value)));
        variables
    }

    fn common(&self, market: &MarketDocument) -> BTreeMap<String, String> {
        let queues = format!("{}/{EMBEDDED_ACCOUNT}", self.sqs.trim_end_matches('/'));
        let market = market.to_json();
        let ours = [
            ("MARKET", market.as_str()),
            ("NAME_PREFIX", self.name_prefix),
            ("QUEUE_BASE_URL", queues.as_str()),
        ];
        let sdk = [
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb),
            ("AWS_ENDPOINT_URL_SQS", self.sqs),
            ("AWS_REGION", aws::clients::EMBEDDED_REGION),
            // The servers want a signature and look at nothing in it.
            ("AWS_ACCESS_KEY_ID", "embedded"),
            ("AWS_SECRET_ACCESS_KEY", "embedded"),
        ];
        let ours = ours.map(|(key, value)| (format!("{PREFIX}{key}"), value.to_owned()));
        let sdk = sdk.map(|(key, value)| (key.to_owned(), value.to_owned()));
        ours.into_iter().chain(sdk).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use host::settings::{Identity, Settings};
    use identity::Verifier;

    use super::*;

    #[test]
    fn functions_and_tracker_read_what_they_are_given() {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let processes = Processes {
            functions: "http://127.0.0.1:1".to_owned(),
            tracker_grpc: at(2),
            tracker_metrics: at(3),
        };
        let surroundings = Surroundings {
            dynamodb: "http://127.0.0.1:4",
            sqs: "http://127.0.0.1:5/",
            name_prefix: "dev-",
            identity_secret: DEVELOPMENT_SECRET,
            processes: &processes,
            streets: Some(Path::new("/streets")),
        };
        let market = MarketDocument::parse("region = 'here'\n[travel]\nspeed_kmh = 20").unwrap();
        let functions = surroundings.of_functions(&market).unwrap();
        let functions = Settings::read(functions).unwrap();
        assert_eq!(functions.market().unwrap().region.as_str(), "here");
        assert!(functions.keyring().is_ok());
        assert_eq!(functions.fleet_tracker_url(), Ok("http://127.0.0.1:2"));
        let queues = functions.queue_base_url();
        assert_eq!(queues, Ok("http://127.0.0.1:5/000000000000"));
        let tracker = Settings::read(surroundings.of_tracker(&market)).unwrap();
        assert_eq!(tracker.grpc_listen(), Ok(at(2)));
        assert_eq!(tracker.metrics_listen(), Ok(at(3)));
        let Identity::Secret(secret) = tracker.identity().unwrap() else {
            panic!("found an issuer, expected a secret");
        };
        let verifier = Verifier::development(&secret).unwrap();
        let token = functions.fleet_tracker_token().unwrap();
        let now = services::ports::Clock::now(&host::WallClock);
        assert_eq!(
            verifier.verify(token, now).unwrap().subject,
            Subject::Service
        );
    }
}
