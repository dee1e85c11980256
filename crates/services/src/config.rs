//! What a deployment decides: the region, its prices, its travel rule, its windows. Resolved once by
//! the host's `main` and handed down; nothing here reads the environment.

use std::time::Duration;

use domain::fare::Tariff;
use domain::limits::CANDIDATES_MAX;
use domain::surge::SurgePolicy;
use domain::travel::Travel;
use domain::trip::SweepPolicy;
use domain::{ProductName, Region, Resolution, Round, Timestamp, VehicleClasses};

use crate::limits::RERING_DELAY_MIN;
use crate::products::{Product, Products};

/// The market and its rules, the same for every use case of a deployment.
#[derive(Debug, Clone)]
pub struct Market {
    /// Which region this is.
    pub region: Region,
    /// Pick-ups and destinations outside are refused; none: the whole space.
    pub service_area: Option<ServiceArea>,
    /// How places become metres and minutes.
    pub travel: Travel,
    /// What rides cost, where their product has no fares of its own, and what waiting and broken appointments cost.
    pub tariff: Tariff,
    /// What riders may choose from.
    pub products: Products,
    /// The size of surge zones.
    pub resolution: Resolution,
    /// How surge follows supply and demand; none: no surge.
    pub surge: Option<SurgePolicy>,
    /// How long a quote is good for.
    pub quote_ttl: Duration,
    /// How riders and drivers are brought together.
    pub dispatch: DispatchPolicy,
    /// When the sweep looks at what.
    pub sweep: SweepPolicy,
    /// How often supply and demand are counted for surge.
    pub snapshot_every: Duration,
}

impl Market {
    /// What a ride of a product costs.
    #[must_use]
    pub fn tariff_of<'a>(&'a self, product: Option<&'a Product>) -> &'a Tariff {
        product.map_or(&self.tariff, |product| &product.tariff)
    }

    /// Whose vehicles may serve a trip of a product. None may serve what the market has no more: no rider is sent a
    /// car that was not chosen.
    #[must_use]
    pub fn classes_of(&self, product: Option<ProductName>) -> VehicleClasses {
        let Some(name) = product else {
            return VehicleClasses::ALL;
        };
        self.products
            .named(name.as_str())
            .map_or(VehicleClasses::NONE, |product| product.classes)
    }
}

/// A rectangle of degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceArea {
    /// Southern edge.
    pub south: f64,
    /// Western edge.
    pub west: f64,
    /// Northern edge.
    pub north: f64,
    /// Eastern edge.
    pub east: f64,
}

impl ServiceArea {
    /// Whether a place lies in it, edges included.
    #[must_use]
    pub fn contains(&self, place: domain::Place) -> bool {
        (self.south..=self.north).contains(&place.lat())
            && (self.west..=self.east).contains(&place.lon())
    }
}

/// How riders and drivers are brought together.
#[derive(Debug, Clone, PartialEq)]
pub struct DispatchPolicy {
    /// Which assignment.
    pub assignment: Assignment,
    /// The window of a match round, whole seconds; zero: at once.
    pub window: Duration,
    /// Drivers farther than this (straight metres) are not asked; none: no limit.
    pub radius_m: Option<f64>,
    /// Nearest drivers considered for each rider.
    pub candidates: usize,
    /// How long a driver has to answer.
    pub offer_timeout: Duration,
    /// What happens to a rider for whom nobody is available.
    pub queue: Queue,
}

/// Which assignment a round makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignment {
    /// First come, nearest available.
    Nearest,
    /// The least total pick-up time, optionally leaving riders who cost more than a penalty.
    Batched {
        /// Pick-up time beyond which leaving a rider waiting is better.
        unserved_penalty: Option<Duration>,
    },
}

/// What happens to a rider for whom nobody is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Waits until patience ends.
    Wait,
    /// Is unserved at once.
    Lose,
}

impl DispatchPolicy {
    /// The round that a ring at `now` is for.
    #[must_use]
    pub fn round_at(&self, now: Timestamp) -> Round {
        let window_us = micros(self.window);
        // Without a window every request's ring is a round of its own.
        Round(if window_us == 0 {
            now.as_micros()
        } else {
            now.as_micros().div_euclid(window_us)
        })
    }

    /// The round that a ring at `now` is for, of a round that left riders waiting: one for all of a window, or,
    /// without a window, for all of the shortest delay. Else each request would start a chain of rounds that
    /// goes on for as long as anybody waits, beside all the others.
    #[must_use]
    pub fn next_round_at(&self, now: Timestamp) -> Round {
        if !self.window.is_zero() {
            return self.round_at(now);
        }
        let delay_us = micros(RERING_DELAY_MIN);
        // Numbered by a moment, as requests' rounds are: the last of the span, which no request on the second
        // has to itself.
        Round((now.as_micros().div_euclid(delay_us) + 1) * delay_us - 1)
    }

    /// Nearest drivers considered for each rider, within bounds.
    #[must_use]
    pub fn candidates(&self) -> usize {
        self.candidates.clamp(1, CANDIDATES_MAX)
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_of_riders_left_waiting_share_a_round() {
        let dispatch = |window| DispatchPolicy {
            assignment: Assignment::Nearest,
            window,
            radius_m: None,
            candidates: 20,
            offer_timeout: Duration::from_secs(15),
            queue: Queue::Wait,
        };
        let at = Timestamp::from_micros;
        let at_once = dispatch(Duration::ZERO);
        assert_ne!(
            at_once.round_at(at(7_000_000)),
            at_once.round_at(at(7_000_001))
        );
        let first = at_once.next_round_at(at(7_000_000));
        assert_eq!(first, at_once.next_round_at(at(7_999_998)));
        assert_ne!(first, at_once.next_round_at(at(8_000_000)));
        assert_ne!(first, at_once.round_at(at(7_000_000)));
        let windowed = dispatch(Duration::from_secs(2));
        assert_eq!(
            windowed.next_round_at(at(7_000_000)),
            windowed.round_at(at(6_000_000))
        );
    }
}
