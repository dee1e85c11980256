//! The contract suite on the modelled cloud's stores and queues.
#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloud::memory::{MemoryHolds, MemoryMarket, MemoryQueue, MemoryTrips};
use cloud::queue::QueueConfig;
use domain::Timestamp;
use domain::trip::SweepPolicy;
use rushhour_tests::contract::{holds, leases, market, queues, trips};
use services::ports::Clock;

/// The suite waits in real time for what may lag, so the queues follow it.
#[derive(Clone)]
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::ZERO + since_epoch
    }
}

async fn receive<M: Clone>(queue: &MemoryQueue<M, WallClock>) -> Vec<M> {
    let deliveries = queue.receive(10).unwrap();
    if deliveries.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let take = |delivery: cloud::queue::Delivery<M>| {
        assert!(
            queue.delete(delivery.receipt),
            "a message just received can be deleted"
        );
        delivery.body
    };
    deliveries.into_iter().map(take).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract_of_trips() {
    let policy = SweepPolicy::default();
    let store = Arc::new(MemoryTrips::new(policy));
    trips::trip_store_contract(Arc::clone(&store)).await;
    trips::open_trips_contract(Arc::clone(&store)).await;
    trips::due_trips_contract(Arc::clone(&store), &policy).await;
    leases::round_lease_contract(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract_of_holds() {
    holds::hold_store_contract(Arc::new(MemoryHolds::new())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract_of_markets() {
    market::market_contract(Arc::new(MemoryMarket::new())).await;
}

#[tokio::test]
async fn memory_keeps_the_contract_of_the_doorbell() {
    let queue = MemoryQueue::new(QueueConfig::default(), WallClock);
    queues::doorbell_contract(queue.clone(), async || {
        let rings: Vec<wire::messages::Ring> = receive(&queue).await;
        rings
            .into_iter()
            .map(|ring| (ring.region, ring.round))
            .collect()
    })
    .await;
}

#[tokio::test]
async fn memory_keeps_the_contract_of_trip_events() {
    let queue = MemoryQueue::new(QueueConfig::default(), WallClock);
    queues::trip_events_contract(queue.clone(), async || receive(&queue).await).await;
}

#[tokio::test]
async fn memory_keeps_the_contract_of_market_snapshots() {
    let queue = MemoryQueue::new(QueueConfig::default(), WallClock);
    queues::market_snapshots_contract(queue.clone(), async || receive(&queue).await).await;
}
