//! `POST /quotes`: an upfront fare, how long the way and the wait are likely to be, and a signed token.

use std::sync::Arc;
use std::time::Duration;

use domain::limits::TRIP_DISTANCE_MAX_M;
use domain::{Cell, Place, RiderId, VehicleClasses};

use crate::config::Market;
use crate::error::RideError;
use crate::ports::{CellMarket, Clock, MarketReader};
use crate::products::Product;
use crate::token::{Keyring, Quote};

/// Area of the pick-up's cell and the six around it, in square metres, at H3 resolution 8: the mean
/// cell is 0.737327598 km² (H3 documentation, table of cell statistics). Other levels differ by 7 each.
const SEVEN_CELLS_M2_AT_8: f64 = 7.0 * 737_327.598;

/// A quote and the token that proves it.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedQuote {
    /// What was quoted.
    pub quote: Quote,
    /// Until the car is there, as the density of available drivers has it; none where nothing is known.
    pub pickup_eta: Option<Duration>,
    /// The token to request the ride with.
    pub token: String,
}

/// The pricing use case.
#[derive(Debug, Clone)]
pub struct Quoting<M, C> {
    market: Arc<Market>,
    keyring: Arc<Keyring>,
    cells: M,
    clock: C,
}

impl<M: MarketReader, C: Clock> Quoting<M, C> {
    /// Prices by `market`, signs with `keyring`.
    pub fn new(market: Arc<Market>, keyring: Arc<Keyring>, cells: M, clock: C) -> Self {
        Self {
            market,
            keyring,
            cells,
            clock,
        }
    }

    /// Quotes a ride to a rider, of the market's usual product where none is named.
    ///
    /// # Errors
    /// If a place is outside the area served, the way is too long, there is no such product, or the market cannot be
    /// read.
    pub async fn quote(
        &self,
        rider: RiderId,
        pickup: Place,
        dropoff: Place,
        product: Option<&str>,
    ) -> Result<SignedQuote, RideError> {
        let market = &*self.market;
        for (which, place) in [("pickup", pickup), ("dropoff", dropoff)] {
            if market
                .service_area
                .is_some_and(|area| !area.contains(place))
            {
                return Err(RideError::OutsideServiceArea { which });
            }
        }
        let product = self.product(product)?;
        let now = self.clock.now();
        let way = market.travel.way(pickup, dropoff, now);
        if way.distance_m > TRIP_DISTANCE_MAX_M {
            return Err(RideError::TooFar {
                found_m: way.distance_m,
                limit_m: TRIP_DISTANCE_MAX_M,
            });
        }
        let cell = Cell::of(pickup, market.resolution);
        let around = self.cells.cell(&market.region, cell).await?;
        let surge = match (&market.surge, around) {
            (Some(_), Some(around)) => around.multiplier,
            _ => domain::surge::Multiplier::NONE,
        };
        let quote = Quote {
            rider,
            pickup,
            dropoff,
            product: product.map(|product| product.name),
            fare: market.tariff_of(product).quote(way, surge),
            distance_m: way.distance_m,
            duration: way.duration,
            expires_at: now + market.quote_ttl,
        };
        let token = self.keyring.sign(&quote);
        let classes = product.map_or(VehicleClasses::ALL, |product| product.classes);
        let pickup_eta = around.and_then(|around| self.pickup_eta(around, classes));
        Ok(SignedQuote {
            quote,
            pickup_eta,
            token,
        })
    }

    fn product(&self, wished: Option<&str>) -> Result<Option<&Product>, RideError> {
        let products = &self.market.products;
        let Some(name) = wished else {
            return Ok(products.usual());
        };
        let product = products.named(name);
        product.map(Some).ok_or_else(|| {
            let known: Vec<&str> = products.iter().map(|it| it.name.as_str()).collect();
            let expected = match &known[..] {
                [] => "none: this market has none to choose from".to_owned(),
                known => known.join(" or "),
            };
            RideError::UnknownProduct {
                found: name.chars().take(64).collect(),
                expected,
            }
        })
    }

    /// Until one of those classes is there. The nearest of a Poisson field of density ρ is 1/(2√ρ) away in the mean.
    fn pickup_eta(&self, around: CellMarket, classes: VehicleClasses) -> Option<Duration> {
        let nearby = around.nearby.of(classes);
        if nearby == 0 {
            return None;
        }
        let level = i32::from(self.market.resolution.level());
        let area_m2 = SEVEN_CELLS_M2_AT_8 * 7f64.powi(8 - level);
        let straight_m = 0.5 * (area_m2 / f64::from(nearby)).sqrt();
        let now = self.clock.now();
        let travel = &self.market.travel;
        Some(travel.way_of(straight_m * travel.circuity(), now).duration)
    }
}
