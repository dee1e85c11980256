//! One driver's stream: pings, answers and reports up; acknowledgements down. It ends when the token that it was
//! opened with expires, unless a fresh one came up in time.

use std::pin::pin;
use std::sync::Arc;

use domain::hold::HoldKey;
use domain::{DriverId, Timestamp};
use fleet::{Ping, PingOutcome};
use identity::{Caller, Subject};
use services::ports::{Clock, HoldStore, MarketSnapshots, TripEvents};
use services::track::{AnswerOutcome, ProgressOutcome, ProgressReport};
use tokio::time::Instant;
use tonic::{Code, Streaming};
use trace::{Kind, Span};
use wire::grpc::v1::driver_message::Message as Up;
use wire::grpc::v1::tracker_message::Message as Down;
use wire::grpc::{self, MessageFault, v1};

use crate::service::Shared;
use crate::streams::{Link, Sent};

/// Why streams end when the tracker does.
pub(crate) const SHUTTING_DOWN: &str = "shutting_down";
/// Why a stream ends when its token has expired.
const TOKEN_EXPIRED: &str = "token_expired";
/// Why a stream ends when what should renew it is no good token.
const TOKEN_REFUSED: &str = "token_refused";
/// Why a stream ends when what should renew it is somebody else's token.
const TOKEN_OF_ANOTHER: &str = "token_of_another";

/// What became of a message.
enum Taken {
    /// It needs no answer.
    Nothing,
    /// It has one.
    Answer(Down),
    /// It renewed the stream, which may live until then.
    Renewed(Timestamp),
    /// It should have renewed the stream, which ends instead, and why.
    Refused(&'static str),
}

/// Reads a driver's stream until either side ends it, or the driver's token expires.
pub(crate) async fn serve<H, E, S, C>(
    shared: Arc<Shared<H, E, S, C>>,
    (driver, until): (DriverId, Timestamp),
    link: Link,
    mut inbound: Streaming<v1::DriverMessage>,
) where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    if let Some(notice) = shared.tracker.reconnected(driver) {
        link.send(shared.streams.message(notice));
    }
    let mut expiry = pin!(tokio::time::sleep(until.since(shared.clock.now())));
    let mut stopped = shared.stopped.clone();
    let mut stopping = pin!(stopped.wait_for(|stop| *stop));
    loop {
        let message = tokio::select! {
            biased;
            () = link.ended() => break,
            () = &mut expiry => {
                link.close(TOKEN_EXPIRED);
                break;
            }
            // All that are open were told; this one was opened since.
            _ = &mut stopping => {
                link.close(SHUTTING_DOWN);
                break;
            }
            message = inbound.message() => message,
        };
        let message = match message {
            Ok(Some(v1::DriverMessage { message })) => message,
            Ok(None) => break,
            Err(status) => {
                // Too large or no message at all, unless the connection broke: then nobody hears it.
                if matches!(status.code(), Code::OutOfRange | Code::Internal) {
                    shared.metrics.bad_messages.inc();
                }
                tracing::debug!(%driver, %status, "message not read");
                link.fail(status);
                break;
            }
        };
        if !shared.streams.is_current(driver, &link) {
            break;
        }
        shared.metrics.messages.inc();
        let taken = match grpc::required(message, "message") {
            Ok(message) => shared.take(driver, message).await,
            Err(fault) => Err(fault),
        };
        let answer = match taken {
            Ok(Taken::Answer(answer)) => answer,
            Ok(Taken::Nothing) => continue,
            Ok(Taken::Renewed(until)) => {
                let left = until.since(shared.clock.now());
                expiry.as_mut().reset(Instant::now() + left);
                let until_us = until.as_micros();
                Down::Authenticated(v1::Authenticated { until_us })
            }
            Ok(Taken::Refused(reason)) => {
                link.close(reason);
                break;
            }
            Err(fault) => {
                shared.metrics.bad_messages.inc();
                tracing::debug!(%driver, %fault, "message refused");
                link.close("bad_message");
                break;
            }
        };
        match link.send(answer) {
            Sent::UnderWay => {}
            Sent::Unread => {
                shared.metrics.slow_readers.inc();
                link.close("slow_reader");
                break;
            }
            Sent::Gone => break,
        }
    }
    // A stream that broke leaves the driver to come back; silence does the rest.
    shared.streams.forget(driver, &link);
}

impl<H, E, S, C> Shared<H, E, S, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    /// Takes a fresh token, if it is the same driver's.
    async fn renew(&self, driver: DriverId, token: &str) -> Taken {
        match self.verify(token).await {
            Ok(Caller { subject, until }) if subject == Subject::Driver(driver.0) => {
                Taken::Renewed(until)
            }
            Ok(Caller { subject, .. }) => {
                tracing::warn!(%driver, %subject, "a stream was to be renewed for another");
                Taken::Refused(TOKEN_OF_ANOTHER)
            }
            Err(error) => {
                tracing::debug!(%driver, %error, "a fresh token was refused");
                Taken::Refused(TOKEN_REFUSED)
            }
        }
    }

    async fn take(&self, driver: DriverId, message: Up) -> Result<Taken, MessageFault> {
        Ok(match message {
            Up::GoOnline(online) => {
                let place = grpc::place(online.place, "go_online.place")?;
                let vehicle = grpc::vehicle_class(online.vehicle_class, "go_online.vehicle_class")?;
                match self.tracker.go_online(driver, place, vehicle) {
                    Some(notice) => Taken::Answer(self.streams.message(notice)),
                    None => Taken::Nothing,
                }
            }
            Up::GoOffline(v1::GoOffline {}) => {
                self.tracker.go_offline(driver);
                Taken::Nothing
            }
            Up::Ping(ping) => {
                let pinging = async { self.ping(driver, &ping) };
                Taken::Answer(self.calls.work("tracker.ping", pinging).await)
            }
            Up::Answer(answer) => Taken::Answer(self.answer(driver, answer).await?),
            Up::Progress(progress) => Taken::Answer(self.progress(driver, progress).await?),
            Up::Authenticate(fresh) => self.renew(driver, &fresh.token).await,
        })
    }

    fn ping(&self, driver: DriverId, ping: &v1::Ping) -> Down {
        let outcome = match grpc::place(ping.place, "ping.place") {
            // One absurd place is the phone's, not the driver's: the stream goes on.
            Err(_) => {
                self.metrics.bad_place();
                v1::PingOutcome::BadPlace
            }
            Ok(place) => {
                let sent_at = Timestamp::from_micros(ping.sent_at_us);
                let sequence = ping.sequence;
                let outcome = self.tracker.ping(
                    driver,
                    Ping {
                        sequence,
                        place,
                        sent_at,
                    },
                );
                self.metrics.ping(outcome);
                match outcome {
                    PingOutcome::Moved => v1::PingOutcome::Moved,
                    PingOutcome::Stale => v1::PingOutcome::Stale,
                    PingOutcome::FromTheFuture => v1::PingOutcome::FromTheFuture,
                    PingOutcome::NotOnline => v1::PingOutcome::NotOnline,
                }
            }
        };
        Down::PingAck(v1::PingAck {
            sequence: ping.sequence,
            outcome: outcome.into(),
        })
    }

    /// A span of what a driver says of a ride, in the trace of the ride.
    fn ride_span(&self, name: &str, key: HoldKey) -> Span {
        Span::new(name, Kind::Server, self.rides.of(key.trip.0))
    }

    async fn answer(&self, driver: DriverId, answer: v1::Answer) -> Result<Down, MessageFault> {
        let key = grpc::hold_key(answer.key)?;
        let span = self.ride_span("tracker.answer", key);
        let answering = self.tracker.answer(driver, key, answer.accept);
        let answering = trace::within(self.scope(Some(&span)), answering);
        let outcome = self.calls.work("tracker.answer", answering).await;
        let (outcome, accepted_at, word) = match outcome {
            AnswerOutcome::Accepted(at) => (v1::AnswerOutcome::Accepted, Some(at), "accepted"),
            AnswerOutcome::Declined => (v1::AnswerOutcome::Declined, None, "declined"),
            AnswerOutcome::Late => (v1::AnswerOutcome::Late, None, "late"),
            AnswerOutcome::NotOffered => (v1::AnswerOutcome::NotOffered, None, "not_offered"),
            AnswerOutcome::TryAgain => (v1::AnswerOutcome::TryAgain, None, "try_again"),
        };
        self.metrics.answer(word);
        let trace_id = span.context().trace();
        tracing::info!(%driver, trip_id = %key.trip, trace_id, outcome = word, "answer");
        Ok(Down::Answered(v1::Answered {
            key: Some(key.into()),
            outcome: outcome.into(),
            accepted_at_us: grpc::micros(accepted_at),
        }))
    }

    async fn progress(
        &self,
        driver: DriverId,
        progress: v1::Progress,
    ) -> Result<Down, MessageFault> {
        let key = grpc::hold_key(progress.key)?;
        let report = ProgressReport {
            key,
            sequence: progress.sequence,
            kind: grpc::progress_kind(progress.kind)?,
            at: Timestamp::from_micros(progress.at_us),
            stamps: progress.stamps.unwrap_or_default().into(),
        };
        let span = self.ride_span("tracker.report", key);
        let taking = self.tracker.progress(driver, &report);
        let taking = trace::within(self.scope(Some(&span)), taking);
        let (outcome, word) = match self.calls.work("tracker.report", taking).await {
            ProgressOutcome::Recorded => (v1::ProgressOutcome::Recorded, "recorded"),
            ProgressOutcome::NotYours => (v1::ProgressOutcome::NotYours, "not_yours"),
            ProgressOutcome::TryAgain => (v1::ProgressOutcome::TryAgain, "try_again"),
        };
        self.metrics.progress(word);
        let trace_id = span.context().trace();
        tracing::info!(%driver, trip_id = %key.trip, trace_id, kind = ?report.kind, outcome = word, "report");
        Ok(Down::ProgressAck(v1::ProgressAck {
            key: Some(key.into()),
            sequence: progress.sequence,
            outcome: outcome.into(),
        }))
    }
}
