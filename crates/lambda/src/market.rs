//! The market as a document, TOML or JSON: what a deployment hands to its functions.
//!
//! ```
//! let document = rushhour_lambda::market::MarketDocument::parse(
//!     r#"
//!     region = "new-york"
//!     [travel]
//!     speed_kmh = 18.5
//!     "#,
//! )?;
//! assert_eq!(document.market()?.dispatch.candidates, 20);
//! # Ok::<(), rushhour_lambda::market::MarketError>(())
//! ```
//!
//! Units stand at the end of names; a key that is not known is an error; what is left out has the
//! default that stands here.

use std::time::Duration;

use domain::fare::{Tariff, TariffTerms};
use domain::place::Space;
use domain::surge::{Multiplier, SurgePolicy, SurgeTerms};
use domain::travel::Travel;
use domain::trip::SweepPolicy;
use domain::{Currency, Money, Region, Resolution};
use serde::{Deserialize, Serialize};
use services::config::{Assignment, DispatchPolicy, Market, Queue, ServiceArea};

/// Why a document is not a market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// It is not TOML or JSON of this shape.
    #[error("market: {0}")]
    Shape(String),
    /// A value cannot be.
    #[error("market: {key}: {detail}")]
    Value {
        /// Which key.
        key: &'static str,
        /// What was found, and what was expected.
        detail: String,
    },
}

fn bad(key: &'static str) -> impl Fn(&dyn std::fmt::Display) -> MarketError {
    move |detail| MarketError::Value {
        key,
        detail: detail.to_string(),
    }
}

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

/// One speed, or one for each hour of the day (UTC).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SpeedDocument {
    /// The same all day.
    Constant(f64),
    /// By hour.
    ByHour([f64; 24]),
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

impl MarketDocument {
    /// Reads a document: JSON if it begins with `{`, TOML otherwise.
    ///
    /// # Errors
    /// If it is neither, or has a key that is not known.
    pub fn parse(text: &str) -> Result<Self, MarketError> {
        if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| MarketError::Shape(error.to_string()))
        } else {
            toml::from_str(text).map_err(|error| MarketError::Shape(error.to_string()))
        }
    }

    /// The document as one line of JSON, as an environment variable carries it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a market document has text keys")
    }

    /// The market.
    ///
    /// # Errors
    /// Names the first value that cannot be.
    pub fn market(&self) -> Result<Market, MarketError> {
        let dispatch = &self.dispatch;
        if let Some(radius_m) = dispatch.radius_m.filter(|radius_m| !(*radius_m > 0.0)) {
            return Err(bad("dispatch.radius_m")(&format!(
                "found {radius_m}, expected more than 0"
            )));
        }
        if !(1..=900).contains(&self.quote_ttl_s) {
            let found = self.quote_ttl_s;
            return Err(bad("quote_ttl_s")(&format!(
                "found {found}, expected 1 to 900"
            )));
        }
        if dispatch.window_s > 900 {
            // The longest delay of an SQS message.
            let found = dispatch.window_s;
            return Err(bad("dispatch.window_s")(&format!(
                "found {found}, expected 0 to 900"
            )));
        }
        Ok(Market {
            region: Region::new(&self.region).map_err(|error| bad("region")(&error))?,
            service_area: self.service_area()?,
            travel: self.travel.travel()?,
            tariff: self.tariff.tariff()?,
            resolution: Resolution::new(self.resolution)
                .map_err(|error| bad("resolution")(&error))?,
            surge: self.surge.as_ref().map(SurgeDocument::policy).transpose()?,
            quote_ttl: Duration::from_secs(self.quote_ttl_s),
            dispatch: dispatch.policy(),
            sweep: self.sweep.policy(),
            snapshot_every: Duration::from_secs(self.snapshot_every_s.max(1)),
        })
    }

    fn service_area(&self) -> Result<Option<ServiceArea>, MarketError> {
        let Some(ServiceAreaDocument {
            south,
            west,
            north,
            east,
        }) = self.service_area
        else {
            return Ok(None);
        };
        if !(south < north && west < east) {
            let found = format!(
                "found {south} to {north} and {west} to {east}, expected an area of some size"
            );
            return Err(bad("service_area")(&found));
        }
        Ok(Some(ServiceArea {
            south,
            west,
            north,
            east,
        }))
    }
}

impl TravelDocument {
    fn travel(&self) -> Result<Travel, MarketError> {
        let side = |key: &'static str, value: Option<f64>| {
            value
                .filter(|metres| *metres > 0.0 && metres.is_finite())
                .ok_or_else(|| bad(key)(&format!("found {value:?}, expected more than 0 metres")))
        };
        let sides = || {
            Ok((
                side("travel.width_m", self.width_m)?,
                side("travel.height_m", self.height_m)?,
            ))
        };
        let space = match self.space {
            SpaceKind::Sphere => Space::Sphere,
            SpaceKind::Plane => {
                let (width_m, height_m) = sides()?;
                Space::Plane { width_m, height_m }
            }
            SpaceKind::Torus => {
                let (width_m, height_m) = sides()?;
                Space::Torus { width_m, height_m }
            }
        };
        let speed_kmh = match self.speed_kmh {
            SpeedDocument::Constant(speed) => [speed; 24],
            SpeedDocument::ByHour(speeds) => speeds,
        };
        Travel::new(space, self.circuity, speed_kmh).map_err(|error| bad("travel")(&error))
    }
}

impl TariffDocument {
    fn tariff(&self) -> Result<Tariff, MarketError> {
        let usual = TariffTerms::default_usd();
        let money = |minor: Option<i64>, usual: Money| minor.map_or(usual, Money::from_minor);
        let span = |seconds: Option<u64>, usual| seconds.map_or(usual, Duration::from_secs);
        let currency = match &self.currency {
            None => usual.currency,
            Some(code) => Currency::new(code).ok_or_else(|| {
                bad("tariff.currency")(&format!(
                    "found {code:?}, expected three capitals such as USD"
                ))
            })?,
        };
        let terms = TariffTerms {
            currency,
            base: money(self.base_minor, usual.base),
            per_km_micros: self.per_km_micros.unwrap_or(usual.per_km_micros),
            per_minute_micros: self.per_minute_micros.unwrap_or(usual.per_minute_micros),
            booking_fee: money(self.booking_fee_minor, usual.booking_fee),
            minimum: money(self.minimum_minor, usual.minimum),
            wait_free: span(self.wait_free_s, usual.wait_free),
            wait_per_minute_micros: self
                .wait_per_minute_micros
                .unwrap_or(usual.wait_per_minute_micros),
            cancel_fee: money(self.cancel_fee_minor, usual.cancel_fee),
            cancel_grace: span(self.cancel_grace_s, usual.cancel_grace),
            no_show_fee: money(self.no_show_fee_minor, usual.no_show_fee),
            driver_per_km_micros: self
                .driver_per_km_micros
                .unwrap_or(usual.driver_per_km_micros),
            driver_per_minute_micros: self
                .driver_per_minute_micros
                .unwrap_or(usual.driver_per_minute_micros),
            driver_minimum: money(self.driver_minimum_minor, usual.driver_minimum),
            driver_share_of_fees_percent: self
                .driver_share_of_fees_percent
                .unwrap_or(usual.driver_share_of_fees_percent),
        };
        Tariff::new(terms).map_err(|error| bad("tariff")(&error))
    }
}

impl SurgeDocument {
    fn policy(&self) -> Result<SurgePolicy, MarketError> {
        let usual = SurgeTerms::default();
        let terms = SurgeTerms {
            cap: self
                .cap_hundredths
                .map_or(usual.cap, Multiplier::from_hundredths),
            step_hundredths: self.step_hundredths.unwrap_or(usual.step_hundredths),
            smoothing_percent: self.smoothing_percent.unwrap_or(usual.smoothing_percent),
            hysteresis_hundredths: self
                .hysteresis_hundredths
                .unwrap_or(usual.hysteresis_hundredths),
            fall_steps_max: self.fall_steps_max.unwrap_or(usual.fall_steps_max),
            target_ratio_hundredths: self
                .target_ratio_hundredths
                .unwrap_or(usual.target_ratio_hundredths),
        };
        SurgePolicy::new(terms).map_err(|error| bad("surge")(&error))
    }
}

impl SweepDocument {
    fn policy(&self) -> SweepPolicy {
        let usual = SweepPolicy::default();
        let span = |seconds: Option<u64>, usual| seconds.map_or(usual, Duration::from_secs);
        SweepPolicy {
            ring_grace: span(self.ring_grace_s, usual.ring_grace),
            offer_grace: span(self.offer_grace_s, usual.offer_grace),
            check_assigned_every: span(self.check_assigned_every_s, usual.check_assigned_every),
            driver_lost_after: span(self.driver_lost_after_s, usual.driver_lost_after),
            under_way_max: span(self.under_way_max_s, usual.under_way_max),
        }
    }
}

impl DispatchDocument {
    fn policy(&self) -> DispatchPolicy {
        DispatchPolicy {
            assignment: match self.policy {
                PolicyKind::Nearest => Assignment::Nearest,
                PolicyKind::Batched => Assignment::Batched {
                    unserved_penalty: self.unserved_penalty_s.map(Duration::from_secs),
                },
            },
            window: Duration::from_secs(self.window_s),
            radius_m: self.radius_m,
            candidates: self.candidates,
            offer_timeout: Duration::from_secs(self.offer_timeout_s),
            queue: match self.queue {
                QueueKind::Wait => Queue::Wait,
                QueueKind::Lose => Queue::Lose,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TORUS: &str = r#"
        region = "textbook"
        resolution = 7
        [travel]
        space = "torus"
        width_m = 10_000
        height_m = 8_000
        circuity = 1.0
        speed_kmh = 36
        [surge]
        cap_hundredths = 200
        [dispatch]
        policy = "nearest"
        window_s = 0
        queue = "lose"
        [tariff]
        base_minor = 300
    "#;

    #[test]
    fn a_document_is_a_market_in_toml_and_in_json() {
        let document = MarketDocument::parse(TORUS).unwrap();
        assert_eq!(
            MarketDocument::parse(&document.to_json()),
            Ok(document.clone())
        );
        let market = document.market().unwrap();
        assert_eq!(market.region.as_str(), "textbook");
        assert_eq!(market.dispatch.assignment, Assignment::Nearest);
        assert_eq!(market.dispatch.queue, Queue::Lose);
        assert_eq!(market.tariff.terms().base, Money::from_minor(300));
        assert_eq!(
            market.tariff.terms().minimum,
            TariffTerms::default_usd().minimum
        );
        assert!(market.surge.is_some());
    }

    #[test]
    fn what_cannot_be_is_named() {
        let changed = |from: &str, to: &str| {
            let document = MarketDocument::parse(&TORUS.replace(from, to));
            document
                .and_then(|document| document.market())
                .unwrap_err()
                .to_string()
        };
        for (from, to, named) in [
            ("resolution = 7", "resolutoin = 7", "resolutoin"),
            ("resolution = 7", "resolution = 16", "resolution"),
            ("\"textbook\"", "\"Text Book\"", "region"),
            ("width_m = 10_000", "width_m = 0", "travel.width_m"),
            ("speed_kmh = 36", "speed_kmh = -1", "travel"),
            ("cap_hundredths", "cap", "cap"),
            ("window_s = 0", "window_s = 901", "window_s"),
            ("window_s = 0", "radius_m = nan", "radius_m"),
            ("base_minor = 300", "base_minor = -1", "tariff"),
        ] {
            let message = changed(from, to);
            assert!(message.contains(named), "{to}: {message}");
        }
    }
}
