//! The market as a document, TOML or JSON: what a deployment hands to its functions.
//!
//! ```
//! let document = rushhour_host::market::MarketDocument::parse(
//!     r#"
//!     region = "new-york"
//!     [travel]
//!     speed_kmh = 18.5
//!     "#,
//! )?;
//! assert_eq!(document.market()?.dispatch.candidates, 20);
//! # Ok::<(), rushhour_host::market::MarketError>(())
//! ```
//!
//! Units stand at the end of names; a key that is not known is an error; what is left out has the
//! default that stands here.

mod document;
#[cfg(test)]
mod tests;

use std::time::Duration;

use domain::fare::{Tariff, TariffTerms};
use domain::place::Space;
use domain::surge::{Multiplier, SurgePolicy, SurgeTerms};
use domain::travel::{CityClock, Travel};
use domain::trip::SweepPolicy;
use domain::{
    Currency, Money, ProductName, Region, Resolution, Timestamp, VehicleClass, VehicleClasses,
};
use roads::packed::Fingerprint;
use services::config::{Assignment, DispatchPolicy, Market, Queue, ServiceArea};
use services::products::{Product, Products};

pub use document::{
    CityClockDocument, DispatchDocument, MarketDocument, PolicyKind, ProductDocument, QueueKind,
    ServiceAreaDocument, SpaceKind, SpeedDocument, SurgeDocument, SweepDocument, TariffDocument,
    TravelDocument,
};

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

    /// The market, but for the streets that it may name.
    ///
    /// # Errors
    /// Names the first value that cannot be.
    pub fn market(&self) -> Result<Market, MarketError> {
        let dispatch = &self.dispatch;
        if let Some(radius_m) = dispatch.radius_m.filter(|m| m.is_nan() || *m <= 0.0) {
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
        let tariff = self.tariff.tariff()?;
        Ok(Market {
            region: Region::new(&self.region).map_err(|error| bad("region")(&error))?,
            service_area: self.service_area()?,
            travel: self.travel.travel()?,
            products: self.products(&tariff)?,
            tariff,
            resolution: Resolution::new(self.resolution)
                .map_err(|error| bad("resolution")(&error))?,
            surge: self.surge.as_ref().map(SurgeDocument::policy).transpose()?,
            quote_ttl: Duration::from_secs(self.quote_ttl_s),
            dispatch: dispatch.policy(),
            sweep: self.sweep.policy(),
            snapshot_every: Duration::from_secs(self.snapshot_every_s.max(1)),
        })
    }

    fn products(&self, tariff: &Tariff) -> Result<Products, MarketError> {
        let products = self.products.iter().map(|it| it.product(tariff));
        let products = products.collect::<Result<_, _>>()?;
        Products::new(products).map_err(|error| bad("products")(&error))
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
        if let Some(streets) = &self.streets {
            let fingerprint: Result<Fingerprint, _> = streets.parse();
            fingerprint.map_err(|error| bad("travel.streets")(&error))?;
            if self.space != SpaceKind::Sphere {
                let detail = "found streets on a plane or torus, expected them on the sphere";
                return Err(bad("travel.streets")(&detail));
            }
        }
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
        let travel = Travel::new(space, self.circuity, speed_kmh);
        let travel = travel.map_err(|error| bad("travel")(&error))?;
        let Some(clock) = self.city_clock else {
            return Ok(travel);
        };
        let clock = CityClock {
            started_at: Timestamp::from_millis(clock.started_at_ms),
            day_offset: Duration::from_secs(clock.day_offset_s.into()),
            speedup: clock.speedup,
        };
        let travel = travel.with_city_clock(clock);
        travel.map_err(|error| bad("travel.city_clock")(&error))
    }
}

impl TariffDocument {
    fn tariff(&self) -> Result<Tariff, MarketError> {
        let usual = TariffTerms::default_usd();
        let money = |minor: Option<i64>, usual: Money| minor.map_or(usual, Money::from_minor);
        let span = |seconds: Option<u64>, usual| seconds.map_or(usual, Duration::from_secs);
        let currency = match &self.currency {
            None => usual.currency,
            Some(code) => {
                Currency::of_market(code).map_err(|error| bad("tariff.currency")(&error))?
            }
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
            driver_share_of_surge_percent: self
                .driver_share_of_surge_percent
                .unwrap_or(usual.driver_share_of_surge_percent),
        };
        Tariff::new(terms).map_err(|error| bad("tariff")(&error))
    }
}

impl ProductDocument {
    fn product(&self, tariff: &Tariff) -> Result<Product, MarketError> {
        let class = |number: &u32| VehicleClass::new(*number);
        let classes = match &self.vehicle_classes {
            None => Ok(VehicleClasses::ALL),
            Some(numbers) => numbers.iter().map(class).collect(),
        };
        let tariff = tariff.scaled(self.fare_hundredths);
        Ok(Product {
            name: ProductName::new(&self.name).map_err(|error| bad("products.name")(&error))?,
            classes: classes.map_err(|error| bad("products.vehicle_classes")(&error))?,
            tariff: tariff.map_err(|error| bad("products.fare_hundredths")(&error))?,
        })
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
