//! Trip records as Parquet: the columns that a layout reads, a batch of rows at a time.

use std::fs::File;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as PhysicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use super::error::{ImportError, Location, quoted};
use super::layout::{Column, EXPECTED_FORMATS, Layout, LayoutError};
use super::mapping::ColumnMapping;
use super::sift::{Fields, Sieve};
use super::value::Value;

/// Rows decoded at a time: bounds memory whatever the size of a row group.
const BATCH_ROWS: usize = 8_192;

/// How the numbers of a column become values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Number,
    /// A time; so many of its units are a microsecond, or a microsecond is so many of them.
    Time {
        multiply: i64,
        divide: i64,
    },
}

/// Feeds a Parquet file to the sieve, and answers its layout.
pub(super) fn read(
    file: &str,
    input: File,
    mapping: Option<&ColumnMapping>,
    check: impl FnOnce(&Layout) -> Result<(), ImportError>,
    sieve: &mut Sieve<'_>,
) -> Result<Layout, ImportError> {
    let broken = |error: ParquetError| ImportError::Wrong {
        file: file.to_owned(),
        location: Location::File,
        found: format!("a Parquet file that cannot be read ({error})"),
        expected: "a whole Parquet file".to_owned(),
    };
    let reader = SerializedFileReader::new(input).map_err(broken)?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let layout = layout(file, schema, mapping)?;
    check(&layout)?;
    let columns = columns(file, schema, &layout)?;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(broken)?;
        read_group(group.as_ref(), &layout, &columns, sieve).map_err(broken)?;
    }
    Ok(layout)
}

fn layout(
    file: &str,
    schema: &SchemaDescriptor,
    mapping: Option<&ColumnMapping>,
) -> Result<Layout, ImportError> {
    let header: Vec<String> = schema
        .columns()
        .iter()
        .map(|column| column.path().string())
        .collect();
    let layout = match mapping {
        Some(mapping) => mapping.layout(&header),
        None => Layout::of_header(&header),
    };
    layout.map_err(|error| ImportError::Wrong {
        file: file.to_owned(),
        location: Location::File,
        found: format!("Parquet columns {}", quoted(&header.join(","))),
        expected: match error {
            LayoutError::Unknown => EXPECTED_FORMATS.to_owned(),
            LayoutError::NoColumn { expected } => expected,
        },
    })
}

/// Each column the layout reads: which one, its place in the file, and how to read it.
fn columns(
    file: &str,
    schema: &SchemaDescriptor,
    layout: &Layout,
) -> Result<Vec<(Column, usize, Kind)>, ImportError> {
    let mut columns = Vec::new();
    for column in Column::ALL {
        let Some(position) = layout.positions[column as usize] else {
            continue;
        };
        let description = schema.column(position);
        let kind = kind(&description).filter(|kind| {
            column == Column::Vehicle
                || *kind == Kind::Text
                || column.is_time() == matches!(kind, Kind::Time { .. })
        });
        let Some(kind) = kind else {
            let expected = if column.is_time() {
                "timestamps or text"
            } else {
                "numbers or text"
            };
            return Err(ImportError::Wrong {
                file: file.to_owned(),
                location: Location::Column(description.path().string()),
                found: described(&description),
                expected: expected.to_owned(),
            });
        };
        columns.push((column, position, kind));
    }
    Ok(columns)
}

fn described(column: &ColumnDescriptor) -> String {
    let repeated = if column.max_rep_level() > 0 {
        "repeated "
    } else {
        ""
    };
    match column.logical_type_ref() {
        Some(logical) => format!("{repeated}{} ({logical:?})", column.physical_type()),
        None => format!("{repeated}{}", column.physical_type()),
    }
}

/// How to read a column; none if it holds neither text, numbers nor times, or several values a row.
fn kind(column: &ColumnDescriptor) -> Option<Kind> {
    if column.max_rep_level() > 0 {
        return None;
    }
    let time = |multiply, divide| Some(Kind::Time { multiply, divide });
    match (
        column.physical_type(),
        column.logical_type_ref(),
        column.converted_type(),
    ) {
        (PhysicalType::INT64, Some(LogicalType::Timestamp(time_type)), _) => match time_type.unit {
            TimeUnit::MILLIS => time(1_000, 1),
            TimeUnit::MICROS => time(1, 1),
            TimeUnit::NANOS => time(1, 1_000),
        },
        (PhysicalType::INT64, _, ConvertedType::TIMESTAMP_MILLIS) => time(1_000, 1),
        (PhysicalType::INT64, _, ConvertedType::TIMESTAMP_MICROS) => time(1, 1),
        (PhysicalType::INT96, ..) => time(1, 1),
        (_, Some(LogicalType::Decimal(_)), _) | (_, _, ConvertedType::DECIMAL) => None,
        (
            PhysicalType::INT32 | PhysicalType::INT64 | PhysicalType::FLOAT | PhysicalType::DOUBLE,
            ..,
        ) => Some(Kind::Number),
        (PhysicalType::BYTE_ARRAY, ..) => Some(Kind::Text),
        (PhysicalType::BOOLEAN | PhysicalType::FIXED_LEN_BYTE_ARRAY, ..) => None,
    }
}

fn read_group(
    group: &dyn RowGroupReader,
    layout: &Layout,
    columns: &[(Column, usize, Kind)],
    sieve: &mut Sieve<'_>,
) -> Result<(), ParquetError> {
    let mut readers = columns
        .iter()
        .map(|(_, position, _)| group.get_column_reader(*position))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows_left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    while rows_left > 0 {
        let rows = rows_left.min(BATCH_ROWS);
        let mut batch = Vec::with_capacity(columns.len());
        for ((_, position, kind), reader) in columns.iter().zip(&mut readers) {
            let levels = group
                .metadata()
                .column(*position)
                .column_descr()
                .max_def_level();
            batch.push(read_values(reader, rows, levels, *kind)?);
        }
        for row in 0..rows {
            let mut fields: Fields<'_> = [Value::Empty; _];
            for ((column, ..), values) in columns.iter().zip(&batch) {
                fields[*column as usize] = values[row].as_value();
            }
            sieve.take(layout, &fields);
        }
        rows_left -= rows;
    }
    Ok(())
}

/// A value that outlives its page.
enum Held {
    Empty,
    Text(ByteArray),
    Number(f64),
    Micros(i64),
}

impl Held {
    fn as_value(&self) -> Value<'_> {
        match self {
            Self::Empty => Value::Empty,
            Self::Text(text) => Value::Text(text.data()),
            Self::Number(number) => Value::Number(*number),
            Self::Micros(us) => Value::Micros(*us),
        }
    }
}

/// Exactly `rows` values of a column.
fn read_values(
    reader: &mut ColumnReader,
    rows: usize,
    level_max: i16,
    kind: Kind,
) -> Result<Vec<Held>, ParquetError> {
    let integer = |integer: i64| match kind {
        Kind::Time { multiply, divide } => {
            Held::Micros(integer.saturating_mul(multiply).div_euclid(divide))
        }
        Kind::Text | Kind::Number => Held::Number(integer as f64),
    };
    match reader {
        ColumnReader::Int32ColumnReader(reader) => values(reader, rows, level_max, |value| {
            Held::Number(f64::from(*value))
        }),
        ColumnReader::Int64ColumnReader(reader) => {
            values(reader, rows, level_max, |value| integer(*value))
        }
        ColumnReader::Int96ColumnReader(reader) => values(reader, rows, level_max, |value| {
            Held::Micros(value.to_micros())
        }),
        ColumnReader::FloatColumnReader(reader) => values(reader, rows, level_max, |value| {
            Held::Number(f64::from(*value))
        }),
        ColumnReader::DoubleColumnReader(reader) => {
            values(reader, rows, level_max, |value| Held::Number(*value))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            values(reader, rows, level_max, |value| Held::Text(value.clone()))
        }
        ColumnReader::BoolColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => Err(
            ParquetError::General("a column of another type than its schema".to_owned()),
        ),
    }
}

fn values<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    level_max: i16,
    hold: impl Fn(&T::T) -> Held,
) -> Result<Vec<Held>, ParquetError> {
    let (mut present, mut levels) = (Vec::new(), Vec::new());
    let mut records = 0;
    while records < rows {
        let levels = (level_max > 0).then_some(&mut levels);
        let (read, ..) = reader.read_records(rows - records, levels, None, &mut present)?;
        if read == 0 {
            let message = format!("a column of {records} rows where its group has {rows} more");
            return Err(ParquetError::General(message));
        }
        records += read;
    }
    if level_max == 0 {
        return Ok(present.iter().map(hold).collect());
    }
    let mut present = present.iter();
    let held = |level: &i16| (*level == level_max).then(|| present.next()).flatten();
    Ok(levels
        .iter()
        .map(held)
        .map(|value| value.map_or(Held::Empty, &hold))
        .collect())
}
