//! Reports that were made and not yet acknowledged.

use domain::Timestamp;
use domain::hold::HoldKey;
use domain::trip::TripEvent;

use super::{RESEND_EVERY, RESENDS_MAX, RETRY_AFTER};

/// Reports in the order in which they were made. A ride has three, and a driver who gets the next ride
/// has been heard on the last, so that few are ever kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    reports: Vec<Unacknowledged>,
}

#[derive(Debug, Clone)]
struct Unacknowledged {
    event: TripEvent,
    resend_at: Timestamp,
    resends: u32,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Keeps a report that is sent now.
    pub(super) fn push(&mut self, event: TripEvent, now: Timestamp) {
        self.reports.push(Unacknowledged {
            event,
            resend_at: now + RESEND_EVERY,
            resends: 0,
        });
    }

    /// When something is to be sent again.
    pub(super) fn resend_at(&self) -> Option<Timestamp> {
        self.reports.iter().map(|report| report.resend_at).min()
    }

    /// Sends again what is due, or everything (`all`: the stream is new). Returns how many were given up.
    pub(super) fn resend(
        &mut self,
        all: bool,
        now: Timestamp,
        mut send: impl FnMut(TripEvent),
    ) -> u32 {
        let before = self.reports.len();
        self.reports.retain_mut(|report| {
            if !all && report.resend_at > now {
                return true;
            }
            if report.resends >= RESENDS_MAX {
                return false;
            }
            report.resends += 1;
            report.resend_at = now + RESEND_EVERY;
            send(report.event);
            true
        });
        u32::try_from(before - self.reports.len()).expect("an outbox holds few reports")
    }

    /// A report arrived, and with it all that went before it: it carried their stamps.
    pub(super) fn acknowledge(&mut self, key: HoldKey, sequence: u32) {
        self.reports
            .retain(|report| report.event.key != key || report.event.sequence > sequence);
    }

    /// A report could not be taken now.
    pub(super) fn retry(&mut self, key: HoldKey, sequence: u32, now: Timestamp) {
        for report in &mut self.reports {
            if report.event.key == key && report.event.sequence == sequence {
                report.resend_at = now + RETRY_AFTER;
            }
        }
    }

    /// Nobody wants to hear of this ride any more.
    pub(super) fn forget(&mut self, key: HoldKey) {
        self.reports.retain(|report| report.event.key != key);
    }
}
