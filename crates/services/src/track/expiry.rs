//! What time brings: silent drivers, offers that ran out, supply to be counted, and the restart.

use domain::Timestamp;
use domain::hold::{HoldKey, HoldStage};
use domain::trip::TripEventKind;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::answers::{Ended, NotEnded, accepted_event};
use super::{DriverLinks, Notice, Tracker};
use crate::limits::CALLS_IN_FLIGHT_MAX;
use crate::ports::{
    Clock, HoldEnd, HoldStore, MarketSide, MarketSnapshot, MarketSnapshots, PortError, TripEvents,
};

/// What a tracker found when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Holds taken over.
    pub holds: usize,
    /// Of those, rides under way, each reported again.
    pub assignments: usize,
    /// Holds that could not stand beside another and were released.
    pub released: usize,
}

impl<H, E, S, L, C> Tracker<H, E, S, L, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    L: DriverLinks,
    C: Clock,
{
    /// Takes over the durable holds: deadlines run on, assignments are reported again, and offers still
    /// open are shown again when their drivers' streams come back.
    ///
    /// # Errors
    /// If the holds cannot be read, or an assignment cannot be reported.
    pub async fn restore(&self) -> Result<Restored, PortError> {
        let now = self.clock.now();
        let live = self.holds.live(now).await?;
        let holds = live.len();
        let surplus = self.fleet().restore(live.iter().copied());
        let released = surplus.len();
        for hold in surplus {
            self.holds.end(hold.key, HoldEnd::Released).await?;
        }
        let assigned: Vec<_> = live
            .into_iter()
            .filter(|h| h.stage == HoldStage::Accepted)
            .collect();
        let assignments = assigned.len();
        stream::iter(assigned)
            .map(|hold| async move { self.events.send(&accepted_event(&hold, now)).await })
            .buffered(CALLS_IN_FLIGHT_MAX)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(Restored {
            holds: holds - released,
            assignments,
            released,
        })
    }

    /// Does what time has made due, and says when to come again; none: nothing is waiting.
    pub async fn expire(&self) -> Option<Timestamp> {
        let expired = self.fleet().expire(self.clock.now());
        stream::iter(expired.holds)
            .map(|hold| self.expire_hold(hold.key, hold.stage))
            .buffered(CALLS_IN_FLIGHT_MAX)
            .collect::<Vec<()>>()
            .await;
        self.fleet().next_deadline()
    }

    async fn expire_hold(&self, key: HoldKey, stage: HoldStage) {
        match self.end_and_report(key, TripEventKind::Expired).await {
            Ok(Ended::Reported) if stage == HoldStage::Offered => {
                self.links.push(key.driver, Notice::Released { key });
            }
            Ok(Ended::WasAccepted) => self.follow_accept(key).await,
            Ok(Ended::Reported) | Err(NotEnded) => {}
        }
    }

    /// Counts available drivers per cell and vehicle class, for surge and quotes, and sends the count.
    ///
    /// # Errors
    /// If it cannot be sent.
    pub async fn count_supply(&self) -> Result<(), PortError> {
        let at = self.clock.now();
        let supply = self.fleet.available_by_cell(self.market.resolution);
        let region = self.market.region.clone();
        let side = MarketSide::Supply(supply);
        self.snapshots
            .publish(&MarketSnapshot { region, side, at })
            .await
    }
}
