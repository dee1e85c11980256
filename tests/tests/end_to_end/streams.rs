//! The drivers' live streams: the newest counts, one that is not read is cut off, a stop says so.

use std::time::{Duration, Instant};

use identity::Subject;
use local::stack::Stack;
use rushhour_tests::sockets::{Driver, Rider, bounded, config, east_of_pickup, in_time, pickup};
use tonic::Code;
use wire::grpc::v1;

/// Bytes that fit on the narrow stream: some dozens of messages.
const NARROW_BYTES: u32 = 1_024;
/// How long a short token is good.
const SHORT: Duration = Duration::from_secs(3);
/// A stop and a start take no longer, drains included: below the limit that is set to what hangs.
const DEPLOY_MAX: Duration = Duration::from_secs(4);
/// Pings after which a driver who reads nothing must have been cut off.
const PINGS_MAX: u64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_streams_of_one_driver_the_newer_counts() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut older = Driver::online(&stack, 9, pickup()).await;
        let mut newer = Driver::online(&stack, 9, pickup()).await;
        assert_eq!(older.closed().await, "superseded");
        // The end of the older is not the end of the newer.
        assert_eq!(newer.ping(pickup()).await, v1::PingOutcome::Moved);
        let rider = Rider::of(&stack, 17);
        let ride = rider.request("two streams").await;
        let key = newer.accept().await;
        newer.drive(&key).await;
        rider.until(ride.trip, "completed").await;
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rider_follows_no_longer_than_the_token_is_good_and_comes_back_with_a_fresh_one() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut driver = Driver::online(&stack, 9, pickup()).await;
        let rider = Rider::of(&stack, 17);
        let ride = rider.request("follow").await;
        let key = driver.accept().await;
        let short = stack.issuer().issue(Subject::Rider(17), SHORT);
        let short = Rider::with_token(&stack, 17, short);
        let mut car = short.watch(&stack, ride.trip).await.unwrap();
        let ended = async {
            loop {
                if let Err(status) = car.message().await.map(|at| at.expect("the ride goes on")) {
                    return status;
                }
            }
        };
        let status = in_time("the token to expire", ended).await;
        assert_eq!(status.code(), Code::Unauthenticated, "{status}");
        let refused = short.watch(&stack, ride.trip).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        let mut car = rider.watch(&stack, ride.trip).await.unwrap();
        assert!(car.message().await.unwrap().is_some(), "a fresh one");
        driver.drive(&key).await;
        rider.until(ride.trip, "completed").await;
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_who_does_not_read_is_cut_off_and_told_why() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut reader = Driver::online(&stack, 8, east_of_pickup(500.0)).await;
        let mut deaf = Driver::connect_narrow(&stack, 9, NARROW_BYTES).await;
        deaf.go_online(pickup()).await;
        while stack.tracker_metrics().await.unwrap().unwrap().slow_readers == 0 {
            deaf.ping_unheard(Some(pickup().into())).await;
            assert!(deaf.pings < PINGS_MAX, "nobody cut it off");
        }
        // Others are not held up, and what waited is still heard, the reason last.
        assert_eq!(reader.ping(pickup()).await, v1::PingOutcome::Moved);
        assert_eq!(deaf.closed().await, "slow_reader");
        let mut back = Driver::online(&stack, 9, pickup()).await;
        assert_eq!(back.ping(pickup()).await, v1::PingOutcome::Moved);
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_tells_every_driver_and_the_next_start_takes_over() {
    bounded(async || {
        let mut stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let mut drivers = Vec::new();
        for id in 1..=3 {
            let place = east_of_pickup(100.0 * id as f64);
            drivers.push(Driver::online(&stack, id, place).await);
        }
        let ride = rider.request("over a deploy").await;
        let key = drivers[0].accept().await;
        rider.until(ride.trip, "accepted").await;
        let mut car = rider.watch(&stack, ride.trip).await.unwrap();
        assert!(car.message().await.unwrap().is_some());
        let stopping = Instant::now();
        // One that runs is stopped first, as on a deploy.
        in_time("the deploy", stack.restart_tracker())
            .await
            .unwrap();
        // Nobody who listens holds up the deploy.
        let took = stopping.elapsed();
        assert!(took < DEPLOY_MAX, "it took {took:?}");
        let followed = in_time("the car to be lost", car.message()).await;
        assert_eq!(followed.unwrap_err().code(), Code::Unavailable);
        for driver in &mut drivers {
            assert_eq!(driver.closed().await, "shutting_down");
        }
        let mut driver = Driver::online(&stack, key.driver, pickup()).await;
        driver.drive(&key).await;
        rider.until(ride.trip, "completed").await;

        stack.drain().await;
        assert_eq!(driver.closed().await, "shutting_down");
        stack.stop().await;
    })
    .await;
}
