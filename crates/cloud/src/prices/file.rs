//! The price file: TOML, every figure with a mark and a source.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Item, Prices, Rate, Tier};
use crate::mark::{Mark, is_date};

const SCHEMA: &str = "rushhour.prices/1";

/// Why a price file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is no TOML, or has a key that is unknown, of the wrong kind or missing within a section.
    #[error("price file: {0}")]
    Syntax(String),
    /// It lacks a price.
    #[error("price file: found no price.{key}, expected a price of every item")]
    Missing {
        /// Whose.
        key: &'static str,
    },
    /// A value contradicts another, or makes no sense.
    #[error("price file: {key}: found {found}, expected {expected}")]
    Contradictory {
        /// Which.
        key: String,
        /// What it was.
        found: String,
        /// What it may be.
        expected: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    schema: String,
    region: String,
    as_of: String,
    currency: String,
    month_hours: f64,
    sources: BTreeMap<String, String>,
    price: BTreeMap<String, PriceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceEntry {
    usd: Option<f64>,
    tiers: Option<Vec<TierEntry>>,
    #[serde(default = "one")]
    per: f64,
    #[serde(default)]
    free: f64,
    mark: Mark,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry {
    up_to: Option<f64>,
    usd: f64,
}

fn one() -> f64 {
    1.0
}

fn contradiction(key: &str, found: impl ToString, expected: impl ToString) -> PriceError {
    PriceError::Contradictory {
        key: key.to_owned(),
        found: found.to_string(),
        expected: expected.to_string(),
    }
}

pub(super) fn parse(text: &str) -> Result<Prices, PriceError> {
    let file: PriceFile =
        toml::from_str(text).map_err(|error| PriceError::Syntax(error.to_string()))?;
    for (key, found, expected) in [
        ("schema", &file.schema, SCHEMA),
        ("currency", &file.currency, "USD"),
    ] {
        if found != expected {
            return Err(contradiction(key, found, expected));
        }
    }
    if !is_date(&file.as_of) {
        return Err(contradiction(
            "as_of",
            &file.as_of,
            "a date such as 2026-11-22",
        ));
    }
    if !(file.month_hours > 0.0 && file.month_hours <= 744.0) {
        return Err(contradiction(
            "month_hours",
            file.month_hours,
            "more than 0, at most 744",
        ));
    }
    let priced = || {
        Item::ALL
            .into_iter()
            .filter(|item| item.priced_as() == *item)
    };
    let known = |name: &String| priced().any(|item| item.key() == name);
    if let Some(unknown) = file.price.keys().find(|name| !known(name)) {
        let expected = priced().map(Item::key).collect::<Vec<_>>().join(", ");
        return Err(contradiction(
            "price",
            unknown,
            format!("one of {expected}"),
        ));
    }
    let mut rates = BTreeMap::new();
    for item in priced() {
        let entry = file
            .price
            .get(item.key())
            .ok_or(PriceError::Missing { key: item.key() })?;
        rates.insert(item, rate(item, entry, &file.sources)?);
    }
    Ok(Prices {
        region: file.region,
        as_of: file.as_of,
        month_hours: file.month_hours,
        rates,
    })
}

fn rate(
    item: Item,
    entry: &PriceEntry,
    sources: &BTreeMap<String, String>,
) -> Result<Rate, PriceError> {
    let key = |field: &str| format!("price.{item}.{field}");
    let Some(source) = sources.get(&entry.source) else {
        return Err(contradiction(
            &key("source"),
            &entry.source,
            "a name under [sources]",
        ));
    };
    if !(entry.per > 0.0 && entry.per.is_finite()) {
        return Err(contradiction(&key("per"), entry.per, "more than 0"));
    }
    if !(entry.free >= 0.0 && entry.free.is_finite()) {
        return Err(contradiction(&key("free"), entry.free, "at least 0"));
    }
    let tiers = match (entry.usd, &entry.tiers) {
        (Some(usd), None) => vec![Tier {
            up_to: f64::INFINITY,
            usd_per_unit: usd,
        }],
        (None, Some(tiers)) => tiers
            .iter()
            .map(|tier| Tier {
                up_to: tier.up_to.unwrap_or(f64::INFINITY),
                usd_per_unit: tier.usd,
            })
            .collect(),
        (Some(_), Some(_)) => {
            return Err(contradiction(
                &key("usd"),
                "both usd and tiers",
                "one of them",
            ));
        }
        (None, None) => {
            return Err(contradiction(
                &key("usd"),
                "neither usd nor tiers",
                "one of them",
            ));
        }
    };
    check_tiers(&tiers, &key("tiers"))?;
    let per_unit = |tier: Tier| Tier {
        usd_per_unit: tier.usd_per_unit / entry.per,
        ..tier
    };
    Ok(Rate {
        tiers: tiers.into_iter().map(per_unit).collect(),
        free: entry.free,
        mark: entry.mark,
        source: source.clone(),
    })
}

fn check_tiers(tiers: &[Tier], key: &str) -> Result<(), PriceError> {
    let mut from = 0.0;
    for tier in tiers {
        if !(tier.usd_per_unit >= 0.0 && tier.usd_per_unit.is_finite()) {
            return Err(contradiction(
                key,
                tier.usd_per_unit,
                "a price of at least 0",
            ));
        }
        if tier.up_to.is_nan() || tier.up_to <= from {
            return Err(contradiction(
                key,
                tier.up_to,
                format!("a tier that ends above {from}"),
            ));
        }
        from = tier.up_to;
    }
    if from.is_infinite() {
        Ok(())
    } else {
        Err(contradiction(
            key,
            format!("an end at {from}"),
            "a last tier without up_to",
        ))
    }
}
