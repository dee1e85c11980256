//! From published files to the text of a profile. A test makes it again and compares.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use domain::{Cell, Place, Resolution, Space};
use rushhour_workload::import::{ImportOptions, Trip, import, parse_service_area};

const TRIPS: &str = "nyc_2013-01-01_10k.csv";
const HOURLY: &str = "hvfhv_2026-01_hourly.csv";
/// The taxi zones' extent. Stamps of places outside are errors of the recorder more often than trips.
const SERVICE_AREA: &str = "-74.26,40.49,-73.69,40.92";
const RESOLUTION: u8 = 8;
/// Denser towards the ends, where lengths change fast.
const PROBABILITIES: [f64; 27] = [
    0.0, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7,
    0.75, 0.8, 0.85, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 1.0,
];

/// The text of `new-york-peak.toml`.
pub(crate) fn new_york_peak(folder: &Path) -> Result<String, Box<dyn Error>> {
    let options = ImportOptions {
        service_area: Some(parse_service_area(SERVICE_AREA)?),
        ..ImportOptions::default()
    };
    let imported = import(&[folder.join(TRIPS)], &options)?;
    let trips = imported.trips.as_slice();
    let kept = trips.len();
    let mut text = String::new();
    writeln!(
        text,
        "# New York's peak hour. Made by the example `make_profile`; not to be edited."
    )?;
    writeln!(text, "schema = \"rushhour.profile/1\"")?;
    writeln!(text, "name = \"new-york-peak\"")?;
    demand(&mut text, &std::fs::read_to_string(folder.join(HOURLY))?)?;
    lengths(&mut text, trips)?;
    writeln!(text, "\n[places]")?;
    writeln!(
        text,
        "source = \"\"\"\nPlaces of yellow-taxi trips of 2013-01-01, picked up from 00:00 on and mostly \
         by 00:35 (New Year's night), not of\nfor-hire trips of an evening peak: the best openly \
         published coordinates, since later records hold zones only.\nNYC TLC records as prepared for \
         the DEBS 2015 challenge; {kept} of {} rows, those that the import keeps within\n{SERVICE_AREA} \
         (west, south, east, north). Weights are counts of trips.\"\"\"",
        imported.figures.rows
    )?;
    writeln!(text, "circuity = {:.3}", circuity(trips))?;
    writeln!(text, "resolution = {RESOLUTION}")?;
    cells(&mut text, "origins", trips.iter().map(Trip::pickup))?;
    cells(&mut text, "destinations", trips.iter().map(Trip::dropoff))?;
    Ok(text)
}

fn demand(text: &mut String, hourly: &str) -> Result<(), Box<dyn Error>> {
    writeln!(text, "\n[demand]")?;
    writeln!(
        text,
        "source = \"\"\"\nNYC TLC high-volume for-hire trips of January 2026, 20.9 million, by hour of \
         local time, mean day; computed from\npublished aggregates. Served demand, not requested \
         demand: requests that found no driver are not in it.\"\"\""
    )?;
    let mut rows = hourly.lines();
    let header: Vec<&str> = rows.next().unwrap_or_default().split(',').collect();
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(',').collect()).collect();
    for (key, column) in [
        ("trips_per_hour", "trips_per_hour_avg_day"),
        ("mean_miles", "avg_miles"),
        ("mean_minutes", "avg_trip_min"),
        ("mph", "mph"),
        ("on_trip_vehicles", "on_trip_vehicles"),
    ] {
        let position = header.iter().position(|name| *name == column);
        let position = position.ok_or_else(|| format!("{HOURLY}: expected a column {column}"))?;
        let values: Option<Vec<&str>> = rows.iter().map(|row| row.get(position).copied()).collect();
        let values = values.ok_or_else(|| format!("{HOURLY}: expected {column} in each row"))?;
        writeln!(text, "{key} = [{}]", values.join(", "))?;
    }
    Ok(())
}

fn lengths(text: &mut String, trips: &[Trip]) -> Result<(), Box<dyn Error>> {
    let mut distances_m: Vec<f64> = trips.iter().map(Trip::distance_m).collect();
    distances_m.sort_by(f64::total_cmp);
    let mean_m = distances_m.iter().sum::<f64>() / distances_m.len() as f64;
    let quantile = |probability: f64| {
        let at = probability * (distances_m.len() - 1) as f64;
        let (below, above) = (at.floor() as usize, at.ceil() as usize);
        distances_m[below] + (distances_m[above] - distances_m[below]) * at.fract()
    };
    let multiples: Vec<String> = PROBABILITIES
        .iter()
        .map(|p| format!("{:.4}", quantile(*p) / mean_m))
        .collect();
    let probabilities: Vec<String> = PROBABILITIES.iter().map(f64::to_string).collect();
    writeln!(text, "\n[trip_length]")?;
    writeln!(
        text,
        "source = \"\"\"\nQuantiles of the metered distance of the same trips as in [places], each over \
         their mean of {:.2} miles. Read with\nstraight lines between them and scaled to mean 1, then \
         to the hour's mean_miles.\"\"\"",
        mean_m / rushhour_workload::profile::METRES_PER_MILE
    )?;
    writeln!(text, "probabilities = [{}]", probabilities.join(", "))?;
    writeln!(text, "multiples_of_mean = [{}]", multiples.join(", "))?;
    Ok(())
}

fn circuity(trips: &[Trip]) -> f64 {
    let way_m: f64 = trips.iter().map(Trip::distance_m).sum();
    let line_m: f64 = trips
        .iter()
        .map(|trip| Space::Sphere.distance_m(trip.pickup(), trip.dropoff()))
        .sum();
    way_m / line_m
}

fn cells(
    text: &mut String,
    key: &str,
    places: impl Iterator<Item = Place>,
) -> Result<(), Box<dyn Error>> {
    let resolution = Resolution::new(RESOLUTION)?;
    let mut counts: BTreeMap<Cell, u32> = BTreeMap::new();
    for place in places {
        *counts.entry(Cell::of(place, resolution)).or_insert(0) += 1;
    }
    writeln!(text, "{key} = [")?;
    let pairs: Vec<String> = counts
        .iter()
        .map(|(cell, count)| format!("[\"{cell}\", {count}]"))
        .collect();
    for line in pairs.chunks(5) {
        writeln!(text, "  {},", line.join(", "))?;
    }
    writeln!(text, "]")?;
    Ok(())
}
