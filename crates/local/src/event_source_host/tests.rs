use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use aws::{Queue, Stack};
use bytes::Bytes;
use cloud::event_source::PollerScaling;
use cloud::lambda_pool::LambdaConfig;
use lambda::{BoxFunction, Function, FunctionError};

use super::*;
use crate::lambda_host::{EnvironmentFactory, FunctionSpec};
use crate::servers::EmbeddedAws;

/// Handles numbers; `bad` is no number.
struct Numbers {
    handled: Arc<Mutex<Vec<u32>>>,
    batches: Arc<AtomicU32>,
}

impl Function for Numbers {
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        self.batches.fetch_add(1, Ordering::SeqCst);
        lambda::sqs::handle_batch(&payload, 10, str::parse::<u32>, async |number| {
            self.handled.lock().unwrap().push(number);
            Ok::<(), &str>(())
        })
        .await
    }
}

struct Fixture {
    _servers: EmbeddedAws,
    stack: Stack,
    mapping: EventSourceHost,
    handled: Arc<Mutex<Vec<u32>>>,
}

impl Fixture {
    async fn start() -> Self {
        let servers = EmbeddedAws::start().unwrap();
        let clients = servers.clients();
        let resources = aws::provision(&clients, "test-").await.unwrap();
        let stack = Stack::new(clients, resources);
        let (handled, batches) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicU32::new(0)),
        );
        let seen = Arc::clone(&handled);
        let factory: EnvironmentFactory = Arc::new(move || {
            let numbers = Numbers {
                handled: Arc::clone(&seen),
                batches: Arc::clone(&batches),
            };
            Box::pin(async move { Ok(Box::new(numbers) as BoxFunction) })
        });
        let function = FunctionSpec {
            name: "numbers".into(),
            pool: LambdaConfig::default(),
            timeout: Duration::from_secs(1),
            added_latency: Duration::ZERO,
            factory,
        };
        let host = Arc::new(LambdaHost::new(vec![function], None));
        let spec = EventSourceSpec {
            queue: "test-ride-requests".into(),
            function: "numbers".into(),
            config: EventSourceConfig {
                pollers: PollerScaling::fixed(2),
                ..EventSourceConfig::default()
            },
        };
        let consumer = QueueConsumer::new(&stack, Queue::RideRequests);
        let mapping = EventSourceHost::start(spec, consumer, host).unwrap();
        Self {
            _servers: servers,
            stack,
            mapping,
            handled,
        }
    }

    async fn send(&self, body: &str) {
        let url = self.stack.resources.queue_url(Queue::RideRequests);
        self.stack
            .clients
            .sqs
            .send_message()
            .queue_url(url)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }

    /// Makes what is received stay hidden for a second only, so that retries come soon.
    async fn hide_for_a_second(&self) {
        let url = self.stack.resources.queue_url(Queue::RideRequests);
        let set = self.stack.clients.sqs.set_queue_attributes().queue_url(url);
        set.attributes("VisibilityTimeout".into(), "1")
            .send()
            .await
            .unwrap();
    }
}

async fn until(limit: Duration, condition: impl AsyncFn() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !condition().await {
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

#[tokio::test]
async fn messages_reach_the_function_soon_and_are_deleted() {
    let mut world = Fixture::start().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let sent = Instant::now();
    for number in 0..25 {
        world.send(&number.to_string()).await;
    }
    let all = async || world.handled.lock().unwrap().len() >= 25;
    assert!(
        until(Duration::from_secs(5), all).await,
        "{:?}",
        world.handled
    );
    assert!(
        sent.elapsed() < Duration::from_secs(3),
        "{:?}",
        sent.elapsed()
    );
    let mut handled = world.handled.lock().unwrap().clone();
    handled.sort_unstable();
    assert_eq!(handled, (0..25).collect::<Vec<_>>());
    let consumer = QueueConsumer::new(&world.stack, Queue::RideRequests);
    let gone = async || {
        let depth = consumer.depth().await.unwrap();
        depth.visible + depth.in_flight == 0
    };
    assert!(until(Duration::from_secs(2), gone).await);
    assert_eq!(world.mapping.used().counters.deleted, 25);
    let stopping = Instant::now();
    assert!(world.mapping.stop(Duration::from_secs(5)).await);
    assert!(
        stopping.elapsed() < Duration::from_secs(1),
        "{:?}",
        stopping.elapsed()
    );
}

#[tokio::test]
async fn what_cannot_be_read_fails_alone_and_ends_among_the_dead_letters() {
    let world = Fixture::start().await;
    world.hide_for_a_second().await;
    for body in ["1", "bad", "2"] {
        world.send(body).await;
    }
    let dead = QueueConsumer::of_dead_letters(&world.stack, Queue::RideRequests);
    let buried = async || dead.depth().await.unwrap().visible == 1;
    assert!(
        until(Duration::from_secs(15), buried).await,
        "{:?}",
        world.mapping.used()
    );
    let letters = dead.receive(10, Duration::ZERO, None).await.unwrap();
    assert_eq!(letters[0].body, "bad");
    let mut handled = world.handled.lock().unwrap().clone();
    handled.sort_unstable();
    assert_eq!(
        handled,
        [1, 2],
        "each once, though their batch came with a failure"
    );
    let receives_max = u64::from(Queue::RideRequests.spec().receives_max);
    let counters = world.mapping.used().counters;
    assert_eq!(
        (counters.left_for_retry, counters.deleted),
        (receives_max, 2)
    );
}
