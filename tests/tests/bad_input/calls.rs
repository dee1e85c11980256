//! gRPC calls that are wrong: who makes them, and what they carry.

use bytes::Bytes;
use domain::{Attempt, DriverId, TripId, VehicleClasses};
use identity::Subject;
use local::stack::Stack;
use rushhour_tests::sockets::{
    Driver, Rider, bounded, config, dropoff, east_of_pickup, now, pickup, shown, token, tracker,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use wire::grpc::v1;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;

use super::stored;

type Client = FleetTrackerClient<Channel>;

/// Above what the tracker reads of one message.
const TOO_LARGE: usize = 5 * 1024 * 1024;

fn key() -> v1::HoldKey {
    let key = domain::hold::HoldKey {
        trip: TripId(404),
        attempt: Attempt(1),
        driver: DriverId(9),
    };
    key.into()
}

fn bytes_key(trip: Vec<u8>) -> v1::HoldKey {
    v1::HoldKey {
        trip: trip.into(),
        ..key()
    }
}

fn ride() -> v1::OfferedRide {
    v1::OfferedRide {
        rider: 17,
        pickup: Some(pickup().into()),
        dropoff: Some(dropoff().into()),
        driver_pay_minor: 900,
        pickup_distance_m: 200.0,
    }
}

fn reservation() -> v1::ReserveRequest {
    let deadline = now() + std::time::Duration::from_secs(30);
    v1::ReserveRequest {
        key: Some(key()),
        deadline_us: deadline.as_micros(),
        ride: Some(ride()),
    }
}

/// Every call of the tracker, well formed, as somebody: what each is refused with.
async fn every_call(client: &mut Client, token: Option<&str>) -> Vec<(&'static str, Option<Code>)> {
    fn as_somebody<T>(message: T, token: Option<&str>) -> Request<T> {
        match token {
            Some(token) => shown(message, token),
            None => Request::new(message),
        }
    }
    fn code<T>(answer: Result<T, Status>) -> Option<Code> {
        answer.err().map(|status| status.code())
    }
    let (_up, messages) = tokio::sync::mpsc::channel(1);
    let messages = as_somebody(ReceiverStream::new(messages), token);
    let trip = wire::grpc::trip_bytes(TripId(404));
    let offer = v1::OfferRequest { key: Some(key()) };
    let release = v1::ReleaseRequest { key: Some(key()) };
    let watch = v1::WatchRequest { trip: trip.clone() };
    let hold = v1::HoldRequest { trip, attempt: 1 };
    let candidates = v1::CandidatesRequest::default();
    vec![
        ("track", code(client.track(messages).await)),
        (
            "candidates",
            code(client.candidates(as_somebody(candidates, token)).await),
        ),
        ("offer", code(client.offer(as_somebody(offer, token)).await)),
        (
            "release",
            code(client.release(as_somebody(release, token)).await),
        ),
        ("hold", code(client.hold(as_somebody(hold, token)).await)),
        ("watch", code(client.watch(as_somebody(watch, token)).await)),
        (
            "reserve",
            code(client.reserve(as_somebody(reservation(), token)).await),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_caller_makes_only_the_callers_own_calls() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut client = tracker(&stack).await;
        let before = stored(&stack).await;
        let garbled = "x".repeat(5_000);
        let long_ago = now() - std::time::Duration::from_secs(7_200);
        let span = std::time::Duration::from_secs(60);
        let expired = stack.issuer().issue_at(Subject::Service, long_ago, span);
        for token in [
            None,
            Some(""),
            Some(garbled.as_str()),
            Some(expired.as_str()),
        ] {
            for (call, refused) in every_call(&mut client, token).await {
                assert_eq!(refused, Some(Code::Unauthenticated), "{call}");
            }
        }
        for (subject, own) in [(Subject::Rider(17), "watch"), (Subject::Driver(9), "track")] {
            let token = token(&stack, subject);
            for (call, refused) in every_call(&mut client, Some(&token)).await {
                match (call == own, call) {
                    // There is no such trip to follow, which is another matter.
                    (true, "watch") => assert_eq!(refused, Some(Code::NotFound)),
                    (true, _) => assert_eq!(refused, None, "{subject}: {call}"),
                    (false, _) => {
                        assert_eq!(refused, Some(Code::PermissionDenied), "{subject}: {call}");
                    }
                }
            }
        }
        assert_eq!(stored(&stack).await, before, "nothing was stored");
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_carry_nonsense() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut driver = Driver::online(&stack, 9, pickup()).await;
        let mut client = tracker(&stack).await;
        let service = token(&stack, Subject::Service);
        let before = stored(&stack).await;
        let off_the_globe = v1::Place {
            lat_e7: i32::MAX,
            lon_e7: i32::MIN,
        };
        let with_ride = |ride| v1::ReserveRequest {
            ride,
            ..reservation()
        };
        let with_key = |key| v1::ReserveRequest {
            key,
            ..reservation()
        };
        for (what, request, expected) in [
            ("no key", with_key(None), Code::InvalidArgument),
            (
                "a trip of no bytes",
                with_key(Some(bytes_key(vec![]))),
                Code::InvalidArgument,
            ),
            (
                "a trip of 15 bytes",
                with_key(Some(bytes_key(vec![1; 15]))),
                Code::InvalidArgument,
            ),
            (
                "a trip of 5 MB",
                with_key(Some(bytes_key(vec![1; TOO_LARGE]))),
                Code::OutOfRange,
            ),
            ("no ride", with_ride(None), Code::InvalidArgument),
            (
                "no pick-up",
                with_ride(Some(v1::OfferedRide {
                    pickup: None,
                    ..ride()
                })),
                Code::InvalidArgument,
            ),
            (
                "a pick-up off the globe",
                with_ride(Some(v1::OfferedRide {
                    pickup: Some(off_the_globe),
                    ..ride()
                })),
                Code::InvalidArgument,
            ),
            (
                "a way of NaN metres",
                with_ride(Some(v1::OfferedRide {
                    pickup_distance_m: f64::NAN,
                    ..ride()
                })),
                Code::InvalidArgument,
            ),
            (
                "a way of less than nothing",
                with_ride(Some(v1::OfferedRide {
                    pickup_distance_m: -1.0,
                    ..ride()
                })),
                Code::InvalidArgument,
            ),
        ] {
            let refused = client.reserve(shown(request, &service)).await.unwrap_err();
            assert_eq!(refused.code(), expected, "{what}: {refused}");
            assert!(refused.message().contains("found"), "{what}: {refused}");
        }
        for deadline_us in [0, -1, i64::MIN, 1] {
            let request = v1::ReserveRequest {
                deadline_us,
                ..reservation()
            };
            let reply = client.reserve(shown(request, &service)).await.unwrap();
            assert_eq!(
                reply.into_inner().outcome(),
                v1::ReserveOutcome::DriverTaken
            );
        }
        other_calls(&mut client, &service, off_the_globe).await;
        assert_eq!(stored(&stack).await, before, "nothing was stored");
        assert_eq!(
            driver.ping(pickup()).await,
            v1::PingOutcome::Moved,
            "it lives"
        );
        stack.stop().await;
    })
    .await;
}

async fn other_calls(client: &mut Client, service: &str, off_the_globe: v1::Place) {
    let short = Bytes::from_static(b"short");
    let hold = v1::HoldRequest {
        trip: short.clone(),
        attempt: 1,
    };
    let refused = client.hold(shown(hold, service)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let offer = v1::OfferRequest { key: None };
    let refused = client.offer(shown(offer, service)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let release = v1::ReleaseRequest {
        key: Some(bytes_key(vec![0; 17])),
    };
    let refused = client.release(shown(release, service)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    // Of what never was there is nothing to show, and nothing to let go.
    let offer = v1::OfferRequest { key: Some(key()) };
    assert!(
        !client
            .offer(shown(offer, service))
            .await
            .unwrap()
            .into_inner()
            .shown
    );
    let release = v1::ReleaseRequest { key: Some(key()) };
    assert!(client.release(shown(release, service)).await.is_ok());

    let asking = |queries: usize, k, radius_m| v1::CandidatesRequest {
        radius_m,
        ..wire::grpc::candidates_request(
            vec![(pickup(), VehicleClasses::ALL, &[][..]); queries],
            k,
            None,
        )
    };
    let mut elsewhere = asking(2, 5, 0.0);
    elsewhere.lat_e7[1] = off_the_globe.lat_e7;
    let mut uneven = asking(2, 5, 0.0);
    uneven.lon_e7.pop();
    let mut miscounted = asking(1, 5, 0.0);
    miscounted.excluded_counts.push(u32::MAX);
    for request in [elsewhere, uneven, miscounted, asking(20_001, 5, 0.0)] {
        let refused = client.candidates(shown(request, service)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
    for (k, radius_m) in [
        (u32::MAX, f64::NAN),
        (5, f64::INFINITY),
        (5, -1.0),
        (5, f64::MAX),
    ] {
        let request = shown(asking(1, k, radius_m), service);
        let counts = client
            .candidates(request)
            .await
            .unwrap()
            .into_inner()
            .counts;
        assert_eq!(counts, [1], "k {k}, radius {radius_m}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn riders_follow_only_their_own_cars() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let mut driver = Driver::online(&stack, 9, east_of_pickup(200.0)).await;
        let ride = rider.request("followed").await;
        let offered = driver.offer().await.key.unwrap();
        let early = rider.watch(&stack, ride.trip).await.unwrap_err();
        assert_eq!(early.code(), Code::NotFound, "nobody has accepted yet");
        let answered = driver.answer(&offered, true).await;
        assert_eq!(answered.outcome(), v1::AnswerOutcome::Accepted);
        let before = stored(&stack).await;
        let stranger = Rider::of(&stack, 18);
        let refused = stranger.watch(&stack, ride.trip).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let refused = rider.watch(&stack, TripId(404)).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
        let short = v1::WatchRequest {
            trip: Bytes::from_static(b"short"),
        };
        let refused = tracker(&stack)
            .await
            .watch(shown(short, &rider.token))
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(stored(&stack).await.1, before.1, "no hold was touched");
        assert!(rider.watch(&stack, ride.trip).await.is_ok());
        driver.drive(&offered).await;
        rider.until(ride.trip, "completed").await;
        stack.stop().await;
    })
    .await;
}
