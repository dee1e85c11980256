//! The tracker is killed at the worst moments and started again: what was durable goes on.

use domain::hold::{HoldKey, Offer};
use domain::{Attempt, DriverId, RiderId};
use identity::Subject;
use local::stack::{FunctionName, Stack};
use rushhour_tests::sockets::{
    Driver, Journal, Requested, Rider, bounded, config, dropoff, east_of_pickup, in_time, now,
    pickup, shown, token, tracker,
};
use services::ports::{Swap, TripStore};
use tonic::Code;
use wire::grpc::v1;

/// How long the driver may take, when the test plays the matcher.
const OFFER_OPEN: std::time::Duration = std::time::Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_reserve_and_offer_the_offer_is_made_after_it() {
    bounded(async || {
        // Nobody matches but the test, so that the tracker dies between two calls of a round.
        let mut config = config();
        let matching = config.functions.get_mut(&FunctionName::Matching).unwrap();
        matching.pool.reserved_concurrency = Some(0);
        let mut stack = Stack::start(config).await.unwrap();
        let (rider, mut journal) = (Rider::of(&stack, 17), Journal::default());
        let mut driver = Driver::online(&stack, 9, east_of_pickup(200.0)).await;
        let ride = rider.request("between").await;
        journal.requested(&ride);
        let key = reserve(&stack, &ride).await;

        stack.kill_tracker().await;
        assert!(driver.hear().await.is_err(), "the stream broke");
        stack.restart_tracker().await.unwrap();
        let mut driver = Driver::online(&stack, 9, east_of_pickup(200.0)).await;
        let service = token(&stack, Subject::Service);
        let mut client = tracker(&stack).await;
        let request = v1::HoldRequest {
            trip: wire::grpc::trip_bytes(ride.trip),
            attempt: 1,
        };
        let held = client.hold(shown(request, &service)).await.unwrap();
        let held = held.into_inner().hold.expect("the hold is durable");
        assert_eq!(held.stage(), v1::HoldStage::Reserved, "nobody was told");

        let request = v1::OfferRequest {
            key: Some(key.into()),
        };
        let reply = client.offer(shown(request, &service)).await.unwrap();
        assert!(reply.into_inner().shown);
        finish(&mut stack, &rider, &mut driver, &ride, journal).await;
    })
    .await;
}

/// Does what a match round does before it offers.
async fn reserve(stack: &Stack, ride: &Requested) -> HoldKey {
    let trips = stack.trips();
    let trip = trips.get(ride.trip).await.unwrap().unwrap();
    let key = HoldKey {
        trip: ride.trip,
        attempt: Attempt(1),
        driver: DriverId(9),
    };
    let offer = Offer {
        rider: RiderId(ride.rider),
        pickup: pickup(),
        dropoff: dropoff(),
        driver_pay: trip.fare.driver_pay,
        pickup_distance_m: 200.0,
    };
    let deadline = now() + OFFER_OPEN;
    let request = v1::ReserveRequest {
        key: Some(key.into()),
        deadline_us: deadline.as_micros(),
        ride: Some((&offer).into()),
    };
    let service = token(stack, Subject::Service);
    let mut client = tracker(stack).await;
    let reply = client.reserve(shown(request, &service)).await.unwrap();
    assert_eq!(reply.into_inner().outcome(), v1::ReserveOutcome::Held);
    let offered = trip.offered(key.attempt, key.driver, deadline, now());
    let swapped = trips.transition(&offered.unwrap()).await.unwrap();
    assert_eq!(swapped, Swap::Done);
    key
}

/// From the offer to the end of the ride, and the audit of it.
async fn finish(
    stack: &mut Stack,
    rider: &Rider,
    driver: &mut Driver,
    ride: &Requested,
    mut journal: Journal,
) {
    let key = driver.accept().await;
    journal.accepted(&key);
    rider.until(ride.trip, "accepted").await;
    driver.drive(&key).await;
    journal.shown(&rider.until(ride.trip, "completed").await);
    stack.quiesce().await;
    assert_eq!(stack.holds().all_holds().await.unwrap(), []);
    journal.audit(stack).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_before_the_answer_the_offer_is_shown_again() {
    bounded(async || {
        let mut stack = Stack::start(config()).await.unwrap();
        let (rider, mut journal) = (Rider::of(&stack, 17), Journal::default());
        let mut driver = Driver::online(&stack, 9, east_of_pickup(200.0)).await;
        let ride = rider.request("before the answer").await;
        journal.requested(&ride);
        let offer = driver.offer().await;

        stack.kill_tracker().await;
        assert!(driver.hear().await.is_err(), "the stream broke");
        stack.restart_tracker().await.unwrap();
        // The stream alone is enough: its driver need not say where it is.
        let mut driver = Driver::connect(&stack, 9).await;
        let again = driver.offer().await;
        assert_eq!((again.key, again.ride), (offer.key, offer.ride));
        assert_eq!(again.deadline_us, offer.deadline_us);
        // Coming online says it once more, and the driver takes it once.
        driver.go_online(east_of_pickup(200.0)).await;
        finish(&mut stack, &rider, &mut driver, &ride, journal).await;
        let trips = stack.trips().all_trips().await.unwrap();
        assert_eq!(trips[0].tries.len(), 1, "it was one offer");
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_an_accept_the_ride_goes_on() {
    bounded(async || {
        let mut stack = Stack::start(config()).await.unwrap();
        let (rider, mut journal) = (Rider::of(&stack, 17), Journal::default());
        let mut driver = Driver::online(&stack, 9, east_of_pickup(200.0)).await;
        let ride = rider.request("after the accept").await;
        journal.requested(&ride);
        let key = driver.accept().await;
        journal.accepted(&key);

        stack.kill_tracker().await;
        assert!(driver.hear().await.is_err(), "the stream broke");
        stack.restart_tracker().await.unwrap();
        // Whether or not the accept's event left before the kill, it was sent again.
        rider.until(ride.trip, "accepted").await;
        let mut driver = Driver::online(&stack, 9, east_of_pickup(50.0)).await;
        let mut car = rider.watch(&stack, ride.trip).await.unwrap();
        assert!(car.message().await.unwrap().is_some(), "the rider follows");
        // The phone was offline when the accept was confirmed, so it asks again: the same outcome.
        let again = driver.answer(&key, true).await;
        assert_eq!(again.outcome(), v1::AnswerOutcome::Accepted);
        driver.drive(&key).await;
        journal.shown(&rider.until(ride.trip, "completed").await);

        stack.quiesce().await;
        assert_eq!(stack.holds().all_holds().await.unwrap(), []);
        journal.audit(&stack).await;
        let stranger = Rider::of(&stack, 18);
        let path = format!("/trips/{}", ride.trip);
        let answer = stranger
            .call("GET", &path, None, &serde_json::Value::Null)
            .await;
        assert_eq!((answer.status, answer.code()), (404, "no_such_trip"));
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_down_calls_are_refused_and_riders_are_still_served() {
    bounded(async || {
        let mut stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let mut client = tracker(&stack).await;
        stack.kill_tracker().await;
        let watch = || shown(v1::WatchRequest::default(), &rider.token);
        let refused = async {
            // The first calls may still find the broken connection, and say so in words of their own.
            while client.watch(watch()).await.unwrap_err().code() != Code::Unavailable {}
        };
        in_time("the connection to be refused", refused).await;
        assert_eq!(stack.tracker_metrics().await.unwrap(), None);
        let ride = rider.request("while it is down").await;
        assert_eq!(rider.read(ride.trip).await.state, "requested");

        stack.restart_tracker().await.unwrap();
        let mut driver = Driver::online(&stack, 9, pickup()).await;
        let key = driver.accept().await;
        driver.drive(&key).await;
        rider.until(ride.trip, "completed").await;
        stack.stop().await;
    })
    .await;
}
