//! The load generator: riders and drivers who behave, over real sockets, on the scenario's schedule.
//!
//! The load is **open loop**: riders come when the schedule says, however slow the system is, and every
//! latency is counted from the scheduled time. What cannot be sent because too much is in flight is
//! dropped and counted; how late things are sent is reported apart. Pings are due as long as a driver is on
//! shift, with a stream or without. Start at [`Load::run`].

mod api;
mod driver;
mod last_look;
mod limits;
mod pass;
mod rider;
mod streams;
#[cfg(test)]
mod tests;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use calls::Calls;
use domain::hold::{HoldKey, Offer};
use domain::{DriverId, Resolution, Timestamp};
use drive::heat::HeatMap;
use drive::recorder::Recorder;
use identity::Issuer;
use services::ports::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;
use workload::demand::RiderPlan;
use workload::supply::DriverPlan;
use workload::world::World;

pub use api::Api;
pub use last_look::look;
pub use limits::{SETTLE_MAX, TOKEN_TTL};
pub use streams::{StreamError, connect};

use host::WallClock;
use limits::IN_FLIGHT_MAX;
use streams::Streams;

/// What a load is made of.
pub struct LoadPlan {
    /// What riders and drivers share; the run begins at its pace's start.
    pub world: Arc<World>,
    /// Riders in the order of their times.
    pub riders: Vec<RiderPlan>,
    /// Drivers by number.
    pub drivers: Vec<DriverPlan>,
    /// The rides under way at the start, as the stores were given them.
    pub under_way: BTreeMap<DriverId, (HoldKey, Offer)>,
    /// Where the HTTP API is, such as `http://127.0.0.1:8080`.
    pub api: String,
    /// Where the tracker is, such as `http://127.0.0.1:8081`.
    pub tracker: String,
    /// Driver streams that share a connection.
    pub streams_per_connection: usize,
    /// The size of surge zones, as drivers' apps show them.
    pub zones: Resolution,
    /// Who signs the tokens.
    pub issuer: Issuer,
    /// How long the tokens are good for.
    pub token_ttl: Duration,
    /// Who is told how long answers were on their way.
    pub calls: Calls,
    /// Until when riders come. Run time.
    pub until: Timestamp,
}

/// Why a load cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The tracker.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Certificates.
    #[error("certificates of this machine: {0}, expected some")]
    Certificates(#[from] std::io::Error),
}

/// A load that is being driven.
pub struct Load {
    plan: LoadPlan,
    shared: Arc<Shared>,
}

/// What all riders and drivers share.
struct Shared {
    world: Arc<World>,
    clock: WallClock,
    api: Api,
    streams: Streams,
    issuer: Issuer,
    token_ttl: Duration,
    recorder: Arc<Recorder>,
    in_flight: AtomicU64,
    heat: HeatMap,
}

impl Shared {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Load {
    /// Connects to the tracker. Riders connect as they come.
    ///
    /// # Errors
    /// If the tracker cannot be reached, or there are no certificates to know the API by.
    pub async fn connect(plan: LoadPlan, recorder: Arc<Recorder>) -> Result<Self, LoadError> {
        let streams = Streams::connect(
            &plan.tracker,
            plan.drivers.len(),
            plan.streams_per_connection,
        )
        .await?;
        recorder.connections(streams.connections());
        let shared = Arc::new(Shared {
            world: plan.world.clone(),
            clock: WallClock,
            api: Api::new(&plan.api, plan.calls.clone())?,
            streams,
            issuer: plan.issuer.clone(),
            token_ttl: plan.token_ttl,
            recorder,
            in_flight: AtomicU64::new(0),
            heat: HeatMap::new(plan.zones),
        });
        Ok(Self { plan, shared })
    }

    /// Drives the load until its time is over or `stop` says so. Drivers go on until `quiet` says so, for
    /// what was sent has yet to be worked off.
    pub async fn run(self, stop: watch::Receiver<bool>, quiet: watch::Receiver<bool>) {
        // Of the parts of the system that share this process. Where spans go nowhere it does nothing.
        let exporting = tokio::spawn(host::otlp::export_in_background());
        let mut drivers = JoinSet::new();
        for plan in self.plan.drivers {
            let under_way = self.plan.under_way.get(&plan.driver).copied();
            drivers.spawn(driver::drive(
                self.shared.clone(),
                plan,
                under_way,
                quiet.clone(),
            ));
        }
        arrive(
            self.shared.clone(),
            self.plan.riders,
            self.plan.until,
            stop,
            quiet,
        )
        .await;
        while drivers.join_next().await.is_some() {}
        exporting.abort();
        trace::flush().await;
    }
}

/// Lets riders come at their times.
async fn arrive(
    shared: Arc<Shared>,
    plans: Vec<RiderPlan>,
    until: Timestamp,
    mut stop: watch::Receiver<bool>,
    quiet: watch::Receiver<bool>,
) {
    let mut riders = JoinSet::new();
    for plan in plans {
        let comes_at = shared.world.pace.run_time(plan.at);
        if comes_at >= until || *stop.borrow() {
            break;
        }
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            () = wait::until(&shared.clock, comes_at) => {}
        }
        // Reap those who have gone, so that the set stays as small as the rides under way.
        while riders.try_join_next().is_some() {}
        shared.recorder.scheduled(comes_at);
        if shared.in_flight.load(Ordering::Relaxed) >= IN_FLIGHT_MAX {
            shared.recorder.dropped(comes_at);
            continue;
        }
        riders.spawn(rider::ride(shared.clone(), plan, quiet.clone()));
    }
    // Nobody comes any more; those under way see their rides through until the run is quiet.
    let _ = stop.wait_for(|stop| *stop).await;
    while riders.join_next().await.is_some() {}
}

/// A request under way; counted for as long as it lives.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn new(shared: &'a Shared) -> Self {
        let in_flight = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        shared.recorder.in_flight(in_flight, shared.now());
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
