//! Real files. The expected figures were computed by another program, in another language.

use rushhour_workload::import::{
    ImportOptions, PlaceOrigin, TimeMeaning, dejitter, local_time_text,
};

use super::{import_one, rejected, shared, with_zones};

fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!(
        (found / expected - 1.0).abs() < 1e-12,
        "found {found}, expected {expected}"
    );
}

#[test]
fn ten_thousand_yellow_taxi_trips_of_2013() {
    let Some(path) = shared("nyc_2013-01-01_10k.csv") else {
        return;
    };
    let imported = import_one(path, &ImportOptions::default());
    let figures = &imported.figures;
    assert_eq!((figures.rows, figures.kept), (10_004, 9_778));
    assert_eq!(
        rejected(figures),
        "coordinate_out_of_range: 1, zero_coordinate: 175, nonpositive_duration: 26, \
         nonpositive_distance: 24"
    );
    assert_eq!(figures.vehicles, Some(4_539));
    assert_eq!(
        figures.first.map(local_time_text).unwrap(),
        "2013-01-01T00:00:00"
    );
    assert_eq!(
        figures.last.map(local_time_text).unwrap(),
        "2013-01-01T00:54:00"
    );
    near(figures.mean_distance_km, 4.154252105019433);
    near(figures.mean_duration_s, 649.6570873389242);
    assert_eq!(figures.peak_concurrent, 2_971);
    assert_eq!(imported.trips.provenance.time, TimeMeaning::Pickup);
    assert_eq!(
        imported.trips.provenance.sources,
        ["nyc_2013-01-01_10k.csv"]
    );
    assert_eq!(imported.trips.len(), 9_778);
    let json = serde_json::to_value(figures).unwrap();
    assert_eq!(json["first"], "2013-01-01T00:00:00");
    assert_eq!(json["rejected"]["zero_coordinate"], 175);
}

#[test]
fn published_minutes_no_longer_come_in_bursts_once_dejittered() {
    let Some(path) = shared("nyc_2013-01-01_10k.csv") else {
        return;
    };
    let mut trips = import_one(path, &ImportOptions::default()).trips;
    let most_in_a_second = |trips: &rushhour_workload::import::Trips| {
        let seconds: Vec<i64> = trips
            .as_slice()
            .iter()
            .map(|trip| trip.time().as_secs())
            .collect();
        seconds
            .chunk_by(|a, b| a == b)
            .map(<[i64]>::len)
            .max()
            .unwrap()
    };
    let before = most_in_a_second(&trips);
    let found = dejitter(&mut trips, 3).unwrap();
    assert_eq!(found.rounded_to_s, 60);
    assert!((0.98..1.0).contains(&found.rounded_share), "{found:?}");
    let after = most_in_a_second(&trips);
    assert!(
        before > 200 && after < 25,
        "{before} in one second before, {after} after"
    );
}

#[test]
fn high_volume_rows_of_2026_with_the_taxi_zones() {
    let (Some(path), Some(zones)) = (
        shared("hvfhv_2026-01_10rows.csv"),
        shared("taxi_zones.geojson"),
    ) else {
        return;
    };
    let options = with_zones(&zones);
    let imported = import_one(path, &options);
    let figures = &imported.figures;
    assert_eq!((figures.rows, figures.kept), (10, 9));
    assert_eq!(rejected(figures), "unknown_zone: 1");
    assert_eq!(figures.vehicles, None);
    assert_eq!(
        figures.first.map(local_time_text).unwrap(),
        "2026-01-01T00:08:19"
    );
    assert_eq!(
        figures.last.map(local_time_text).unwrap(),
        "2026-01-01T00:50:37"
    );
    near(figures.mean_distance_km, 4.143345536);
    near(figures.mean_duration_s, 1_068.6666666666667);
    assert_eq!(figures.peak_concurrent, 4);
    assert_eq!(imported.trips.provenance.time, TimeMeaning::Request);
    assert_eq!(imported.trips.provenance.places, PlaceOrigin::Zones);
    let map = options.zones.as_ref().unwrap();
    // The first request of the file is the fourth row: from zone 141 to zone 226.
    let first = imported.trips.as_slice()[0];
    assert!(map.contains(141, first.pickup()) && map.contains(226, first.dropoff()));
    assert_eq!(map.ids().collect::<Vec<_>>(), (1..=263).collect::<Vec<_>>());
}
