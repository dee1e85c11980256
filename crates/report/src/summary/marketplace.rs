//! The part of the summary that a marketplace scientist reads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Flows of rides after the warm-up, and the stocks at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Rides {
    /// Requested and not ended when measuring began.
    pub in_progress_at_start: u64,
    /// Quotes given.
    pub quoted: u64,
    /// Rides requested.
    pub requested: u64,
    /// Rides that were offered to a driver for the first time.
    pub offered: u64,
    /// Rides that a driver accepted.
    pub accepted: u64,
    /// Rides that ended at their destination.
    pub completed: u64,
    /// Rides cancelled by whomever.
    pub cancelled: u64,
    /// Rides that found no driver.
    pub unserved: u64,
    /// Requested and not ended when measuring ended.
    pub in_progress: u64,
    /// The share of rides requested that find a driver, 0 to 1. Rides whose search goes on when measuring ends count for as
    /// long as it has gone on (the Aalen–Johansen estimate); one that goes on longer than any that was decided counts as
    /// not served.
    #[serde(default)]
    pub served_share: Option<f64>,
}

/// The rides of one product.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProductFigures {
    /// Rides requested.
    pub requested: u64,
    /// Rides that ended at their destination.
    pub completed: u64,
    /// Rides cancelled by whomever.
    pub cancelled: u64,
    /// Rides that found no driver.
    pub unserved: u64,
    /// The share of rides that find a driver, as [`Rides::served_share`].
    pub served_share: Option<f64>,
    /// What its riders waited and its drivers drove until the pick-up.
    pub pickup: Pickup,
    /// What its riders pay, in whole units of the currency.
    pub gross: f64,
    /// The drivers' part of it.
    pub driver_pay: f64,
}

/// Match rounds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Matching {
    /// Rounds that were run.
    pub rounds: u64,
    /// Open requests that a round considered.
    pub round_size: RoundSize,
    /// Reservations that lost their driver to another.
    pub reserve_conflicts: u64,
}

/// Open requests that a round considered.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct RoundSize {
    /// The mean.
    pub mean: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
    /// The largest.
    pub max: Option<u64>,
}

/// How a quantity spreads.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// The mean.
    pub mean: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 99th percentile.
    pub p99: Option<f64>,
}

/// What riders waited and drivers drove until the pick-up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Pickup {
    /// From the request to the driver's arrival, in seconds of the run's clock.
    pub wait_s: Spread,
    /// The driver's way to the pick-up, in metres.
    pub distance_m: Spread,
}

/// How drivers spent their time and their way.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Drivers {
    /// Drivers online at a moment, on average.
    pub online_mean: Option<f64>,
    /// The share of online time with a rider in the car, as New York's commission defines it.
    pub utilisation: Option<f64>,
    /// The share of online time without a ride.
    pub idle_share: Option<f64>,
    /// The share of online time on the way to a pick-up or waiting there.
    pub pickup_share: Option<f64>,
    /// The same, beside the shares that add up to one with it.
    pub on_trip_share: Option<f64>,
    /// Kilometres driven by all drivers.
    pub km: Kilometres,
}

/// Kilometres driven by all drivers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Kilometres {
    /// Without a ride.
    pub idle: f64,
    /// To pick-ups.
    pub pickup: f64,
    /// With a rider.
    pub trip: f64,
}

/// Surge multipliers that were quoted with the rides requested; 1 is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SurgeFigures {
    /// The mean.
    pub mean: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// What was charged for the rides that ended, and who got it, in whole units of the currency.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct MoneyFigures {
    /// ISO 4217 code.
    pub currency: String,
    /// What riders pay: `driver_pay` + `platform` + `fees`.
    pub gross: f64,
    /// The drivers' part.
    pub driver_pay: f64,
    /// What is left to the platform; below zero where drivers are paid more than riders pay.
    pub platform: f64,
    /// Booking fees.
    pub fees: f64,
    /// Drivers' pay for an hour online. Of a compressed run, for an hour of the city, not of the clock.
    pub pay_per_online_hour: PayPerHour,
}

/// Drivers' pay for an hour online.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PayPerHour {
    /// All pay over all hours.
    pub mean: Option<f64>,
    /// What nine in ten drivers earn more than, of those who were online for half an hour of the city.
    pub p10: Option<f64>,
    /// The Gini coefficient over the same drivers: 0 all alike, 1 one has all.
    pub gini: Option<f64>,
}
