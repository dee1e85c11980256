//! The drivers' streams as the tracker has them: what it says reaches a driver a moment later.

use std::sync::Arc;
use std::time::Duration;

use cloud::lookup::Lookup;
use cloud::timed::Draws;
use domain::{DriverId, Timestamp};
use kernel::{Inbox, Local, Stream, Time};
use services::track::{DriverLinks, Notice};
use workload::driver::DriverEvent;

use crate::way::Way;

/// What a driver's app hears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Heard {
    /// The tracker says so.
    Said {
        event: DriverEvent,
        sent_at: Timestamp,
    },
    /// The run is over.
    Quiet,
}

impl Heard {
    /// What was not asked for.
    pub(crate) fn notice(notice: Notice, sent_at: Timestamp) -> Self {
        let event = match notice {
            Notice::Offer {
                key,
                offer,
                deadline,
            } => DriverEvent::Offered {
                key,
                offer,
                deadline,
            },
            Notice::Released { key } => DriverEvent::Released { key },
        };
        Self::Said { event, sent_at }
    }
}

/// How a driver hears what was not asked for.
#[derive(Debug, Clone)]
pub(crate) enum Downlink {
    /// On the stream, half a round trip later.
    Stream(Way),
    /// With the answer to the next ping, which comes so often.
    NextPing(Duration),
}

/// All drivers' streams.
#[derive(Debug)]
pub(crate) struct Streams {
    time: Time,
    downlink: Downlink,
    draws: Draws,
    inboxes: Local<Lookup<DriverId, Inbox<Heard>>>,
}

impl Streams {
    pub(crate) fn new(time: &Time, downlink: Downlink, stream: Stream) -> Arc<Self> {
        Arc::new(Self {
            time: time.clone(),
            downlink,
            draws: Draws::new(stream),
            inboxes: Local::default(),
        })
    }

    /// The time by which they run.
    pub(crate) fn time(&self) -> &Time {
        &self.time
    }

    /// Opens a driver's stream.
    pub(crate) fn open(&self, driver: DriverId, inbox: &Inbox<Heard>) {
        self.inboxes.lock().insert(driver, inbox.clone());
    }

    /// Ends a driver's stream.
    pub(crate) fn close(&self, driver: DriverId) {
        self.inboxes.lock().remove(driver);
    }

    /// Whether a driver's stream is open.
    pub(crate) fn is_open(&self, driver: DriverId) -> bool {
        self.inboxes.lock().get(driver).is_some()
    }

    /// Streams that are open.
    pub(crate) fn len(&self) -> usize {
        self.inboxes.lock().len()
    }

    fn delay(&self) -> Duration {
        match &self.downlink {
            Downlink::Stream(way) => way.span(&self.draws) / 2,
            Downlink::NextPing(every) => every.mul_f64(self.draws.uniform()),
        }
    }
}

/// [`DriverLinks`] for the tracker that all share.
#[derive(Debug, Clone)]
pub(crate) struct Links(pub(crate) Arc<Streams>);

impl DriverLinks for Links {
    fn push(&self, driver: DriverId, notice: Notice) -> bool {
        let streams = &self.0;
        let Some(inbox) = streams.inboxes.lock().get(driver).cloned() else {
            return false;
        };
        let heard = Heard::notice(notice, Timestamp::from_micros(streams.time.now_us()));
        let (time, delay) = (streams.time.clone(), streams.delay());
        streams.time.spawn(async move {
            time.sleep(delay).await;
            inbox.put(heard);
        });
        true
    }
}
