//! The contract suite on the modelled cloud's stores in virtual time. A thread turns the time, faster than
//! the wall's, while the suite's tasks wait in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use cloud::profile::Profile;
use cloud::timed::{Table, TimedHolds, TimedMarket, TimedTrips};
use domain::trip::SweepPolicy;
use kernel::{Executor, Streams, Time};
use rushhour_tests::contract::{holds, leases, market, trips};

/// Virtual time that goes by until this is dropped.
struct Turning {
    time: Time,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Turning {
    fn start() -> Self {
        let mut executor = Executor::new(0);
        let time = executor.time().clone();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let next_us = executor.time().now_us() + 1_000;
                executor.run_until(next_us);
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        Self {
            time,
            stop,
            thread: Some(thread),
        }
    }

    fn table(&self, name: &'static str) -> Table {
        let profile = Profile::aws_us_east_1();
        let stream = Streams::new(1).stream(name, 0);
        Table::new(name, &profile.table, stream, &self.time)
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends at its next turn; how is of no interest any more.
            let _ = thread.join();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modelled_tables_keep_the_contract_of_trips() {
    let turning = Turning::start();
    let policy = SweepPolicy::default();
    let store = Arc::new(TimedTrips::new(policy, turning.table("trips")));
    trips::trip_store_contract(Arc::clone(&store)).await;
    trips::open_trips_contract(Arc::clone(&store)).await;
    trips::due_trips_contract(Arc::clone(&store), &policy).await;
    leases::round_lease_contract(Arc::clone(&store)).await;
    let used = store.table().used();
    assert!(used.write_units > 0.0 && used.read_units > 0.0, "{used:?}");
    assert!(used.conditional_failures > 0, "{used:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modelled_tables_keep_the_contract_of_holds() {
    let turning = Turning::start();
    holds::hold_store_contract(Arc::new(TimedHolds::new(turning.table("fleet")))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modelled_tables_keep_the_contract_of_markets() {
    let turning = Turning::start();
    market::market_contract(Arc::new(TimedMarket::new(turning.table("pricing")))).await;
}
