//! Each port behind its faults.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::hold::{Hold, HoldKey, Refusal};
use domain::trip::{Trip, TripEvent};
use domain::{Region, Round, Timestamp, TripId};
use services::ports::{
    Created, Doorbell, DueTrips, HoldEnd, HoldStore, MarketSnapshot, MarketSnapshots, MarketState,
    MarketStore, OpenTrips, PortError, Reserved, RoundLease, Swap, TripEvents, TripStore,
};

use super::faults::{Call, Port};

impl<P: TripStore> TripStore for Port<P> {
    async fn create(&self, trip: &Trip) -> Result<Created, PortError> {
        self.faults
            .guard(Call::CreateTrip, self.inner.create(trip))
            .await
    }

    async fn get(&self, id: TripId) -> Result<Option<Trip>, PortError> {
        self.faults.guard(Call::GetTrip, self.inner.get(id)).await
    }

    async fn transition(&self, next: &Trip) -> Result<Swap, PortError> {
        self.faults
            .guard(Call::TransitionTrip, self.inner.transition(next))
            .await
    }
}

impl<P: OpenTrips> OpenTrips for Port<P> {
    async fn open(&self, region: &Region, limit: usize) -> Result<Vec<Trip>, PortError> {
        self.faults
            .guard(Call::OpenTrips, self.inner.open(region, limit))
            .await
    }
}

impl<P: DueTrips> DueTrips for Port<P> {
    async fn due(
        &self,
        region: &Region,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<TripId>, PortError> {
        self.faults
            .guard(Call::DueTrips, self.inner.due(region, now, limit))
            .await
    }
}

impl<P: RoundLease> RoundLease for Port<P> {
    async fn take(
        &self,
        region: &Region,
        round: Round,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        self.faults
            .guard(Call::TakeLease, self.inner.take(region, round, now, until))
            .await
    }

    async fn finish(&self, region: &Region, round: Round) -> Result<(), PortError> {
        self.faults
            .guard(Call::FinishLease, self.inner.finish(region, round))
            .await
    }
}

impl<P: Doorbell> Doorbell for Port<P> {
    async fn ring(&self, region: &Region, round: Round, delay: Duration) -> Result<(), PortError> {
        self.faults
            .guard(Call::Ring, self.inner.ring(region, round, delay))
            .await
    }
}

impl<P: TripEvents> TripEvents for Port<P> {
    async fn send(&self, event: &TripEvent) -> Result<(), PortError> {
        self.faults
            .guard(Call::SendEvent, self.inner.send(event))
            .await
    }
}

impl<P: MarketSnapshots> MarketSnapshots for Port<P> {
    async fn publish(&self, snapshot: &MarketSnapshot) -> Result<(), PortError> {
        self.faults
            .guard(Call::PublishSnapshot, self.inner.publish(snapshot))
            .await
    }
}

impl<P: MarketStore> MarketStore for Port<P> {
    async fn load(&self, region: &Region) -> Result<MarketState, PortError> {
        self.faults
            .guard(Call::LoadMarket, self.inner.load(region))
            .await
    }

    async fn store(&self, region: &Region, next: &MarketState) -> Result<Swap, PortError> {
        self.faults
            .guard(Call::StoreMarket, self.inner.store(region, next))
            .await
    }

    /// Cell by cell, so that it may fail at any.
    async fn tell(&self, region: &Region, state: &MarketState) -> Result<(), PortError> {
        for cell in state.untold.iter() {
            let one = MarketState {
                untold: BTreeSet::from([*cell]).into(),
                ..state.clone()
            };
            self.faults
                .guard(Call::TellCell, self.inner.tell(region, &one))
                .await?;
        }
        Ok(())
    }
}

impl<P: HoldStore> HoldStore for Port<P> {
    async fn reserve(&self, hold: &Hold, now: Timestamp) -> Result<Reserved, PortError> {
        self.faults
            .guard(Call::StoreReserve, self.inner.reserve(hold, now))
            .await
    }

    async fn mark_offered(&self, key: HoldKey) -> Result<bool, PortError> {
        self.faults
            .guard(Call::StoreMarkOffered, self.inner.mark_offered(key))
            .await
    }

    async fn accept(
        &self,
        key: HoldKey,
        now: Timestamp,
    ) -> Result<Result<Hold, Refusal>, PortError> {
        self.faults
            .guard(Call::StoreAccept, self.inner.accept(key, now))
            .await
    }

    async fn end(&self, key: HoldKey, why: HoldEnd) -> Result<bool, PortError> {
        self.faults
            .guard(Call::StoreEnd, self.inner.end(key, why))
            .await
    }

    async fn live(&self, now: Timestamp) -> Result<Vec<Hold>, PortError> {
        self.faults
            .guard(Call::StoreLive, self.inner.live(now))
            .await
    }
}
