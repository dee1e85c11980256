//! Trip records as CSV, line by line.
//!
//! A trip is one line. A quote that is opened and never closed therefore spoils its own line and no
//! other, and memory is bounded by [`LINE_BYTES_MAX`] however broken the file is.

use std::io::{self, BufRead, Read};

use super::error::{ImportError, Location, quoted};
use super::layout::{EXPECTED_FORMATS, Layout, LayoutError};
use super::mapping::ColumnMapping;
use super::sift::{Fields, Sieve};
use super::value::Value;

/// A longer line is no trip.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// A header-less file is recognised by one of so many first rows: a few may be dirty.
const PROBED_LINES: usize = 20;

/// Beginnings of files that are often given in place of a CSV file.
const NOT_CSV: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
    (b"BZh", "bzip2-compressed data"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"{", "JSON"),
];

/// Feeds a CSV file to the sieve, and answers its layout.
pub(super) fn read(
    file: &str,
    mut input: impl BufRead,
    mapping: Option<&ColumnMapping>,
    check: impl FnOnce(&Layout) -> Result<(), ImportError>,
    sieve: &mut Sieve<'_>,
) -> Result<Layout, ImportError> {
    let unreadable = |source| ImportError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let probe = Probe::read(&mut input).map_err(unreadable)?;
    let layout = probe.layout(file, mapping)?;
    check(&layout)?;
    let mut splitter = Splitter::default();
    let skipped = usize::from(layout.has_header);
    for line in probe.lines.iter().skip(skipped) {
        take(line, &layout, &mut splitter, sieve);
    }
    let mut line = Line::default();
    while line.read(&mut input).map_err(unreadable)? {
        if !line.is_blank() {
            take(&line, &layout, &mut splitter, sieve);
        }
    }
    Ok(layout)
}

fn take(line: &Line, layout: &Layout, splitter: &mut Splitter, sieve: &mut Sieve<'_>) {
    if line.too_long || !splitter.split(&line.bytes) {
        return sieve.take_unparseable();
    }
    let row = splitter.fields(&line.bytes);
    // Some years end every row, but not the header, in empty fields.
    let surplus = row.clone().skip(layout.width);
    if row.clone().count() < layout.width || !surplus.map(<[u8]>::trim_ascii).all(<[u8]>::is_empty)
    {
        return sieve.take_unparseable();
    }
    let mut fields: Fields<'_> = [Value::Empty; _];
    for (position, text) in row.enumerate() {
        for (field, wanted) in fields.iter_mut().zip(layout.positions) {
            if wanted == Some(position) {
                *field = Value::Text(text);
            }
        }
    }
    sieve.take(layout, &fields);
}

/// One line, without its end.
#[derive(Default)]
struct Line {
    number: u64,
    bytes: Vec<u8>,
    too_long: bool,
}

impl Line {
    /// Reads the next line; false at the end of the file.
    fn read(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        self.bytes.clear();
        self.number += 1;
        let read = input
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.bytes)?;
        self.too_long = read as u64 == LINE_BYTES_MAX && self.bytes.last() != Some(&b'\n');
        if self.too_long {
            input.skip_until(b'\n')?;
        }
        while matches!(self.bytes.last(), Some(b'\n' | b'\r')) {
            self.bytes.pop();
        }
        Ok(read > 0)
    }

    fn is_blank(&self) -> bool {
        self.bytes.iter().all(u8::is_ascii_whitespace)
    }
}

/// Where the fields of a line are.
#[derive(Default)]
struct Splitter {
    record: csv::ByteRecord,
    is_quoted: bool,
}

impl Splitter {
    /// Splits a line; false if it cannot be.
    fn split(&mut self, line: &[u8]) -> bool {
        self.is_quoted = line.contains(&b'"');
        if !self.is_quoted {
            return true;
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .buffer_capacity(line.len())
            .from_reader(line);
        reader.read_byte_record(&mut self.record).unwrap_or(false)
    }

    /// The fields of the line that was split last.
    fn fields<'a>(&'a self, line: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + Clone {
        let quoted = self.is_quoted.then(|| self.record.iter());
        let plain = (!self.is_quoted).then(|| line.split(|byte| *byte == b','));
        quoted
            .into_iter()
            .flatten()
            .chain(plain.into_iter().flatten())
    }
}

/// The first lines of a file, by which it is recognised.
struct Probe {
    lines: Vec<Line>,
}

impl Probe {
    fn read(input: &mut impl BufRead) -> io::Result<Self> {
        let mut lines: Vec<Line> = Vec::new();
        let mut number = 0;
        while lines.len() < PROBED_LINES {
            let mut line = Line {
                number,
                ..Line::default()
            };
            if !line.read(input)? {
                break;
            }
            number = line.number;
            if !line.is_blank() {
                lines.push(line);
            }
        }
        Ok(Self { lines })
    }

    fn layout(&self, file: &str, mapping: Option<&ColumnMapping>) -> Result<Layout, ImportError> {
        let wrong = |location, found: String, expected: &str| ImportError::Wrong {
            file: file.to_owned(),
            location,
            found,
            expected: expected.to_owned(),
        };
        let Some(first) = self.lines.first() else {
            return Err(wrong(
                Location::File,
                "an empty file".into(),
                EXPECTED_FORMATS,
            ));
        };
        let known = NOT_CSV
            .iter()
            .find(|(start, _)| first.bytes.starts_with(start));
        if let Some((_, name)) = known {
            let expected = "CSV text or Parquet, uncompressed";
            return Err(wrong(Location::File, (*name).to_owned(), expected));
        }
        if first.bytes.contains(&b'\r') {
            let found = "lines that end in a carriage return alone".to_owned();
            return Err(wrong(Location::File, found, "a line feed behind each"));
        }
        let header = first.text_fields();
        let layout = match (mapping, &header) {
            (_, None) => Err(LayoutError::Unknown),
            (Some(mapping), Some(_)) if mapping.is_positional() => {
                mapping.layout(&self.widest().unwrap_or_default())
            }
            (Some(mapping), Some(header)) => mapping.layout(header),
            (None, Some(header)) => Layout::of_header(header).or_else(|error| {
                let headerless = || self.rows().find_map(|row| Layout::of_row(&row));
                (error == LayoutError::Unknown)
                    .then(headerless)
                    .flatten()
                    .ok_or(error)
            }),
        };
        layout.map_err(|error| {
            let found = match header {
                Some(header) => quoted(&header.join(",")),
                None => "a line that is no text".to_owned(),
            };
            let expected = match error {
                LayoutError::Unknown => EXPECTED_FORMATS.to_owned(),
                LayoutError::NoColumn { expected } => expected,
            };
            wrong(Location::Line(first.number), found, &expected)
        })
    }

    fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        self.lines.iter().filter_map(Line::text_fields)
    }

    /// The row of most fields: in a file without a header any single row may be cut short.
    fn widest(&self) -> Option<Vec<String>> {
        self.rows().max_by_key(Vec::len)
    }
}

impl Line {
    fn text_fields(&self) -> Option<Vec<String>> {
        let mut splitter = Splitter::default();
        if self.too_long || !splitter.split(&self.bytes) {
            return None;
        }
        let text = |field: &[u8]| String::from_utf8(field.to_vec()).ok();
        let fields: Option<Vec<String>> = splitter.fields(&self.bytes).map(text).collect();
        fields.filter(|fields| fields.iter().all(|field| !field.contains('\0')))
    }
}
