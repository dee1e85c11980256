//! What the host does on AWS's behalf: throttles, and dead letters.

use std::time::Duration;

use aws::{Queue, QueueConsumer, SqsTripEvents};
use domain::hold::HoldKey;
use domain::trip::{Stamps, TripEvent, TripEventKind};
use domain::{Attempt, DriverId, TripId};
use futures_util::future::join_all;
use local::stack::{FunctionName, Stack};
use rushhour_tests::sockets::{Driver, Rider, bounded, config, now, pickup};
use services::ports::TripEvents;

/// How long poisoned messages may take into the dead-letter queue: ten receives, about a second apart.
const DEAD_AFTER_MAX: Duration = Duration::from_secs(70);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_without_concurrency_throttles_and_stores_nothing() {
    bounded(async || {
        let mut config = config();
        let trips = config.functions.get_mut(&FunctionName::Trips).unwrap();
        trips.pool.reserved_concurrency = Some(0);
        let stack = Stack::start(config).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let wish = Rider::wish(&rider.quote().await);
        let answer = rider.call("POST", "/trips", Some("none"), &wish).await;
        assert_eq!((answer.status, answer.code()), (503, "Service Unavailable"));
        assert_eq!(answer.headers["retry-after"], "1");
        assert_eq!(stack.trips().all_trips().await.unwrap(), []);
        assert!(stack.function_counters()["trips"].throttles > 0);
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn riders_who_were_throttled_ask_again_and_ride_once() {
    bounded(async || {
        let mut config = config();
        let trips = config.functions.get_mut(&FunctionName::Trips).unwrap();
        trips.pool.reserved_concurrency = Some(1);
        let stack = Stack::start(config).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let wish = Rider::wish(&rider.quote().await);
        let throttled = join_all((0..16).map(|number| {
            let (rider, wish, key) = (&rider, &wish, format!("key-{number}"));
            async move {
                let mut throttled = 0;
                loop {
                    let answer = rider.call("POST", "/trips", Some(&key), wish).await;
                    match answer.status {
                        202 => return throttled,
                        503 => assert_eq!(answer.headers["retry-after"], "1"),
                        status => panic!("found {status}: {answer:?}"),
                    }
                    throttled += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }));
        let throttled: u32 = throttled.await.into_iter().sum();
        assert!(throttled > 0, "sixteen at once and one environment");
        let counters = stack.function_counters()["trips"];
        assert_eq!(counters.concurrency_max, 1);
        assert_eq!(stack.trips().all_trips().await.unwrap().len(), 16);
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poisoned_events_end_as_dead_letters_and_hold_up_nobody() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let url = stack.aws().resources.queue_url(Queue::TripEvents);
        let sqs = &stack.aws().clients.sqs;
        // As the queue is, it would be shown every 30 s, ten times.
        let hurry = sqs.set_queue_attributes().queue_url(&url);
        let hurry = hurry.attributes("VisibilityTimeout".into(), "1");
        hurry.send().await.unwrap();
        let poison = "{\"version\": 99, \"kind\": \"teleported\"}";
        let sent = sqs.send_message().queue_url(&url).message_body(poison);
        sent.send().await.unwrap();
        SqsTripEvents::new(stack.aws())
            .send(&event_of_nobody())
            .await
            .unwrap();

        let rider = Rider::of(&stack, 17);
        let mut driver = Driver::online(&stack, 9, pickup()).await;
        let ride = rider.request("beside the poison").await;
        let key = driver.accept().await;
        driver.drive(&key).await;
        rider.until(ride.trip, "completed").await;

        let dead = async {
            loop {
                let account = stack.queue_accounts().await.unwrap()["trip-events"];
                if account.dead_letters == 2 {
                    return account;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let account = tokio::time::timeout(DEAD_AFTER_MAX, dead).await.unwrap();
        assert_eq!((account.depth.visible, account.depth.in_flight), (0, 0));
        let letters = QueueConsumer::of_dead_letters(stack.aws(), Queue::TripEvents);
        let letters = letters.receive(10, Duration::from_secs(2), None).await;
        let bodies: Vec<String> = letters.unwrap().into_iter().map(|l| l.body).collect();
        assert!(bodies.iter().any(|body| body == poison), "{bodies:?}");
        let errors = stack.function_counters()["trips"].errors;
        assert_eq!(errors, 0, "a message fails alone, not its batch");
        assert_eq!(stack.trips().all_trips().await.unwrap().len(), 1);
        stack.stop().await;
    })
    .await;
}

/// An event of a trip that was never made.
fn event_of_nobody() -> TripEvent {
    let key = HoldKey {
        trip: TripId(404),
        attempt: Attempt(1),
        driver: DriverId(9),
    };
    TripEvent {
        key,
        sequence: 2,
        kind: TripEventKind::Arrived,
        at: now(),
        stamps: Stamps::default(),
    }
}
