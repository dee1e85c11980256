//! DynamoDB and SQS throttle, fail, or close connections: what riders are told, and what they never hear of.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use aws::{Clients, DynamoTrips, SqsDoorbell};
use bytes::Bytes;
use domain::{Region, Round, TripId};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use local::servers::EmbeddedAws;
use local::stack::{Endpoints, Stack};
use rushhour_tests::sockets::{Rider, bounded, config};
use serde_json::Value;
use services::ports::{Doorbell, TripStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a door before a server does with who comes in.
#[derive(Clone, Copy)]
enum Door {
    /// Lets everything through.
    Open,
    /// Answers as the server does when it has too much to do.
    Throttles,
    /// Answers as a server does that is out of order.
    Fails,
}

impl Door {
    fn answer(self) -> Response<Full<Bytes>> {
        let (status, kind) = match self {
            Self::Throttles => (
                StatusCode::BAD_REQUEST,
                "ProvisionedThroughputExceededException",
            ),
            Self::Open | Self::Fails => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        };
        let body = format!(
            r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"not now"}}"#
        );
        let mut answer = Response::new(Full::from(body));
        *answer.status_mut() = status;
        answer
    }
}

/// A server's door, and its address. What the door is told closes the connections that are open.
struct Front {
    door: watch::Sender<Door>,
    url: String,
}

impl Front {
    async fn of(server: &str) -> Self {
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let door = watch::Sender::new(Door::Open);
        let (told, server) = (door.clone(), Arc::new(server));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (mut told, server) = (told.subscribe(), Arc::clone(&server));
                let door = *told.borrow_and_update();
                tokio::spawn(async move {
                    tokio::select! {
                        () = pass(near, door, &server) => {}
                        _ = told.changed() => {}
                    }
                });
            }
        });
        Self { door, url }
    }
}

async fn pass(mut near: TcpStream, door: Door, server: &str) {
    if let Door::Open = door {
        let mut far = TcpStream::connect(server).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
        return;
    }
    let service = service_fn(|_| async move { Ok::<_, Infallible>(door.answer()) });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(near), service);
    drop(serving.await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_throttles_is_429_and_one_that_fails_503_and_both_say_when_to_ask_again() {
    bounded(async || {
        let servers = EmbeddedAws::start().unwrap();
        let dynamodb = Front::of(&servers.dynamodb_endpoint).await;
        let mut config = config();
        config.endpoints = Endpoints::At {
            dynamodb: dynamodb.url.clone(),
            sqs: servers.sqs_endpoint.clone(),
        };
        let stack = Stack::start(config).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let ride = rider.request("outages").await;
        let wish = Rider::wish(&ride.quote);
        let trip = format!("/trips/{}", ride.trip);
        let cancel = format!("{trip}/cancel");
        for (door, expected) in [
            (Door::Throttles, (429, "throttled")),
            (Door::Fails, (503, "unavailable")),
        ] {
            dynamodb.door.send_replace(door);
            for (method, path, key, body) in [
                ("POST", "/trips", Some("another"), &wish),
                ("GET", trip.as_str(), None, &Value::Null),
                ("POST", cancel.as_str(), None, &Value::Null),
            ] {
                let answer = rider.call(method, path, key, body).await;
                let found = (answer.status, answer.code());
                assert_eq!(found, expected, "{method} {path}");
                assert_eq!(answer.headers["retry-after"], "1", "{method} {path}");
                assert!(!answer.text.contains("not now"), "{}", answer.text);
            }
        }
        dynamodb.door.send_replace(Door::Open);
        assert_eq!(rider.read(ride.trip).await.state, "requested");
        let answer = rider.call("POST", "/trips", Some("another"), &wish).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        stack.stop().await;
    })
    .await;
}

#[test]
fn connections_that_were_closed_while_their_owner_was_frozen_are_opened_again() {
    let world = tokio::runtime::Runtime::new().unwrap();
    // Nothing of it runs between two calls, as in a function's environment.
    let frozen = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let servers = EmbeddedAws::start().unwrap();
    let (stack, dynamodb, sqs) = world.block_on(async {
        let mut config = config();
        config.endpoints = Endpoints::At {
            dynamodb: servers.dynamodb_endpoint.clone(),
            sqs: servers.sqs_endpoint.clone(),
        };
        let dynamodb = Front::of(&servers.dynamodb_endpoint).await;
        let sqs = Front::of(&servers.sqs_endpoint).await;
        (Stack::start(config).await.unwrap(), dynamodb, sqs)
    });
    let clients = frozen.block_on(async { Clients::embedded(&dynamodb.url, &sqs.url) });
    let aws = aws::Stack {
        clients,
        ..stack.aws().clone()
    };
    let trips = DynamoTrips::new(&aws, stack.market().sweep);
    let doorbell = SqsDoorbell::new(&aws);
    let region = Region::new("new-york").unwrap();
    for call in 0..3 {
        frozen.block_on(async {
            let read = trips.get(TripId(7)).await;
            assert!(matches!(read, Ok(None)), "call {call}: {read:?}");
            let rang = doorbell.ring(&region, Round(1), Duration::ZERO).await;
            assert!(rang.is_ok(), "call {call}: {rang:?}");
        });
        dynamodb.door.send_replace(Door::Open);
        sqs.door.send_replace(Door::Open);
        std::thread::sleep(Duration::from_millis(100));
    }
    world.block_on(stack.stop());
}
