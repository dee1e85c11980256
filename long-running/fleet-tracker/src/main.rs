//! Wiring of the fleet tracker: settings, adapters, run until told to stop.

use aws::{Clients, DynamoHolds, Resources, SqsMarketSnapshots, SqsTripEvents, Stack};
use fleet::FleetPolicy;
use host::WallClock;
use host::settings::Settings;
use identity::Verifier;
use rushhour_fleet_tracker::{FleetTracker, TrackerConfig};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    host::log::start();
    let settings = Settings::of_process()?;
    settings.log();
    let resources = Resources::new(settings.name_prefix(), settings.queue_base_url()?);
    let stack = Stack::new(Clients::on_aws(None).await, resources);
    let config = TrackerConfig {
        market: settings.market()?,
        policy: FleetPolicy::default(),
        verifier: Verifier::development(&settings.identity_secret()?)?,
        grpc: settings.grpc_listen()?,
        metrics: settings.metrics_listen()?,
        calls: stack.calls.clone(),
    };
    let (holds, events) = (DynamoHolds::new(&stack), SqsTripEvents::new(&stack));
    let snapshots = SqsMarketSnapshots::new(&stack);
    let tracker = FleetTracker::start(config, holds, events, snapshots, WallClock).await?;
    // ECS and Kubernetes stop a task with SIGTERM, a terminal with Control-C.
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => {}
        pressed = tokio::signal::ctrl_c() => pressed?,
    }
    tracing::info!("stopping: drivers are told to come back");
    tracker.stop().await;
    Ok(())
}
