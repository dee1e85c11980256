//! The DynamoDB and SQS that tests run on: embedded ones, each test's own; or what answers in the place of AWS at
//! the URL that [`ENDPOINT`] names, where each test has tables and queues of its own.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

use std::sync::atomic::{AtomicU32, Ordering};

use aws::{Clients, Stack, provision};
use local::servers::{EmbeddedAws, Ports};
use local::stack::Endpoints;

/// The environment variable with that URL, such as `http://127.0.0.1:4566`.
pub const ENDPOINT: &str = "RUSHHOUR_TEST_AWS_ENDPOINT";

fn elsewhere() -> Option<String> {
    std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty())
}

/// A prefix that no other test has had.
#[must_use]
pub fn fresh_prefix() -> String {
    static TESTS: AtomicU32 = AtomicU32::new(0);
    let number = TESTS.fetch_add(1, Ordering::Relaxed);
    format!("test-{}-{number}-", std::process::id())
}

/// Where a stack finds DynamoDB and SQS.
#[must_use]
pub fn endpoints() -> Endpoints {
    elsewhere().map_or(Endpoints::Embedded(Ports::default()), |url| Endpoints::At {
        dynamodb: url.clone(),
        sqs: url,
    })
}

/// Fresh tables and queues, and what serves them if that is a test's own.
pub async fn stack() -> (Option<EmbeddedAws>, Stack) {
    let servers = elsewhere().is_none().then(|| EmbeddedAws::start().unwrap());
    let clients = match (&servers, elsewhere()) {
        (None, Some(url)) => Clients::embedded(&url, &url),
        _ => servers.as_ref().unwrap().clients(),
    };
    let resources = provision(&clients, &fresh_prefix()).await.unwrap();
    (servers, Stack::new(clients, resources))
}
