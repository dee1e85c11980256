//! The demand file: imported trips as Parquet, read by scenarios with `kind = "trips"`.
//!
//! The file's metadata hold its version under `rushhour.schema` and its [`Provenance`], as JSON, under
//! `rushhour.provenance`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use domain::{Place, Timestamp};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{DataType, DoubleType, FloatType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::error::{ImportError, Location, quoted};
use super::trip::{Provenance, Trip, Trips};

/// The version that this program writes and reads.
pub const TRIPS_SCHEMA: &str = "rushhour.trips/1";
const SCHEMA_KEY: &str = "rushhour.schema";
const PROVENANCE_KEY: &str = "rushhour.provenance";

/// The columns. Times are of the local clock: whether of requests or of pick-ups the provenance says.
const COLUMNS: &str = "message trips {
    REQUIRED INT64 time (TIMESTAMP(MICROS,false));
    REQUIRED DOUBLE pickup_lat;
    REQUIRED DOUBLE pickup_lon;
    REQUIRED DOUBLE dropoff_lat;
    REQUIRED DOUBLE dropoff_lon;
    REQUIRED FLOAT distance_m;
    REQUIRED FLOAT duration_s;
}";
/// Rows of a row group: bounds what the writer and the reader hold beside the trips.
const GROUP_ROWS: usize = 1 << 19;

/// Writes a demand file.
///
/// # Errors
/// If it cannot be written.
pub fn write_trips(output: impl Write + Send, trips: &Trips) -> Result<(), ParquetError> {
    let provenance = serde_json::to_string(&trips.provenance)
        .map_err(|error| ParquetError::External(error.into()))?;
    let metadata = vec![
        KeyValue::new(SCHEMA_KEY.to_owned(), TRIPS_SCHEMA.to_owned()),
        KeyValue::new(PROVENANCE_KEY.to_owned(), provenance),
    ];
    let properties = WriterProperties::builder()
        .set_created_by("rushhour".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(metadata))
        .build();
    let schema = Arc::new(parse_message_type(COLUMNS)?);
    let mut writer = SerializedFileWriter::new(output, schema, Arc::new(properties))?;
    for rows in trips.as_slice().chunks(GROUP_ROWS) {
        let mut group = writer.next_row_group()?;
        column::<Int64Type>(&mut group, rows, |trip| trip.time_us)?;
        column::<DoubleType>(&mut group, rows, |trip| trip.pickup.lat())?;
        column::<DoubleType>(&mut group, rows, |trip| trip.pickup.lon())?;
        column::<DoubleType>(&mut group, rows, |trip| trip.dropoff.lat())?;
        column::<DoubleType>(&mut group, rows, |trip| trip.dropoff.lon())?;
        column::<FloatType>(&mut group, rows, |trip| trip.distance_m)?;
        column::<FloatType>(&mut group, rows, |trip| trip.duration_s)?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    rows: &[Trip],
    value: impl Fn(&Trip) -> T::T,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .expect("the schema has this many columns");
    let values: Vec<T::T> = rows.iter().map(value).collect();
    column.typed::<T>().write_batch(&values, None, None)?;
    column.close()
}

/// Reads a demand file.
///
/// # Errors
/// If it cannot be read, is no demand file of this version, or holds what no trip can be.
pub fn read_trips(path: &Path) -> Result<Trips, ImportError> {
    let file = path.display().to_string();
    let unreadable = |source| ImportError::Unreadable {
        file: file.clone(),
        source,
    };
    let wrong = |found: String| ImportError::Wrong {
        file: file.clone(),
        location: Location::File,
        found,
        expected: format!("a demand file of schema {TRIPS_SCHEMA}, as rushhour import writes it"),
    };
    let broken = |error: ParquetError| wrong(format!("no readable Parquet ({error})"));
    let input = File::open(path).map_err(unreadable)?;
    if input.metadata().map_err(unreadable)?.is_dir() {
        return Err(wrong("a folder".to_owned()));
    }
    let reader = SerializedFileReader::new(input).map_err(broken)?;
    let provenance = provenance(&reader).map_err(wrong)?;
    let expected = parse_message_type(COLUMNS).expect("the schema is well formed");
    if reader.metadata().file_metadata().schema() != &expected {
        return Err(wrong("other columns".to_owned()));
    }
    let mut trips = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(broken)?;
        read_group(group.as_ref(), &mut trips).map_err(broken)?;
    }
    Ok(Trips::new(provenance, trips))
}

fn provenance(reader: &SerializedFileReader<File>) -> Result<Provenance, String> {
    let metadata = reader.metadata().file_metadata().key_value_metadata();
    let value = |key: &str| {
        let pair = metadata?.iter().find(|pair| pair.key == key)?;
        pair.value.clone()
    };
    match value(SCHEMA_KEY) {
        None => return Err(format!("Parquet without the metadata key {SCHEMA_KEY}")),
        Some(schema) if schema != TRIPS_SCHEMA => {
            return Err(format!("schema {}", quoted(&schema)));
        }
        Some(_) => {}
    }
    let provenance = value(PROVENANCE_KEY).unwrap_or_default();
    serde_json::from_str(&provenance)
        .map_err(|error| format!("{PROVENANCE_KEY} {} ({error})", quoted(&provenance)))
}

fn read_group(group: &dyn RowGroupReader, trips: &mut Vec<Trip>) -> Result<(), ParquetError> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let times_us = read_column::<Int64Type>(group, 0, rows)?;
    let mut degrees = Vec::with_capacity(4);
    for position in 1..5 {
        degrees.push(read_column::<DoubleType>(group, position, rows)?);
    }
    let distances_m = read_column::<FloatType>(group, 5, rows)?;
    let durations_s = read_column::<FloatType>(group, 6, rows)?;
    for row in 0..rows {
        let place = |lat: usize| Place::new(degrees[lat][row], degrees[lat + 1][row]);
        let (Ok(pickup), Ok(dropoff)) = (place(0), place(2)) else {
            return Err(refused(trips.len(), "coordinates off the globe"));
        };
        let distance_m = f64::from(distances_m[row]);
        let Ok(duration) = Duration::try_from_secs_f32(durations_s[row]) else {
            return Err(refused(trips.len(), "a negative duration"));
        };
        if !(distance_m.is_finite() && distance_m > 0.0) {
            return Err(refused(trips.len(), "a distance that is not positive"));
        }
        let time = Timestamp::from_micros(times_us[row]);
        trips.push(Trip::new(time, pickup, dropoff, distance_m, duration));
    }
    Ok(())
}

fn refused(row: usize, found: &str) -> ParquetError {
    ParquetError::General(format!("{found} in row {}", row + 1))
}

fn read_column<T: DataType>(
    group: &dyn RowGroupReader,
    position: usize,
    rows: usize,
) -> Result<Vec<T::T>, ParquetError> {
    let mut reader: ColumnReaderImpl<T> =
        get_typed_column_reader(group.get_column_reader(position)?);
    let mut values = Vec::new();
    while values.len() < rows {
        let (read, ..) = reader.read_records(rows - values.len(), None, None, &mut values)?;
        if read == 0 {
            let message = format!("{} of {rows} values in column {position}", values.len());
            return Err(ParquetError::General(message));
        }
    }
    Ok(values)
}
