//! What the AWS adapters promise beside their ports: provisioning, bulk writes and reads, the raw
//! consumer, the meter, and errors that say which kind they are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws::{
    DynamoHolds, DynamoTrips, Queue, QueueConsumer, Resources, SqsTripEvents, Stack, provision,
};
use domain::TripId;
use domain::hold::HoldStage;
use domain::trip::{Stamps, SweepPolicy, TripEvent, TripEventKind};
use local::servers::EmbeddedAws;
use rushhour_tests::cloud::stack;
use rushhour_tests::contract::samples::{hold, key, region, second, trip};
use services::ports::{
    Created, DueTrips, HoldStore, PortError, Reserved, RoundLease, Swap, TripEvents, TripStore,
};

fn event(sequence: u32) -> TripEvent {
    TripEvent {
        key: key(1, 1, 1),
        sequence,
        kind: TripEventKind::Accepted,
        at: second(1),
        stamps: Stamps::default(),
    }
}

#[tokio::test]
async fn provisioning_again_keeps_what_is_there() {
    let (_servers, stack) = stack().await;
    let trips = DynamoTrips::new(&stack, SweepPolicy::default());
    let one = trip(&region("x"), 1, second(0));
    assert_eq!(trips.create(&one).await.unwrap(), Created::New);
    let again = provision(&stack.clients, stack.resources.prefix())
        .await
        .unwrap();
    assert_eq!(again, *stack.resources);
    assert_eq!(trips.get(one.id).await.unwrap(), Some(one));
}

#[tokio::test]
async fn a_run_starts_with_trips_under_way_and_reads_them_all_back() {
    let (_servers, stack) = stack().await;
    let trips = DynamoTrips::new(&stack, SweepPolicy::default());
    let holds = DynamoHolds::new(&stack);
    let here = region("seeded");
    // Several pages of a scan, which end at a megabyte.
    let mut seeded: Vec<_> = (0..2_500).map(|n| trip(&here, n, second(0))).collect();
    let mut kept: Vec<_> = (0..2_500)
        .map(|n| {
            let mut hold = hold(key(n, 1, n), second(15));
            hold.stage = HoldStage::Accepted;
            hold.accepted_at = Some(second(5));
            hold
        })
        .collect();
    trips.seed_trips(&seeded).await.unwrap();
    holds.seed_holds(&kept).await.unwrap();
    let taken = trips
        .take(&here, domain::Round(1), second(0), second(1))
        .await
        .unwrap();
    assert!(
        taken,
        "a lease among the trips, which no read of trips returns"
    );

    seeded.sort_by_key(|trip| trip.id);
    kept.sort_by_key(|hold| hold.key);
    assert!(trips.all_trips().await.unwrap() == seeded);
    assert!(holds.all_holds().await.unwrap() == kept);
    assert!(holds.live(second(99)).await.unwrap() == kept);
    assert_eq!(
        trips.due(&here, second(99), 3_000).await.unwrap().len(),
        seeded.len()
    );
    let ledgers = holds.all_ledgers().await.unwrap();
    assert!(
        ledgers
            .iter()
            .map(|ledger| ledger.key)
            .eq(kept.iter().map(|hold| hold.key))
    );
    assert!(
        ledgers
            .iter()
            .all(|ledger| ledger.accepted && !ledger.ended)
    );
    let second_try = holds
        .reserve(&hold(key(7, 2, 9_999), second(60)), second(6))
        .await
        .unwrap();
    assert_eq!(
        second_try,
        Reserved::TripHeldBy(kept[7].key.driver),
        "a seeded hold holds"
    );
}

#[tokio::test]
async fn the_meter_counts_what_dynamodb_bills() {
    let (_servers, stack) = stack().await;
    let trips = DynamoTrips::new(&stack, SweepPolicy::default());
    let one = trip(&region("x"), 1, second(0));
    trips.create(&one).await.unwrap();
    let created = stack.meter.tables()["trips"];
    assert_eq!(
        created.write_units, 3.0,
        "a kilobyte in the table and in each index"
    );
    trips.get(one.id).await.unwrap();
    trips.get(TripId(404)).await.unwrap();
    assert_eq!(
        stack.meter.tables()["trips"].read_units,
        2.0,
        "strong reads, one of nothing"
    );
    assert_eq!(
        trips.create(&one).await.unwrap(),
        Created::Exists(Box::new(one.clone()))
    );
    assert_eq!(trips.transition(&one).await.unwrap(), Swap::Lost);
    let refused = stack.meter.tables()["trips"];
    assert_eq!(refused.conditional_failures, 2);
    assert_eq!(
        refused.write_units - created.write_units,
        2.0,
        "which are billed as well"
    );

    let holds = DynamoHolds::new(&stack);
    let (mine, deadline) = (hold(key(1, 1, 1), second(15)), second(0));
    assert_eq!(
        holds.reserve(&mine, deadline).await.unwrap(),
        Reserved::Held
    );
    assert_eq!(
        stack.meter.tables()["fleet"].write_units,
        4.0,
        "two items, twice each"
    );
    assert_eq!(
        holds.reserve(&mine, deadline).await.unwrap(),
        Reserved::Held
    );
    let fleet = stack.meter.tables()["fleet"];
    assert_eq!(
        (fleet.conditional_failures, fleet.read_units),
        (1, 2.0),
        "read back strongly"
    );
}

#[tokio::test]
async fn messages_come_again_until_they_are_dead() {
    let (_servers, stack) = stack().await;
    let events = SqsTripEvents::new(&stack);
    let consumer = QueueConsumer::new(&stack, Queue::TripEvents);
    for sequence in 0..12 {
        events.send(&event(sequence)).await.unwrap();
    }
    assert_eq!(consumer.depth().await.unwrap().visible, 12);
    let first = consumer.receive(10, Duration::ZERO, None).await.unwrap();
    let rest = consumer.receive(100, Duration::ZERO, None).await.unwrap();
    assert_eq!((first.len(), rest.len()), (10, 2), "ten at most at once");
    assert!(first.iter().all(|message| message.receive_count == 1));
    assert!(first[0].sent_at > second(0), "stamped by the queue's clock");
    let names: Vec<_> = first[0]
        .attributes
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(names.contains(&"ApproximateReceiveCount") && names.contains(&"SentTimestamp"));
    let handles: Vec<_> = first
        .iter()
        .chain(&rest[..1])
        .map(|m| m.receipt_handle.clone())
        .collect();
    assert_eq!(
        consumer.delete(&handles).await.unwrap(),
        Vec::<String>::new(),
        "in two batches"
    );
    assert_eq!(consumer.depth().await.unwrap().in_flight, 1);

    let mut message = rest[1].clone();
    let receives_max = Queue::TripEvents.spec().receives_max;
    for receive in 2..=receives_max {
        consumer
            .change_visibility(&message.receipt_handle, Duration::ZERO)
            .await
            .unwrap();
        message = consumer
            .receive(1, Duration::from_secs(1), None)
            .await
            .unwrap()
            .remove(0);
        assert_eq!(message.receive_count, receive);
    }
    consumer
        .change_visibility(&message.receipt_handle, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(
        consumer.receive(1, Duration::ZERO, None).await.unwrap(),
        [],
        "once too often"
    );
    let dead = QueueConsumer::of_dead_letters(&stack, Queue::TripEvents);
    let letters = dead
        .receive(10, Duration::from_secs(2), None)
        .await
        .unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].body, message.body);

    let used = stack.meter.queues()["trip-events"];
    assert_eq!((used.sent, used.deleted), (12, 11));
    assert_eq!(u32::try_from(used.redelivered).unwrap(), receives_max - 1);
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_and_soon_so() {
    let servers = EmbeddedAws::start().unwrap();
    let resources = provision(&servers.clients(), "gone-").await.unwrap();
    let stack = Stack::new(servers.clients(), resources);
    servers.stop();
    let trips = DynamoTrips::new(&stack, SweepPolicy::default());
    let asked = Instant::now();
    let gone = trips.get(TripId(1)).await.unwrap_err();
    assert!(matches!(gone, PortError::Unavailable { .. }), "{gone}");
    let gone = SqsTripEvents::new(&stack)
        .send(&event(1))
        .await
        .unwrap_err();
    assert!(matches!(gone, PortError::Unavailable { .. }), "{gone}");
    assert!(
        asked.elapsed() < Duration::from_secs(10),
        "attempts are bounded"
    );
}

#[tokio::test]
async fn a_table_that_is_missing_is_unavailable() {
    let (_servers, stack) = stack().await;
    let elsewhere = Stack::new(stack.clients.clone(), Resources::new("elsewhere-", ""));
    let trips = Arc::new(DynamoTrips::new(&elsewhere, SweepPolicy::default()));
    let missing = trips.get(TripId(1)).await.unwrap_err();
    assert!(
        missing.to_string().contains("ResourceNotFoundException"),
        "{missing}"
    );
}
