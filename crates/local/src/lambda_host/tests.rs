use std::sync::atomic::{AtomicU32, Ordering};

use lambda::Function;
use tokio::sync::Semaphore;

use super::*;

/// Does what its payload says; `wait` waits for a permit.
struct Obedient {
    gate: Arc<Semaphore>,
}

impl Function for Obedient {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        match &*payload {
            b"fail" => Err(FunctionError::Failed("as told".into())),
            b"panic" => panic!("as told"),
            b"hang" => std::future::pending().await,
            b"wait" => {
                self.gate.acquire().await.unwrap().forget();
                Ok(payload)
            }
            _ => Ok(payload),
        }
    }
}

struct Fixture {
    host: Arc<LambdaHost>,
    gate: Arc<Semaphore>,
    made: Arc<AtomicU32>,
    seen: Arc<Mutex<Vec<(Outcome, bool)>>>,
}

fn fixture(reserved_concurrency: u32) -> Fixture {
    let (gate, made) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicU32::new(0)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let factory: EnvironmentFactory = {
        let (gate, made) = (Arc::clone(&gate), Arc::clone(&made));
        Arc::new(move || {
            made.fetch_add(1, Ordering::SeqCst);
            let gate = Arc::clone(&gate);
            Box::pin(async move { Ok(Box::new(Obedient { gate }) as BoxFunction) })
        })
    };
    let spec = FunctionSpec {
        name: "obedient".into(),
        pool: LambdaConfig {
            reserved_concurrency: Some(reserved_concurrency),
            ..LambdaConfig::default()
        },
        timeout: Duration::from_millis(100),
        added_latency: Duration::ZERO,
        factory,
    };
    let observer: InvocationObserver = {
        let seen = Arc::clone(&seen);
        Arc::new(move |invoked| {
            seen.lock()
                .unwrap()
                .push((invoked.outcome, invoked.init.is_some()));
        })
    };
    let host = Arc::new(LambdaHost::new(vec![spec], Some(observer)));
    Fixture {
        host,
        gate,
        made,
        seen,
    }
}

impl Fixture {
    async fn call(&self, payload: &'static str) -> Result<Bytes, InvokeError> {
        self.host
            .invoke("obedient", Bytes::from_static(payload.as_bytes()))
            .await
    }
}

#[tokio::test]
async fn an_environment_is_made_once_and_used_again() {
    let world = fixture(10);
    for _ in 0..3 {
        assert_eq!(world.call("hello").await.unwrap(), "hello");
    }
    assert!(matches!(
        world.call("fail").await,
        Err(InvokeError::Function(_))
    ));
    assert_eq!(world.call("hello").await.unwrap(), "hello");
    assert_eq!(world.made.load(Ordering::SeqCst), 1);
    let counters = world.host.counters()["obedient"];
    assert_eq!(
        (counters.invocations, counters.errors, counters.cold_starts),
        (5, 1, 1)
    );
    let seen = world.seen.lock().unwrap().clone();
    assert_eq!(
        seen[..2],
        [(Outcome::Success, true), (Outcome::Success, false)]
    );
    assert_eq!(seen[3], (Outcome::Error, false));
}

#[tokio::test]
async fn timeouts_and_panics_destroy_their_environment() {
    let world = fixture(10);
    assert!(matches!(
        world.call("hang").await,
        Err(InvokeError::TimedOut(_))
    ));
    assert_eq!(world.call("panic").await, Err(InvokeError::Crashed));
    assert_eq!(world.call("hello").await.unwrap(), "hello");
    assert_eq!(world.made.load(Ordering::SeqCst), 3);
    let counters = world.host.counters()["obedient"];
    assert_eq!(
        (counters.errors, counters.cold_starts, counters.concurrency),
        (2, 3, 0)
    );
}

#[tokio::test]
async fn beyond_its_concurrency_a_function_is_throttled() {
    let world = fixture(2);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let host = Arc::clone(&world.host);
            tokio::spawn(async move { host.invoke("obedient", Bytes::from_static(b"wait")).await })
        })
        .collect();
    while world.host.counters()["obedient"].concurrency < 2 {
        tokio::task::yield_now().await;
    }
    let throttled = InvokeError::Throttled(ThrottleReason::ReservedConcurrency);
    assert_eq!(world.call("hello").await, Err(throttled));
    assert!(!world.host.drain(Duration::from_millis(10)).await);
    world.gate.add_permits(2);
    for call in waiting {
        assert!(call.await.unwrap().is_ok());
    }
    assert!(world.host.drain(Duration::from_secs(1)).await);
    let counters = world.host.counters()["obedient"];
    assert_eq!((counters.throttles, counters.concurrency_max), (1, 2));
}

#[tokio::test]
async fn a_call_goes_on_without_its_caller() {
    let world = fixture(2);
    let host = Arc::clone(&world.host);
    let caller =
        tokio::spawn(async move { host.invoke("obedient", Bytes::from_static(b"wait")).await });
    while world.host.counters()["obedient"].concurrency == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    world.gate.add_permits(1);
    assert!(world.host.drain(Duration::from_secs(1)).await);
    assert_eq!(*world.seen.lock().unwrap(), [(Outcome::Success, true)]);
}

#[tokio::test]
async fn a_failed_init_and_an_unknown_function_are_errors() {
    let factory: EnvironmentFactory = Arc::new(|| Box::pin(async { Err("no table".to_owned()) }));
    let spec = FunctionSpec {
        name: "broken".into(),
        pool: LambdaConfig::default(),
        timeout: Duration::from_secs(1),
        added_latency: Duration::ZERO,
        factory,
    };
    let host = LambdaHost::new(vec![spec], None);
    let result = host.invoke("broken", Bytes::new()).await;
    assert_eq!(result, Err(InvokeError::Init("no table".into())));
    assert_eq!(host.counters()["broken"].concurrency, 0);
    let unknown = host.invoke("unknown", Bytes::new()).await;
    assert_eq!(unknown, Err(InvokeError::UnknownFunction("unknown".into())));
}
