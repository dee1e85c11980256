//! The shipped profile is what its generator makes of the published files.

#[path = "../examples/make_profile/generate.rs"]
mod generate;

use std::path::Path;

use rushhour_workload::profile::{NEW_YORK_PEAK, Profile};

#[test]
fn the_shipped_profile_is_what_its_generator_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    for name in ["nyc_2013-01-01_10k.csv", "hvfhv_2026-01_hourly.csv"] {
        if !folder.join(name).exists() {
            eprintln!("skipped: ../shared/data/{name} is absent");
            return;
        }
    }
    let made = generate::new_york_peak(&folder).unwrap();
    assert!(
        made == NEW_YORK_PEAK,
        "profiles/new-york-peak.toml is stale: run the example make_profile again"
    );
}

#[test]
fn the_shipped_profile_reads() {
    let profile = Profile::new_york_peak();
    let trips =
        |weights: &[(domain::Cell, f64)]| -> f64 { weights.iter().map(|(_, weight)| weight).sum() };
    assert_eq!(trips(&profile.origins), trips(&profile.destinations));
    assert!(trips(&profile.origins) > 9_000.0);
    assert!(
        profile
            .demand_source
            .contains("Served demand, not requested")
    );
    assert!(profile.places_source.contains("2013-01-01"));
}
