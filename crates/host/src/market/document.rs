//! The shapes of the document: keys, units and defaults.

#[cfg(doc)]
use domain::fare::TariffTerms;
#[cfg(doc)]
use domain::surge::SurgeTerms;
#[cfg(doc)]
use domain::trip::SweepPolicy;
use serde::{Deserialize, Serialize};

/// A market, as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketDocument {
    /// Which region this is.
    pub region: String,
    /// How long a quote is good for.
    #[serde(default = "quote_ttl_s")]
    pub quote_ttl_s: u64,
    /// How often supply and demand are counted.
    #[serde(default = "snapshot_every_s")]
    pub snapshot_every_s: u64,
    /// H3 resolution of surge zones.
    #[serde(default = "resolution")]
    pub resolution: u8,
    /// Where rides are served; everywhere if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_area: Option<ServiceAreaDocument>,
    /// How places become metres and minutes.
    pub travel: TravelDocument,
    /// What rides cost; [`TariffTerms::default_usd`] if absent.
    #[serde(default)]
    pub tariff: TariffDocument,
    /// What riders may choose from; nothing if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<ProductDocument>,
    /// How surge follows supply and demand; no surge if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surge: Option<SurgeDocument>,
    /// How riders and drivers are brought together.
    #[serde(default)]
    pub dispatch: DispatchDocument,
    /// When the sweep looks at trips.
    #[serde(default)]
    pub sweep: SweepDocument,
}

fn quote_ttl_s() -> u64 {
    120
}

fn snapshot_every_s() -> u64 {
    30
}

fn resolution() -> u8 {
    8
}

/// What a rider may choose. The first of a market's is that of riders who name none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProductDocument {
    /// By which riders know it: `a-z`, `0-9` and `-`, at most 16.
    pub name: String,
    /// Numbers of the classes of vehicles that serve it; all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicle_classes: Option<Vec<u32>>,
    /// Its fares and drivers' pay in hundredths of the tariff's.
    #[serde(default = "fare_hundredths")]
    pub fare_hundredths: u32,
}

fn fare_hundredths() -> u32 {
    100
}

/// A rectangle of degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the four edges, as their names say")]
pub struct ServiceAreaDocument {
    pub south: f64,
    pub west: f64,
    pub north: f64,
    pub east: f64,
}

/// Which metric holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpaceKind {
    /// The Earth.
    #[default]
    Sphere,
    /// A flat rectangle.
    Plane,
    /// A rectangle with opposite edges joined.
    Torus,
}

/// One speed, or one for each hour of the city's day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SpeedDocument {
    /// The same all day.
    Constant(f64),
    /// By hour.
    ByHour([f64; 24]),
}

/// A city's clock by the system's: that of a run that begins at another time of day, or is faster.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CityClockDocument {
    /// When it begins to go, in milliseconds since 1970.
    pub started_at_ms: i64,
    /// The time of the city's day until then, in seconds since midnight.
    pub day_offset_s: u32,
    /// Seconds of the city in each of the system's.
    pub speedup: f64,
}

/// How places become metres and minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TravelDocument {
    /// Which metric holds.
    #[serde(default)]
    pub space: SpaceKind,
    /// Extent east of a plane or torus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width_m: Option<f64>,
    /// Extent north of a plane or torus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_m: Option<f64>,
    /// Street metres for each straight metre.
    #[serde(default = "circuity")]
    pub circuity: f64,
    /// Speed in km/h.
    pub speed_kmh: SpeedDocument,
    /// The city's clock; the system's own (UTC) if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city_clock: Option<CityClockDocument>,
    /// The fingerprint of the packed network of streets that ways follow; straight ways by circuity if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streets: Option<String>,
}

/// An assumption, as published estimates for cities lie between 1.2 and 1.4.
fn circuity() -> f64 {
    1.3
}

macro_rules! terms {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$field_meta])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$kind>,)*
        }
    };
}

terms! {
    /// What rides cost: the fields of [`TariffTerms`]. Amounts are minor units, rates millionths of one.
    TariffDocument {
        /// ISO 4217.
        currency: String,
        /// For every ride.
        base_minor: i64,
        /// For each kilometre.
        per_km_micros: i64,
        /// For each minute.
        per_minute_micros: i64,
        /// For every ride, never under surge.
        booking_fee_minor: i64,
        /// The least a ride costs.
        minimum_minor: i64,
        /// Free waiting at the pick-up.
        wait_free_s: u64,
        /// For each minute of waiting beyond it.
        wait_per_minute_micros: i64,
        /// For cancelling late.
        cancel_fee_minor: i64,
        /// How long after the accept cancelling is free.
        cancel_grace_s: u64,
        /// For not being there.
        no_show_fee_minor: i64,
        /// The driver's pay for each kilometre.
        driver_per_km_micros: i64,
        /// The driver's pay for each minute.
        driver_per_minute_micros: i64,
        /// The least a driver is paid for a ride.
        driver_minimum_minor: i64,
        /// The driver's share of fees.
        driver_share_of_fees_percent: u32,
        /// The driver's share of what surge adds.
        driver_share_of_surge_percent: u32,
    }
}

terms! {
    /// How surge follows supply and demand: the fields of [`SurgeTerms`].
    SurgeDocument {
        /// The highest multiplier.
        cap_hundredths: u32,
        /// The step of multipliers.
        step_hundredths: u32,
        /// The neighbours' share of a cell's pressure.
        smoothing_percent: u32,
        /// How far pressure falls before the multiplier follows.
        hysteresis_hundredths: u32,
        /// Steps a multiplier falls in one update at most.
        fall_steps_max: u32,
        /// Requests per driver that a cell bears without surge.
        target_ratio_hundredths: u32,
    }
}

terms! {
    /// When the sweep looks at trips: the fields of [`SweepPolicy`].
    SweepDocument {
        /// A request this old is rung for again.
        ring_grace_s: u64,
        /// An offer this long past its deadline is asked after.
        offer_grace_s: u64,
        /// How often the driver of an assigned trip is asked after.
        check_assigned_every_s: u64,
        /// Without a ping for so long a driver is lost.
        driver_lost_after_s: u64,
        /// A trip under way for so long is ended.
        under_way_max_s: u64,
    }
}

/// Which assignment a round makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyKind {
    /// First come, nearest available.
    Nearest,
    /// The least total pick-up time.
    Batched,
}

/// What happens to a rider for whom nobody is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueKind {
    /// Waits until patience ends.
    Wait,
    /// Is unserved at once.
    Lose,
}

/// How riders and drivers are brought together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchDocument {
    /// Which assignment.
    pub policy: PolicyKind,
    /// Pick-up time beyond which a batched round leaves a rider waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unserved_penalty_s: Option<u64>,
    /// The window of a match round.
    pub window_s: u64,
    /// Drivers farther than this are not asked; no limit if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_m: Option<f64>,
    /// Nearest drivers considered for each rider.
    pub candidates: usize,
    /// How long a driver has to answer.
    pub offer_timeout_s: u64,
    /// What happens to a rider for whom nobody is available.
    pub queue: QueueKind,
}

impl Default for DispatchDocument {
    fn default() -> Self {
        Self {
            policy: PolicyKind::Batched,
            unserved_penalty_s: None,
            window_s: 2,
            radius_m: None,
            candidates: 20,
            offer_timeout_s: 15,
            queue: QueueKind::Wait,
        }
    }
}
