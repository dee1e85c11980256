//! `[[products]]` and `[fleet] vehicles`: what riders choose and drivers drive, for them and for the market.
//!
//! A class of vehicles is a name in a scenario and a number everywhere else: its place among the names.

use std::collections::BTreeMap;

use domain::limits::VEHICLE_CLASSES;
use domain::{ProductName, VehicleClass, VehicleClasses};
use host::market::ProductDocument;
use workload::document::nearest;
use workload::products::{Choice, Products, SharesError, VehicleShare};

use super::model::{Product, Scenario};
use super::parse::ScenarioError;
use super::values::hundredths;

/// What a product's fares may be, beside those of `[pricing]`.
const FARE_FACTORS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// What riders choose and drivers drive.
///
/// # Errors
/// If a name, a share or a factor cannot be, or nobody drives what serves a product.
pub(super) fn products(scenario: &Scenario) -> Result<Products, ScenarioError> {
    let vehicles = &scenario.fleet.vehicles;
    if vehicles.len() > VEHICLE_CLASSES as usize {
        let found = vehicles.len();
        let message =
            format!("found {found} classes of vehicles, expected {VEHICLE_CLASSES} at most");
        return Err(ScenarioError::wrong("fleet.vehicles", message));
    }
    let mut choices: Vec<Choice> = Vec::new();
    for product in &scenario.products {
        let choice = choice(product, vehicles)?;
        if choices.iter().any(|it| it.name == choice.name) {
            let message = format!("found two products named {}, expected one", choice.name);
            return Err(ScenarioError::wrong("products", message));
        }
        choices.push(choice);
    }
    let shares = known(vehicles)
        .map(|(class, _, share)| VehicleShare { class, share })
        .collect();
    Products::new(choices, shares).map_err(|error| match error {
        SharesError::Products(error) => ScenarioError::wrong("products: share", error),
        SharesError::Vehicles(error) => ScenarioError::wrong("fleet.vehicles", error),
    })
}

fn choice(product: &Product, vehicles: &BTreeMap<String, f64>) -> Result<Choice, ScenarioError> {
    let name = ProductName::new(&product.name);
    let name = name.map_err(|error| ScenarioError::wrong("products: name", error))?;
    let wrong = |key: &str| {
        let key = format!("products.{name}.{key}");
        |message: String| ScenarioError::wrong(key, message)
    };
    hundredths(product.fare_factor, &FARE_FACTORS).map_err(wrong("fare_factor"))?;
    check_vehicles(product, vehicles).map_err(wrong("vehicles"))?;
    Ok(Choice {
        name,
        share: product.share,
        classes: serving(product, vehicles)
            .map_or(VehicleClasses::ALL, |classes| classes.into_iter().collect()),
    })
}

fn check_vehicles(product: &Product, vehicles: &BTreeMap<String, f64>) -> Result<(), String> {
    let Some(named) = &product.vehicles else {
        return Ok(());
    };
    let known: Vec<&str> = vehicles.keys().map(String::as_str).collect();
    if let Some(unknown) = named.iter().find(|name| !vehicles.contains_key(*name)) {
        let expected = nearest(unknown, &known).map_or_else(
            || "one of `fleet.vehicles`, where there is none".to_owned(),
            |nearest| format!("`{nearest}` (in `fleet.vehicles`: {})", known.join(", ")),
        );
        return Err(format!(
            "found the vehicle `{unknown}`, expected {expected}"
        ));
    }
    if named.iter().all(|name| vehicles[name] <= 0.0) {
        let found = named.join(", ");
        return Err(format!(
            "found [{found}], expected at least one that a share of drivers drives"
        ));
    }
    Ok(())
}

/// The classes of vehicles that there are, by name and share.
fn known(vehicles: &BTreeMap<String, f64>) -> impl Iterator<Item = (VehicleClass, &String, f64)> {
    VehicleClasses::ALL
        .iter()
        .zip(vehicles)
        .map(|(class, (name, share))| (class, name, *share))
}

/// Those that serve a product; none if any will do.
fn serving(product: &Product, vehicles: &BTreeMap<String, f64>) -> Option<Vec<VehicleClass>> {
    let named = product.vehicles.as_ref()?;
    let serving = known(vehicles).filter(|(_, name, _)| named.contains(name));
    Some(serving.map(|(class, ..)| class).collect())
}

/// The products of the market that the system is told of.
#[must_use]
pub(super) fn documents(scenario: &Scenario) -> Vec<ProductDocument> {
    let vehicles = &scenario.fleet.vehicles;
    let document = |product: &Product| ProductDocument {
        name: product.name.clone(),
        vehicle_classes: serving(product, vehicles)
            .map(|classes| classes.into_iter().map(VehicleClass::number).collect()),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a factor of a resolved scenario is small and not below zero"
        )]
        fare_hundredths: (product.fare_factor * 100.0).round() as u32,
    };
    scenario.products.iter().map(document).collect()
}

#[cfg(test)]
mod tests {
    use domain::{DriverId, RiderId};

    use crate::scenario;

    const CHOICE: [&str; 2] = [
        r#"products=[{name="usual",share=3},{name="xl",share=1,vehicles=["large"],fare_factor=1.6}]"#,
        "fleet.vehicles={small=4,large=1}",
    ];

    fn message(sets: &[&str]) -> String {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        scenario::load(None, &sets).unwrap_err().to_string()
    }

    #[test]
    fn riders_drivers_and_the_market_speak_of_the_same_classes() {
        let sets: Vec<String> = CHOICE.iter().map(|set| (*set).to_owned()).collect();
        let resolved = scenario::load(None, &sets).unwrap();
        let market = scenario::market::document(&resolved.scenario, domain::Timestamp::ZERO);
        let market = market.market().unwrap();
        let world = &resolved.world;
        let usual = market.products.usual().unwrap();
        let xl = market.products.named("xl").unwrap();
        assert_eq!(
            (usual.name.as_str(), &usual.tariff),
            ("usual", &market.tariff)
        );
        let base = market.tariff.terms().base;
        assert_eq!(xl.tariff.terms().base, base.scale_hundredths(160));
        for choice in world.products.choices() {
            let product = market.products.named(choice.name.as_str()).unwrap();
            assert_eq!(product.classes, choice.classes, "{}", choice.name);
        }
        let large = |driver: u64| {
            let class = world.products.of_driver(&world.streams, DriverId(driver));
            assert!(usual.classes.contains(class));
            xl.classes.contains(class)
        };
        let share = (0..10_000).filter(|driver| large(*driver)).count();
        assert!(
            (1_850..2_150).contains(&share),
            "{share} of 10,000 in large cars"
        );
        let chosen =
            (0..10_000).filter_map(|rider| world.products.of_rider(&world.streams, RiderId(rider)));
        let share = chosen.filter(|name| *name == xl.name).count();
        assert!(
            (2_350..2_650).contains(&share),
            "{share} of 10,000 choose them"
        );
    }

    #[test]
    fn what_cannot_be_is_named_with_its_key() {
        for (set, expected) in [
            (
                "products.xl.vehicles=[\"larg\"]",
                "products.xl.vehicles: found the vehicle `larg`, expected `large`",
            ),
            (
                "products.xl.vehicles=[]",
                "products.xl.vehicles: found [], expected at least one",
            ),
            (
                "fleet.vehicles.large=0",
                "products.xl.vehicles: found [large], expected at least one",
            ),
            (
                "fleet.vehicles.small=-1",
                "fleet.vehicles: found a weight of -1",
            ),
            (
                "products.xl.fare_factor=0",
                "products.xl.fare_factor: found 0, expected 0.01 to 100",
            ),
            (
                "products.xl.fare_factor=1.004",
                "found 1.004, expected 0.01 to 100 in hundredths",
            ),
            (
                "products.xl.fare_factor=nan",
                "products.xl.fare_factor: found NaN",
            ),
            (
                "products.xl.share=-1",
                "products: share: found a weight of -1",
            ),
            ("products.xl.name=XL", "products: name: found \"XL\""),
            ("products.xl.name=usual", "found two products named usual"),
            ("products.xxl.share=1", "known here: usual, xl"),
            ("products.xl.shere=1", "expected `share`"),
        ] {
            let found = message(&[CHOICE[0], CHOICE[1], set]);
            assert!(found.contains(expected), "{set}: {found}");
        }
        let found = message(&[CHOICE[0]]);
        assert!(found.contains("where there is none"), "{found}");
        let many: Vec<String> = (0..17).map(|number| format!("v{number}=1")).collect();
        let found = message(&[&format!("fleet.vehicles={{{}}}", many.join(","))]);
        assert!(
            found.contains("found 17 classes of vehicles, expected 16"),
            "{found}"
        );
    }
}
