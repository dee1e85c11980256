//! Which product each rider chooses, and which class of vehicle each driver drives: by shares, and by who they are.

use domain::{DriverId, ProductName, RiderId, VehicleClass, VehicleClasses};
use kernel::Streams;

use crate::places::{Weights, WeightsError};

/// A product that riders choose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// By which they know it.
    pub name: ProductName,
    /// How many choose it, beside the others.
    pub share: f64,
    /// Whose vehicles serve it.
    pub classes: VehicleClasses,
}

/// A class of vehicles that drivers drive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VehicleShare {
    /// Which.
    pub class: VehicleClass,
    /// How many drive it, beside the others.
    pub share: f64,
}

/// What riders choose and drivers drive. Nothing to choose, and the first class for all, by default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Products {
    choices: Vec<Choice>,
    /// Of the choices, if there are any.
    chosen: Option<Weights>,
    vehicles: Vec<VehicleShare>,
    /// Of the vehicles, if there are any.
    driven: Option<Weights>,
}

/// Why shares cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SharesError {
    /// Those of products.
    #[error("shares of products: {0}")]
    Products(WeightsError),
    /// Those of vehicles.
    #[error("shares of vehicles: {0}")]
    Vehicles(WeightsError),
}

impl Products {
    /// Products by their shares of riders, and classes of vehicles by their shares of drivers; of either there may be
    /// none.
    ///
    /// # Errors
    /// If a share is negative or not finite, or all of them are nothing.
    pub fn new(choices: Vec<Choice>, vehicles: Vec<VehicleShare>) -> Result<Self, SharesError> {
        let chosen = weights(choices.iter().map(|it| it.share));
        let driven = weights(vehicles.iter().map(|it| it.share));
        Ok(Self {
            chosen: chosen.map_err(SharesError::Products)?,
            driven: driven.map_err(SharesError::Vehicles)?,
            choices,
            vehicles,
        })
    }

    /// What riders choose from.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// What this rider chooses; none where there is nothing to choose.
    #[must_use]
    pub fn of_rider(&self, streams: &Streams, rider: RiderId) -> Option<ProductName> {
        let chosen = self.chosen.as_ref()?.pick(draw_of(streams, rider));
        Some(self.choices[chosen].name)
    }

    /// What this rider chose, who has a driver of that class already: of what the class serves, the more likely what few
    /// others do.
    ///
    /// # Errors
    /// If there are products, and such a driver has riders of none.
    pub fn of_rider_with(
        &self,
        class: VehicleClass,
        streams: &Streams,
        rider: RiderId,
    ) -> Result<Option<ProductName>, NoneServed> {
        if self.choices.is_empty() {
            return Ok(None);
        }
        let served = self.choices.iter().filter(|it| it.classes.contains(class));
        let served: Vec<Choice> = served.map(|choice| self.by_vehicle(choice)).collect();
        let weights = Weights::new(served.iter().map(|it| it.share)).map_err(|_| NoneServed)?;
        Ok(Some(served[weights.pick(draw_of(streams, rider))].name))
    }

    /// A choice with its share of riders for each of the vehicles that serve it.
    fn by_vehicle(&self, choice: &Choice) -> Choice {
        let serving = self
            .vehicles
            .iter()
            .filter(|it| choice.classes.contains(it.class));
        let vehicles: f64 = serving.map(|it| it.share).sum();
        let share = if vehicles > 0.0 {
            choice.share / vehicles
        } else {
            choice.share
        };
        Choice { share, ..*choice }
    }

    /// What this driver drives.
    #[must_use]
    pub fn of_driver(&self, streams: &Streams, driver: DriverId) -> VehicleClass {
        self.driven
            .as_ref()
            .map_or_else(VehicleClass::default, |driven| {
                let draw = streams.stream("vehicle", driver.0).uniform();
                self.vehicles[driven.pick(draw)].class
            })
    }
}

/// Nobody who rides chooses what such a driver serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoneServed;

fn weights(shares: impl ExactSizeIterator<Item = f64>) -> Result<Option<Weights>, WeightsError> {
    (shares.len() > 0).then(|| Weights::new(shares)).transpose()
}

/// What a rider's choice is drawn with.
fn draw_of(streams: &Streams, rider: RiderId) -> f64 {
    streams.stream("product", rider.0).uniform()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(number: u32) -> VehicleClass {
        VehicleClass::new(number).unwrap()
    }

    fn choice(name: &str, share: f64, classes: &[u32]) -> Choice {
        Choice {
            name: ProductName::new(name).unwrap(),
            share,
            classes: classes.iter().map(|number| class(*number)).collect(),
        }
    }

    fn vehicle(number: u32, share: f64) -> VehicleShare {
        let class = class(number);
        VehicleShare { class, share }
    }

    fn mixed() -> Products {
        let choices = vec![
            choice("standard", 3.0, &[0, 1]),
            choice("xl", 1.0, &[1]),
            choice("wheelchair", 0.0, &[2]),
        ];
        Products::new(
            choices,
            vec![vehicle(0, 7.0), vehicle(1, 2.0), vehicle(3, 1.0)],
        )
        .unwrap()
    }

    #[test]
    fn shares_are_kept_and_nobody_changes_their_mind() {
        let (products, streams) = (mixed(), Streams::new(7));
        let count = 20_000_u16;
        let riders = || (0..u64::from(count)).map(RiderId);
        let share_of = |name: &str| {
            let chose = |rider: &RiderId| {
                let chosen = products.of_rider(&streams, *rider);
                assert_eq!(chosen, products.of_rider(&streams, *rider));
                chosen.is_some_and(|chosen| chosen.as_str() == name)
            };
            riders().filter(chose).count() as f64 / f64::from(count)
        };
        assert!((share_of("standard") - 0.75).abs() < 0.01);
        assert!((share_of("xl") - 0.25).abs() < 0.01);
        let drives = |number| {
            let drivers = (0..u64::from(count)).map(DriverId);
            let drivers = drivers.filter(|it| products.of_driver(&streams, *it) == class(number));
            drivers.count() as f64 / f64::from(count)
        };
        assert!((drives(0) - 0.7).abs() < 0.01 && (drives(3) - 0.1).abs() < 0.01);
        assert!(drives(2).abs() < f64::EPSILON);
    }

    #[test]
    fn whom_a_driver_has_chose_what_the_driver_serves() {
        let (products, streams) = (mixed(), Streams::new(7));
        let chosen: Vec<ProductName> = (0..2_000)
            .filter_map(|rider| {
                products
                    .of_rider_with(class(1), &streams, RiderId(rider))
                    .unwrap()
            })
            .collect();
        // Of 4 riders one wants what 2 in 10 vehicles serve, 3 want what 9 in 10 serve.
        let large = chosen.iter().filter(|name| name.as_str() == "xl").count();
        let expected = 2_000.0 * (1.0 / 2.0) / (1.0 / 2.0 + 3.0 / 9.0);
        assert!(
            (large as f64 - expected).abs() < 60.0,
            "{large} for {expected}"
        );
        for (number, expected) in [
            (0, Ok("standard")),
            (3, Err(NoneServed)),
            (2, Err(NoneServed)),
        ] {
            let found = products.of_rider_with(class(number), &streams, RiderId(1));
            let found = found.map(|name| name.unwrap().to_string());
            assert_eq!(found, expected.map(str::to_owned), "{number}");
        }
        let nothing = Products::default();
        assert_eq!(
            nothing.of_rider_with(class(3), &streams, RiderId(1)),
            Ok(None)
        );
        assert_eq!(nothing.of_rider(&streams, RiderId(1)), None);
        assert_eq!(nothing.of_driver(&streams, DriverId(1)), class(0));
    }

    #[test]
    fn shares_that_cannot_be_are_refused() {
        let (none, negative) = (choice("a", 0.0, &[0]), choice("a", -1.0, &[0]));
        assert_eq!(
            Products::new(vec![none], vec![]),
            Err(SharesError::Products(WeightsError::Nothing))
        );
        assert_eq!(
            Products::new(vec![negative], vec![]),
            Err(SharesError::Products(WeightsError::Weight(-1.0)))
        );
        assert_eq!(
            Products::new(vec![], vec![vehicle(0, 0.0)]),
            Err(SharesError::Vehicles(WeightsError::Nothing))
        );
    }
}
