//! What a ride costs, who gets what of it, and what a broken appointment costs.

use crate::money::{Currency, Money};
use crate::surge::Multiplier;

/// The price of a ride as quoted up front.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fare {
    /// The currency of every amount.
    pub currency: Currency,
    /// Base, distance and time under surge, raised to the minimum.
    pub ride: Money,
    /// The booking fee, never under surge.
    pub booking_fee: Money,
    /// What the driver is paid for the ride, apart from what the rider pays.
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
