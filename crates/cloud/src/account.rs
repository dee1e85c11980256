//! The concurrency of an account, which its functions share: what is set aside for some, and the rest.
//!
//! Start at [`Account::set_aside`] and [`Account::enter`]. A function with reserved concurrency keeps to
//! its own limit and never asks here again; all others take from what is left.

use crate::profile::LambdaProfile;

/// So much concurrency cannot be set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "found {asked} calls to set aside beside {set_aside} of {limit}, expected to leave {unreserved_min} to functions without a reservation"
)]
pub struct SetAsideError {
    /// What was asked for.
    pub asked: u32,
    /// What is set aside already.
    pub set_aside: u32,
    /// The account's concurrency.
    pub limit: u32,
    /// What must be left.
    pub unreserved_min: u32,
}

/// One account in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    limit: u32,
    unreserved_min: u32,
    set_aside: u32,
    shared: u32,
    shared_max: u32,
    refused: u64,
}

impl Account {
    /// An account of this concurrency, of which `unreserved_min` cannot be set aside.
    #[must_use]
    pub fn new(limit: u32, unreserved_min: u32) -> Self {
        Self {
            limit,
            unreserved_min,
            set_aside: 0,
            shared: 0,
            shared_max: 0,
            refused: 0,
        }
    }

    /// An account with the limits of a profile.
    #[must_use]
    pub fn of(profile: &LambdaProfile) -> Self {
        Self::new(profile.account_concurrency, profile.unreserved_min)
    }

    /// The account's concurrency.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Sets concurrency aside: reserved for a function, or provisioned for one without a reservation.
    ///
    /// # Errors
    /// If too little would be left for the others.
    pub fn set_aside(&mut self, concurrency: u32) -> Result<(), SetAsideError> {
        let wanted = u64::from(self.set_aside) + u64::from(concurrency);
        if concurrency > 0 && wanted + u64::from(self.unreserved_min) > u64::from(self.limit) {
            return Err(SetAsideError {
                asked: concurrency,
                set_aside: self.set_aside,
                limit: self.limit,
                unreserved_min: self.unreserved_min,
            });
        }
        self.set_aside += concurrency;
        Ok(())
    }

    /// Calls that functions without a reservation may have under way at once.
    #[must_use]
    pub fn shared_limit(&self) -> u32 {
        self.limit - self.set_aside
    }

    /// A call of a function without a reservation begins; false if there is no room for it.
    pub fn enter(&mut self) -> bool {
        if self.shared >= self.shared_limit() {
            self.refused += 1;
            return false;
        }
        self.shared += 1;
        self.shared_max = self.shared_max.max(self.shared);
        true
    }

    /// Such a call has ended, or did not begin after all.
    pub fn leave(&mut self) {
        self.shared = self.shared.saturating_sub(1);
    }

    /// Such calls under way, and the most of them at one moment.
    #[must_use]
    pub fn shared(&self) -> (u32, u32) {
        (self.shared, self.shared_max)
    }

    /// Calls refused for want of the account's concurrency.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_leaves_a_hundred_to_the_others() {
        let mut account = Account::new(1_000, 100);
        account.set_aside(600).unwrap();
        assert_eq!(
            account.set_aside(301).unwrap_err().to_string(),
            "found 301 calls to set aside beside 600 of 1000, expected to leave 100 to functions without a reservation"
        );
        account.set_aside(300).unwrap();
        assert_eq!(account.shared_limit(), 100);
        let entered = (0..150).filter(|_| account.enter()).count();
        assert_eq!((entered, account.refused()), (100, 50));
        account.leave();
        assert!(account.enter());
        assert_eq!(account.shared(), (100, 100));
    }
}
