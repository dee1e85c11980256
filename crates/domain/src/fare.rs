//! What a ride costs, who gets what of it, and what a broken appointment costs.
//!
//! A [`Tariff`] quotes a [`Fare`] before the ride and settles it into a [`Charge`] after. The fare that
//! was quoted is what a completed ride costs, whatever way was driven; only waiting is added.

use std::time::Duration;

use crate::money::{Currency, Money};
use crate::surge::Multiplier;
use crate::travel::Way;
use crate::trip::{CancelStage, CancelledBy};

#[cfg(test)]
mod tests;

/// The price of a ride as quoted up front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fare {
    /// The currency of every amount.
    pub currency: Currency,
    /// Base, distance and time under surge, raised to the minimum.
    pub ride: Money,
    /// The booking fee, never under surge.
    pub booking_fee: Money,
    /// What the driver is paid for the ride, out of what the rider pays: time and distance, raised to the minimum, and a
    /// share of what surge adds.
    pub driver_pay: Money,
    /// The surge that applied.
    pub surge: Multiplier,
}

impl Fare {
    /// What the rider is quoted.
    #[must_use]
    pub fn total(&self) -> Money {
        self.ride + self.booking_fee
    }
}

/// What a rider is charged in the end: it adds up, rider pays = driver + platform + fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charge {
    /// The ride as quoted; nothing where it did not take place.
    pub ride: Money,
    /// The booking fee as quoted.
    pub booking_fee: Money,
    /// For minutes the driver waited beyond the free ones.
    pub wait_fee: Money,
    /// For cancelling after a driver was on the way.
    pub cancel_fee: Money,
    /// For not being at the pick-up.
    pub no_show_fee: Money,
    /// The driver's part of all of it.
    pub driver_pay: Money,
}

impl Charge {
    /// What the rider pays.
    #[must_use]
    pub fn rider_pays(&self) -> Money {
        self.ride + self.booking_fee + self.wait_fee + self.cancel_fee + self.no_show_fee
    }

    /// Fees that pass through: the booking fee.
    #[must_use]
    pub fn fees(&self) -> Money {
        self.booking_fee
    }

    /// What is left to the platform; below zero where the driver is paid more than the rider pays.
    #[must_use]
    pub fn platform(&self) -> Money {
        self.rider_pays() - self.driver_pay - self.fees()
    }
}

/// The largest single amount a tariff may name, in minor units: ten million dollars.
pub const AMOUNT_MAX_MINOR: i64 = 1_000_000_000;
/// The largest rate a tariff may name, in millionths of a minor unit: ten thousand dollars a unit.
pub const RATE_MAX_MICROS: i64 = 1_000_000_000_000;

/// What a tariff is made of. Rates are in millionths of a minor unit (see [`Money::from_rate`]), so
/// that $1.360 a mile stays exact to a hundred-millionth of a dollar once it is per kilometre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TariffTerms {
    /// The currency of every amount and rate.
    pub currency: Currency,
    /// For every ride.
    pub base: Money,
    /// For each kilometre of the way.
    pub per_km_micros: i64,
    /// For each minute of the way.
    pub per_minute_micros: i64,
    /// For every ride, never under surge.
    pub booking_fee: Money,
    /// The least a ride costs, the booking fee not included.
    pub minimum: Money,
    /// How long a driver waits at the pick-up for nothing.
    pub wait_free: Duration,
    /// For each minute of waiting beyond that, counted by the second.
    pub wait_per_minute_micros: i64,
    /// For a rider who cancels once a driver has been on the way for longer than the grace.
    pub cancel_fee: Money,
    /// How long after the accept a rider may cancel for nothing.
    pub cancel_grace: Duration,
    /// For a rider who was not at the pick-up.
    pub no_show_fee: Money,
    /// The driver's pay for each kilometre of the way.
    pub driver_per_km_micros: i64,
    /// The driver's pay for each minute of the way.
    pub driver_per_minute_micros: i64,
    /// The least a driver is paid for a ride.
    pub driver_minimum: Money,
    /// The driver's share of wait, cancel and no-show fees, in percent.
    pub driver_share_of_fees_percent: u32,
    /// The driver's share of what surge adds to a ride, in percent.
    pub driver_share_of_surge_percent: u32,
}

impl TariffTerms {
    /// A tariff in US dollars. **An assumption**, not any company's price list: the driver is paid New
    /// York's minimum of 2024, $1.360 a mile and $0.583 a minute (Taxi and Limousine Commission), and
    /// the rider's rates are set so that the mean trip of that city leaves the driver about 70 %. Of what surge adds the
    /// driver has what drivers kept while pay was a share of the fare: all but a commission of 25 % (L. Mishel, Uber and
    /// the labor market, Economic Policy Institute, 2018, table 1).
    #[must_use]
    pub fn default_usd() -> Self {
        Self {
            currency: Currency::USD,
            base: Money::from_minor(250),
            per_km_micros: 110_000_000,
            per_minute_micros: 70_000_000,
            booking_fee: Money::from_minor(275),
            minimum: Money::from_minor(800),
            wait_free: Duration::from_secs(120),
            wait_per_minute_micros: 70_000_000,
            cancel_fee: Money::from_minor(500),
            cancel_grace: Duration::from_secs(120),
            no_show_fee: Money::from_minor(700),
            // 136 cents a mile of 1.609344 km, rounded up so that the mile is never underpaid.
            driver_per_km_micros: 84_506_482,
            driver_per_minute_micros: 58_300_000,
            driver_minimum: Money::from_minor(500),
            driver_share_of_fees_percent: 80,
            driver_share_of_surge_percent: 75,
        }
    }
}

/// Why a tariff cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TariffError {
    /// An amount is below zero or absurd.
    #[error("{field}: found {found} minor units, expected 0 to {AMOUNT_MAX_MINOR}")]
    Amount {
        /// The field of [`TariffTerms`].
        field: &'static str,
        /// What was found, in minor units.
        found: i64,
    },
    /// A rate is below zero or absurd.
    #[error("{field}: found {found} millionths of a minor unit, expected 0 to {RATE_MAX_MICROS}")]
    Rate {
        /// The field of [`TariffTerms`].
        field: &'static str,
        /// What was found, in millionths of a minor unit.
        found: i64,
    },
    /// A share is above the whole.
    #[error("{field}: found {found}, expected 0 to 100")]
    Share {
        /// The field of [`TariffTerms`].
        field: &'static str,
        /// What was found, in percent.
        found: u32,
    },
}

/// The rule from which every fare and every charge follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    terms: TariffTerms,
}

impl Tariff {
    /// A tariff of these terms.
    ///
    /// # Errors
    /// If an amount or a rate is negative or absurdly large, or the driver's share is above 100 %.
    pub fn new(terms: TariffTerms) -> Result<Self, TariffError> {
        let amounts = [
            ("base", terms.base),
            ("booking_fee", terms.booking_fee),
            ("minimum", terms.minimum),
            ("cancel_fee", terms.cancel_fee),
            ("no_show_fee", terms.no_show_fee),
            ("driver_minimum", terms.driver_minimum),
        ];
        for (field, amount) in amounts {
            if !(0..=AMOUNT_MAX_MINOR).contains(&amount.minor()) {
                return Err(TariffError::Amount {
                    field,
                    found: amount.minor(),
                });
            }
        }
        let rates = [
            ("per_km_micros", terms.per_km_micros),
            ("per_minute_micros", terms.per_minute_micros),
            ("wait_per_minute_micros", terms.wait_per_minute_micros),
            ("driver_per_km_micros", terms.driver_per_km_micros),
            ("driver_per_minute_micros", terms.driver_per_minute_micros),
        ];
        for (field, found) in rates {
            if !(0..=RATE_MAX_MICROS).contains(&found) {
                return Err(TariffError::Rate { field, found });
            }
        }
        let (of_fees, of_surge) = (
            terms.driver_share_of_fees_percent,
            terms.driver_share_of_surge_percent,
        );
        for (field, found) in [
            ("driver_share_of_fees_percent", of_fees),
            ("driver_share_of_surge_percent", of_surge),
        ] {
            if found > 100 {
                return Err(TariffError::Share { field, found });
            }
        }
        Ok(Self { terms })
    }

    /// The tariff of [`TariffTerms::default_usd`], with its assumptions.
    #[must_use]
    pub fn default_usd() -> Self {
        Self::new(TariffTerms::default_usd()).expect("the default terms are in range")
    }

    /// The tariff of a product that costs `hundredths` / 100 of this one: base, rates and minimum, and the driver's pay
    /// with them. The booking fee, and what waiting and broken appointments cost, are the same for all.
    ///
    /// # Errors
    /// If an amount or a rate becomes absurdly large.
    pub fn scaled(&self, hundredths: u32) -> Result<Self, TariffError> {
        let money = |amount: Money| amount.scale_hundredths(hundredths);
        let rate = |micros: i64| {
            Money::from_minor(micros)
                .scale_hundredths(hundredths)
                .minor()
        };
        let terms = &self.terms;
        Self::new(TariffTerms {
            base: money(terms.base),
            per_km_micros: rate(terms.per_km_micros),
            per_minute_micros: rate(terms.per_minute_micros),
            minimum: money(terms.minimum),
            driver_per_km_micros: rate(terms.driver_per_km_micros),
            driver_per_minute_micros: rate(terms.driver_per_minute_micros),
            driver_minimum: money(terms.driver_minimum),
            ..terms.clone()
        })
    }

    /// What it is made of.
    #[must_use]
    pub fn terms(&self) -> &TariffTerms {
        &self.terms
    }

    /// The fare of a way: base, distance and time under surge, then raised to the minimum; the booking
    /// fee knows no surge. The driver is paid for distance and time, the minimum at least, and besides has a share of the
    /// surcharge: what the rider pays more than without surge. A distance that is negative or not a number counts as none.
    #[must_use]
    pub fn quote(&self, way: Way, surge: Multiplier) -> Fare {
        let terms = &self.terms;
        let km = way.distance_m.max(0.0) / 1_000.0;
        let minutes = minutes(way.duration);
        let plain = terms.base
            + Money::from_rate(terms.per_km_micros, km)
            + Money::from_rate(terms.per_minute_micros, minutes);
        let driver_pay = Money::from_rate(terms.driver_per_km_micros, km)
            + Money::from_rate(terms.driver_per_minute_micros, minutes);
        let ride = plain
            .scale_hundredths(surge.hundredths())
            .max(terms.minimum);
        let surcharge = ride - plain.max(terms.minimum);
        let driver_share = surcharge.scale_hundredths(terms.driver_share_of_surge_percent);
        Fare {
            currency: terms.currency,
            ride,
            booking_fee: terms.booking_fee,
            driver_pay: driver_pay.max(terms.driver_minimum) + driver_share,
            surge,
        }
    }

    /// The charge for a ride that took place: the fare as quoted, and the waiting at the pick-up.
    #[must_use]
    pub fn settle_completed(&self, fare: &Fare, waited_at_pickup: Duration) -> Charge {
        let wait_fee = self.wait_fee(waited_at_pickup);
        Charge {
            ride: fare.ride,
            booking_fee: fare.booking_fee,
            wait_fee,
            driver_pay: fare.driver_pay + self.driver_share(wait_fee),
            ..Charge::default()
        }
    }

    /// The charge for a trip that was cancelled.
    ///
    /// A rider pays the cancel fee once a driver who accepted has been on the way, or waiting, for
    /// longer than the grace; where the time of the accept is not known, nothing. A rider who leaves
    /// from the car pays the fare as quoted. A driver cancels only because the rider was not there,
    /// which is a no-show without time on the clock: use [`Self::settle_no_show`] where it is known. What the
    /// system ends costs nobody anything.
    #[must_use]
    pub fn settle_cancelled(
        &self,
        fare: &Fare,
        stage: CancelStage,
        since_accepted: Option<Duration>,
        by: CancelledBy,
    ) -> Charge {
        match (by, stage) {
            (CancelledBy::System, _)
            | (_, CancelStage::Requested | CancelStage::Offered)
            | (CancelledBy::Driver, CancelStage::Accepted | CancelStage::PickedUp) => {
                Charge::default()
            }
            (CancelledBy::Driver, CancelStage::Arrived) => {
                self.settle_no_show(fare, Duration::ZERO)
            }
            (CancelledBy::Rider, CancelStage::PickedUp) => {
                self.settle_completed(fare, Duration::ZERO)
            }
            (CancelledBy::Rider, CancelStage::Accepted | CancelStage::Arrived) => {
                let late = since_accepted.is_some_and(|since| since > self.terms.cancel_grace);
                let cancel_fee = if late {
                    self.terms.cancel_fee
                } else {
                    Money::ZERO
                };
                Charge {
                    cancel_fee,
                    driver_pay: self.driver_share(cancel_fee),
                    ..Charge::default()
                }
            }
        }
    }

    /// The charge for a rider who was not at the pick-up: the no-show fee and the waiting. No part of
    /// the fare is charged, so it is the same for every fare; it is named to read like its siblings.
    #[must_use]
    pub fn settle_no_show(&self, _fare: &Fare, waited: Duration) -> Charge {
        let (no_show_fee, wait_fee) = (self.terms.no_show_fee, self.wait_fee(waited));
        Charge {
            wait_fee,
            no_show_fee,
            driver_pay: self.driver_share(wait_fee + no_show_fee),
            ..Charge::default()
        }
    }

    fn wait_fee(&self, waited: Duration) -> Money {
        let charged = waited.saturating_sub(self.terms.wait_free);
        Money::from_rate(self.terms.wait_per_minute_micros, minutes(charged))
    }

    fn driver_share(&self, fees: Money) -> Money {
        fees.scale_hundredths(self.terms.driver_share_of_fees_percent)
    }
}

fn minutes(span: Duration) -> f64 {
    span.as_secs_f64() / 60.0
}
