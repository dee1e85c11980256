//! The rides under way when a stationary run begins: what the stores are given, and what their drivers know.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::fare::Charge;
use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::trip::{Stamps, Trip, TripState, Try, TryOutcome};
use domain::{Attempt, DriverId, Timestamp, TripId};
use report::trips::Seen;
use services::config::Market;
use workload::supply::{DriverPlan, RideUnderWay};
use workload::world::World;

use crate::keys::trip_of;

/// Rides under way, for the stores and for the drivers.
#[derive(Debug, Clone, Default)]
pub struct Seed {
    /// The trips, assigned and not ended.
    pub trips: Vec<Trip>,
    /// Their holds, accepted.
    pub holds: Vec<Hold>,
    /// What each driver knows of the ride.
    pub rides: BTreeMap<DriverId, (HoldKey, Offer)>,
}

/// The rides that `plans` say are under way at the start of `world`'s run.
#[must_use]
pub fn seed(world: &World, market: &Market, plans: &[DriverPlan]) -> Seed {
    let mut seed = Seed::default();
    for plan in plans {
        let Some(ride) = &plan.under_way else {
            continue;
        };
        let trip = trip(world, market, plan, ride);
        let key = HoldKey {
            trip: trip.id,
            attempt: Attempt(1),
            driver: plan.driver,
        };
        let accepted_at = trip.stamps.accepted_at;
        let left_at = world.pace.city_time(accepted_at.unwrap_or_default());
        let travel = world.city.travel();
        let offer = Offer {
            rider: trip.rider,
            pickup: trip.pickup,
            dropoff: trip.dropoff,
            driver_pay: trip.fare.driver_pay,
            pickup_distance_m: travel.way(ride.from, trip.pickup, left_at).distance_m,
        };
        let deadline = trip.tries[0].deadline;
        seed.holds.push(Hold {
            key,
            stage: HoldStage::Accepted,
            deadline,
            accepted_at,
            offer,
        });
        seed.rides.insert(plan.driver, (key, offer));
        seed.trips.push(trip);
    }
    seed
}

/// Rides under way at the start, as their riders know them.
#[must_use]
pub fn seen_under_way(seeded: &Seed, started_at: Timestamp) -> BTreeMap<TripId, Seen> {
    seeded
        .trips
        .iter()
        .map(|trip| {
            let mut seen = Seen::scheduled(trip.rider, trip.requested_at.min(started_at));
            seen.answered_at = Some(trip.requested_at);
            seen.quoted_total = Some(trip.fare.total());
            (trip.id, seen)
        })
        .collect()
}

fn trip(world: &World, market: &Market, plan: &DriverPlan, ride: &RideUnderWay) -> Trip {
    let rider = &ride.rider;
    let stamps = ride.stamps(&world.pace);
    let accepted_at = stamps.accepted_at.unwrap_or(world.pace.started_at());
    let (state, since) = standing(&stamps, accepted_at);
    let way = market.travel.way(rider.pickup, rider.dropoff, accepted_at);
    let deadline = accepted_at + market.dispatch.offer_timeout;
    let product = rider.product.as_ref();
    let product = product.and_then(|name| market.products.named(name.as_str()));
    Trip {
        id: trip_of(rider),
        region: market.region.clone(),
        rider: rider.rider,
        product: rider.product,
        pickup: rider.pickup,
        dropoff: rider.dropoff,
        fare: market
            .tariff_of(product)
            .quote(way, domain::surge::Multiplier::NONE),
        distance_m: way.distance_m,
        duration: way.duration,
        fingerprint: [0; 16],
        patience: world.pace.in_run(rider.patience),
        requested_at: accepted_at,
        patience_until: accepted_at + world.pace.in_run(rider.patience),
        state,
        tries: vec![Try {
            driver: plan.driver,
            offered_at: accepted_at,
            deadline,
            outcome: TryOutcome::Accepted,
            ended_at: Some(accepted_at),
        }],
        stamps,
        since,
        checked_at: last_checked(world, market, plan, since),
        charge: Charge::default(),
        version: 2,
    }
}

fn standing(stamps: &Stamps, accepted_at: Timestamp) -> (TripState, Timestamp) {
    if let Some(at) = stamps.picked_up_at {
        (TripState::PickedUp, at)
    } else if let Some(at) = stamps.arrived_at {
        (TripState::Arrived, at)
    } else {
        (TripState::Accepted, accepted_at)
    }
}

/// The sweep has looked after long rides before the start, each at its own time.
fn last_checked(world: &World, market: &Market, plan: &DriverPlan, since: Timestamp) -> Timestamp {
    let every = market.sweep.check_assigned_every;
    let started_at = world.pace.started_at();
    let ago: Duration = every.mul_f64(plan.ping_phase);
    if started_at.since(since) > ago {
        started_at - ago
    } else {
        Timestamp::ZERO
    }
}
