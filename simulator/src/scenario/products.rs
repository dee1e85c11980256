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
    let wrong = |key: &str, message| {
        Err(ScenarioError::wrong(
            format!("products.{name}.{key}"),
            message,
        ))
    };
    let factor = product.fare_factor;
    if !FARE_FACTORS.contains(&factor) {
        let (least, most) = FARE_FACTORS.into_inner();
        return wrong(
            "fare_factor",
            format!("found {factor}, expected {least} to {most}"),
        );
    }
    let names: Vec<&str> = vehicles.keys().map(String::as_str).collect();
    let named = product.vehicles.iter().flatten();
    if let Some(unknown) = named
        .clone()
        .find(|vehicle| !vehicles.contains_key(*vehicle))
    {
        let expected = nearest(unknown, &names).map_or_else(
            || "one that `fleet.vehicles` names, which names none".to_owned(),
            |nearest| format!("`{nearest}` (in `fleet.vehicles`: {})", names.join(", ")),
        );
        return wrong(
            "vehicles",
            format!("found the vehicle `{unknown}`, expected {expected}"),
        );
    }
    if product.vehicles.is_some() && named.clone().all(|vehicle| vehicles[vehicle] <= 0.0) {
        let found: Vec<&str> = named.map(String::as_str).collect();
        let message = format!(
            "found [{}], expected at least one that some drive",
            found.join(", ")
        );
        return wrong("vehicles", message);
    }
    Ok(Choice {
        name,
        share: product.share,
        classes: serving(product, vehicles)
            .map_or(VehicleClasses::ALL, |classes| classes.into_iter().collect()),
    })
}

/// The classes of vehicles that there are, by name and share.
fn known(vehicles: &BTreeMap<String, f64>) -> impl Iterator<Item = (VehicleClass, &String, f64)> {
    let classes = (0..).map_while(|number| VehicleClass::new(number).ok());
    classes
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
