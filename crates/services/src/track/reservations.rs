//! Keeping drivers for trips, showing them rides, letting them go.

use domain::Timestamp;
use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use fleet::ReserveStart;

use super::{DriverLinks, Notice, Tracker};
use crate::ports::{Clock, HoldEnd, HoldStore, MarketSnapshots, PortError, Reserved, TripEvents};

impl<H, E, S, L, C> Tracker<H, E, S, L, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    L: DriverLinks,
    C: Clock,
{
    /// Keeps a driver for an attempt until a deadline. Idempotent. The driver is not told.
    ///
    /// # Errors
    /// If the hold cannot be written durably.
    pub async fn reserve(
        &self,
        key: HoldKey,
        deadline: Timestamp,
        offer: &Offer,
    ) -> Result<Reserved, PortError> {
        let now = self.clock.now();
        let stage = HoldStage::Reserved;
        let hold = Hold {
            key,
            stage,
            deadline,
            accepted_at: None,
            offer: *offer,
        };
        let start = self.fleet().begin_reserve(hold, now);
        match start {
            ReserveStart::Started => self.reserve_durably(&hold, now).await,
            ReserveStart::UnderWay => self.reserve_beside(&hold, now).await,
            ReserveStart::AlreadyHeld => Ok(Reserved::Held),
            ReserveStart::TripHeldBy(driver) => Ok(Reserved::TripHeldBy(driver)),
            ReserveStart::DriverTaken | ReserveStart::Unavailable | ReserveStart::PastDeadline => {
                Ok(Reserved::DriverTaken)
            }
        }
    }

    /// Another call writes the same words; the store answers both alike.
    async fn reserve_beside(&self, hold: &Hold, now: Timestamp) -> Result<Reserved, PortError> {
        let reserved = self.holds.reserve(hold, now).await?;
        // It stands from now on: who was told so offers it, and the other call may still be waiting.
        if reserved == Reserved::Held && !self.fleet().finish_reserve(&hold.key, true) {
            self.holds.end(hold.key, HoldEnd::Released).await?;
            return Ok(Reserved::DriverTaken);
        }
        Ok(reserved)
    }

    async fn reserve_durably(&self, hold: &Hold, now: Timestamp) -> Result<Reserved, PortError> {
        let key = hold.key;
        match self.holds.reserve(hold, now).await {
            Ok(Reserved::Held) => {
                let stands = self.fleet().finish_reserve(&key, true);
                if stands {
                    return Ok(Reserved::Held);
                }
                // Released while it was being written.
                self.holds.end(key, HoldEnd::Released).await?;
                Ok(Reserved::DriverTaken)
            }
            Ok(lost) => {
                let stands = self.fleet().finish_reserve(&key, false);
                debug_assert!(!stands, "a lost reservation does not stand");
                Ok(lost)
            }
            Err(error) => {
                // Written or not: take it back, or else let it run to its deadline.
                let taken_back = self.holds.end(key, HoldEnd::Released).await.is_ok();
                let stands = self.fleet().finish_reserve(&key, !taken_back);
                if taken_back && stands {
                    // Another call of the same words had settled it, and it is gone now.
                    self.fleet().end_hold(&key);
                }
                tracing::warn!(trip = %key.trip, %error, stands, "reservation was not answered");
                Err(error)
            }
        }
    }

    /// Shows a reserved ride to its driver. Idempotent. False if the hold is gone.
    ///
    /// # Errors
    /// If that it was shown cannot be written durably.
    pub async fn offer(&self, key: HoldKey) -> Result<bool, PortError> {
        let known = self.fleet().hold_of_driver(key.driver).copied();
        let Some(hold) = known.filter(|hold| hold.key == key && hold.is_live(self.clock.now()))
        else {
            return Ok(false);
        };
        if hold.stage == HoldStage::Accepted {
            return Ok(true);
        }
        if !self.holds.mark_offered(key).await? {
            return Ok(false);
        }
        let shown = Hold {
            stage: HoldStage::Offered,
            ..hold
        };
        {
            let mut fleet = self.fleet();
            // Released meanwhile: the store has it so, and memory keeps it so.
            if fleet.hold_of_driver(key.driver).map(|h| h.key) != Some(key)
                || fleet.set_hold(shown).is_err()
            {
                return Ok(false);
            }
        }
        let notice = Notice::Offer {
            key,
            offer: hold.offer,
            deadline: hold.deadline,
        };
        if !self.links.push(key.driver, notice) {
            tracing::debug!(driver = %key.driver, "offered to a driver without a stream");
        }
        Ok(true)
    }

    /// Lets the driver go, whatever the stage, and tells the driver what was known to the driver.
    ///
    /// # Errors
    /// If the end cannot be written durably.
    pub async fn release(&self, key: HoldKey) -> Result<(), PortError> {
        self.holds.end(key, HoldEnd::Released).await?;
        let ended = self.fleet().end_hold(&key);
        if ended.is_some_and(|hold| hold.stage > HoldStage::Reserved) {
            self.links.push(key.driver, Notice::Released { key });
        }
        Ok(())
    }
}
