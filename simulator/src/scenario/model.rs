//! A scenario as its file states it. Every key has a default, and the resolved file names them all. The
//! city, its riders and its drivers are here, the rest in [`system`].

mod system;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::values::{ByHour, Chance, Law, RideDuration, Span};
pub use system::{
    Api, Cloud, Container, Dispatch, Function, Host, Limit, Placement, Policy, Pricing, QueuePolicy,
};

/// A scenario: a city, its riders and drivers, the rules of the market, and where the code runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Its name; also the name of the region.
    pub name: String,
    /// One line for people.
    pub about: String,
    /// What a reader of its figures must know: what is assumed, what is measured.
    pub assumptions: Vec<String>,
    /// Replays the run.
    pub seed: u64,
    /// How long riders ask for rides. City time.
    pub duration: Span,
    /// How much of the beginning is left out of every figure. City time, inside `duration`.
    pub warmup: Span,
    /// City seconds to each second of the run.
    pub speedup: f64,
    /// Time of day at the start, as a span since midnight in whole seconds. City time.
    pub starts_at: Span,
    /// Where.
    pub city: City,
    /// Who asks for rides.
    pub demand: Demand,
    /// What riders choose from: the first is that of riders who name none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<Product>,
    /// How rides go.
    pub trips: Trips,
    /// Who drives.
    pub fleet: Fleet,
    /// Who gets which driver.
    pub dispatch: Dispatch,
    /// What it costs.
    pub pricing: Pricing,
    /// Which part runs where.
    pub placement: Placement,
    /// Sizes of functions, by name.
    pub functions: BTreeMap<String, Function>,
    /// Sizes of containers, by name.
    pub containers: BTreeMap<String, Container>,
    /// What the HTTP API lets through.
    #[serde(skip_serializing_if = "Api::is_unlimited")]
    pub api: Api,
    /// Prices.
    pub cloud: Cloud,
    /// Limits that a run must keep: `quote_p99 = "150ms"`, `served_share = 0.95`.
    pub slo: BTreeMap<String, Limit>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "scenario".to_owned(),
            about: String::new(),
            assumptions: Vec::new(),
            seed: 1,
            duration: Span::secs(600),
            warmup: Span::secs(0),
            speedup: 1.0,
            starts_at: Span::secs(18 * 3_600),
            city: City::default(),
            demand: Demand::default(),
            products: Vec::new(),
            trips: Trips::default(),
            fleet: Fleet::default(),
            dispatch: Dispatch::default(),
            pricing: Pricing::default(),
            placement: Placement::default(),
            functions: BTreeMap::new(),
            containers: BTreeMap::new(),
            api: Api::default(),
            cloud: Cloud::default(),
            slo: BTreeMap::new(),
        }
    }
}

/// Which kind of ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CityKind {
    /// On the Earth.
    Geo,
    /// A rectangle, or a torus, for theory.
    Plane,
    /// On the Earth, along the streets of a network.
    Road,
}

/// `[city]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct City {
    /// Which kind.
    pub kind: CityKind,
    /// geo and road: latitude and longitude.
    pub centre: [f64; 2],
    /// geo and road: of a round city.
    pub radius_km: f64,
    /// geo and road: a city profile, by path or built-in name, whose zones the city is made of: instead of centre
    /// and radius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zones: Option<PathBuf>,
    /// road: an extract of OpenStreetMap, `.osm.pbf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<PathBuf>,
    /// road, instead of `network`: CSV of nodes, `id,lat,lon`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<PathBuf>,
    /// road, with `nodes`: CSV of streets, `from,to,length_m,speed_kmh,oneway,class`, the last four optional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edges: Option<PathBuf>,
    /// road, with `edges`: CSV of forbidden turns, `from,via,to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<PathBuf>,
    /// road: hours in which traffic slows some classes of streets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<TrafficPeriod>,
    /// plane: extent east.
    pub width_km: f64,
    /// plane: extent north.
    pub height_km: f64,
    /// plane: opposite edges joined.
    pub wrap: bool,
    /// Driving speed. road: the mean over all metres of the network where traffic slows none, each street being as much
    /// faster or slower as it is by itself.
    pub speed_kmh: f64,
    /// Driving speed for each hour of the day, instead of `speed_kmh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_by_hour: Option<Vec<f64>>,
    /// Street metres for each straight metre. road: only where no street is near, and for estimates that know no way.
    pub circuity: f64,
}

impl City {
    /// Driving speed in km/h, one or by the hour.
    pub fn speeds(&self) -> ByHour {
        let by_hour = self.speed_by_hour.clone();
        by_hour.map_or(ByHour::Constant(self.speed_kmh), ByHour::Hours)
    }
}

impl Default for City {
    fn default() -> Self {
        Self {
            kind: CityKind::Geo,
            centre: [40.7480, -73.9850],
            radius_km: 6.0,
            zones: None,
            network: None,
            nodes: None,
            edges: None,
            turns: None,
            traffic: Vec::new(),
            width_km: 10.0,
            height_km: 10.0,
            wrap: false,
            speed_kmh: 24.0,
            speed_by_hour: None,
            circuity: 1.3,
        }
    }
}

/// `[[city.traffic]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficPeriod {
    /// Hours of the day, 0 to 23.
    pub hours: Vec<u8>,
    /// The share of its speed that is left to a street, by its class: the `class` of `edges`, or OpenStreetMap's
    /// `highway`. Streets of other classes are free.
    pub speed_factor: BTreeMap<String, f64>,
}

/// Which kind of demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DemandKind {
    /// A constant rate.
    Poisson,
    /// A rate for each hour.
    Hourly,
    /// A recorded file.
    Trips,
}

/// Where people or cars are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Everywhere alike.
    Uniform,
    /// Around the demand's hotspots.
    Hotspots,
    /// By the weights of a profile's zones.
    Zones,
}

/// A place where many people are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotspotEntry {
    /// Latitude and longitude (geo), or kilometres east and north (plane).
    pub at: [f64; 2],
    /// How many, beside the others.
    pub weight: f64,
    /// Standard deviation of the distance from its centre, each way.
    pub spread_km: f64,
}

/// Cancels a minute while the promised wait holds, and once it is broken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HazardTerms {
    /// While the promise holds.
    pub per_minute_on_time: f64,
    /// Once it is broken.
    pub per_minute_late: f64,
}

/// A probability, or a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a probability, or { per_minute_on_time, per_minute_late }"
)]
pub enum CancelChance {
    /// The same for all.
    Constant(f64),
    /// By the minute.
    Hazard(HazardTerms),
}

/// Where hourly rates come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "24 numbers, or a city profile")]
pub enum HourlySource {
    /// These.
    Rates(Vec<f64>),
    /// A city profile, by path or built-in name.
    Profile(PathBuf),
}

/// `[demand]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Demand {
    /// Which kind.
    pub kind: DemandKind,
    /// poisson: quotes asked for in an hour. City time.
    pub rides_per_hour: f64,
    /// hourly: 24 rates, or a city profile to take them from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly: Option<HourlySource>,
    /// trips: the demand file from `rushhour import`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// trips and hourly: multiplies the demand.
    pub scale: f64,
    /// trips: spreads stamps that were rounded when published.
    pub dejitter: bool,
    /// Where rides start.
    pub origins: Spread,
    /// Where rides end.
    pub destinations: Spread,
    /// For `hotspots`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hotspots: Vec<HotspotEntry>,
    /// A city profile, by path or built-in name: the weights of `zones`, and the lengths of trips.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<PathBuf>,
    /// How long a rider waits until a driver is found. City time.
    pub patience: Law,
    /// Whether a quote is taken, over the price and the minutes until pick-up.
    pub quote_acceptance: Chance,
    /// Whether a ride is cancelled after a driver was found.
    pub cancel_probability: CancelChance,
    /// How often the rider's app asks until a driver is found. Run time.
    pub poll_every: Span,
}

impl Default for Demand {
    fn default() -> Self {
        Self {
            kind: DemandKind::Poisson,
            rides_per_hour: 600.0,
            hourly: None,
            file: None,
            scale: 1.0,
            dejitter: false,
            origins: Spread::Uniform,
            destinations: Spread::Uniform,
            hotspots: Vec::new(),
            profile: None,
            patience: "5m".parse().expect("5m is a span"),
            quote_acceptance: Chance::Constant(1.0),
            cancel_probability: CancelChance::Constant(0.0),
            poll_every: Span::secs(5),
        }
    }
}

/// `[[products]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// By which riders know it.
    pub name: String,
    /// How many riders choose it, beside the others.
    pub share: f64,
    /// Classes of vehicles that serve it, of those in `fleet.vehicles`; all of them if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vehicles: Option<Vec<String>>,
    /// Its fares and drivers' pay beside those of `[pricing]`, the booking fee apart.
    #[serde(default = "one")]
    pub fare_factor: f64,
}

fn one() -> f64 {
    1.0
}

/// `[trips]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trips {
    /// How long rides take. City time.
    pub duration: RideDuration,
    /// From arrival until the rider is in the car. City time.
    pub boarding: Span,
}

impl Default for Trips {
    fn default() -> Self {
        Self {
            duration: RideDuration::FromDistance,
            boarding: Span::secs(0),
        }
    }
}

/// How the fleet starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FleetStart {
    /// Everyone waits for a ride.
    Idle,
    /// On trip and on the way in the shares of the steady state.
    Stationary,
}

/// What drivers do between rides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdlePolicy {
    /// Wait where they are.
    Stay,
    /// Drive to a hotspot.
    Hotspot,
    /// Drive to where surge is.
    Surge,
}

/// `[fleet]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fleet {
    /// How many, or how many at each hour of the day.
    pub drivers: ByHour,
    /// Classes of vehicles by name, and how many drivers drive each beside the others; none: all drive the same.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub vehicles: BTreeMap<String, f64>,
    /// Where they start.
    pub placement: Spread,
    /// How often the app reports its place. Run time.
    pub ping_every: Span,
    /// Whether an offer is taken, over the minutes to the pick-up and the driver's pay.
    pub accept_probability: Chance,
    /// How long a driver has to answer, whole seconds. Run time.
    pub offer_timeout: Span,
    /// How long a driver looks at an offer. City time.
    pub reaction: Law,
    /// How long drivers stay once they came; none: the whole run. City time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shifts: Option<Law>,
    /// How they start.
    pub start: FleetStart,
    /// What they do between rides.
    pub idle: IdlePolicy,
    /// Driver streams that share one HTTP/2 connection.
    pub streams_per_connection: usize,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            drivers: ByHour::Constant(200.0),
            vehicles: BTreeMap::new(),
            placement: Spread::Uniform,
            ping_every: Span::secs(4),
            accept_probability: Chance::Constant(1.0),
            offer_timeout: Span::secs(15),
            reaction: "0s".parse().expect("0s is a span"),
            shifts: None,
            start: FleetStart::Idle,
            idle: IdlePolicy::Stay,
            streams_per_connection: 100,
        }
    }
}
