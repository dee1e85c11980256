//! From trips and drivers' accounts to the marketplace figures of the summary: pure functions.
//!
//! Flows count events inside the [`Window`], which leaves the warm-up out; a ride requested before it
//! and completed inside counts as completed, and as in progress at the start.

mod drivers;
mod path;
mod searches;
mod statistics;

#[cfg(test)]
mod tests;

pub use drivers::{DriverAccount, pay_rates};
pub use path::{PathSlice, accept_path};
pub use searches::served_share;
pub use statistics::{Bins, gini, mean, quantile, spread};

use std::collections::BTreeMap;

use domain::trip::{TripState, TryOutcome};
use domain::{Money, ProductName, Timestamp};

use crate::latency::{Latencies, step};
use crate::summary::{
    Drivers, MoneyFigures, Pickup, ProductFigures, Rides, Summary, SurgeFigures, figure, rounded,
};
use crate::trips::TripRow;

/// The span that figures are of: from the end of the warm-up to the end of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub from: Timestamp,
    /// Its last moment.
    pub until: Timestamp,
}

impl Window {
    /// Whether something happened inside.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        (self.from..=self.until).contains(&at)
    }

    fn holds_some(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| self.holds(at))
    }

    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.until.since(self.from).as_secs_f64()
    }
}

/// What the marketplace figures are made from.
#[derive(Debug, Clone, Copy)]
pub struct MarketplaceInput<'a> {
    /// Every trip of the run, the warm-up's included.
    pub rows: &'a [TripRow],
    /// How each driver spent the window.
    pub accounts: &'a [DriverAccount],
    /// The span that figures are of.
    pub window: Window,
    /// By how much the city was compressed: an hour's pay is an hour's of the city.
    pub speedup: f64,
    /// Quotes given inside the window.
    pub quoted: u64,
}

/// The marketplace figures of the summary.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Marketplace {
    /// Flows and stocks of rides.
    pub rides: Rides,
    /// Rides without a driver, by reason.
    pub unserved_because: BTreeMap<String, u64>,
    /// Cancelled rides by whom and in which stage.
    pub cancels: BTreeMap<String, u64>,
    /// The same by product.
    pub products: BTreeMap<String, ProductFigures>,
    /// Offers declined.
    pub declines: u64,
    /// Offers not answered in time.
    pub offer_timeouts: u64,
    /// Waiting and ways to the pick-up.
    pub pickup: Pickup,
    /// How drivers spent their time.
    pub drivers: Drivers,
    /// Surge as quoted.
    pub surge: SurgeFigures,
    /// Who paid and who got what.
    pub money: MoneyFigures,
}

impl Marketplace {
    /// Puts the figures where the summary has them.
    pub fn fill(self, summary: &mut Summary) {
        summary.rides = self.rides;
        summary.unserved_because = self.unserved_because;
        summary.cancels = self.cancels;
        summary.products = self.products;
        summary.declines = self.declines;
        summary.offer_timeouts = self.offer_timeouts;
        summary.pickup = self.pickup;
        summary.drivers = self.drivers;
        summary.surge = self.surge;
        summary.money = self.money;
    }
}

/// The marketplace figures of a run.
#[must_use]
pub fn marketplace(input: &MarketplaceInput<'_>) -> Marketplace {
    let mut figures = Marketplace::default();
    figures.rides.quoted = input.quoted;
    for row in input.rows {
        count_ride(row, &input.window, &mut figures);
        count_tries(row, &input.window, &mut figures);
    }
    figures.rides.served_share = served_share(input.rows, &input.window);
    figures.pickup = pickup(input.rows.iter(), &input.window);
    figures.products = products(input.rows, &input.window);
    figures.surge = surge(input);
    figures.drivers = drivers::shares(input.accounts, &input.window);
    figures.money = money(input);
    figures
}

fn count_ride(row: &TripRow, window: &Window, figures: &mut Marketplace) {
    let (begun, ended) = (row.requested_at, row.ended_at());
    let rides = &mut figures.rides;
    let before = row.in_progress_at_start || begun < window.from;
    rides.in_progress_at_start += u64::from(before && ended.is_none_or(|at| at >= window.from));
    rides.requested += u64::from(!before && window.holds(begun));
    rides.offered += u64::from(window.holds_some(row.tries.first().map(|t| t.offered_at)));
    rides.accepted += u64::from(window.holds_some(row.accepted_at()));
    rides.in_progress +=
        u64::from(begun <= window.until && ended.is_none_or(|at| at > window.until));
    if !window.holds_some(ended) {
        return;
    }
    match row.state {
        TripState::Completed => rides.completed += 1,
        TripState::Cancelled { by, stage } => {
            rides.cancelled += 1;
            *figures
                .cancels
                .entry(format!("{}_{}", by.name(), stage.name()))
                .or_default() += 1;
        }
        TripState::Unserved { because } => {
            rides.unserved += 1;
            let reason = because.name().to_owned();
            *figures.unserved_because.entry(reason).or_default() += 1;
        }
        _ => {}
    }
}

fn count_tries(row: &TripRow, window: &Window, figures: &mut Marketplace) {
    for tried in &row.tries {
        if !window.holds_some(tried.ended_at) {
            continue;
        }
        match tried.outcome {
            TryOutcome::Declined => figures.declines += 1,
            TryOutcome::Expired => figures.offer_timeouts += 1,
            _ => {}
        }
    }
}

fn products(rows: &[TripRow], window: &Window) -> BTreeMap<String, ProductFigures> {
    let mut by_product: BTreeMap<ProductName, Vec<&TripRow>> = BTreeMap::new();
    for row in rows {
        if let Some(product) = row.product {
            by_product.entry(product).or_default().push(row);
        }
    }
    let told = by_product.iter();
    told.map(|(product, rows)| (product.to_string(), of_product(rows, window)))
        .collect()
}

fn of_product(rows: &[&TripRow], window: &Window) -> ProductFigures {
    let mut figures = Marketplace::default();
    for row in rows {
        count_ride(row, window, &mut figures);
    }
    let rides = &figures.rides;
    let rows = rows.iter().copied();
    ProductFigures {
        requested: rides.requested,
        completed: rides.completed,
        cancelled: rides.cancelled,
        unserved: rides.unserved,
        served_share: served_share(rows.clone(), window),
        pickup: pickup(rows.clone(), window),
        gross: sum_of_ended(rows.clone(), window, |row| row.rider_pays),
        driver_pay: sum_of_ended(rows, window, |row| row.charge.driver_pay),
    }
}

fn pickup<'a>(rows: impl Iterator<Item = &'a TripRow> + Clone, window: &Window) -> Pickup {
    let arrived = rows
        .filter(|row| !row.in_progress_at_start)
        .filter(|row| window.holds_some(row.stamps.arrived_at));
    let waits = arrived.clone().filter_map(|row| {
        let at = row.stamps.arrived_at?;
        Some(at.since(row.asked_at()).as_secs_f64())
    });
    let ways = arrived.filter_map(|row| row.seen.as_ref()?.pickup_distance_m);
    Pickup {
        wait_s: spread(waits.collect(), 3),
        distance_m: spread(ways.collect(), 1),
    }
}

fn surge(input: &MarketplaceInput<'_>) -> SurgeFigures {
    let mut quoted: Vec<f64> = input
        .rows
        .iter()
        .filter(|row| !row.in_progress_at_start && input.window.holds(row.requested_at))
        .map(|row| f64::from(row.fare.surge.hundredths()) / 100.0)
        .collect();
    quoted.sort_by(f64::total_cmp);
    SurgeFigures {
        mean: mean(&quoted).and_then(|mean| figure(mean, 4)),
        p90: quantile(&quoted, 0.9),
        max: quoted.last().copied(),
    }
}

fn money(input: &MarketplaceInput<'_>) -> MoneyFigures {
    let sum = |part: fn(&TripRow) -> Money| sum_of_ended(input.rows.iter(), &input.window, part);
    MoneyFigures {
        currency: input
            .rows
            .first()
            .map_or_else(|| "USD".to_owned(), |row| row.fare.currency.to_string()),
        gross: sum(|row| row.rider_pays),
        driver_pay: sum(|row| row.charge.driver_pay),
        platform: sum(|row| row.platform),
        fees: sum(|row| row.charge.fees()),
        pay_per_online_hour: drivers::pay_per_hour(input),
    }
}

/// A part of the money of the rides that ended, in whole units of its currency.
fn sum_of_ended<'a>(
    rows: impl Iterator<Item = &'a TripRow>,
    window: &Window,
    part: fn(&TripRow) -> Money,
) -> f64 {
    let ended = rows.filter(|row| window.holds_some(row.ended_at()));
    whole(ended.map(part).sum())
}

/// Money in whole units of its currency, exact to the minor unit.
fn whole(amount: Money) -> f64 {
    rounded(amount.minor() as f64 / 100.0, 2)
}

/// Adds what the trips say of latencies: `request_to_offer` and `request_to_accept` of the requests
/// scheduled inside the window.
pub fn trip_latencies(rows: &[TripRow], window: &Window, latencies: &mut Latencies) {
    for row in rows {
        let asked_at = row.asked_at();
        if row.in_progress_at_start || !window.holds(asked_at) {
            continue;
        }
        if let Some(at) = row.seen.as_ref().and_then(|seen| seen.first_offer_at) {
            latencies.record(step::REQUEST_TO_OFFER, at.since(asked_at));
        }
        if let Some(at) = row.accepted_at() {
            latencies.record(step::REQUEST_TO_ACCEPT, at.since(asked_at));
        }
    }
}
