//! A tracker over real sockets. Who may call: by an issuer's keys as they come and go, and for how long a stream may live
//! on a token. And what clients of Redis are answered, and that a stop is heard at any time.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

mod issuer;
mod redis;
mod renewal;
mod stop;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use calls::Calls;
use cloud::memory::{MemoryHolds, MemoryQueue};
use cloud::queue::QueueConfig;
use domain::Timestamp;
use fleet::FleetPolicy;
use host::WallClock;
use host::market::MarketDocument;
use identity::{Issuer, Subject, Verifier};
use rushhour_fleet_tracker::{Callers, FleetTracker, TrackerConfig};
use services::ports::Clock;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};
use wire::grpc::v1::driver_message::Message as Up;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;
use wire::grpc::v1::{self, tracker_message::Message as Down};

/// How long anybody waits for one thing: generous, as the machine may be busy.
const WAIT_MAX: Duration = Duration::from_secs(30);

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

const SECRET: &[u8] = b"a secret that only these tests know";
/// A second is the least that a token may be good for, and its end is in whole seconds.
const SHORT: Duration = Duration::from_secs(2);
const LONG: Duration = Duration::from_secs(600);

fn issue(subject: Subject, ttl: Duration) -> String {
    Issuer::development(SECRET).unwrap().issue(subject, ttl)
}

/// A tracker that knows those tokens.
async fn start() -> FleetTracker {
    tracker(Verifier::development(SECRET).unwrap()).await
}

/// A tracker that remembers in memory what it would write.
async fn tracker(callers: impl Into<Callers>) -> FleetTracker {
    let market = MarketDocument::parse("region = 'here'\n[travel]\nspeed_kmh = 20");
    let config = TrackerConfig {
        market: market.unwrap().market().unwrap().into(),
        policy: FleetPolicy::default(),
        callers: callers.into(),
        grpc: ANYWHERE,
        metrics: ANYWHERE,
        redis: Some(ANYWHERE),
        calls: Calls::default(),
    };
    let events = MemoryQueue::new(QueueConfig::default(), WallClock);
    let snapshots = MemoryQueue::new(QueueConfig::default(), WallClock);
    FleetTracker::start(config, MemoryHolds::new(), events, snapshots, WallClock)
        .await
        .unwrap()
}

async fn client(tracker: &FleetTracker) -> FleetTrackerClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", tracker.grpc)).unwrap();
    FleetTrackerClient::new(endpoint.connect().await.unwrap())
}

fn shown<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn now() -> Timestamp {
    WallClock.now()
}

async fn in_time<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT_MAX, wait).await {
        Ok(come) => come,
        Err(_) => panic!("waited {WAIT_MAX:?} in vain for {what}"),
    }
}

/// A driver's stream.
struct Stream {
    up: mpsc::Sender<v1::DriverMessage>,
    down: Streaming<v1::TrackerMessage>,
    pings: u64,
}

impl Stream {
    async fn open(tracker: &FleetTracker, token: &str) -> Result<Self, Status> {
        let (up, messages) = mpsc::channel(16);
        let request = shown(ReceiverStream::new(messages), token);
        let mut client = client(tracker).await;
        let down = in_time("the stream to open", client.track(request)).await?;
        Ok(Self {
            up,
            down: down.into_inner(),
            pings: 0,
        })
    }

    async fn send(&self, message: Up) {
        let message = Some(message);
        // The stream may have ended: what comes down says so.
        drop(self.up.send(v1::DriverMessage { message }).await);
    }

    async fn hear(&mut self) -> Option<Down> {
        let heard = in_time("the tracker to speak", self.down.message()).await;
        heard
            .unwrap()
            .map(|down| down.message.expect("the tracker says something"))
    }

    /// Whether the tracker still answers on it.
    async fn is_alive(&mut self) -> bool {
        self.pings += 1;
        let place = Some(domain::Place::from_metres(0.0, 0.0).into());
        let (sequence, sent_at_us) = (self.pings, now().as_micros());
        self.send(Up::Ping(v1::Ping {
            sequence,
            place,
            sent_at_us,
        }))
        .await;
        matches!(self.hear().await, Some(Down::PingAck(_)))
    }

    /// Renews it: until when it may live, or why it ends.
    async fn renew(&mut self, token: &str) -> Result<Timestamp, String> {
        let token = token.to_owned();
        self.send(Up::Authenticate(v1::Authenticate { token }))
            .await;
        match self.hear().await {
            Some(Down::Authenticated(taken)) => Ok(Timestamp::from_micros(taken.until_us)),
            Some(Down::Closing(closing)) => Err(closing.reason),
            other => panic!("found {other:?}, expected the token to be taken or refused"),
        }
    }
}
