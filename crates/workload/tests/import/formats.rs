//! Small files of each format, dirty rows in them.

use std::time::Duration;

use rushhour_workload::import::{
    ColumnMapping, Format, ImportOptions, Reason, TimeMeaning, local_time_text, parse_service_area,
};

use super::{fixture, import_one, rejected, with_zones};

/// What a file's import should give.
struct Case {
    file: &'static str,
    format: Format,
    rows: u64,
    rejected: &'static str,
    vehicles: Option<u64>,
    first: &'static str,
    last: &'static str,
    mean_distance_km: f64,
    mean_duration_s: f64,
    peak_concurrent: u64,
}

const CASES: [Case; 9] = [
    Case {
        file: "tlc_yellow_2009.csv",
        format: Format::TlcYellow,
        rows: 3,
        rejected: "nonpositive_duration: 1",
        vehicles: None,
        first: "2009-01-04T02:52:00",
        last: "2009-01-04T03:31:00",
        mean_distance_km: (2.63 + 4.55) / 2.0 * 1.609_344,
        mean_duration_s: 510.0,
        peak_concurrent: 1,
    },
    Case {
        // The third row has more than the surplus empty fields that some rows of that year end in.
        file: "tlc_yellow_2014.csv",
        format: Format::TlcYellow,
        rows: 3,
        rejected: "unparseable: 1",
        vehicles: None,
        first: "2014-01-09T20:45:25",
        last: "2014-01-09T20:46:12",
        mean_distance_km: (0.7 + 1.4) / 2.0 * 1.609_344,
        mean_duration_s: 483.0,
        peak_concurrent: 2,
    },
    Case {
        // A day is kept, a day and a second is not.
        file: "tlc_yellow_2015.csv",
        format: Format::TlcYellow,
        rows: 4,
        rejected: "duration_over_limit: 1",
        vehicles: None,
        first: "2015-01-10T20:33:38",
        last: "2015-01-15T19:05:39",
        mean_distance_km: (1.59 + 3.3 + 3.3) / 3.0 * 1.609_344,
        mean_duration_s: (1_083.0 + 1_190.0 + 86_400.0) / 3.0,
        peak_concurrent: 2,
    },
    Case {
        file: "tlc_yellow_zones.csv",
        format: Format::TlcYellow,
        rows: 4,
        rejected: "missing_field: 1, unknown_zone: 1",
        vehicles: None,
        first: "2017-01-09T11:13:28",
        last: "2017-01-09T11:32:27",
        mean_distance_km: (3.3 + 0.9) / 2.0 * 1.609_344,
        mean_duration_s: (737.0 + 214.0) / 2.0,
        peak_concurrent: 1,
    },
    Case {
        file: "tlc_green_2013.csv",
        format: Format::TlcGreen,
        rows: 2,
        rejected: "zero_coordinate: 1",
        vehicles: None,
        first: "2013-09-01T00:02:00",
        last: "2013-09-01T00:02:00",
        mean_distance_km: 14.35 * 1.609_344,
        mean_duration_s: 3_171.0,
        peak_concurrent: 1,
    },
    Case {
        // The second row's clock was put back under way: its stated time is what it took.
        file: "hvfhv.csv",
        format: Format::TlcHighVolume,
        rows: 3,
        rejected: "missing_field: 1",
        vehicles: None,
        first: "2024-11-03T00:50:37",
        last: "2024-11-03T01:40:00",
        mean_distance_km: 4.3 * 1.609_344,
        mean_duration_s: (1_133.0 + 1_200.0) / 2.0,
        peak_concurrent: 1,
    },
    Case {
        // Rows 3 and 4: places withheld; a quote that never ends, which spoils no other row.
        file: "chicago_taxi_portal.csv",
        format: Format::ChicagoTaxi,
        rows: 5,
        rejected: "unparseable: 1, missing_field: 1",
        vehicles: Some(1),
        first: "2020-01-01T00:00:00",
        last: "2020-01-01T12:30:00",
        mean_distance_km: (2.5 + 1_002.5 + 0.5) / 3.0 * 1.609_344,
        mean_duration_s: (600.0 + 1_620.0 + 300.0) / 3.0,
        peak_concurrent: 1,
    },
    Case {
        file: "chicago_network_api.csv",
        format: Format::ChicagoNetwork,
        rows: 2,
        rejected: "nonpositive_distance: 1",
        vehicles: None,
        first: "2019-03-01T07:45:00",
        last: "2019-03-01T07:45:00",
        mean_distance_km: 4.2 * 1.609_344,
        mean_duration_s: 868.0,
        peak_concurrent: 1,
    },
    Case {
        // Each row is wrong in every way that comes after its own; the last but one names no vehicle,
        // the last has bytes that are no text in a field that is read.
        file: "columns_17_dirty.csv",
        format: Format::Columns17,
        rows: 13,
        rejected: "unparseable: 4, missing_field: 1, coordinate_out_of_range: 1, \
                   zero_coordinate: 1, outside_service_area: 1, nonpositive_duration: 1, \
                   nonpositive_distance: 1, duration_over_limit: 1",
        vehicles: Some(1),
        first: "2013-01-01T00:00:00",
        last: "2013-01-01T00:01:00",
        mean_distance_km: 0.44 * 1.609_344,
        mean_duration_s: (86_400.0 + 60.0) / 2.0,
        peak_concurrent: 2,
    },
];

#[test]
fn each_format_is_recognised_and_each_bad_row_has_its_first_reason() {
    for case in CASES {
        let mut options = with_zones(&fixture("zones.geojson"));
        options.service_area = (case.format == Format::Columns17)
            .then(|| parse_service_area("-75,40,-73,41").unwrap());
        let imported = import_one(fixture(case.file), &options);
        let figures = &imported.figures;
        let file = case.file;
        assert_eq!(imported.formats, [case.format], "{file}");
        assert_eq!(figures.rows, case.rows, "{file}");
        assert_eq!(rejected(figures), case.rejected, "{file}");
        assert_eq!(
            figures.kept + figures.rejected.values().sum::<u64>(),
            figures.rows,
            "{file}"
        );
        assert_eq!(figures.vehicles, case.vehicles, "{file}");
        assert_eq!(
            figures.first.map(local_time_text).as_deref(),
            Some(case.first),
            "{file}"
        );
        assert_eq!(
            figures.last.map(local_time_text).as_deref(),
            Some(case.last),
            "{file}"
        );
        let (km, s) = (
            figures.mean_distance_km.unwrap(),
            figures.mean_duration_s.unwrap(),
        );
        assert!((km - case.mean_distance_km).abs() < 1e-9, "{file}: {km} km");
        assert!((s - case.mean_duration_s).abs() < 1e-9, "{file}: {s} s");
        assert_eq!(figures.peak_concurrent, case.peak_concurrent, "{file}");
    }
}

#[test]
fn the_dirty_file_holds_every_reason_but_the_zone_ones() {
    let seen: Vec<&str> = CASES
        .iter()
        .flat_map(|case| case.rejected.split(", "))
        .collect();
    for reason in Reason::ALL {
        assert!(
            seen.iter().any(|seen| seen.starts_with(reason.name())),
            "no case has {reason}"
        );
    }
}

#[test]
fn zones_outside_the_service_area_are_outside_and_kept_places_are_inside() {
    let mut options = with_zones(&fixture("zones.geojson"));
    options.service_area = Some(parse_service_area("-74.0,40.7,-73.985,40.72").unwrap());
    let imported = import_one(fixture("tlc_yellow_zones.csv"), &options);
    assert_eq!(
        rejected(&imported.figures),
        "missing_field: 1, unknown_zone: 1, outside_service_area: 2"
    );
    options.service_area = Some(parse_service_area("-73.995,40.7,-73.945,40.72").unwrap());
    for seed in 0..20 {
        options.seed = seed;
        let imported = import_one(fixture("tlc_yellow_zones.csv"), &options);
        assert_eq!(imported.figures.kept, 2);
        let area = options.service_area.unwrap();
        let inside = |trip: &rushhour_workload::import::Trip| {
            area.contains(trip.pickup()) && area.contains(trip.dropoff())
        };
        assert!(imported.trips.as_slice().iter().all(inside));
    }
}

#[test]
fn a_seed_draws_the_same_places_again_and_another_draws_others() {
    let mut options = with_zones(&fixture("zones.geojson"));
    let places = |options: &ImportOptions| {
        let trips = import_one(fixture("tlc_yellow_zones.csv"), options).trips;
        trips
            .as_slice()
            .iter()
            .map(|trip| (trip.pickup(), trip.dropoff()))
            .collect::<Vec<_>>()
    };
    let first = places(&options);
    assert_eq!(places(&options), first);
    options.seed = 1;
    assert_ne!(places(&options), first);
}

#[test]
fn any_other_file_is_read_by_the_columns_given() {
    let by_name = "request=asked,pickup=began,dropoff=ended,pickup_lat=lat0,pickup_lon=lng0,\
                   dropoff_lat=lat1,dropoff_lon=lng1,distance_m=metres,vehicle=car";
    let options = ImportOptions {
        columns: Some(ColumnMapping::parse(by_name).unwrap()),
        ..ImportOptions::default()
    };
    let imported = import_one(fixture("mapped.csv"), &options);
    assert_eq!(imported.figures.rows, 2);
    assert_eq!(imported.figures.vehicles, Some(1));
    assert_eq!(imported.trips.provenance.time, TimeMeaning::Request);
    let trip = imported.trips.as_slice()[0];
    assert_eq!(local_time_text(trip.time()), "2022-05-01T08:00:00");
    assert_eq!(trip.duration(), Duration::from_secs(600));
    assert!((trip.distance_m() - 5_200.0).abs() < 1e-3);
    assert!(
        (trip.pickup().lat() - 48.8566).abs() < 1e-7,
        "{:?}",
        trip.pickup()
    );
    assert!(
        (trip.dropoff().lon() - 2.2950).abs() < 1e-7,
        "{:?}",
        trip.dropoff()
    );
    assert_eq!(imported.figures.peak_concurrent, 2);

    // By position there is no header: here the header's line becomes a row that cannot be parsed.
    let by_position = "pickup=#2,dropoff=#3,pickup_lat=#4,pickup_lon=#5,dropoff_lat=#6,\
                       dropoff_lon=#7,distance_km=#8";
    let options = ImportOptions {
        columns: Some(ColumnMapping::parse(by_position).unwrap()),
        ..ImportOptions::default()
    };
    let imported = import_one(fixture("mapped.csv"), &options);
    assert_eq!(rejected(&imported.figures), "unparseable: 1");
    assert_eq!(imported.trips.provenance.time, TimeMeaning::Pickup);
    assert!((imported.figures.mean_distance_km.unwrap() - 3_300.25).abs() < 1e-9);
}

#[test]
fn several_files_are_one_demand() {
    let paths = [
        fixture("tlc_yellow_2015.csv"),
        fixture("tlc_yellow_2009.csv"),
    ];
    let imported = rushhour_workload::import::import(&paths, &ImportOptions::default()).unwrap();
    assert_eq!((imported.figures.rows, imported.figures.kept), (7, 5));
    assert!(
        imported
            .trips
            .as_slice()
            .is_sorted_by_key(|trip| trip.time())
    );
    assert_eq!(
        imported.trips.provenance.sources,
        ["tlc_yellow_2015.csv", "tlc_yellow_2009.csv"]
    );
}
