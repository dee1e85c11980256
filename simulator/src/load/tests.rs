use host::WallClock;
use local::stack::{Stack, StackConfig};

use super::*;
use crate::scenario;
use crate::target::embedded;

/// Tokens end on whole seconds, so that some of these are good for hardly more than five.
const TOKEN_TTL: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drivers_keep_the_streams_that_they_opened_beyond_their_tokens() {
    let drivers = ["fleet.drivers=20".to_owned()];
    let resolved = scenario::load(Some("peak-hour"), &drivers).unwrap();
    let span = Duration::from_secs(3_600);
    let started_at = WallClock.now();
    let drivers = resolved
        .fleet
        .plans(&resolved.world, &resolved.demand, span);
    // All of them there from the start, and none with a ride.
    let drivers: Vec<_> = drivers
        .into_iter()
        .map(|plan| DriverPlan {
            shift_starts: Duration::ZERO,
            under_way: None,
            ..plan
        })
        .collect();
    let count = drivers.len();
    assert!(count > 0);
    let market = embedded::market_of(&resolved, started_at).unwrap();
    let stack = Stack::start(StackConfig::new(market)).await.unwrap();
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
    let recorder = Arc::new(Recorder::new(started_at, Duration::ZERO, until));
    let load = Load::connect(plan, recorder.clone()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let (quieten, quiet) = watch::channel(false);
    let load = tokio::spawn(load.run(stopped, quiet));
    tokio::time::sleep(TOKEN_TTL + TOKEN_TTL / 2).await;
    stop.send_replace(true);
    quieten.send_replace(true);
    load.await.unwrap();
    assert_eq!(
        recorder.finish().streams,
        count as u64,
        "none was opened again"
    );
    stack.stop().await;
}
