//! A gateway's stream: batches of pings up, what became of each batch down. Nothing is allocated for a ping: a batch
//! comes as columns, and goes from there into the fleet.

use std::sync::Arc;

use domain::{Place, Timestamp};
use fleet::{Ping, PingOutcome};
use services::ports::{Clock, HoldStore, MarketSnapshots, TripEvents};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendTimeoutError;
use tonic::{Status, Streaming};
use wire::grpc;
use wire::grpc::v1::{PingBatch, PingBatchTaken};

use crate::limits::{BATCH_ANSWER_PATIENCE, PINGS_PER_BATCH_MAX};
use crate::service::{Shared, bad_message};

/// Takes batches until the gateway has no more, its token expires, or it does not read the answers.
pub(crate) async fn serve<H, E, S, C>(
    shared: Arc<Shared<H, E, S, C>>,
    until: Timestamp,
    mut batches: Streaming<PingBatch>,
    answers: mpsc::Sender<Result<PingBatchTaken, Status>>,
) where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    // Kept free, so that who does not read hears why it ends.
    let last_word = answers.clone().try_reserve_owned();
    let mut over = std::pin::pin!(shared.over(until, "report again"));
    let status = loop {
        let batch = tokio::select! {
            biased;
            () = answers.closed() => return,
            status = &mut over => break status,
            batch = batches.message() => batch,
        };
        let batch = match batch {
            Ok(Some(batch)) => batch,
            Ok(None) => return,
            Err(status) => break status,
        };
        shared.metrics.messages.inc();
        let taking = async { shared.take_batch(&batch) };
        match shared.calls.work("tracker.report_batch", taking).await {
            // Until there is room nothing more is read: so a gateway feels that it is too fast.
            Ok(taken) => match answers.send_timeout(Ok(taken), BATCH_ANSWER_PATIENCE).await {
                Ok(()) => {}
                Err(SendTimeoutError::Closed(_)) => return,
                Err(SendTimeoutError::Timeout(_)) => {
                    shared.metrics.slow_readers.inc();
                    break Status::resource_exhausted(
                        "slow_reader: found answers to batches unread, expected them to be read",
                    );
                }
            },
            Err(status) => {
                shared.metrics.bad_messages.inc();
                break status;
            }
        }
    };
    tracing::debug!(%status, "a gateway's stream ends");
    if let Ok(place) = last_word {
        // The sender that comes back is one of several.
        drop(place.send(Err(status)));
    }
}

impl<H, E, S, C> Shared<H, E, S, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    fn take_batch(&self, batch: &PingBatch) -> Result<PingBatchTaken, Status> {
        let pings = batch.drivers.len();
        if pings > PINGS_PER_BATCH_MAX {
            return Err(Status::invalid_argument(format!(
                "drivers: found {pings}, expected at most {PINGS_PER_BATCH_MAX} in a batch"
            )));
        }
        let rows = grpc::batched_pings(batch).map_err(bad_message)?;
        let vehicles = grpc::batched_vehicles(batch).map_err(bad_message)?;
        // Of the rows whose pings are told, so that both come together.
        let places = batch.lat_e7.iter().zip(&batch.lon_e7);
        let vehicles = vehicles.zip(places).filter_map(|(vehicle, (lat, lon))| {
            let has_place = Place::from_e7(*lat, *lon).is_ok();
            has_place.then_some(vehicle)
        });
        let mut taken = PingBatchTaken {
            batch: batch.batch,
            ..PingBatchTaken::default()
        };
        let mut good = 0;
        let all = rows.filter_map(|row| {
            let ping = Ping {
                sequence: row.sequence,
                place: row.place?,
                sent_at: row.sent_at,
            };
            good += 1;
            Some((row.driver, ping))
        });
        self.tracker.report(all, vehicles, |became| {
            *match became {
                PingOutcome::Moved => &mut taken.moved,
                PingOutcome::Stale => &mut taken.stale,
                PingOutcome::FromTheFuture => &mut taken.from_the_future,
                PingOutcome::NotOnline => &mut taken.not_online,
            } += 1;
        });
        taken.bad_place = u32::try_from(pings - good).expect("a batch is bounded");
        self.metrics.ping_batch(&taken);
        Ok(taken)
    }
}
