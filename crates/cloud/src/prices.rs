//! What a run costs: counted operations times a dated price file.
//!
//! Start at [`Prices::aws_us_east_1`], [`Usage`] and [`Prices::summarise`]. Every figure of the file
//! carries a mark and a source; [`Prices::unverified`] names those nobody has checked.

mod file;
mod item;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use crate::mark::Mark;
pub use file::PriceError;
pub use item::Item;

/// Connections per second that one load balancer capacity unit bears (AWS load balancing pricing).
pub const CAPACITY_UNIT_NEW_CONNECTIONS_PER_S: f64 = 25.0;
/// Connections that one load balancer capacity unit bears at once (same page).
pub const CAPACITY_UNIT_ACTIVE_CONNECTIONS: f64 = 3_000.0;
/// GB per hour that one load balancer capacity unit bears (same page).
pub const CAPACITY_UNIT_GB_PER_HOUR: f64 = 1.0;
/// Shortest time a Fargate task is billed (AWS Fargate pricing page).
pub const FARGATE_BILLED_MIN: Duration = Duration::from_secs(60);
/// Bytes that one SQS request carries; a larger message counts as several (SQS pricing page).
pub const SQS_REQUEST_BYTES: u64 = 64 * 1_024;

/// How much of each [`Item`] was used.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage(BTreeMap<Item, f64>);

impl Usage {
    /// Adds to an item. Negative or undefined quantities count as nothing.
    pub fn add(&mut self, item: Item, quantity: f64) -> &mut Self {
        if quantity > 0.0 {
            *self.0.entry(item).or_default() += quantity;
        }
        self
    }

    /// How much of an item was used.
    #[must_use]
    pub fn get(&self, item: Item) -> f64 {
        self.0.get(&item).copied().unwrap_or_default()
    }

    /// All of it so many times.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self(
            self.0
                .iter()
                .map(|(item, quantity)| (*item, quantity * factor))
                .collect(),
        )
    }

    /// What was used, item by item.
    pub fn iter(&self) -> impl Iterator<Item = (Item, f64)> {
        self.0.iter().map(|(item, quantity)| (*item, *quantity))
    }
}

/// Capacity units of a load balancer: the dimension that needs most of them is billed.
#[must_use]
pub fn capacity_units(
    new_connections_per_s: f64,
    active_connections: f64,
    gb_per_hour: f64,
) -> f64 {
    (new_connections_per_s / CAPACITY_UNIT_NEW_CONNECTIONS_PER_S)
        .max(active_connections / CAPACITY_UNIT_ACTIVE_CONNECTIONS)
        .max(gb_per_hour / CAPACITY_UNIT_GB_PER_HOUR)
}

/// Whether the account's monthly free allowances are subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allowances {
    /// They are not: other systems of the account may use them up.
    #[default]
    Ignored,
    /// They are: this system has the account for itself, and the usage is a whole month's.
    Subtracted,
}

/// Dollars of a usage.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Of each component that was used.
    pub by_component: BTreeMap<String, f64>,
    /// Their sum.
    pub total: f64,
}

/// The section `cost_usd` of a summary.
#[derive(Debug, Clone, PartialEq)]
pub struct CostSummary {
    /// Dollars of the run itself.
    pub total: f64,
    /// `total` over the completed rides; none if there were none.
    pub per_completed_ride: Option<f64>,
    /// Dollars of a month of the price file's hours at the run's load, with its tiers.
    pub per_month_at_this_load: Option<f64>,
    /// Dollars of the run by component.
    pub by_component: BTreeMap<String, f64>,
    /// Dollars of that month by component; empty where there is none.
    pub per_month_by_component: BTreeMap<String, f64>,
    /// Date of the price file.
    pub prices_as_of: String,
    /// What the figures rest on that nobody has checked: `price.NAME` of the items used, and what
    /// [`Self::resting_on`] added.
    pub unverified: Vec<String>,
}

impl CostSummary {
    /// Names more that the figures rest on and nobody has checked, such as [`crate::profile::Profile::unverified`]
    /// as `profile.KEY`. Each is named once, in order.
    #[must_use]
    pub fn resting_on(mut self, keys: impl IntoIterator<Item = String>) -> Self {
        self.unverified.extend(keys);
        self.unverified.sort_unstable();
        self.unverified.dedup();
        self
    }
}

/// One tier of a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tier {
    /// Units a month at which it ends.
    up_to: f64,
    usd_per_unit: f64,
}

/// What one item costs.
#[derive(Debug, Clone, PartialEq)]
struct Rate {
    tiers: Vec<Tier>,
    free: f64,
    mark: Mark,
    source: String,
}

impl Rate {
    fn cost(&self, quantity: f64, allowances: Allowances) -> f64 {
        let free = if allowances == Allowances::Subtracted {
            self.free
        } else {
            0.0
        };
        let (mut rest, mut from, mut usd) = ((quantity - free).max(0.0), 0.0, 0.0);
        for tier in &self.tiers {
            let inside = rest.min(tier.up_to - from);
            usd += inside * tier.usd_per_unit;
            rest -= inside;
            from = tier.up_to;
            if rest <= 0.0 {
                break;
            }
        }
        usd
    }
}

/// A price file, read and checked: a rate for every [`Item`].
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    region: String,
    as_of: String,
    month_hours: f64,
    rates: BTreeMap<Item, Rate>,
}

impl Prices {
    /// The price file that is shipped.
    #[must_use]
    pub fn aws_us_east_1() -> Self {
        Self::parse(include_str!("../prices/aws-us-east-1.toml"))
            .expect("the shipped price file is read in a test")
    }

    /// Reads a price file.
    ///
    /// # Errors
    /// Names the first key that is missing, unknown or contradictory.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        file::parse(text)
    }

    /// Region of the prices.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Date of the prices.
    #[must_use]
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// Items whose price nobody has checked, with their source.
    pub fn unverified(&self) -> impl Iterator<Item = (Item, &str)> {
        let rates = self
            .rates
            .iter()
            .filter(|(_, rate)| rate.mark == Mark::Unverified);
        rates.map(|(item, rate)| (*item, rate.source.as_str()))
    }

    /// Dollars of a usage, its tiers counted from nothing. Items of one price fill its tiers in the order
    /// of [`Item::ALL`].
    #[must_use]
    pub fn cost(&self, usage: &Usage, allowances: Allowances) -> Cost {
        let mut by_component: BTreeMap<String, f64> = BTreeMap::new();
        let mut priced: BTreeMap<Item, f64> = BTreeMap::new();
        for (item, quantity) in usage.iter() {
            let before = priced.entry(item.priced_as()).or_default();
            let rate = self.rate(item);
            *by_component.entry(item.component().to_owned()).or_default() +=
                rate.cost(*before + quantity, allowances) - rate.cost(*before, allowances);
            *before += quantity;
        }
        // Of nothing that is 0, where `sum` has -0.
        let total = by_component.values().fold(0.0, |all, part| all + part);
        Cost {
            by_component,
            total,
        }
    }

    fn rate(&self, item: Item) -> &Rate {
        let rate = self.rates.get(&item.priced_as());
        rate.expect("a price file has every item")
    }

    /// Items of a usage whose price nobody has checked, as `price.NAME`.
    #[must_use]
    pub fn unverified_of(&self, usage: &Usage) -> Vec<String> {
        let used = usage.iter().map(|(item, _)| item);
        let unverified = used.filter(|item| self.rate(*item).mark == Mark::Unverified);
        unverified.map(|item| format!("price.{item}")).collect()
    }

    /// Usage of a month at the load of a run that lasted `duration`; none for a run of no length.
    #[must_use]
    pub fn month_at_this_load(&self, usage: &Usage, duration: Duration) -> Option<Usage> {
        let hours = duration.as_secs_f64() / 3_600.0;
        (hours > 0.0).then(|| usage.scaled(self.month_hours / hours))
    }

    /// The cost section of a run's summary, allowances ignored. `duration` is what the usage was counted
    /// over, so that hours of containers and requests are scaled alike.
    #[must_use]
    pub fn summarise(&self, usage: &Usage, duration: Duration, completed: u64) -> CostSummary {
        let Cost {
            by_component,
            total,
        } = self.cost(usage, Allowances::Ignored);
        let month = self.month_at_this_load(usage, duration);
        let month = month.map(|usage| self.cost(&usage, Allowances::Ignored));
        CostSummary {
            total,
            per_completed_ride: (completed > 0).then(|| total / completed as f64),
            per_month_at_this_load: month.as_ref().map(|month| month.total),
            by_component,
            per_month_by_component: month.map(|month| month.by_component).unwrap_or_default(),
            prices_as_of: self.as_of.clone(),
            unverified: self.unverified_of(usage),
        }
    }
}
