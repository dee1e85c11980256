//! The contract of [`RoundLease`].

use std::sync::Arc;

use domain::Round;
use services::ports::RoundLease;

use super::race;
use super::samples::{region, second};

/// Every sentence of [`RoundLease`].
///
/// # Panics
/// If one is broken.
pub async fn round_lease_contract<S: RoundLease + 'static>(store: Arc<S>) {
    let (here, there) = (region("lease-here"), region("lease-there"));
    let take = |round, now, until| {
        let (store, here) = (Arc::clone(&store), here.clone());
        async move {
            store
                .take(&here, Round(round), second(now), second(until))
                .await
                .unwrap()
        }
    };
    assert!(take(1, 0, 30).await, "the first taker");
    assert!(!take(1, 1, 31).await, "a second while the lease lasts");
    assert!(take(2, 1, 31).await, "another round is another lease");
    assert!(
        store
            .take(&there, Round(1), second(1), second(31))
            .await
            .unwrap(),
        "another region too"
    );
    assert!(
        take(1, 31, 61).await,
        "a later one, as the lease ran out without a finish"
    );
    assert!(!take(1, 32, 62).await, "which then lasts anew");

    store.finish(&here, Round(1)).await.unwrap();
    assert!(!take(1, 33, 63).await, "nobody takes what is done");
    assert!(!take(1, 10_000, 10_030).await, "however late");
    store.finish(&here, Round(1)).await.unwrap();
    store.finish(&here, Round(3)).await.unwrap();
    assert!(!take(3, 0, 30).await, "done without ever having been taken");

    for (what, round, now) in [("a new round", 4, 0), ("a round that ran out", 2, 100)] {
        let taken = race(&store, |store, number| {
            let here = here.clone();
            let (now, until) = (second(now), second(now + 30 + i64::from(number)));
            async move { store.take(&here, Round(round), now, until).await.unwrap() }
        })
        .await;
        assert_eq!(
            taken.iter().filter(|taken| **taken).count(),
            1,
            "one takes {what}"
        );
    }
}
