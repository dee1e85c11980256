//! A rider follows the car, from the accept until the ride, the rider's token or the patience of the stream
//! ends.

use std::sync::Arc;

use domain::{RiderId, Timestamp, TripId};
use services::ports::{Clock, HoldStore, MarketSnapshots, TripEvents};
use tokio::sync::mpsc;
use tonic::Status;
use wire::grpc::v1;

use crate::limits::{WATCH_EVERY, WATCH_POSITIONS_MAX};
use crate::service::Shared;

/// Sends the car's place now and then every [`WATCH_EVERY`], until the token expires at the latest.
pub(crate) async fn serve<H, E, S, C>(
    shared: Arc<Shared<H, E, S, C>>,
    (rider, until): (RiderId, Timestamp),
    trip: TripId,
    positions: mpsc::Sender<Result<v1::CarPosition, Status>>,
) where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    let mut over = std::pin::pin!(shared.over(until, "follow again"));
    for _ in 0..WATCH_POSITIONS_MAX {
        if let Some((place, at)) = shared.tracker.car(rider, trip) {
            let position = v1::CarPosition {
                place: Some(place.into()),
                at_us: at.as_micros(),
            };
            if positions.send(Ok(position)).await.is_err() {
                return;
            }
        } else if !shared.tracker.has_ride(rider, trip) {
            return;
        }
        let status = tokio::select! {
            () = positions.closed() => return,
            () = tokio::time::sleep(WATCH_EVERY) => continue,
            status = &mut over => status,
        };
        // The rider may have gone, which is as good.
        let _ = positions.send(Err(status)).await;
        return;
    }
}
