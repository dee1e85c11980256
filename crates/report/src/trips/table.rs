//! Parquet columns without nesting: optional texts, integers, numbers and flags, read and written whole.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::columns::TripFileError;

/// Rows in one group: bounds the memory that a reader of the file needs.
const ROWS_IN_GROUP_MAX: usize = 200_000;

/// Columns that are gathered before they can be written.
const COLUMNS_AHEAD: usize = 2;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Text that hardly any two rows share: no use in a dictionary.
    Unique,
    Moment,
    Integer,
    Number,
    Flag,
}

impl Kind {
    fn declaration(self, name: &str) -> String {
        match self {
            Self::Text | Self::Unique => format!("optional binary {name} (UTF8);"),
            Self::Moment => format!("optional int64 {name} (TIMESTAMP(MICROS,true));"),
            Self::Integer => format!("optional int64 {name};"),
            Self::Number => format!("optional double {name};"),
            Self::Flag => format!("optional boolean {name};"),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Text | Self::Unique => "text",
            Self::Moment => "int64 microseconds",
            Self::Integer => "int64",
            Self::Number => "double",
            Self::Flag => "boolean",
        }
    }
}

/// One field of one row; a moment is an integer of microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Missing,
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
}

/// Writes rows: `field(row, column)` gives each one's fields. They are gathered on one core and written on another.
pub(super) fn write<W: Write + Send>(
    writer: W,
    columns: &[(&'static str, Kind)],
    rows: usize,
    field: &(dyn Fn(usize, usize) -> Value + Sync),
    metadata: &[(&str, &str)],
) -> Result<(), parquet::errors::ParquetError> {
    let fields: String = columns
        .iter()
        .map(|(name, kind)| kind.declaration(name))
        .collect();
    let schema = parse_message_type(&format!("message trip {{ {fields} }}"))?;
    let metadata = metadata
        .iter()
        .map(|(key, value)| KeyValue::new((*key).to_owned(), (*value).to_owned()))
        .collect();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        // Named without a version, so that the bytes do not change with a dependency's.
        .set_created_by("rushhour".to_owned())
        .set_key_value_metadata(Some(metadata));
    for (name, kind) in columns {
        let column = ColumnPath::from(*name);
        if matches!(kind, Kind::Unique | Kind::Moment | Kind::Number) {
            properties = properties.set_column_dictionary_enabled(column.clone(), false);
        }
        if *kind == Kind::Moment {
            // Rows are in the order of their times, so that a moment is not far from the one before.
            properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    let properties = Arc::new(properties.build());
    let mut file = SerializedFileWriter::new(writer, Arc::new(schema), properties)?;
    std::thread::scope(|scope| {
        let (give, gathered) = sync_channel(COLUMNS_AHEAD);
        scope.spawn(move || {
            for first in (0..rows).step_by(ROWS_IN_GROUP_MAX) {
                let group = first..rows.min(first + ROWS_IN_GROUP_MAX);
                for column in 0..columns.len() {
                    let values: Vec<_> = group.clone().map(|row| field(row, column)).collect();
                    // Nobody takes them any more: it was written as far as it could be.
                    if give.send(values).is_err() {
                        return;
                    }
                }
            }
        });
        for _ in (0..rows).step_by(ROWS_IN_GROUP_MAX) {
            let mut group = file.next_row_group()?;
            for (_, kind) in columns {
                let values = gathered.recv().expect("every column is gathered");
                write_column(&mut group, *kind, values)?;
            }
            group.close()?;
        }
        file.close()?;
        Ok(())
    })
}

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    kind: Kind,
    values: Vec<Value>,
) -> Result<(), parquet::errors::ParquetError> {
    let levels: Vec<i16> = values
        .iter()
        .map(|value| i16::from(*value != Value::Missing))
        .collect();
    let mut column = group
        .next_column()?
        .expect("the schema has a column for each kind");
    match kind {
        Kind::Text | Kind::Unique => {
            let texts: Vec<_> = pick(values, |value| match value {
                Value::Text(text) => Some(ByteArray::from(text.into_bytes())),
                _ => None,
            });
            column
                .typed::<ByteArrayType>()
                .write_batch(&texts, Some(&levels), None)?;
        }
        Kind::Moment | Kind::Integer => {
            let integers: Vec<_> = pick(values, |value| match value {
                Value::Integer(integer) => Some(integer),
                _ => None,
            });
            column
                .typed::<Int64Type>()
                .write_batch(&integers, Some(&levels), None)?;
        }
        Kind::Number => {
            let numbers: Vec<_> = pick(values, |value| match value {
                Value::Number(number) => Some(number),
                _ => None,
            });
            column
                .typed::<DoubleType>()
                .write_batch(&numbers, Some(&levels), None)?;
        }
        Kind::Flag => {
            let flags: Vec<_> = pick(values, |value| match value {
                Value::Flag(flag) => Some(flag),
                _ => None,
            });
            column
                .typed::<BoolType>()
                .write_batch(&flags, Some(&levels), None)?;
        }
    }
    column.close()
}

fn pick<T>(values: Vec<Value>, take: impl Fn(Value) -> Option<T>) -> Vec<T> {
    values.into_iter().filter_map(take).collect()
}

/// Columns by their place in the declaration, each with a field per row.
pub(super) type Fields = Vec<Vec<Value>>;

/// Reads the columns that were asked for, by name; others in the file are left alone.
pub(super) fn read(
    bytes: Bytes,
    file: &str,
    columns: &[(&'static str, Kind)],
    added: &[&str],
    metadata: (&str, &str),
) -> Result<Fields, TripFileError> {
    let not_parquet = |error: parquet::errors::ParquetError| TripFileError::NotParquet {
        file: file.to_owned(),
        found: error.to_string(),
    };
    let reader = SerializedFileReader::new(bytes).map_err(not_parquet)?;
    let about = reader.metadata().file_metadata();
    let version = about
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == metadata.0))
        .and_then(|pair| pair.value.clone());
    if version.as_deref() != Some(metadata.1) {
        return Err(TripFileError::Version {
            file: file.to_owned(),
            found: version.unwrap_or_else(|| "none".to_owned()),
        });
    }
    let mut fields = vec![Vec::new(); columns.len()];
    for (index, (name, kind)) in columns.iter().enumerate() {
        let wrong = |found: String| TripFileError::Column {
            file: file.to_owned(),
            column: name,
            found,
            expected: kind.expected(),
        };
        let at = about
            .schema_descr()
            .columns()
            .iter()
            .position(|column| column.name() == *name);
        let Some(at) = at else {
            if added.contains(name) {
                let rows = usize::try_from(about.num_rows()).unwrap_or(0);
                fields[index] = vec![Value::Missing; rows];
                continue;
            }
            return Err(wrong("no such column".to_owned()));
        };
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).map_err(not_parquet)?;
            let read = read_column(group.as_ref(), at, *kind).map_err(&wrong)?;
            fields[index].extend(read);
        }
    }
    Ok(fields)
}

fn read_column(group: &dyn RowGroupReader, at: usize, kind: Kind) -> Result<Vec<Value>, String> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let column = group.get_column_reader(at).map_err(|e| e.to_string())?;
    match (kind, column) {
        (Kind::Text | Kind::Unique, ColumnReader::ByteArrayColumnReader(column)) => {
            read_values(column, rows, |bytes| {
                let text = std::str::from_utf8(bytes.data()).map_err(|e| e.to_string())?;
                Ok(Value::Text(text.to_owned()))
            })
        }
        (Kind::Moment | Kind::Integer, ColumnReader::Int64ColumnReader(column)) => {
            read_values(column, rows, |integer| Ok(Value::Integer(*integer)))
        }
        (Kind::Number, ColumnReader::DoubleColumnReader(column)) => {
            read_values(column, rows, |number| Ok(Value::Number(*number)))
        }
        (Kind::Flag, ColumnReader::BoolColumnReader(column)) => {
            read_values(column, rows, |flag| Ok(Value::Flag(*flag)))
        }
        (_, found) => Err(format!("physical type {}", physical_type(&found))),
    }
}

fn physical_type(column: &ColumnReader) -> &'static str {
    match column {
        ColumnReader::BoolColumnReader(_) => "boolean",
        ColumnReader::Int32ColumnReader(_) => "int32",
        ColumnReader::Int64ColumnReader(_) => "int64",
        ColumnReader::Int96ColumnReader(_) => "int96",
        ColumnReader::FloatColumnReader(_) => "float",
        ColumnReader::DoubleColumnReader(_) => "double",
        ColumnReader::ByteArrayColumnReader(_) => "byte array",
        ColumnReader::FixedLenByteArrayColumnReader(_) => "fixed-length byte array",
    }
}

fn read_values<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    rows: usize,
    value: impl Fn(&T::T) -> Result<Value, String>,
) -> Result<Vec<Value>, String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let (records, _, _) = column
            .read_records(rows - read, Some(&mut levels), None, &mut values)
            .map_err(|e| e.to_string())?;
        if records == 0 {
            return Err(format!("{read} of {rows} rows"));
        }
        read += records;
    }
    // A file of another writer may declare the column required: then there are no levels.
    if levels.is_empty() {
        return values.iter().map(value).collect();
    }
    let mut present = values.iter();
    levels
        .iter()
        .map(|level| match level {
            0 => Ok(Value::Missing),
            _ => value(present.next().ok_or("fewer values than levels")?),
        })
        .collect()
}
