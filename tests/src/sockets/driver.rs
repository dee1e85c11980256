//! A driver on a live gRPC stream.

use domain::Place;
use identity::Subject;
use local::stack::Stack;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use wire::grpc::v1;
use wire::grpc::v1::driver_message::Message as Up;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;
use wire::grpc::v1::tracker_message::Message as Down;

use super::{in_time, now, shown, token, tracker};

/// The steps of a ride after the accept, as the driver reports them.
const STEPS: [v1::ProgressKind; 3] = [
    v1::ProgressKind::Arrived,
    v1::ProgressKind::PickedUp,
    v1::ProgressKind::DroppedOff,
];

/// A driver on a live stream.
#[derive(Debug)]
pub struct Driver {
    /// The driver's number.
    pub id: u64,
    /// Pings sent on this stream.
    pub pings: u64,
    up: mpsc::Sender<v1::DriverMessage>,
    down: Streaming<v1::TrackerMessage>,
}

impl Driver {
    /// Opens a stream and says nothing yet.
    pub async fn connect(stack: &Stack, id: u64) -> Self {
        let token = token(stack, Subject::Driver(id));
        Self::over(tracker(stack).await, id, &token).await
    }

    /// Opens a stream over which only so many bytes fit that were not read yet.
    pub async fn connect_narrow(stack: &Stack, id: u64, window_bytes: u32) -> Self {
        let endpoint = Endpoint::from_shared(stack.tracker_url()).unwrap();
        let endpoint = endpoint.initial_stream_window_size(window_bytes);
        let channel = endpoint.connect().await.unwrap();
        let token = token(stack, Subject::Driver(id));
        Self::over(FleetTrackerClient::new(channel), id, &token).await
    }

    /// Opens a stream at any tracker, with a token for this driver.
    pub async fn over(mut client: FleetTrackerClient<Channel>, id: u64, token: &str) -> Self {
        let (up, messages) = mpsc::channel(16);
        let opening = client.track(shown(ReceiverStream::new(messages), token));
        let down = in_time("the stream to open", opening).await.unwrap();
        Self {
            id,
            pings: 0,
            up,
            down: down.into_inner(),
        }
    }

    /// Opens a stream, goes online at a place, and waits until the fleet has it.
    pub async fn online(stack: &Stack, id: u64, place: Place) -> Self {
        let mut driver = Self::connect(stack, id).await;
        driver.go_online(place).await;
        let outcome = driver.ping(place).await;
        assert_eq!(outcome, v1::PingOutcome::Moved);
        driver
    }

    /// Says so.
    pub async fn go_online(&self, place: Place) {
        self.go_online_with(place, 0).await;
    }

    /// Says so, and what the driver drives.
    pub async fn go_online_with(&self, place: Place, vehicle_class: u32) {
        let place = Some(place.into());
        let online = v1::GoOnline {
            place,
            vehicle_class,
        };
        self.send(Up::GoOnline(online)).await;
    }

    /// Sends a message up. What nobody takes any more is lost.
    pub async fn send(&self, message: Up) {
        self.send_whole(v1::DriverMessage {
            message: Some(message),
        })
        .await;
    }

    /// Sends a message up as it is.
    pub async fn send_whole(&self, message: v1::DriverMessage) {
        let sending = self.up.send(message);
        // The stream may have ended: what comes down says so.
        drop(in_time("a message to leave", sending).await);
    }

    /// What comes down next; none: the stream has ended.
    ///
    /// # Errors
    /// How the stream ended, if not well.
    pub async fn hear(&mut self) -> Result<Option<Down>, Status> {
        let heard = in_time("the tracker to speak", self.down.message()).await?;
        Ok(heard.map(|down| down.message.expect("the tracker says something")))
    }

    /// Listens until something wanted comes down.
    pub async fn hear_of<T>(&mut self, what: &str, wanted: impl Fn(Down) -> Option<T>) -> T {
        loop {
            match self.hear().await {
                Ok(Some(down)) => {
                    if let Some(found) = wanted(down) {
                        return found;
                    }
                }
                ended => panic!("the stream ended with {ended:?}, expected {what}"),
            }
        }
    }

    /// Sends a ping and waits for its acknowledgement.
    pub async fn ping(&mut self, place: Place) -> v1::PingOutcome {
        self.ping_at(Some(place.into())).await
    }

    /// Sends a ping of any place, absurd ones included.
    pub async fn ping_at(&mut self, place: Option<v1::Place>) -> v1::PingOutcome {
        let sequence = self.ping_unheard(place).await;
        let acknowledged = |down| match down {
            Down::PingAck(ack) if ack.sequence == sequence => Some(ack.outcome()),
            _ => None,
        };
        self.hear_of("the ping's acknowledgement", acknowledged)
            .await
    }

    /// Sends a ping and does not wait: its sequence.
    pub async fn ping_unheard(&mut self, place: Option<v1::Place>) -> u64 {
        self.pings += 1;
        let (sequence, sent_at_us) = (self.pings, now().as_micros());
        let ping = v1::Ping {
            sequence,
            place,
            sent_at_us,
        };
        self.send(Up::Ping(ping)).await;
        sequence
    }

    /// Waits for an offer.
    pub async fn offer(&mut self) -> v1::Offer {
        let offered = |down| match down {
            Down::Offer(offer) => Some(offer),
            _ => None,
        };
        self.hear_of("an offer", offered).await
    }

    /// Answers, and waits for what became of it.
    pub async fn answer(&mut self, key: &v1::HoldKey, accept: bool) -> v1::Answered {
        let key = Some(key.clone());
        self.send(Up::Answer(v1::Answer { key, accept })).await;
        let answered = |down| match down {
            Down::Answered(answered) => Some(answered),
            _ => None,
        };
        self.hear_of("the answer's outcome", answered).await
    }

    /// Takes the next offer.
    pub async fn accept(&mut self) -> v1::HoldKey {
        let key = self.offer().await.key.expect("an offer names its hold");
        let answered = self.answer(&key, true).await;
        assert_eq!(answered.outcome(), v1::AnswerOutcome::Accepted);
        key
    }

    /// Reports a step of a ride, and waits for what became of it.
    pub async fn report(
        &mut self,
        key: &v1::HoldKey,
        sequence: u32,
        kind: v1::ProgressKind,
    ) -> v1::ProgressOutcome {
        self.send(Up::Progress(progress(key, sequence, kind.into())))
            .await;
        let acknowledged = |down| match down {
            Down::ProgressAck(ack) if ack.sequence == sequence => Some(ack.outcome()),
            _ => None,
        };
        self.hear_of("the report's acknowledgement", acknowledged)
            .await
    }

    /// Drives a ride from the accept to its end.
    pub async fn drive(&mut self, key: &v1::HoldKey) {
        for (sequence, kind) in (2..).zip(STEPS) {
            let outcome = self.report(key, sequence, kind).await;
            assert_eq!(outcome, v1::ProgressOutcome::Recorded, "{kind:?}");
        }
    }

    /// Listens until the tracker closes the stream, and says why it did. Nothing may come after that.
    pub async fn closed(&mut self) -> String {
        let closing = |down| match down {
            Down::Closing(closing) => Some(closing.reason),
            _ => None,
        };
        let reason = self.hear_of("the stream to be closed", closing).await;
        let after = self.hear().await;
        assert!(matches!(after, Ok(None)), "found {after:?} after the end");
        reason
    }
}

/// A report with the stamps that the steps so far have.
#[must_use]
pub fn progress(key: &v1::HoldKey, sequence: u32, kind: i32) -> v1::Progress {
    let at_us = now().as_micros();
    let since = |step: u32| if sequence >= step { at_us } else { 0 };
    let stamps = v1::Stamps {
        accepted_at_us: at_us,
        arrived_at_us: since(2),
        picked_up_at_us: since(3),
        dropped_off_at_us: since(4),
    };
    v1::Progress {
        key: Some(key.clone()),
        sequence,
        kind,
        at_us,
        stamps: Some(stamps),
    }
}
