//! The contract suite on the modelled cloud's stores in virtual time, which goes by faster than the wall's while the
//! suite's tasks wait in it.

use std::pin::pin;
use std::sync::Arc;

use cloud::profile::Profile;
use cloud::timed::{Table, TimedHolds, TimedMarket, TimedTrips};
use domain::trip::SweepPolicy;
use kernel::{Executor, Streams, Time};
use rushhour_tests::contract::{holds, leases, market, trips};

/// How much of virtual time goes by between two turns of the suite.
const TURN_US: i64 = 1_000;

/// Runs a suite while virtual time goes by, on the one thread that it is of.
async fn in_virtual_time(suite: impl AsyncFnOnce(&Time)) {
    let mut executor = Executor::new(0);
    let time = executor.time().clone();
    let mut suite = pin!(suite(&time));
    loop {
        tokio::select! {
            biased;
            () = &mut suite => return,
            () = tokio::task::yield_now() => executor.run_until(executor.time().now_us() + TURN_US),
        }
    }
}

fn table(name: &'static str, time: &Time) -> Table {
    let profile = Profile::aws_us_east_1();
    let stream = Streams::new(1).stream(name, 0);
    Table::new(name, &profile.table, stream, time)
}

#[tokio::test]
async fn modelled_tables_keep_the_contract_of_trips() {
    in_virtual_time(async |time| {
        let policy = SweepPolicy::default();
        let store = Arc::new(TimedTrips::new(policy, table("trips", time)));
        trips::trip_store_contract(Arc::clone(&store)).await;
        trips::open_trips_contract(Arc::clone(&store)).await;
        trips::due_trips_contract(Arc::clone(&store), &policy).await;
        leases::round_lease_contract(Arc::clone(&store)).await;
        let used = store.table().used();
        assert!(used.write_units > 0.0 && used.read_units > 0.0, "{used:?}");
        assert!(used.conditional_failures > 0, "{used:?}");
    })
    .await;
}

#[tokio::test]
async fn modelled_tables_keep_the_contract_of_holds() {
    in_virtual_time(async |time| {
        holds::hold_store_contract(Arc::new(TimedHolds::new(table("fleet", time)))).await;
    })
    .await;
}

#[tokio::test]
async fn modelled_tables_keep_the_contract_of_markets() {
    in_virtual_time(async |time| {
        market::market_contract(Arc::new(TimedMarket::new(table("pricing", time)))).await;
    })
    .await;
}
