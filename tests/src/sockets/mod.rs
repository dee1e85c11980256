//! Riders and drivers on real sockets, for tests that drive an embedded stack from outside.
//!
//! [`config`] has a stack for a small market, a [`Rider`] speaks HTTP with a token, a [`Driver`] lives on a
//! gRPC stream, and a [`Journal`] holds what both saw against the store, by every rule of the audit. Every
//! wait is bounded: a test that hangs fails.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

mod driver;
mod journal;
mod rider;

use std::time::Duration;

use domain::{Place, Timestamp};
use host::WallClock;
use host::market::MarketDocument;
use identity::Subject;
use local::stack::{Stack, StackConfig};
use services::ports::Clock;
use tonic::transport::Channel;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;

use crate::cloud;

pub use driver::{Driver, progress};
pub use journal::Journal;
pub use rider::{Answer, Requested, Rider};

/// How long a test may take as a whole.
pub const TEST_MAX: Duration = Duration::from_secs(90);
/// How long anybody waits for one thing: generous, as the machine may be busy.
pub const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long tokens are good for: longer than any test.
pub const TOKEN_TTL: Duration = Duration::from_secs(3_600);

/// A market with rounds each second, and offers that stay open for as long as a test may take.
const MARKET: &str = "
region = 'new-york'
quote_ttl_s = 600

[service_area]
south = 40.4
west = -74.3
north = 41.0
east = -73.6

[travel]
speed_kmh = 20

[dispatch]
window_s = 1
offer_timeout_s = 90
";

/// A stack for that market. Its sweep stays away, unless a test lets it come.
#[must_use]
pub fn config() -> StackConfig {
    let market = MarketDocument::parse(MARKET).unwrap().market().unwrap();
    StackConfig {
        sweep_every: Duration::from_secs(3_600),
        endpoints: cloud::endpoints(),
        name_prefix: cloud::fresh_prefix(),
        ..StackConfig::new(market)
    }
}

/// The corner where rides start.
#[must_use]
pub fn pickup() -> Place {
    Place::new(40.758, -73.9855).unwrap()
}

/// The corner where rides end.
#[must_use]
pub fn dropoff() -> Place {
    Place::new(40.7505, -73.9934).unwrap()
}

/// A place so many metres east of where rides start.
#[must_use]
pub fn east_of_pickup(metres: f64) -> Place {
    // A degree of longitude at this latitude.
    let degrees = metres / (domain::place::METRES_PER_DEGREE * pickup().lat().to_radians().cos());
    Place::new(pickup().lat(), pickup().lon() + degrees).unwrap()
}

/// The time, as the stack has it.
#[must_use]
pub fn now() -> Timestamp {
    WallClock.now()
}

/// A token of a stack's own issuer.
#[must_use]
pub fn token(stack: &Stack, subject: Subject) -> String {
    stack.issuer().issue(subject, TOKEN_TTL)
}

/// A client of the tracker on a connection of its own.
pub async fn tracker(stack: &Stack) -> FleetTrackerClient<Channel> {
    let endpoint = tonic::transport::Endpoint::from_shared(stack.tracker_url()).unwrap();
    FleetTrackerClient::new(endpoint.connect().await.unwrap())
}

/// A gRPC request that shows a token.
#[must_use]
pub fn shown<T>(message: T, token: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

/// Waits for something, but not for ever.
///
/// # Panics
/// If it does not come within [`WAIT_MAX`].
pub async fn in_time<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT_MAX, wait).await {
        Ok(come) => come,
        Err(_) => panic!("waited {WAIT_MAX:?} in vain for {what}"),
    }
}

/// Runs a test, but not for ever.
///
/// # Panics
/// If it has not ended within [`TEST_MAX`].
pub async fn bounded(test: impl AsyncFnOnce()) {
    let ended = tokio::time::timeout(TEST_MAX, Box::pin(test())).await;
    assert!(ended.is_ok(), "the test did not end within {TEST_MAX:?}");
}
