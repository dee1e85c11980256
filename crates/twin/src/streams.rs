//! The drivers' streams as the tracker has them: what it says reaches a driver a moment later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cloud::profile::Spans;
use cloud::timed::Draws;
use domain::hold::{HoldKey, Offer};
use domain::{DriverId, Timestamp};
use kernel::{Inbox, Stream, Time};
use services::track::{DriverLinks, Notice};
use workload::driver::{AnswerOutcome, ReportOutcome};

/// What a driver's app hears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Heard {
    /// A ride is offered.
    Offer {
        key: HoldKey,
        offer: Offer,
        deadline: Timestamp,
        sent_at: Timestamp,
    },
    /// An offer or a ride is off.
    Released { key: HoldKey },
    /// An answer was taken.
    Answered {
        key: HoldKey,
        outcome: AnswerOutcome,
    },
    /// A report was taken.
    Reported {
        key: HoldKey,
        sequence: u32,
        outcome: ReportOutcome,
    },
    /// The run is over.
    Quiet,
}

/// How a driver hears what was not asked for.
#[derive(Debug, Clone)]
pub(crate) enum Downlink {
    /// On the stream, half a round trip later.
    Stream(Spans),
    /// With the answer to the next ping, which comes so often.
    NextPing(Duration),
}

/// All drivers' streams.
#[derive(Debug)]
pub(crate) struct Streams {
    time: Time,
    downlink: Downlink,
    draws: Draws,
    inboxes: Mutex<BTreeMap<DriverId, Inbox<Heard>>>,
}

impl Streams {
    pub(crate) fn new(time: &Time, downlink: Downlink, stream: Stream) -> Arc<Self> {
        Arc::new(Self {
            time: time.clone(),
            downlink,
            draws: Draws::new(stream),
            inboxes: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<DriverId, Inbox<Heard>>> {
        self.inboxes
            .lock()
            .expect("no one panics while holding the streams")
    }

    /// Opens a driver's stream.
    pub(crate) fn open(&self, driver: DriverId, inbox: &Inbox<Heard>) {
        self.lock().insert(driver, inbox.clone());
    }

    /// Ends a driver's stream.
    pub(crate) fn close(&self, driver: DriverId) {
        self.lock().remove(&driver);
    }

    /// Whether a driver's stream is open.
    pub(crate) fn is_open(&self, driver: DriverId) -> bool {
        self.lock().contains_key(&driver)
    }

    /// Streams that are open.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    fn delay(&self) -> Duration {
        match &self.downlink {
            Downlink::Stream(round_trip) => self.draws.span(round_trip) / 2,
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
        let Some(inbox) = streams.lock().get(&driver).cloned() else {
            return false;
        };
        let heard = match notice {
            Notice::Offer {
                key,
                offer,
                deadline,
            } => Heard::Offer {
                key,
                offer,
                deadline,
                sent_at: Timestamp::from_micros(streams.time.now_us()),
            },
            Notice::Released { key } => Heard::Released { key },
        };
        let (time, delay) = (streams.time.clone(), streams.delay());
        streams.time.spawn(async move {
            time.sleep(delay).await;
            inbox.put(heard);
        });
        true
    }
}
