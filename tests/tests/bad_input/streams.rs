//! Drivers whose messages are absurd, malformed, or about the rides of others.

use bytes::Bytes;
use local::stack::Stack;
use rushhour_tests::sockets::{Driver, Rider, bounded, config, east_of_pickup, pickup, progress};
use tonic::Code;
use wire::grpc::v1;
use wire::grpc::v1::driver_message::Message as Up;

use super::stored;

/// Above what the tracker reads of one message.
const TOO_LARGE: usize = 5 * 1024 * 1024;

fn key(trip: Vec<u8>) -> v1::HoldKey {
    v1::HoldKey {
        trip: Bytes::from(trip),
        attempt: 1,
        driver: 9,
    }
}

fn off_the_globe() -> v1::Place {
    v1::Place {
        lat_e7: i32::MAX,
        lon_e7: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absurd_place_is_the_phone_s_and_the_stream_goes_on() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut driver = Driver::online(&stack, 9, pickup()).await;
        for place in [None, Some(off_the_globe())] {
            assert_eq!(driver.ping_at(place).await, v1::PingOutcome::BadPlace);
        }
        assert_eq!(driver.ping(pickup()).await, v1::PingOutcome::Moved);
        let early = v1::Ping {
            sequence: 1,
            place: Some(pickup().into()),
            sent_at_us: i64::MIN,
        };
        driver.send(Up::Ping(early)).await;
        assert_eq!(driver.ping(pickup()).await, v1::PingOutcome::Moved);
        let metrics = stack.tracker_metrics().await.unwrap().unwrap();
        assert_eq!((metrics.pings, metrics.bad_messages), (6, 0));
        assert_eq!(stored(&stack).await, (vec![], vec![]));
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_cannot_be_closes_its_stream_and_no_other() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut neighbour = Driver::online(&stack, 8, pickup()).await;
        let sixteen = || key(vec![1; 16]);
        let answer = |key| Up::Answer(v1::Answer { key, accept: true });
        let nowhere = v1::GoOnline::default();
        let absurd = v1::GoOnline {
            place: Some(off_the_globe()),
            vehicle_class: 0,
        };
        let in_no_car = v1::GoOnline {
            place: Some(pickup().into()),
            vehicle_class: 16,
        };
        let bad = [
            ("nothing at all", None),
            ("online nowhere", Some(Up::GoOnline(nowhere))),
            ("online off the globe", Some(Up::GoOnline(absurd))),
            ("online in no car", Some(Up::GoOnline(in_no_car))),
            ("an answer to nothing", Some(answer(None))),
            ("a trip of 15 bytes", Some(answer(Some(key(vec![1; 15]))))),
            (
                "a report of no kind",
                Some(Up::Progress(progress(&sixteen(), 2, 0))),
            ),
            (
                "a report of kind 99",
                Some(Up::Progress(progress(&sixteen(), 2, 99))),
            ),
            (
                "a report of nothing",
                Some(Up::Progress(v1::Progress::default())),
            ),
        ];
        let count = bad.len() as u64;
        for (what, message) in bad {
            let mut driver = Driver::online(&stack, 9, pickup()).await;
            driver.send_whole(v1::DriverMessage { message }).await;
            assert_eq!(driver.closed().await, "bad_message", "{what}");
        }
        let mut driver = Driver::online(&stack, 9, pickup()).await;
        driver.send(answer(Some(key(vec![1; TOO_LARGE])))).await;
        let refused = loop {
            match driver.hear().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a word"),
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
        let metrics = stack.tracker_metrics().await.unwrap().unwrap();
        assert_eq!(metrics.bad_messages, count + 1);
        assert_eq!(neighbour.ping(pickup()).await, v1::PingOutcome::Moved);
        assert_eq!(stored(&stack).await, (vec![], vec![]), "nothing was stored");
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_answers_and_reports_only_own_rides() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let rider = Rider::of(&stack, 17);
        let mut near = Driver::online(&stack, 9, pickup()).await;
        let mut far = Driver::online(&stack, 10, east_of_pickup(5_000.0)).await;
        let ride = rider.request("of the near one").await;
        let offered = near.offer().await.key.unwrap();
        assert_eq!(offered.driver, 9);
        let own_name = v1::HoldKey {
            driver: 10,
            ..offered.clone()
        };
        let before = stored(&stack).await;
        for accept in [true, false] {
            for key in [&offered, &own_name, &key(vec![7; 16])] {
                let outcome = far.answer(key, accept).await.outcome();
                assert_eq!(outcome, v1::AnswerOutcome::NotOffered);
            }
        }
        // Not even the driver to whom it was offered may report what was not accepted.
        let arrived = v1::ProgressKind::Arrived;
        let not_yours = v1::ProgressOutcome::NotYours;
        assert_eq!(near.report(&offered, 2, arrived).await, not_yours);
        assert_eq!(stored(&stack).await, before, "nothing was stored");

        let answered = near.answer(&offered, true).await;
        assert_eq!(answered.outcome(), v1::AnswerOutcome::Accepted);
        rider.until(ride.trip, "accepted").await;
        let before = stored(&stack).await;
        for key in [&offered, &own_name] {
            let dropped_off = v1::ProgressKind::DroppedOff;
            assert_eq!(far.report(key, 4, dropped_off).await, not_yours);
        }
        let next_attempt = v1::HoldKey {
            attempt: 2,
            ..offered.clone()
        };
        assert_eq!(near.report(&next_attempt, 2, arrived).await, not_yours);
        assert_eq!(stored(&stack).await, before, "nothing was stored");
        near.drive(&offered).await;
        rider.until(ride.trip, "completed").await;
        stack.stop().await;
    })
    .await;
}
