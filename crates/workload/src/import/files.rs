//! The import as a whole: several files into one list of trips.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Place;

use super::error::{ImportError, Location, OptionError};
use super::figures::Figures;
use super::layout::{Column, Format, Layout};
use super::mapping::ColumnMapping;
use super::sift::Sieve;
use super::trip::{PlaceOrigin, Provenance, TimeMeaning, Trips};
use super::{csv_file, parquet_file};
use crate::zones::{Frame, ZoneMap};

/// Longer trips are rejected unless the options say otherwise.
pub const DURATION_LIMIT: Duration = Duration::from_secs(24 * 3_600);
/// What a Parquet file begins with.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// What the columns of the files hold (`--columns`); none: the files are of a known format.
    pub columns: Option<ColumnMapping>,
    /// The zones of files that name zones (`--zones`).
    pub zones: Option<ZoneMap>,
    /// Trips that begin or end outside it are rejected (`--bbox`).
    pub service_area: Option<Frame>,
    /// Longer trips are rejected.
    pub duration_limit: Duration,
    /// The seed of places drawn in zones.
    pub seed: u64,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            columns: None,
            zones: None,
            service_area: None,
            duration_limit: DURATION_LIMIT,
            seed: 0,
        }
    }
}

/// What an import gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The trips kept, by time.
    pub trips: Trips,
    /// What was kept and rejected.
    pub figures: Figures,
    /// The format of each file, in the order given.
    pub formats: Vec<Format>,
}

/// Imports trip records. CSV and Parquet are told apart by content, not by name.
///
/// # Errors
/// If a file cannot be read, is of no known format, lacks a column or, naming zones, comes without a zone
/// file, or if some files hold request times and others do not. Bad rows are no errors.
pub fn import(paths: &[PathBuf], options: &ImportOptions) -> Result<Imported, ImportError> {
    let mut sieve = Sieve::new(options);
    let mut layouts: Vec<Layout> = Vec::new();
    for path in paths {
        let first = layouts.first().cloned();
        let check = |layout: &Layout| check(path, layout, first.as_ref(), options);
        layouts.push(read(path, options, check, &mut sieve)?);
    }
    let (trips, figures) = sieve.finish();
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or(path.as_os_str())
            .to_string_lossy()
            .into_owned()
    };
    let provenance = Provenance {
        time: layouts.first().map_or(TimeMeaning::Pickup, meaning),
        places: places(&layouts),
        seed: options.seed,
        sources: paths.iter().map(name).collect(),
        dejitter: None,
    };
    let formats = layouts.iter().map(|layout| layout.format).collect();
    Ok(Imported {
        trips: Trips::new(provenance, trips),
        figures,
        formats,
    })
}

fn read(
    path: &Path,
    options: &ImportOptions,
    check: impl FnOnce(&Layout) -> Result<(), ImportError>,
    sieve: &mut Sieve<'_>,
) -> Result<Layout, ImportError> {
    let file = path.display().to_string();
    let unreadable = |source| ImportError::Unreadable {
        file: file.clone(),
        source,
    };
    let input = File::open(path).map_err(unreadable)?;
    let mapping = options.columns.as_ref();
    let mut input = BufReader::with_capacity(1 << 16, input);
    if input
        .fill_buf()
        .map_err(unreadable)?
        .starts_with(PARQUET_MAGIC)
    {
        // The Parquet reader finds its own place in the file.
        parquet_file::read(&file, input.into_inner(), mapping, check, sieve)
    } else {
        csv_file::read(&file, input, mapping, check, sieve)
    }
}

fn meaning(layout: &Layout) -> TimeMeaning {
    if layout.has(Column::Request) {
        TimeMeaning::Request
    } else {
        TimeMeaning::Pickup
    }
}

fn places(layouts: &[Layout]) -> PlaceOrigin {
    let zones = layouts.iter().filter(|layout| layout.has_zones()).count();
    if zones == 0 {
        PlaceOrigin::Stated
    } else if zones == layouts.len() {
        PlaceOrigin::Zones
    } else {
        PlaceOrigin::Mixed
    }
}

/// Refuses a file that is understood but does not go with the options or with the first file.
fn check(
    path: &Path,
    layout: &Layout,
    first: Option<&Layout>,
    options: &ImportOptions,
) -> Result<(), ImportError> {
    let wrong = |found: &str, expected: &str| {
        Err(ImportError::Wrong {
            file: path.display().to_string(),
            location: Location::File,
            found: found.to_owned(),
            expected: expected.to_owned(),
        })
    };
    if layout.has_zones() && options.zones.is_none() {
        return wrong(
            "zone numbers in place of coordinates",
            "a zone file with their polygons, given by --zones FILE",
        );
    }
    let text = |meaning| match meaning {
        TimeMeaning::Request => "request times",
        TimeMeaning::Pickup => "pick-up times only",
    };
    match first.map(meaning) {
        Some(expected) if expected != meaning(layout) => wrong(
            text(meaning(layout)),
            &format!(
                "{}, as in the first file: import the two apart",
                text(expected)
            ),
        ),
        _ => Ok(()),
    }
}

/// Reads the service area of `--bbox W,S,E,N`, in degrees.
///
/// # Errors
/// If the text is not four numbers in range, west of east and south of north.
pub fn parse_service_area(text: &str) -> Result<Frame, OptionError> {
    let degrees: Option<Vec<f64>> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect();
    let corner = |lat: f64, lon: f64| Place::new(lat, lon).ok();
    let frame = match degrees.as_deref() {
        Some(&[west, south, east, north]) => corner(south, west)
            .zip(corner(north, east))
            .and_then(|(sw, ne)| Frame::new(sw, ne)),
        _ => None,
    };
    frame.ok_or_else(|| OptionError {
        option: "bbox",
        found: text.to_owned(),
        expected: "west,south,east,north in degrees, west below east and south below north"
            .to_owned(),
    })
}
