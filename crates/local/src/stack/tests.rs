use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use domain::trip::TripState;
use host::WallClock;
use host::market::MarketDocument;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use identity::Subject;
use serde_json::{Value, json};
use services::ports::Clock;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use wire::grpc::v1;
use wire::grpc::v1::driver_message::Message as Up;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;
use wire::grpc::v1::tracker_message::Message as Down;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

struct Rider {
    url: String,
    token: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Rider {
    fn of(stack: &Stack, id: u64) -> Self {
        Self {
            url: stack.http_url(),
            token: stack.issuer().issue(Subject::Rider(id), HOUR),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.token))
            .header("idempotency-key", "once")
            .body(Full::from(body.to_string()))
            .unwrap();
        let response = self.client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Quotes and requests a ride; answers with the trip's name.
    async fn request(&self) -> String {
        let (pickup, dropoff) = (
            json!({ "lat": 40.758, "lon": -73.9855 }),
            json!({ "lat": 40.7505, "lon": -73.9934 }),
        );
        let places = json!({ "pickup": pickup, "dropoff": dropoff });
        let (status, quote) = self.call("POST", "/quotes", places).await;
        assert_eq!(status, 200, "{quote}");
        let wish = json!({
            "quote_token": quote["quote_token"], "pickup": pickup, "dropoff": dropoff, "patience_ms": 60_000,
        });
        let (status, trip) = self.call("POST", "/trips", wish).await;
        assert_eq!(status, 202, "{trip}");
        trip["trip_id"].as_str().unwrap().to_owned()
    }

    async fn until(&self, trip: &str, state: &str) -> Value {
        for _ in 0..400 {
            let (status, view) = self
                .call("GET", &format!("/trips/{trip}"), Value::Null)
                .await;
            assert_eq!(status, 200, "{view}");
            if view["state"] == state {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("trip {trip} never became {state}");
    }
}

struct Driver {
    up: mpsc::Sender<v1::DriverMessage>,
    down: Streaming<v1::TrackerMessage>,
}

impl Driver {
    async fn online(stack: &Stack, id: u64) -> Self {
        let channel = tonic::transport::Endpoint::from_shared(stack.tracker_url()).unwrap();
        let mut client = FleetTrackerClient::new(channel.connect().await.unwrap());
        let (up, messages) = mpsc::channel(16);
        let mut request = tonic::Request::new(ReceiverStream::new(messages));
        let token = stack.issuer().issue(Subject::Driver(id), HOUR);
        request
            .metadata_mut()
            .insert("authorization", format!("Bearer {token}").parse().unwrap());
        let place = Some(domain::Place::new(40.7585, -73.985).unwrap().into());
        let online = Up::GoOnline(v1::GoOnline {
            place,
            vehicle_class: 0,
        });
        up.send(v1::DriverMessage {
            message: Some(online),
        })
        .await
        .unwrap();
        let down = client.track(request).await.unwrap().into_inner();
        Self { up, down }
    }

    async fn send(&self, message: Up) {
        self.up
            .send(v1::DriverMessage {
                message: Some(message),
            })
            .await
            .unwrap();
    }

    async fn hear<T>(&mut self, wanted: impl Fn(Down) -> Option<T>) -> T {
        let heard = async {
            loop {
                let message = self
                    .down
                    .message()
                    .await
                    .unwrap()
                    .expect("the stream stays open");
                if let Some(found) = message.message.and_then(&wanted) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), heard)
            .await
            .expect("heard in time")
    }

    async fn accept(&mut self) -> v1::HoldKey {
        let offer = self
            .hear(|down| {
                if let Down::Offer(offer) = down {
                    Some(offer)
                } else {
                    None
                }
            })
            .await;
        self.send(Up::Answer(v1::Answer {
            key: offer.key.clone(),
            accept: true,
        }))
        .await;
        let answered = self
            .hear(|down| {
                if let Down::Answered(answered) = down {
                    Some(answered)
                } else {
                    None
                }
            })
            .await;
        assert_eq!(answered.outcome(), v1::AnswerOutcome::Accepted);
        offer.key.unwrap()
    }

    async fn report(&mut self, key: &v1::HoldKey, sequence: u32, kind: v1::ProgressKind) {
        let at_us = WallClock.now().as_micros();
        let mut stamps = v1::Stamps {
            accepted_at_us: at_us,
            ..v1::Stamps::default()
        };
        if sequence >= 2 {
            stamps.arrived_at_us = at_us;
        }
        if sequence >= 3 {
            stamps.picked_up_at_us = at_us;
        }
        if sequence >= 4 {
            stamps.dropped_off_at_us = at_us;
        }
        let key = Some(key.clone());
        let progress = v1::Progress {
            key,
            sequence,
            kind: kind.into(),
            at_us,
            stamps: Some(stamps),
        };
        self.send(Up::Progress(progress)).await;
        let ack = self
            .hear(|down| {
                if let Down::ProgressAck(ack) = down {
                    Some(ack)
                } else {
                    None
                }
            })
            .await;
        assert_eq!(ack.outcome(), v1::ProgressOutcome::Recorded);
    }
}

fn config() -> StackConfig {
    let market = "region = 'new-york'\n[travel]\nspeed_kmh = 20\n[dispatch]\nwindow_s = 1";
    StackConfig::new(MarketDocument::parse(market).unwrap().market().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_ride_from_quote_to_completed_over_a_tracker_that_is_killed() {
    let rounds = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&rounds);
    let mut config = config();
    config.round_observer = Some(Arc::new(move |report| {
        *seen.lock().unwrap() += report.offered;
    }));
    let mut stack = Stack::start(config).await.unwrap();
    let rider = Rider::of(&stack, 17);
    let mut driver = Driver::online(&stack, 9).await;
    let trip = rider.request().await;
    let key = driver.accept().await;
    let view = rider.until(&trip, "accepted").await;
    assert_eq!(view["driver"], "driver-9");

    stack.kill_tracker().await;
    assert!(driver.down.message().await.is_err(), "the stream broke");
    stack.restart_tracker().await.unwrap();
    let mut driver = Driver::online(&stack, 9).await;
    for (sequence, kind) in [
        (2, v1::ProgressKind::Arrived),
        (3, v1::ProgressKind::PickedUp),
        (4, v1::ProgressKind::DroppedOff),
    ] {
        driver.report(&key, sequence, kind).await;
    }
    rider.until(&trip, "completed").await;
    let (status, _) = Rider::of(&stack, 18)
        .call("GET", &format!("/trips/{trip}"), Value::Null)
        .await;
    assert_eq!(status, 404);

    let pricing = |stack: &Stack| stack.function_counters()["pricing"].concurrency_max;
    let age_max =
        |accounts: BTreeMap<&str, QueueAccount>| accounts["ride-requests"].mapping.age_max;
    let functions = stack.function_counters();
    assert!(functions["pricing"].invocations == 1 && functions["matching"].invocations >= 1);
    assert!(
        functions
            .values()
            .all(|function| function.errors + function.throttles == 0)
    );
    let age = age_max(stack.queue_accounts().await.unwrap());
    assert!(pricing(&stack) == 1 && age > Duration::ZERO);
    stack.reset_maxima();
    let age = age_max(stack.queue_accounts().await.unwrap());
    assert_eq!((pricing(&stack), age), (0, Duration::ZERO));

    stack.drain().await;
    let trips = stack.trips().all_trips().await.unwrap();
    assert_eq!((trips.len(), trips[0].state), (1, TripState::Completed));
    assert_eq!(stack.holds().all_holds().await.unwrap(), []);
    assert_eq!(*rounds.lock().unwrap(), 1);
    for (name, queue) in stack.queue_accounts().await.unwrap() {
        assert_eq!((queue.dead_letters, queue.depth.visible), (0, 0), "{name}");
        assert_eq!(queue.used.deleted, queue.mapping.counters.deleted, "{name}");
    }
    assert!(stack.table_use()["trips"].write_units > 0.0);
    assert_eq!(stack.http_counters().server_errors, 0);
    tokio::time::timeout(Duration::from_secs(5), stack.stop())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_port_is_said() {
    let first = Stack::start(config()).await.unwrap();
    let busy: SocketAddr = first
        .http_url()
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    let error = Stack::start(StackConfig {
        http: busy,
        ..config()
    })
    .await
    .unwrap_err();
    assert!(
        matches!(error, StackError::Listen { address, .. } if address == busy),
        "{error}"
    );
    first.stop().await;
}
