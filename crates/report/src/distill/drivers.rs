//! How drivers spent their time, and what an hour brought them.

use std::collections::BTreeMap;

use domain::{DriverId, Money};

use super::{MarketplaceInput, Window, gini, quantile};
use crate::summary::{Drivers, Kilometres, PayPerHour, figure, rounded};

/// How a driver spent the window, in seconds of the run's clock and metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriverAccount {
    /// Who.
    pub driver: DriverId,
    /// Without a ride.
    pub idle_s: f64,
    /// On the way to a pick-up.
    pub pickup_s: f64,
    /// Waiting at a pick-up.
    pub waiting_s: f64,
    /// With a rider in the car.
    pub on_trip_s: f64,
    /// Driven without a ride.
    pub idle_m: f64,
    /// Driven to pick-ups.
    pub pickup_m: f64,
    /// Driven with a rider.
    pub trip_m: f64,
}

impl DriverAccount {
    /// An account in which nothing happened yet.
    #[must_use]
    pub fn new(driver: DriverId) -> Self {
        Self {
            driver,
            idle_s: 0.0,
            pickup_s: 0.0,
            waiting_s: 0.0,
            on_trip_s: 0.0,
            idle_m: 0.0,
            pickup_m: 0.0,
            trip_m: 0.0,
        }
    }

    /// Time online, in seconds.
    #[must_use]
    pub fn online_s(&self) -> f64 {
        self.idle_s + self.pickup_s + self.waiting_s + self.on_trip_s
    }
}

pub(super) fn shares(accounts: &[DriverAccount], window: &Window) -> Drivers {
    let sum = |part: fn(&DriverAccount) -> f64| accounts.iter().map(part).sum::<f64>();
    let online = sum(DriverAccount::online_s);
    let share = |seconds: f64| figure(seconds / online, 6);
    let (idle, on_trip) = (sum(|a| a.idle_s), sum(|a| a.on_trip_s));
    let pickup = sum(|a| a.pickup_s + a.waiting_s);
    let kilometres = |metres: f64| rounded(metres / 1_000.0, 3);
    Drivers {
        online_mean: figure(online / window.seconds(), 3),
        utilisation: share(on_trip),
        idle_share: share(idle),
        pickup_share: share(pickup),
        on_trip_share: share(on_trip),
        km: Kilometres {
            idle: kilometres(sum(|a| a.idle_m)),
            pickup: kilometres(sum(|a| a.pickup_m)),
            trip: kilometres(sum(|a| a.trip_m)),
        },
    }
}

/// A driver's pay for an hour tells something from this long online on, in hours of the city: a ride is paid at its end,
/// so that of less it tells who was lucky.
const TELLING_HOURS: f64 = 0.5;

/// What each driver earned for an hour online, in whole units of the currency an hour of the city. Drivers who were
/// online for less than half an hour of it are left out.
#[must_use]
pub fn pay_rates(input: &MarketplaceInput<'_>) -> Vec<f64> {
    let paid = paid(input);
    let rate = |account: &DriverAccount| {
        let hours = account.online_s() * input.speedup / 3_600.0;
        let pay = paid.get(&account.driver).copied().unwrap_or_default();
        (hours >= TELLING_HOURS).then(|| pay.minor() as f64 / 100.0 / hours)
    };
    input.accounts.iter().filter_map(rate).collect()
}

fn paid(input: &MarketplaceInput<'_>) -> BTreeMap<DriverId, Money> {
    let mut paid: BTreeMap<DriverId, Money> = BTreeMap::new();
    for row in input.rows {
        if let Some(driver) = row
            .driver()
            .filter(|_| input.window.holds_some(row.ended_at()))
        {
            *paid.entry(driver).or_default() += row.charge.driver_pay;
        }
    }
    paid
}

pub(super) fn pay_per_hour(input: &MarketplaceInput<'_>) -> PayPerHour {
    let mut rates = pay_rates(input);
    rates.sort_by(f64::total_cmp);
    let online: f64 = input.accounts.iter().map(DriverAccount::online_s).sum();
    let hours = online * input.speedup / 3_600.0;
    let pay: Money = paid(input).into_values().sum();
    PayPerHour {
        mean: figure(pay.minor() as f64 / 100.0 / hours, 2),
        p10: quantile(&rates, 0.1).and_then(|rate| figure(rate, 2)),
        gini: gini(&rates).and_then(|gini| figure(gini, 4)),
    }
}
