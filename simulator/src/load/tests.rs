use drive::recorder::Recorded;
use host::WallClock;
use local::stack::{Stack, StackConfig};
use report::latency::step;

use super::*;
use crate::scenario;
use crate::target::embedded;

/// Tokens end on whole seconds, so that some of these are good for hardly more than five.
const TOKEN_TTL: Duration = Duration::from_secs(6);

/// An embedded stack, and a load of drivers on it who are all there from the start, none
/// with a ride.
struct Scene {
    stack: Stack,
    drivers: u64,
    recorder: Arc<Recorder>,
    stop: watch::Sender<bool>,
    quieten: watch::Sender<bool>,
    load: tokio::task::JoinHandle<()>,
}

impl Scene {
    /// Figures are of what is due after the warm-up until the end of a span.
    async fn start(settings: &[&str], warmup: Duration, span: Duration) -> Self {
        let settings: Vec<_> = settings.iter().map(|set| (*set).to_owned()).collect();
        let resolved = scenario::load(Some("peak-hour"), &settings).unwrap();
        let drivers = resolved.fleet.plans(
            &resolved.world,
            &resolved.demand,
            Duration::from_secs(3_600),
        );
        let drivers: Vec<_> = drivers
            .into_iter()
            .map(|plan| DriverPlan {
                shift_starts: Duration::ZERO,
                under_way: None,
                ..plan
            })
            .collect();
        let count = drivers.len() as u64;
        assert!(count > 0);
        let started_at = WallClock.now();
        let market = embedded::market_of(&resolved, started_at).unwrap();
        let stack = Stack::start(StackConfig::new(market)).await.unwrap();
        let started_at = WallClock.now();
        let until = started_at + span;
        let plan = LoadPlan {
            world: Arc::new(resolved.world.clone().starting(started_at)),
            riders: Vec::new(),
            drivers,
            under_way: BTreeMap::new(),
            api: stack.http_url(),
            tracker: stack.tracker_url(),
            streams_per_connection: 100,
            zones: Resolution::new(8).unwrap(),
            issuer: stack.issuer().clone(),
            token_ttl: TOKEN_TTL,
            calls: Calls::default(),
            until,
        };
        let recorder = Arc::new(Recorder::new(started_at, warmup, until));
        let load = Load::connect(plan, recorder.clone()).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let (quieten, quiet) = watch::channel(false);
        Self {
            stack,
            drivers: count,
            recorder,
            stop,
            quieten,
            load: tokio::spawn(load.run(stopped, quiet)),
        }
    }

    async fn end(self) -> Recorded {
        self.stop.send_replace(true);
        self.quieten.send_replace(true);
        self.load.await.unwrap();
        self.stack.stop().await;
        self.recorder.finish()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drivers_keep_the_streams_that_they_opened_beyond_their_tokens() {
    let hour = Duration::from_secs(3_600);
    let scene = Scene::start(&["fleet.drivers=20"], Duration::ZERO, hour).await;
    let drivers = scene.drivers;
    tokio::time::sleep(TOKEN_TTL + TOKEN_TTL / 2).await;
    let recorded = scene.end().await;
    assert_eq!(recorded.streams, drivers, "none was opened again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_that_are_due_while_the_tracker_is_away_wait_for_it() {
    let second = Duration::from_secs(1);
    let settings = ["fleet.drivers=20", "fleet.ping_every=500ms"];
    let mut scene = Scene::start(&settings, second, 12 * second).await;
    let drivers = scene.drivers;
    tokio::time::sleep(3 * second).await;
    scene.stack.kill_tracker().await;
    tokio::time::sleep(2 * second).await;
    scene.stack.restart_tracker().await.unwrap();
    tokio::time::sleep(6 * second).await;
    // It is back, and goes for good.
    scene.stack.kill_tracker().await;
    tokio::time::sleep(3 * second).await;
    let recorded = scene.end().await;
    let waited = recorded.latencies.step(step::PING_ACK).unwrap();
    // Of each driver two a second, from the end of the warm-up to the end of the span.
    assert_eq!(waited.count(), drivers * 22);
    assert!(recorded.pings < drivers * 20, "found {}", recorded.pings);
    // Half of them are answered at once, and those due while it was away are not.
    assert!(waited.quantile_ms(0.4).unwrap() < 500.0);
    assert!(waited.quantile_ms(0.9).unwrap() > 1_000.0);
    assert!(waited.figures().max.unwrap() > 2_000.0);
}
