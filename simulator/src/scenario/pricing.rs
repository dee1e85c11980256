//! `[pricing]`: from numbers that people write to the whole ones that the market is told of. What those cannot
//! say is refused when a scenario is resolved, by its key.

use std::ops::RangeInclusive;

use domain::fare::{AMOUNT_MAX_MINOR, RATE_MAX_MICROS};
use domain::surge::{CAP_MAX_HUNDREDTHS, SurgeTerms};
use domain::{Currency, Resolution};
use host::market::{SurgeDocument, TariffDocument};

use super::model::Pricing;
use super::parse::ScenarioError;
use super::values::{hundredths, rounded};

/// Minor units to each unit of the currency.
const MINOR: f64 = 100.0;
/// Millionths of a minor unit, in which rates are told, to each unit of the currency.
const MICROS: f64 = MINOR * 1e6;
/// What a share may be.
const SHARE: RangeInclusive<f64> = 0.0..=1.0;

/// Checks that every price can be.
///
/// # Errors
/// Names the key of the first that cannot.
pub(super) fn check(pricing: &Pricing) -> Result<(), ScenarioError> {
    tariff(pricing)?;
    surge(pricing)?;
    Ok(())
}

/// What rides cost.
///
/// # Errors
/// Names the key of an amount or a rate that cannot be.
pub(super) fn tariff(pricing: &Pricing) -> Result<TariffDocument, ScenarioError> {
    Currency::of_market(&pricing.currency)
        .map_err(|error| ScenarioError::wrong("pricing.currency", error))?;
    let (of_fees, of_surge) = (pricing.driver_share_of_fees, pricing.driver_share_of_surge);
    Ok(TariffDocument {
        currency: Some(pricing.currency.clone()),
        base_minor: Some(amount("base", pricing.base)?),
        per_km_micros: Some(rate("per_km", pricing.per_km)?),
        per_minute_micros: Some(rate("per_minute", pricing.per_minute)?),
        booking_fee_minor: Some(amount("booking_fee", pricing.booking_fee)?),
        minimum_minor: Some(amount("minimum", pricing.minimum)?),
        wait_free_s: Some(pricing.wait_free.0.as_secs()),
        wait_per_minute_micros: Some(rate("wait_per_minute", pricing.wait_per_minute)?),
        cancel_fee_minor: Some(amount("cancel_fee", pricing.cancel_fee)?),
        cancel_grace_s: Some(pricing.cancel_grace.0.as_secs()),
        no_show_fee_minor: Some(amount("no_show_fee", pricing.no_show_fee)?),
        driver_per_km_micros: Some(rate("driver_per_km", pricing.driver_per_km)?),
        driver_per_minute_micros: Some(rate("driver_per_minute", pricing.driver_per_minute)?),
        driver_minimum_minor: Some(amount("driver_minimum", pricing.driver_minimum)?),
        driver_share_of_fees_percent: Some(part("driver_share_of_fees", of_fees, SHARE)?),
        driver_share_of_surge_percent: Some(part("driver_share_of_surge", of_surge, SHARE)?),
    })
}

/// How surge follows supply and demand; none where it is not enabled.
///
/// # Errors
/// Names the key of what cannot be, enabled or not.
pub(super) fn surge(pricing: &Pricing) -> Result<Option<SurgeDocument>, ScenarioError> {
    let surge = &pricing.surge;
    let highest = f64::from(CAP_MAX_HUNDREDTHS) / 100.0;
    // Pressure falls by the hysteresis before a multiplier follows: a step is more, or none would ever fall.
    let least_step = f64::from(SurgeTerms::default().hysteresis_hundredths + 1) / 100.0;
    Resolution::new(surge.resolution)
        .map_err(|error| ScenarioError::wrong("pricing.surge.resolution", error))?;
    let document = SurgeDocument {
        cap_hundredths: Some(part("surge.cap", surge.cap, 1.0..=highest)?),
        step_hundredths: Some(part("surge.step", surge.step, least_step..=highest)?),
        smoothing_percent: Some(part("surge.smoothing", surge.smoothing, SHARE)?),
        ..SurgeDocument::default()
    };
    Ok(surge.enabled.then_some(document))
}

/// An amount in minor units.
fn amount(key: &str, units: f64) -> Result<i64, ScenarioError> {
    let most = AMOUNT_MAX_MINOR as f64 / MINOR;
    hundredths(units, &(0.0..=most)).map_err(wrong(key))
}

/// A rate in millionths of a minor unit, rounded to one.
fn rate(key: &str, units: f64) -> Result<i64, ScenarioError> {
    let most = RATE_MAX_MICROS as f64 / MICROS;
    if (0.0..=most).contains(&units) {
        return Ok(rounded(units * MICROS));
    }
    let message = format!("found {units}, expected 0 to {most}");
    Err(wrong(key)(message))
}

/// A small number in hundredths.
fn part(key: &str, number: f64, range: RangeInclusive<f64>) -> Result<u32, ScenarioError> {
    let hundredths = hundredths(number, &range).map_err(wrong(key))?;
    Ok(u32::try_from(hundredths).expect("the ranges are within a hundredfold"))
}

fn wrong(key: &str) -> impl FnOnce(String) -> ScenarioError {
    let key = format!("pricing.{key}");
    |message| ScenarioError::wrong(key, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::fare::TariffTerms;
    use domain::surge::SurgeTerms;
    use domain::{Money, Timestamp};

    use crate::scenario;

    fn message(set: &str) -> String {
        scenario::load(None, &[set.to_owned()])
            .unwrap_err()
            .to_string()
    }

    /// So that `scenario.toml` states all of it.
    #[test]
    fn what_no_scenario_states_is_the_usual_tariff() {
        let resolved = scenario::load(None, &[]).unwrap();
        let market = scenario::market::document(&resolved.scenario, Timestamp::ZERO);
        let market = market.market().unwrap();
        assert_eq!(*market.tariff.terms(), TariffTerms::default_usd());
        assert_eq!(*market.surge.unwrap().terms(), SurgeTerms::default());
    }

    #[test]
    fn the_market_is_told_the_very_prices_that_are_stated() {
        let sets = [
            "pricing.base=0",
            "pricing.minimum=12.34",
            "pricing.per_km=0.00000001",
            "pricing.driver_minimum=0",
            "pricing.wait_free=0s",
            "pricing.cancel_fee=0.5",
            "pricing.cancel_grace=5m",
            "pricing.no_show_fee=0",
            "pricing.driver_share_of_fees=0.29",
            "pricing.driver_share_of_surge=0",
            "pricing.currency=INR",
            "pricing.surge.cap=1",
            "pricing.surge.step=0.06",
            "pricing.surge.smoothing=0",
        ];
        let resolved = scenario::load(None, &sets.map(str::to_owned)).unwrap();
        let market = scenario::market::document(&resolved.scenario, Timestamp::ZERO);
        let market = market.market().unwrap();
        let terms = market.tariff.terms();
        assert_eq!(terms.base, Money::ZERO);
        assert_eq!(terms.minimum, Money::from_minor(1_234));
        assert_eq!(terms.per_km_micros, 1);
        assert_eq!(terms.driver_minimum, Money::ZERO);
        assert_eq!(terms.wait_free, Duration::ZERO);
        assert_eq!(terms.cancel_fee, Money::from_minor(50));
        assert_eq!(terms.cancel_grace, Duration::from_secs(300));
        assert_eq!(terms.no_show_fee, Money::ZERO);
        assert_eq!(terms.driver_share_of_fees_percent, 29);
        assert_eq!(terms.driver_share_of_surge_percent, 0);
        assert_eq!(terms.currency.as_str(), "INR");
        let surge = *market.surge.unwrap().terms();
        assert_eq!(surge.cap.hundredths(), 100);
        assert_eq!((surge.step_hundredths, surge.smoothing_percent), (6, 0));
    }

    #[test]
    fn what_cannot_be_is_named_with_its_key() {
        let amounts = [
            "base",
            "booking_fee",
            "minimum",
            "cancel_fee",
            "no_show_fee",
            "driver_minimum",
        ];
        for key in amounts {
            for found in ["-1", "nan", "inf", "0.005", "10000001"] {
                let said = message(&format!("pricing.{key}={found}"));
                let expected = "expected 0 to 10000000 in hundredths";
                assert!(
                    said.starts_with(&format!("pricing.{key}: found ")),
                    "{said}"
                );
                assert!(said.ends_with(expected), "{said}");
            }
        }
        let rates = [
            "per_km",
            "per_minute",
            "wait_per_minute",
            "driver_per_km",
            "driver_per_minute",
        ];
        for key in rates {
            for found in ["-0.01", "nan", "inf", "10001"] {
                let said = message(&format!("pricing.{key}={found}"));
                assert!(
                    said.starts_with(&format!("pricing.{key}: found ")),
                    "{said}"
                );
                assert!(said.ends_with("expected 0 to 10000"), "{said}");
            }
        }
        for (set, expected) in [
            ("cap=-1.0", "cap: found -1, expected 1 to 100 in hundredths"),
            ("cap=0.5", "cap: found 0.5, expected 1 to 100"),
            ("cap=1.005", "cap: found 1.005, expected 1 to 100"),
            ("cap=nan", "cap: found NaN, expected 1 to 100"),
            ("cap=101", "cap: found 101, expected 1 to 100"),
            ("step=-0.1", "step: found -0.1, expected 0.06 to 100"),
            ("step=0", "step: found 0, expected 0.06 to 100"),
            ("step=0.05", "step: found 0.05, expected 0.06 to 100"),
            ("step=nan", "step: found NaN, expected 0.06 to 100"),
            ("smoothing=-0.4", "smoothing: found -0.4, expected 0 to 1"),
            ("smoothing=1.01", "smoothing: found 1.01, expected 0 to 1"),
            ("smoothing=nan", "smoothing: found NaN, expected 0 to 1"),
            ("resolution=16", "resolution: found"),
        ] {
            let said = message(&format!("pricing.surge.{set}"));
            let expected = format!("pricing.surge.{expected}");
            assert!(said.starts_with(&expected), "{set}: {said}");
        }
        for (set, expected) in [
            ("currency=usd", "currency: found \"usd\", expected three"),
            ("currency=JPY", "currency: found JPY, whose amounts have 0"),
            (
                "driver_share_of_surge=-0.1",
                "driver_share_of_surge: found -0.1, expected 0 to 1 in hundredths",
            ),
            (
                "driver_share_of_fees=1.1",
                "driver_share_of_fees: found 1.1, expected 0 to 1 in hundredths",
            ),
        ] {
            let said = message(&format!("pricing.{set}"));
            assert!(said.starts_with(&format!("pricing.{expected}")), "{said}");
        }
        // As much where there is no surge, as the resolved file states it all the same.
        let sets = ["pricing.surge.enabled=false", "pricing.surge.cap=0.5"];
        assert!(scenario::load(None, &sets.map(str::to_owned)).is_err());
    }
}
