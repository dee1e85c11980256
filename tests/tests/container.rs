//! The tracker's container image: started with a root file system that is read-only, against the embedded DynamoDB
//! and SQS; asked whether it is well; driven by a driver's stream and by what a match round does; stopped.
//!
//! `.ci/run` builds the image and runs this where there is something to run containers with. By hand:
//!
//!     infra/build-image --arch x86_64 --tag rushhour-fleet-tracker
//!     RUSHHOUR_TRACKER_IMAGE=rushhour-fleet-tracker RUSHHOUR_CONTAINER_ENGINE="podman --runtime runc" \
//!         cargo test -p rushhour-tests --test container -- --ignored
#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use aws::{Queue, provision};
use domain::hold::{HoldKey, Offer};
use domain::{Attempt, DriverId, Money, RiderId, TripId, VehicleClasses};
use identity::{Issuer, Subject};
use local::servers::EmbeddedAws;
use rushhour_tests::sockets::{
    Driver, TOKEN_TTL, WAIT_MAX, bounded, dropoff, east_of_pickup, now, pickup, shown,
};
use tonic::transport::{Channel, Endpoint};
use wire::grpc::v1;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;

/// The development secret of this test, and its base64.
const SECRET: [u8; 32] = [7; 32];
const SECRET_BASE64: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const MARKET: &str = r#"{"region":"new-york","travel":{"speed_kmh":20}}"#;
/// How long a container may take to stop: its own drain, and what the engine takes.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A running container, gone when this is dropped.
struct Container {
    engine: Vec<String>,
    name: String,
}

impl Container {
    /// Starts the image with settings, on the machine's own network.
    fn start(image: &str, settings: &[(&str, String)]) -> Self {
        let engine = std::env::var("RUSHHOUR_CONTAINER_ENGINE").unwrap_or("podman".to_owned());
        let container = Self {
            engine: engine.split_whitespace().map(str::to_owned).collect(),
            name: format!("rushhour-test-{}", std::process::id()),
        };
        // The limits stand here because engines that are themselves in a container cannot raise them.
        let mut arguments: Vec<String> = format!(
            "run --detach --name {} --read-only --cap-drop all --network host \
             --ulimit nofile=20000:20000 --ulimit nproc=1024:1024",
            container.name
        )
        .split_whitespace()
        .map(str::to_owned)
        .collect();
        for (key, value) in settings {
            arguments.push(format!("--env={key}={value}"));
        }
        arguments.push(image.to_owned());
        container.succeed(&arguments);
        container
    }

    fn ask(&self, arguments: &[impl AsRef<str>]) -> Output {
        let mut command = Command::new(&self.engine[0]);
        command.args(&self.engine[1..]);
        command.args(arguments.iter().map(AsRef::as_ref));
        command.output().unwrap()
    }

    /// What the engine says, if it succeeds.
    #[track_caller]
    fn succeed(&self, arguments: &[impl AsRef<str>]) -> String {
        let output = self.ask(arguments);
        let shown = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(output.status.success(), "{}: {shown}", self.engine[0]);
        shown.trim().to_owned()
    }

    /// Waits until the image's own check says that it is well.
    async fn well(&self) {
        let began = Instant::now();
        loop {
            let check = self.ask(&["exec", &self.name, "/fleet-tracker", "health"]);
            if check.status.success() {
                return;
            }
            if began.elapsed() > WAIT_MAX {
                let log = self.ask(&["logs", &self.name]);
                panic!("not well after {WAIT_MAX:?}: {check:?}, log: {log:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.ask(&["rm", "--force", &self.name]);
    }
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

async fn client(port: u16) -> FleetTrackerClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
    FleetTrackerClient::new(endpoint.connect().await.unwrap())
}

/// Does what a match round does: finds the driver, holds it, shows it the ride.
async fn offer(client: &mut FleetTrackerClient<Channel>, token: &str, key: HoldKey) {
    let query = [(pickup(), VehicleClasses::ALL, &[][..])];
    let request = wire::grpc::candidates_request(query, 3, Some(1_000.0));
    let found = client.candidates(shown(request, token)).await.unwrap();
    assert_eq!(found.into_inner().drivers[0], key.driver.0);

    let ride = Offer {
        rider: RiderId(17),
        pickup: pickup(),
        dropoff: dropoff(),
        driver_pay: Money::from_minor(1_300),
        pickup_distance_m: 200.0,
    };
    let request = v1::ReserveRequest {
        key: Some(key.into()),
        deadline_us: (now() + WAIT_MAX).as_micros(),
        ride: Some((&ride).into()),
    };
    let reserved = client.reserve(shown(request, token)).await.unwrap();
    assert_eq!(reserved.into_inner().outcome(), v1::ReserveOutcome::Held);
    let request = v1::OfferRequest {
        key: Some(key.into()),
    };
    let offered = client.offer(shown(request, token)).await.unwrap();
    assert!(offered.into_inner().shown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs RUSHHOUR_TRACKER_IMAGE and an engine that runs containers"]
async fn the_image_runs_read_only_is_well_serves_and_stops_when_told() {
    bounded(async || {
        let image = std::env::var("RUSHHOUR_TRACKER_IMAGE")
            .expect("found no RUSHHOUR_TRACKER_IMAGE, expected an image's name");
        let servers = EmbeddedAws::start().unwrap();
        let resources = provision(&servers.clients(), "container-").await.unwrap();
        let url = resources.queue_url(Queue::TripEvents);
        let (queue_base_url, _) = url
            .rsplit_once('/')
            .expect("a URL ends with the queue's name");
        let (grpc, metrics) = (free_port(), free_port());
        let container = Container::start(
            &image,
            &[
                ("AWS_REGION", "us-east-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", "embedded".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "embedded".to_owned()),
                (
                    "AWS_ENDPOINT_URL_DYNAMODB",
                    servers.dynamodb_endpoint.clone(),
                ),
                ("AWS_ENDPOINT_URL_SQS", servers.sqs_endpoint.clone()),
                ("RUSHHOUR_MARKET", MARKET.to_owned()),
                ("RUSHHOUR_NAME_PREFIX", "container-".to_owned()),
                ("RUSHHOUR_QUEUE_BASE_URL", queue_base_url.to_owned()),
                ("RUSHHOUR_IDENTITY_SECRET", SECRET_BASE64.to_owned()),
                ("RUSHHOUR_GRPC_LISTEN", format!("127.0.0.1:{grpc}")),
                ("RUSHHOUR_METRICS_LISTEN", format!("127.0.0.1:{metrics}")),
            ],
        );
        container.well().await;

        let issuer = Issuer::development(&SECRET).unwrap();
        let token = |subject| issuer.issue(subject, TOKEN_TTL);
        let key = HoldKey {
            trip: TripId(1 << 64 | 1),
            attempt: Attempt(1),
            driver: DriverId(9),
        };
        let mut driver = Driver::over(client(grpc).await, 9, &token(Subject::Driver(9))).await;
        driver.go_online(east_of_pickup(200.0)).await;
        let outcome = driver.ping(east_of_pickup(200.0)).await;
        assert_eq!(outcome, v1::PingOutcome::Moved);
        let mut matcher = client(grpc).await;
        offer(&mut matcher, &token(Subject::Service), key).await;
        let accepted = driver.accept().await;
        driver.drive(&accepted).await;

        let began = Instant::now();
        container.succeed(&["stop", "--time", "20", &container.name]);
        let took = began.elapsed();
        assert_eq!(driver.closed().await, "shutting_down");
        let format = "{{.State.ExitCode}}";
        let code = container.succeed(&["inspect", "--format", format, &container.name]);
        assert_eq!(code, "0", "{:?}", container.ask(&["logs", &container.name]));
        assert!(took < STOP_MAX, "took {took:?} to stop");
    })
    .await;
}
