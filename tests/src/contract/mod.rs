//! The contract suite of the ports: what their documentation says in words, said in code.
//!
//! One generic function per port, run on every implementation: on DynamoDB and SQS by
//! `contract_aws.rs`, on the modelled cloud by `contract_memory.rs`. Each takes an empty store, or one
//! that no other function of the suite has written to, and panics at the first sentence that is broken.
#![expect(
    clippy::unwrap_used,
    reason = "a contract suite: what is not there fails it"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

pub mod holds;
pub mod leases;
pub mod market;
pub mod queues;
pub mod samples;
pub mod trips;

/// Tasks that race for one thing.
pub const RACERS: u32 = 24;
/// How long an index or a queue may lag.
const LAG_MAX: Duration = Duration::from_secs(10);

/// Runs `RACERS` tasks at once on the threads of the runtime; returns what each found, in their order.
async fn race<S, F, R>(store: &Arc<S>, racer: impl Fn(Arc<S>, u32) -> F) -> Vec<R>
where
    S: Send + Sync + 'static,
    F: Future<Output = R> + Send + 'static,
    R: Send + 'static,
{
    let tasks: Vec<_> = (0..RACERS)
        .map(|number| tokio::spawn(racer(Arc::clone(store), number)))
        .collect();
    let mut found = Vec::new();
    for task in tasks {
        found.push(task.await.expect("a racer does not panic"));
    }
    found
}

/// Asks until the answer is the expected one, for what may lag.
async fn eventually<R, F>(what: &str, expected: &R, ask: impl Fn() -> F)
where
    R: PartialEq + std::fmt::Debug,
    F: Future<Output = R>,
{
    let give_up = Instant::now() + LAG_MAX;
    loop {
        let found = ask().await;
        if found == *expected {
            return;
        }
        assert!(
            Instant::now() < give_up,
            "{what}: found {found:?}, expected {expected:?} within {LAG_MAX:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
