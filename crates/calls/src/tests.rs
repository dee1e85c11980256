//! Own time is what is left when calls of ports are taken off, those side by side once.

use std::sync::Mutex;

use super::*;

#[derive(Default)]
struct Heard(Mutex<Vec<(String, Spent)>>);

impl CallObserver for Heard {
    fn called(&self, call: &str, took: Duration) {
        let spent = Spent {
            took,
            ..Spent::default()
        };
        self.worked(call, spent);
    }
    fn worked(&self, work: &str, spent: Spent) {
        self.0.lock().unwrap().push((work.to_owned(), spent));
    }
}

const PORT: Duration = Duration::from_millis(40);

#[tokio::test]
async fn own_time_leaves_out_calls_side_by_side_once() {
    let heard = Arc::new(Heard::default());
    let calls = Calls::told_to(heard.clone());
    let port = || calls.port("table.get", tokio::time::sleep(PORT));
    calls
        .work("trips.read", async {
            port().await;
            add_items(3);
            futures_util::future::join(port(), port()).await;
        })
        .await;
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.len(), 4);
    let (name, spent) = heard.last().unwrap();
    assert_eq!((name.as_str(), spent.items), ("trips.read", 3));
    assert!(spent.took >= 2 * PORT && spent.took < 3 * PORT, "{spent:?}");
    assert!(spent.own < PORT, "{spent:?}");
}

#[tokio::test]
async fn a_call_that_is_given_up_is_waited_for_no_longer() {
    let calls = Calls::told_to(Arc::new(Heard::default()));
    let ((), spent) = measure(async {
        let call = calls.port("queue.send", std::future::pending::<()>());
        let _ = tokio::time::timeout(Duration::from_millis(1), call).await;
        tokio::time::sleep(PORT).await;
    })
    .await;
    assert!(spent.own >= PORT, "{spent:?}");
}

#[tokio::test]
async fn without_an_observer_a_call_passes_through() {
    let calls = Calls::default();
    assert_eq!(calls.port("table.put", async { 1 }).await, 1);
    assert_eq!(calls.work("trips.read", async { 2 }).await, 2);
    calls.took("http.overhead", PORT);
}
