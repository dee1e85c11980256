//! Wiring of the fleet tracker: settings, adapters, run until told to stop.

use std::num::NonZeroUsize;

use aws::{Clients, DynamoHolds, Resources, SqsMarketSnapshots, SqsTripEvents, Stack};
use fleet::FleetPolicy;
use host::WallClock;
use host::settings::{Identity, Settings};
use identity::Verifier;
use rushhour_fleet_tracker::{Callers, FleetTracker, IssuerConfig, TrackerConfig, health, runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The image is linked with musl, whose own allocator makes a call of gRPC a third dearer (ARCHITECTURE.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let settings = Settings::of_process()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            // Where that cannot be known it is as if there were one.
            let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
            let runtime = runtime(processors)?;
            let served = runtime.block_on(serve(&settings));
            // Whoever looks up a name for a start that was given up is not waited for.
            runtime.shutdown_background();
            served
        }
        ["health"] => Ok(health::ask(settings.metrics_listen()?)?),
        _ => anyhow::bail!("found {arguments:?}, expected nothing, or `health`"),
    }
}

/// The word to stop: ECS and Kubernetes say it to a task with SIGTERM, a terminal with Control-C. To a container's first
/// process nobody says it who does not listen.
struct Stop {
    terminated: Signal,
    interrupted: Signal,
}

impl Stop {
    /// Listens from now on.
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminated: signal(SignalKind::terminate())?,
            interrupted: signal(SignalKind::interrupt())?,
        })
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminated.recv() => {}
            _ = self.interrupted.recv() => {}
        }
    }
}

async fn serve(settings: &Settings) -> anyhow::Result<()> {
    // Before the start, which waits for the issuer and for the table.
    let mut stop = Stop::listen()?;
    host::log::start();
    settings.log();
    if host::otlp::start("fleet-tracker")? {
        tokio::spawn(host::otlp::export_in_background());
    }
    let tracker = tokio::select! {
        () = stop.heard() => {
            tracing::info!("stopping: the start is given up");
            return Ok(());
        }
        started = start(settings) => started?,
    };
    stop.heard().await;
    tracing::info!("stopping: drivers are told to come back");
    tracker.stop().await;
    trace::flush().await;
    Ok(())
}

async fn start(settings: &Settings) -> anyhow::Result<FleetTracker> {
    let resources = Resources::new(settings.name_prefix(), settings.queue_base_url()?);
    let stack = Stack::new(Clients::on_aws(None).await, resources);
    let config = TrackerConfig {
        market: settings.market()?,
        policy: FleetPolicy::default(),
        callers: callers(settings).await?,
        grpc: settings.grpc_listen()?,
        metrics: settings.metrics_listen()?,
        redis: settings.redis_listen()?,
        calls: stack.calls.clone(),
    };
    let (holds, events) = (DynamoHolds::new(&stack), SqsTripEvents::new(&stack));
    let snapshots = SqsMarketSnapshots::new(&stack);
    Ok(FleetTracker::start(config, holds, events, snapshots, WallClock).await?)
}

async fn callers(settings: &Settings) -> anyhow::Result<Callers> {
    let callers = match settings.identity()? {
        Identity::Secret(secret) => Callers::from(Verifier::development(&secret)?),
        Identity::Issuer {
            issuer,
            audience,
            jwks_url,
        } => {
            let config = IssuerConfig::new(issuer, audience);
            Callers::of_issuer(&IssuerConfig { jwks_url, ..config }).await?
        }
    };
    match settings.fleet_tracker_token() {
        Some(token) => Ok(callers.with_service_token(token)?),
        None => Ok(callers),
    }
}
