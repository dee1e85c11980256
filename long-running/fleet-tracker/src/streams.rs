//! The drivers' live streams: one per driver, the newest counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use domain::{DriverId, Timestamp, TripId};
use services::ports::Clock;
use services::track::{DriverLinks, Notice};
use tokio::sync::{Notify, mpsc};
use tonic::Status;
use trace::{Rides, TraceContext};
use wire::grpc::v1::{self, tracker_message::Message};

use crate::limits::STREAM_BACKLOG_MAX;
use crate::metrics::Metrics;

/// What a stream carries down to its driver.
pub(crate) type Down = Result<v1::TrackerMessage, Status>;

/// One driver's stream.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    id: u64,
    sender: mpsc::Sender<Down>,
    /// The place of the last message, kept free so that a full stream still hears why it ends.
    last_word: Arc<Mutex<Option<mpsc::OwnedPermit<Down>>>>,
    /// Told once the stream is to end.
    ended: Arc<Notify>,
}

/// What became of a message to a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The driver will read it.
    UnderWay,
    /// The driver does not read: as many as may wait do.
    Unread,
    /// The stream is gone.
    Gone,
}

impl Link {
    /// Sends without waiting.
    pub(crate) fn send(&self, message: Message) -> Sent {
        let message = Some(message);
        match self.sender.try_send(Ok(v1::TrackerMessage { message })) {
            Ok(()) => Sent::UnderWay,
            Err(mpsc::error::TrySendError::Full(_)) => Sent::Unread,
            Err(mpsc::error::TrySendError::Closed(_)) => Sent::Gone,
        }
    }

    /// Says why, then ends the stream. Only the first reason is said.
    pub(crate) fn close(&self, reason: &str) {
        let reason = reason.to_owned();
        self.end(Ok(v1::TrackerMessage {
            message: Some(Message::Closing(v1::Closing { reason })),
        }));
    }

    /// Ends the stream with a status, because what came up it could not be read.
    pub(crate) fn fail(&self, status: Status) {
        self.end(Err(status));
    }

    fn end(&self, last_word: Down) {
        let place = self
            .last_word
            .lock()
            .expect("no one panics while taking the last word")
            .take();
        if let Some(place) = place {
            // The sender that comes back is one of several.
            drop(place.send(last_word));
        }
        self.ended.notify_one();
    }

    /// Waits until either side has ended the stream.
    pub(crate) async fn ended(&self) {
        tokio::select! {
            () = self.sender.closed() => {}
            () = self.ended.notified() => {}
        }
    }
}

/// All live streams.
pub struct Streams {
    links: Mutex<HashMap<DriverId, Link>>,
    next_id: AtomicU64,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    metrics: Arc<Metrics>,
    rides: Rides,
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").finish_non_exhaustive()
    }
}

impl Streams {
    pub(crate) fn new(clock: impl Clock + 'static, metrics: Arc<Metrics>, rides: Rides) -> Self {
        Self {
            links: Mutex::default(),
            next_id: AtomicU64::new(1),
            clock: Box::new(move || clock.now()),
            metrics,
            rides,
        }
    }

    fn links(&self) -> std::sync::MutexGuard<'_, HashMap<DriverId, Link>> {
        self.links
            .lock()
            .expect("no one panics while holding the streams")
    }

    /// Opens a driver's stream. One that was open is told so and ends: the newest counts.
    pub(crate) fn open(&self, driver: DriverId) -> (Link, mpsc::Receiver<Down>) {
        let (sender, receiver) = mpsc::channel(STREAM_BACKLOG_MAX + 1);
        let last_word = sender
            .clone()
            .try_reserve_owned()
            .expect("a new stream has room and a reader");
        let link = Link {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            sender,
            last_word: Arc::new(Mutex::new(Some(last_word))),
            ended: Arc::new(Notify::new()),
        };
        if let Some(older) = self.links().insert(driver, link.clone()) {
            older.close("superseded");
        }
        self.metrics.streams_opened.inc();
        (link, receiver)
    }

    /// Forgets a stream that ended, unless a newer one took its place.
    pub(crate) fn forget(&self, driver: DriverId, link: &Link) -> bool {
        let mut links = self.links();
        let ours = links.get(&driver).is_some_and(|known| known.id == link.id);
        if ours {
            links.remove(&driver);
        }
        ours
    }

    /// Whether this is still the driver's stream.
    pub(crate) fn is_current(&self, driver: DriverId, link: &Link) -> bool {
        self.links()
            .get(&driver)
            .is_some_and(|known| known.id == link.id)
    }

    /// Ends all streams, and says why.
    pub(crate) fn close_all(&self, reason: &str) {
        for (_, link) in self.links().drain() {
            link.close(reason);
        }
    }

    /// How many streams are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.links().len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The trace of a trip's ride, as a driver's app takes it up; empty where it is not known.
    fn traceparent(&self, trip: TripId) -> String {
        let context = self.rides.of(trip.0);
        context
            .map(|context| context.to_string())
            .unwrap_or_default()
    }

    /// A notice as the message that goes down.
    pub(crate) fn message(&self, notice: Notice) -> Message {
        match notice {
            Notice::Offer {
                key,
                offer,
                deadline,
            } => Message::Offer(v1::Offer {
                key: Some(key.into()),
                ride: Some((&offer).into()),
                deadline_us: deadline.as_micros(),
                sent_at_us: (self.clock)().as_micros(),
                traceparent: self.traceparent(key.trip),
            }),
            Notice::Released { key } => Message::Released(v1::Released {
                key: Some(key.into()),
            }),
        }
    }
}

impl DriverLinks for Streams {
    fn push(&self, driver: DriverId, notice: Notice) -> bool {
        let trip_id = match &notice {
            Notice::Offer { key, .. } | Notice::Released { key } => key.trip,
        };
        let offers = matches!(notice, Notice::Offer { .. });
        let message = self.message(notice);
        let link = self.links().get(&driver).cloned();
        let sent = link.is_some_and(|link| {
            let sent = link.send(message);
            if sent != Sent::UnderWay && self.forget(driver, &link) && sent == Sent::Unread {
                link.close("slow_reader");
                self.metrics.slow_readers.inc();
            }
            sent == Sent::UnderWay
        });
        self.metrics.notice(sent);
        let trace_id = self.rides.of(trip_id.0).map(TraceContext::trace);
        let notice = if offers { "offer" } else { "release" };
        tracing::info!(%driver, %trip_id, trace_id, sent, notice, "notice");
        sent
    }
}
