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

/// Sends the car's place now and then every [`WATCH_EVERY`], until the token expires at the latest, whether the rider
/// reads or not.
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
    // Kept free, so that who does not read hears why it ends.
    let last_word = positions.clone().try_reserve_owned();
    let following = async {
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
            tokio::time::sleep(WATCH_EVERY).await;
        }
    };
    let status = tokio::select! {
        () = positions.closed() => return,
        () = following => return,
        status = shared.over(until, "follow again") => status,
    };
    if let Ok(place) = last_word {
        // The sender that comes back is one of several.
        drop(place.send(Err(status)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use calls::Calls;
    use cloud::memory::{MemoryHolds, MemoryQueue};
    use cloud::queue::QueueConfig;
    use domain::hold::{HoldKey, Offer};
    use domain::{Attempt, DriverId, Money, Place, VehicleClass};
    use fleet::FleetPolicy;
    use host::WallClock;
    use host::market::MarketDocument;
    use identity::Verifier;
    use services::ports::Reserved;
    use services::track::{AnswerOutcome, Tracker};
    use tokio::sync::watch;
    use tonic::Code;
    use trace::Rides;

    use super::*;
    use crate::limits::WATCH_BACKLOG_MAX;
    use crate::metrics::Metrics;
    use crate::streams::Streams;

    const RIDER: RiderId = RiderId(17);
    const RIDE: HoldKey = HoldKey {
        trip: TripId(7),
        attempt: Attempt(1),
        driver: DriverId(9),
    };

    type Events = MemoryQueue<domain::trip::TripEvent, WallClock>;
    type Snapshots = MemoryQueue<services::ports::MarketSnapshot, WallClock>;

    /// What calls share in a tracker where the rider has that ride.
    async fn shared(
        stopped: watch::Receiver<bool>,
    ) -> Arc<Shared<MemoryHolds, Events, Snapshots, WallClock>> {
        let market = MarketDocument::parse("region = 'here'\n[travel]\nspeed_kmh = 20");
        let metrics = Arc::new(Metrics::default());
        let rides = Rides::default();
        let streams = Arc::new(Streams::new(WallClock, metrics.clone(), rides.clone()));
        let tracker = Tracker::new(
            market.unwrap().market().unwrap().into(),
            FleetPolicy::default(),
            MemoryHolds::new(),
            MemoryQueue::new(QueueConfig::default(), WallClock),
            MemoryQueue::new(QueueConfig::default(), WallClock),
            streams.clone(),
            WallClock,
        );
        let place = Place::from_metres(0.0, 0.0);
        let offer = Offer {
            rider: RIDER,
            pickup: place,
            dropoff: place,
            driver_pay: Money::from_minor(900),
            pickup_distance_m: 0.0,
        };
        let (_link, _down) = streams.open(RIDE.driver);
        tracker.go_online(RIDE.driver, place, VehicleClass::default());
        let deadline = WallClock.now() + Duration::from_secs(60);
        let reserved = tracker.reserve(RIDE, deadline, &offer).await;
        assert!(matches!(reserved, Ok(Reserved::Held)), "{reserved:?}");
        assert!(matches!(tracker.offer(RIDE).await, Ok(true)));
        let answered = tracker.answer(RIDE.driver, RIDE, true).await;
        assert!(
            matches!(answered, AnswerOutcome::Accepted(_)),
            "{answered:?}"
        );
        Arc::new(Shared {
            tracker,
            streams,
            metrics,
            rides,
            callers: Verifier::development(&[7; 32]).unwrap().into(),
            calls: Calls::default(),
            clock: WallClock,
            stopped,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_rider_who_does_not_read_is_followed_no_longer_than_others() {
        const LONG: Duration = Duration::from_secs(3_600);
        // Long enough for as many positions as may wait, and another that nobody takes.
        let short = WATCH_EVERY * u32::try_from(WATCH_BACKLOG_MAX + 3).unwrap();
        for (token, stop_after, code) in [
            (short, LONG * 2, Code::Unauthenticated),
            (LONG, short, Code::Unavailable),
        ] {
            let (stop, stopped) = watch::channel(false);
            let shared = shared(stopped).await;
            let (positions, mut receiver) = mpsc::channel(WATCH_BACKLOG_MAX + 1);
            let until = WallClock.now() + token;
            let following = serve(shared, (RIDER, until), RIDE.trip, positions);
            tokio::spawn(async move {
                tokio::time::sleep(stop_after).await;
                stop.send_replace(true);
            });
            let ended = tokio::time::timeout(short * 2, following).await;
            assert_eq!(ended, Ok(()), "{code:?}");
            for _ in 0..WATCH_BACKLOG_MAX {
                assert!(matches!(receiver.recv().await, Some(Ok(_))));
            }
            let last = receiver.recv().await.and_then(Result::err);
            assert_eq!(last.map(|status| status.code()), Some(code));
            assert!(receiver.recv().await.is_none());
        }
    }
}
