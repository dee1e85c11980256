use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::{DriverId, Money, Place, RiderId, VehicleClasses};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Streaming;
use tonic::transport::Server;
use wire::grpc::v1::fleet_tracker_server::{FleetTracker, FleetTrackerServer};

use super::*;

/// A tracker that answers by the driver's number and counts what it is sent.
#[derive(Clone, Default)]
struct Scripted {
    calls: Arc<AtomicU32>,
}

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl FleetTracker for Scripted {
    type TrackStream = tokio_stream::Empty<Result<v1::TrackerMessage, Status>>;
    type ReportStream = tokio_stream::Empty<Result<v1::PingBatchTaken, Status>>;
    type WatchStream = tokio_stream::Empty<Result<v1::CarPosition, Status>>;

    async fn track(&self, _: Request<Streaming<v1::DriverMessage>>) -> Reply<Self::TrackStream> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn report(&self, _: Request<Streaming<v1::PingBatch>>) -> Reply<Self::ReportStream> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn watch(&self, _: Request<v1::WatchRequest>) -> Reply<Self::WatchStream> {
        Err(Status::unimplemented("not in this test"))
    }

    async fn candidates(
        &self,
        request: Request<v1::CandidatesRequest>,
    ) -> Reply<v1::CandidatesReply> {
        let request = request.into_inner();
        let mut reply = v1::CandidatesReply::default();
        for query in wire::grpc::candidate_queries(&request).unwrap() {
            let query = query.unwrap();
            // Tells what was asked.
            let asked = query.excluded.iter().sum::<u64>() * 100 + u64::from(query.classes.bits());
            let candidate = (DriverId(asked), query.pickup, request.radius_m);
            wire::grpc::add_candidates(&mut reply, vec![candidate; request.k as usize]);
        }
        Ok(Response::new(reply))
    }

    async fn reserve(&self, request: Request<v1::ReserveRequest>) -> Reply<v1::ReserveReply> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if request
            .metadata()
            .get("authorization")
            .is_none_or(|value| value != "Bearer t")
        {
            return Err(Status::unauthenticated("no token"));
        }
        let driver = request.into_inner().key.unwrap().driver;
        match driver {
            9 => Err(Status::resource_exhausted("slow down")),
            outcome => Ok(Response::new(v1::ReserveReply {
                outcome: outcome as i32,
                held_by: 77,
            })),
        }
    }

    async fn offer(&self, request: Request<v1::OfferRequest>) -> Reply<v1::OfferReply> {
        let shown = request.into_inner().key.unwrap().driver == 1;
        Ok(Response::new(v1::OfferReply { shown }))
    }

    async fn release(&self, _: Request<v1::ReleaseRequest>) -> Reply<v1::ReleaseReply> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_secs(60)).await;
        Ok(Response::new(v1::ReleaseReply {}))
    }

    async fn hold(&self, request: Request<v1::HoldRequest>) -> Reply<v1::HoldReply> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match request.into_inner().attempt {
            1 => Ok(Response::new(v1::HoldReply { hold: None })),
            _ => Err(Status::unavailable("its table is away")),
        }
    }
}

async fn serve(tracker: Scripted, port: u16) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::builder()
        .add_service(FleetTrackerServer::new(tracker))
        .serve_with_incoming(TcpListenerStream::new(listener));
    (port, tokio::spawn(async move { server.await.unwrap() }))
}

fn client(port: u16) -> FleetClient {
    let config = FleetClientConfig {
        token: Some("t".into()),
        call_timeout: Duration::from_millis(500),
        ..FleetClientConfig::at(format!("http://127.0.0.1:{port}"))
    };
    FleetClient::new(&config).unwrap()
}

fn key(driver: u64) -> HoldKey {
    HoldKey {
        trip: TripId(7),
        attempt: Attempt(1),
        driver: DriverId(driver),
    }
}

fn offer() -> Offer {
    let place = Place::from_metres(100.0, 200.0);
    Offer {
        rider: RiderId(1),
        pickup: place,
        dropoff: place,
        driver_pay: Money::from_minor(900),
        pickup_distance_m: 12.0,
    }
}

#[tokio::test]
async fn the_port_s_words_arrive_and_come_back() {
    let (port, _server) = serve(Scripted::default(), 0).await;
    let client = client(port);
    let deadline = Timestamp::from_millis(1);
    let reserve = async |driver| client.reserve(key(driver), deadline, &offer()).await;
    assert_eq!(reserve(1).await.unwrap(), Reserved::Held);
    assert_eq!(reserve(2).await.unwrap(), Reserved::DriverTaken);
    assert_eq!(
        reserve(3).await.unwrap(),
        Reserved::TripHeldBy(DriverId(77))
    );
    assert!(matches!(reserve(5).await, Err(PortError::Corrupt { .. })));
    assert!(matches!(reserve(9).await, Err(PortError::Throttled { .. })));
    assert!(client.offer(key(1)).await.unwrap() && !client.offer(key(2)).await.unwrap());
    assert_eq!(client.hold(TripId(1), Attempt(1)).await.unwrap(), None);

    let pickup = Place::from_e7(407_580_000, -739_855_000).unwrap();
    let queries = [CandidateQuery {
        pickup,
        classes: VehicleClasses::from_bits(5).unwrap(),
        excluded: vec![DriverId(3), DriverId(4)],
    }];
    let lists = client.candidates(&queries, 2, Some(50.0)).await.unwrap();
    let expected = Candidate {
        driver: DriverId(705),
        place: pickup,
        distance_m: 50.0,
    };
    assert_eq!(lists, [vec![expected, expected]]);
}

#[tokio::test]
async fn a_lost_connection_is_opened_again() {
    let tracker = Scripted::default();
    let (port, server) = serve(tracker.clone(), 0).await;
    let client = client(port);
    let deadline = Timestamp::from_millis(1);
    assert_eq!(
        client.reserve(key(1), deadline, &offer()).await.unwrap(),
        Reserved::Held
    );
    server.abort();
    assert!(server.await.is_err());
    let (_, _server) = serve(tracker.clone(), port).await;
    assert_eq!(
        client.reserve(key(1), deadline, &offer()).await.unwrap(),
        Reserved::Held
    );
    assert_eq!(tracker.calls.load(Ordering::SeqCst), 2);
}

/// A wire to a tracker that a test can tamper with.
#[derive(Clone)]
struct Wire {
    state: watch::Sender<Tampering>,
}

#[derive(Clone, Copy, PartialEq)]
enum Tampering {
    None,
    /// Connections that are open are closed.
    Cut,
    /// Connections that are open carry nothing any more, and nobody is told.
    Silenced,
}

impl Wire {
    async fn to(port: u16) -> (u16, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().port();
        let wire = Self {
            state: watch::Sender::new(Tampering::None),
        };
        let state = wire.state.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut state = state.subscribe();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let carrying = tokio::io::copy_bidirectional(&mut near, &mut far);
                    tokio::select! {
                        _ = carrying => return,
                        changed = state.changed() => changed.unwrap(),
                    }
                    if *state.borrow() == Tampering::Silenced {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        (at, wire)
    }
}

#[test]
fn a_connection_that_broke_while_its_owner_was_frozen_is_opened_again() {
    let world = tokio::runtime::Runtime::new().unwrap();
    // Nothing of it runs between two calls, as in a function's environment.
    let frozen = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tracker = Scripted::default();
    let (port, _server) = world.block_on(serve(tracker.clone(), 0));
    let (port, wire) = world.block_on(Wire::to(port));
    let config = FleetClientConfig {
        token: Some("t".into()),
        // As short as a function has it.
        call_timeout: Duration::from_secs(3),
        ..FleetClientConfig::at(format!("http://127.0.0.1:{port}"))
    };
    let client = frozen.block_on(async { FleetClient::new(&config).unwrap() });
    let deadline = Timestamp::from_millis(1);
    for (calls, tampering) in (1..).zip([
        Tampering::None,
        Tampering::Cut,
        Tampering::Cut,
        Tampering::Silenced,
    ]) {
        if tampering != Tampering::None {
            wire.state.send_replace(tampering);
            std::thread::sleep(Duration::from_millis(100));
        }
        let reserved = frozen.block_on(client.reserve(key(1), deadline, &offer()));
        assert_eq!(reserved.unwrap(), Reserved::Held, "call {calls}");
        assert_eq!(tracker.calls.load(Ordering::SeqCst), calls);
    }
}

#[tokio::test]
async fn nobody_there_and_nobody_answering_are_unavailable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert!(matches!(
        client(port).offer(key(1)).await,
        Err(PortError::Unavailable { .. })
    ));
    let tracker = Scripted::default();
    let (port, _server) = serve(tracker.clone(), 0).await;
    assert!(matches!(
        client(port).release(key(1)).await,
        Err(PortError::Unavailable { .. })
    ));
    assert_eq!(tracker.calls.load(Ordering::SeqCst), 1, "sent once");
}

#[tokio::test]
async fn what_the_tracker_itself_cannot_do_is_not_sent_again() {
    let tracker = Scripted::default();
    let (port, _server) = serve(tracker.clone(), 0).await;
    let held = client(port).hold(TripId(1), Attempt(2)).await;
    assert!(
        matches!(&held, Err(PortError::Unavailable { detail, .. }) if detail.contains("its table is away")),
        "{held:?}"
    );
    assert_eq!(tracker.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_call_that_is_sent_again_has_what_is_left_of_its_time() {
    const CALL: Duration = Duration::from_secs(2);
    const UNTIL_CUT: Duration = Duration::from_secs(1);
    let tracker = Scripted::default();
    let (port, _server) = serve(tracker.clone(), 0).await;
    let (port, wire) = Wire::to(port).await;
    let client = FleetClient::new(&FleetClientConfig {
        call_timeout: CALL,
        ..FleetClientConfig::at(format!("http://127.0.0.1:{port}"))
    });
    let client = client.unwrap();
    let began = Instant::now();
    let cutting = async {
        tokio::time::sleep(UNTIL_CUT).await;
        wire.state.send_replace(Tampering::Cut);
    };
    let (released, ()) = tokio::join!(client.release(key(1)), cutting);
    let took = began.elapsed();
    assert!(matches!(released, Err(PortError::Unavailable { .. })));
    assert_eq!(tracker.calls.load(Ordering::SeqCst), 2);
    assert!((CALL..UNTIL_CUT + CALL).contains(&took), "{took:?}");
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    for url in ["", "127.0.0.1:7000", "https://tracker", "ftp://x"] {
        assert!(
            FleetClient::new(&FleetClientConfig::at(url)).is_err(),
            "{url}"
        );
    }
    let config = FleetClientConfig {
        token: Some("a\nb".into()),
        ..FleetClientConfig::at("http://h:1")
    };
    assert_eq!(
        FleetClient::new(&config).unwrap_err(),
        FleetClientError::Token
    );
}
