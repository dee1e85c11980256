//! The contract suite on the AWS adapters, which talk to the embedded DynamoDB and SQS, or to those that
//! [`rushhour_tests::cloud`] is told of.
#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::sync::Arc;
use std::time::Duration;

use aws::{
    DynamoHolds, DynamoMarket, DynamoTrips, Queue, QueueConsumer, SqsDoorbell, SqsMarketSnapshots,
    SqsTripEvents, Stack,
};
use domain::trip::SweepPolicy;
use rushhour_tests::cloud::stack;
use rushhour_tests::contract::{holds, leases, market, queues, trips};
use services::ports::{MarketSide, MarketSnapshot};
use wire::messages::{Ring, Snapshot, SnapshotSide, decode_event};

async fn receive(stack: &Stack, queue: Queue) -> Vec<String> {
    let consumer = QueueConsumer::new(stack, queue);
    // A receive that waits is told of delayed messages late; one that asks anew is not.
    let messages = consumer.receive(10, Duration::ZERO, None).await.unwrap();
    if messages.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    } else {
        let handles: Vec<_> = messages.iter().map(|m| m.receipt_handle.clone()).collect();
        assert_eq!(
            consumer.delete(&handles).await.unwrap(),
            Vec::<String>::new()
        );
    }
    messages.into_iter().map(|message| message.body).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract_of_trips() {
    let (_servers, stack) = stack().await;
    let policy = SweepPolicy::default();
    let store = Arc::new(DynamoTrips::new(&stack, policy));
    trips::trip_store_contract(Arc::clone(&store)).await;
    trips::open_trips_contract(Arc::clone(&store)).await;
    trips::due_trips_contract(Arc::clone(&store), &policy).await;
    leases::round_lease_contract(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract_of_holds() {
    let (_servers, stack) = stack().await;
    holds::hold_store_contract(Arc::new(DynamoHolds::new(&stack))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_keeps_the_contract_of_markets() {
    let (_servers, stack) = stack().await;
    market::market_contract(Arc::new(DynamoMarket::new(&stack))).await;
}

#[tokio::test]
async fn sqs_keeps_the_contract_of_the_doorbell() {
    let (_servers, stack) = stack().await;
    queues::doorbell_contract(SqsDoorbell::new(&stack), async || {
        let bodies = receive(&stack, Queue::RideRequests).await;
        let rings = bodies.iter().map(|body| Ring::decode(body).unwrap());
        rings.map(|ring| (ring.region, ring.round)).collect()
    })
    .await;
}

#[tokio::test]
async fn sqs_keeps_the_contract_of_trip_events() {
    let (_servers, stack) = stack().await;
    queues::trip_events_contract(SqsTripEvents::new(&stack), async || {
        let bodies = receive(&stack, Queue::TripEvents).await;
        bodies
            .iter()
            .map(|body| decode_event(body).unwrap())
            .collect()
    })
    .await;
}

#[tokio::test]
async fn sqs_keeps_the_contract_of_market_snapshots() {
    let (_servers, stack) = stack().await;
    queues::market_snapshots_contract(SqsMarketSnapshots::new(&stack), async || {
        let bodies = receive(&stack, Queue::MarketSnapshots).await;
        let snapshots = bodies.iter().map(|body| Snapshot::decode(body).unwrap());
        snapshots
            .map(|snapshot| MarketSnapshot {
                region: snapshot.region,
                side: match snapshot.side {
                    SnapshotSide::Supply(supply) => MarketSide::Supply(supply),
                    SnapshotSide::Demand(demand) => MarketSide::Demand(demand),
                },
                at: snapshot.at,
            })
            .collect()
    })
    .await;
}
