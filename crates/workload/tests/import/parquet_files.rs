//! Parquet: the demand file there and back, and trip records as their publishers type them.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use rushhour_workload::import::{
    Format, ImportOptions, dejitter, import, local_time_text, read_trips, write_trips,
};

use super::{fixture, import_one, rejected, with_zones};

#[test]
fn a_demand_file_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demand.trips");
    for dejittered in [false, true] {
        let mut trips = import_one(fixture("tlc_yellow_2009.csv"), &ImportOptions::default()).trips;
        if dejittered {
            assert!(dejitter(&mut trips, 5).is_some());
        }
        write_trips(File::create(&path).unwrap(), &trips).unwrap();
        assert_eq!(read_trips(&path).unwrap(), trips);
    }
}

#[test]
fn no_trips_are_a_demand_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let header = folder.path().join("header.csv");
    let text = std::fs::read_to_string(fixture("tlc_yellow_2015.csv")).unwrap();
    std::fs::write(&header, text.lines().next().unwrap()).unwrap();
    let imported = import_one(header, &ImportOptions::default());
    assert_eq!((imported.figures.rows, imported.figures.first), (0, None));
    assert_eq!(imported.figures.mean_distance_km, None);
    let path = folder.path().join("demand.trips");
    write_trips(File::create(&path).unwrap(), &imported.trips).unwrap();
    assert_eq!(read_trips(&path).unwrap(), imported.trips);
}

#[test]
fn a_file_that_is_no_demand_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refuses = |path: &Path, said: &str| {
        let error = read_trips(path).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    };
    refuses(&folder.path().join("absent"), "found no readable file");
    refuses(folder.path(), "found a folder");
    refuses(&fixture("mapped.csv"), "found no readable Parquet");
    let records = folder.path().join("records.parquet");
    write_yellow(&records);
    refuses(
        &records,
        "found Parquet without the metadata key rushhour.schema",
    );

    let later = folder.path().join("later.trips");
    let schema = Arc::new(parse_message_type("message trips { REQUIRED INT64 time; }").unwrap());
    let version = KeyValue::new("rushhour.schema".to_owned(), "rushhour.trips/2".to_owned());
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![version]))
        .build();
    let file = File::create(&later).unwrap();
    SerializedFileWriter::new(file, schema, Arc::new(properties))
        .unwrap()
        .close()
        .unwrap();
    refuses(
        &later,
        "found schema \"rushhour.trips/2\", expected a demand file of schema rushhour.trips/1",
    );
}

/// Yellow taxi records as the TLC publishes them since 2022, with nulls, in two row groups.
fn write_yellow(path: &Path) {
    const SCHEMA: &str = "message schema {
        OPTIONAL INT32 VendorID;
        OPTIONAL INT64 tpep_pickup_datetime (TIMESTAMP(MICROS,false));
        OPTIONAL INT64 tpep_dropoff_datetime (TIMESTAMP(MICROS,false));
        OPTIONAL DOUBLE trip_distance;
        OPTIONAL BYTE_ARRAY store_and_fwd_flag (STRING);
        OPTIONAL INT32 PULocationID;
        OPTIONAL INT32 DOLocationID;
    }";
    /// 2024-01-01 00:57:55.
    const BEGIN_US: i64 = 1_704_070_675_000_000;
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, properties).unwrap();
    for group in 0..2 {
        let begin_us = BEGIN_US + group * 3_600_000_000;
        let mut rows = writer.next_row_group().unwrap();
        macro_rules! column {
            ($type:ty, $values:expr, $levels:expr) => {
                let mut column = rows.next_column().unwrap().unwrap();
                column
                    .typed::<$type>()
                    .write_batch(&$values, Some(&$levels), None)
                    .unwrap();
                column.close().unwrap();
            };
        }
        column!(Int32Type, [2, 1, 2, 2], [1; 4]);
        column!(
            Int64Type,
            [begin_us, begin_us + 60_000_000, begin_us],
            [1, 1, 1, 0]
        );
        column!(Int64Type, [begin_us + 600_000_000; 4], [1; 4]);
        column!(DoubleType, [1.72, 1.8, f64::NAN, 2.0], [1; 4]);
        column!(ByteArrayType, [ByteArray::from("N")], [1, 0, 0, 0]);
        column!(Int32Type, [1, 2, 1, 1], [1; 4]);
        column!(Int32Type, [2, 265, 1, 1], [1; 4]);
        rows.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn records_as_parquet_are_told_by_content_not_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("yellow.csv");
    write_yellow(&path);
    let imported = import_one(path.clone(), &with_zones(&fixture("zones.geojson")));
    let figures = &imported.figures;
    assert_eq!(imported.formats, [Format::TlcYellow]);
    assert_eq!((figures.rows, figures.kept), (8, 2));
    assert_eq!(
        rejected(figures),
        "unparseable: 2, missing_field: 2, unknown_zone: 2"
    );
    assert_eq!(
        figures.first.map(local_time_text).unwrap(),
        "2024-01-01T00:57:55"
    );
    assert_eq!(
        figures.last.map(local_time_text).unwrap(),
        "2024-01-01T01:57:55"
    );
    assert!((figures.mean_distance_km.unwrap() - 1.72 * 1.609_344).abs() < 1e-12);
    assert_eq!(figures.mean_duration_s, Some(600.0));

    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let error = import(&[path], &ImportOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("found a Parquet file that cannot be read"),
        "{error}"
    );
}

#[test]
fn a_parquet_column_of_the_wrong_type_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("green.parquet");
    let schema = "message schema {
        REQUIRED INT64 lpep_pickup_datetime;
        REQUIRED INT64 lpep_dropoff_datetime;
        REQUIRED DOUBLE trip_distance;
        REQUIRED INT32 PULocationID;
        REQUIRED INT32 DOLocationID;
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let file = File::create(&path).unwrap();
    SerializedFileWriter::new(file, schema, properties)
        .unwrap()
        .close()
        .unwrap();
    let options = with_zones(&fixture("zones.geojson"));
    let error = import(&[path], &options).unwrap_err().to_string();
    assert!(
        error.ends_with(
            ", column \"lpep_pickup_datetime\": found INT64, expected timestamps or text"
        ),
        "{error}"
    );
}
