//! The trips function: what a rider does with trips (HTTP), what drivers report (`trip-events`), and the
//! sweep each minute (a schedule).

use std::sync::Arc;

use aws::limits::FUNCTION_CALL_TIMEOUT;
use bytes::Bytes;
use domain::Region;
use domain::trip::TripEvent;
use fleet_client::{FleetClient, FleetClientConfig, FleetClientError};
use host::WallClock;
use lambda::account;
use lambda::event::EventKind;
use lambda::http::answer;
use lambda::limits::MESSAGES_IN_FLIGHT_MAX;
use lambda::sqs::handle_batch;
use lambda::{Function, FunctionError};
use services::config::Market;
use services::error::MessageError;
use services::events::TripProgress;
use services::ports::{Clock, Doorbell, DueTrips, Fleet, TripStore};
use services::request::Riding;
use services::sweep::Sweep;
use services::token::Keyring;
use trace::TraceContext;
use wire::messages::decode_event;

mod rider;
#[cfg(test)]
mod tests;

/// The trips function over any ports.
#[derive(Debug)]
pub struct Trips<T, B, F, C> {
    region: Region,
    riding: Riding<T, B, F, C>,
    progress: TripProgress<T, B, F, C>,
    sweep: Sweep<T, B, F, C>,
}

/// The trips function on the AWS adapters.
pub type Wired = Trips<aws::DynamoTrips, aws::SqsDoorbell, FleetClient, WallClock>;

/// The trips function on a stack and a tracker.
///
/// # Errors
/// If the tracker's URL or token cannot be used.
pub fn wire(
    market: Arc<Market>,
    keyring: Arc<Keyring>,
    stack: &aws::Stack,
    fleet: FleetClientConfig,
) -> Result<Wired, FleetClientError> {
    let trips = aws::DynamoTrips::new(stack, market.sweep);
    let doorbell = aws::SqsDoorbell::new(stack);
    let fleet = tracker(fleet)?;
    Ok(Trips::new(
        market, keyring, trips, doorbell, fleet, WallClock,
    ))
}

/// The tracker, which is a call like others: one that stalls leaves time to say so.
fn tracker(config: FleetClientConfig) -> Result<FleetClient, FleetClientError> {
    FleetClient::new(&FleetClientConfig {
        call_timeout: FUNCTION_CALL_TIMEOUT,
        ..config
    })
}

impl<T, B, F, C> Trips<T, B, F, C>
where
    T: TripStore + DueTrips + Clone,
    B: Doorbell + Clone,
    F: Fleet + Clone,
    C: Clock + Clone,
{
    /// The function over a market's trips, doorbell and fleet.
    pub fn new(
        market: Arc<Market>,
        keyring: Arc<Keyring>,
        trips: T,
        doorbell: B,
        fleet: F,
        clock: C,
    ) -> Self {
        let ports = || {
            (
                market.clone(),
                trips.clone(),
                doorbell.clone(),
                fleet.clone(),
                clock.clone(),
            )
        };
        let (m, t, b, f, c) = ports();
        let riding = Riding::new(m, keyring, t, b, f, c);
        let (m, t, b, f, c) = ports();
        let progress = TripProgress::new(m, t, b, f, c);
        let (m, t, b, f, c) = ports();
        let sweep = Sweep::new(m, t, b, f, c);
        Self {
            region: market.region.clone(),
            riding,
            progress,
            sweep,
        }
    }
}

impl<T, B, F, C> Trips<T, B, F, C>
where
    T: TripStore + DueTrips,
    B: Doorbell,
    F: Fleet,
    C: Clock,
{
    async fn apply(&self, event: &TripEvent) -> Result<(), MessageError> {
        let applied = self.progress.apply(event).await;
        let trace_id = trace::carried(None).map(TraceContext::trace);
        let trip_id = event.key.trip;
        match &applied {
            Ok(outcome) => {
                tracing::info!(%trip_id, trace_id, kind = ?event.kind, ?outcome, "trip event");
            }
            Err(error) => {
                tracing::warn!(%trip_id, trace_id, kind = ?event.kind, %error, "trip event");
            }
        }
        applied.map(drop)
    }

    async fn sweep(&self) -> Result<Bytes, FunctionError> {
        account::began("sweep");
        let report = self
            .sweep
            .sweep(&self.region)
            .await
            .map_err(|error| FunctionError::Failed(error.to_string()))?;
        for (name, count) in [
            ("TripsDue", report.due),
            ("TripsMoved", report.moved),
            ("RidesOfferedAgain", report.offered_again),
            ("TripsFailed", report.failed),
        ] {
            account::count(name, count);
        }
        tracing::info!(
            region = %self.region,
            due = report.due,
            moved = report.moved,
            offered_again = report.offered_again,
            rang = report.rang,
            failed = report.failed,
            "sweep"
        );
        Ok(Bytes::from_static(b"null"))
    }
}

impl<T, B, F, C> Function for Trips<T, B, F, C>
where
    T: TripStore + DueTrips + 'static,
    B: Doorbell + 'static,
    F: Fleet + 'static,
    C: Clock + 'static,
{
    async fn invoke(&self, payload: Bytes) -> Result<Bytes, FunctionError> {
        match EventKind::of(&payload)? {
            EventKind::Http => {
                answer(&payload, |request| rider::route(&self.riding, request)).await
            }
            EventKind::Sqs => {
                handle_batch(
                    &payload,
                    MESSAGES_IN_FLIGHT_MAX,
                    decode_event,
                    async |event| self.apply(&event).await,
                )
                .await
            }
            EventKind::Schedule => self.sweep().await,
        }
    }
}
