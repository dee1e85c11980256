//! Which columns of a file hold what: recognised by header or by shape, or given by the user.
//!
//! Headers are compared in lower case with every run of other characters as one underscore, so that
//! `Trip Start Timestamp` and `trip_start_timestamp` are one name.

use super::error::OptionError;
use super::value::parse_time;

/// Kilometres in a mile.
const KM_PER_MILE: f64 = 1.609_344;

/// What a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Request,
    Pickup,
    Dropoff,
    PickupLat,
    PickupLon,
    DropoffLat,
    DropoffLon,
    PickupZone,
    DropoffZone,
    Distance,
    Duration,
    Vehicle,
}

impl Column {
    /// How many columns a layout can have.
    pub(super) const COUNT: usize = 12;

    /// All of them, each at its own number.
    pub(super) const ALL: [Self; Self::COUNT] = [
        Self::Request,
        Self::Pickup,
        Self::Dropoff,
        Self::PickupLat,
        Self::PickupLon,
        Self::DropoffLat,
        Self::DropoffLon,
        Self::PickupZone,
        Self::DropoffZone,
        Self::Distance,
        Self::Duration,
        Self::Vehicle,
    ];
    /// The four that are coordinates.
    pub(super) const COORDINATES: [Self; 4] = [
        Self::PickupLat,
        Self::PickupLon,
        Self::DropoffLat,
        Self::DropoffLon,
    ];
    /// The two that are zones.
    pub(super) const ZONES: [Self; 2] = [Self::PickupZone, Self::DropoffZone];

    /// Whether the column holds a time.
    pub(super) fn is_time(self) -> bool {
        matches!(self, Self::Request | Self::Pickup | Self::Dropoff)
    }

    /// The names publishers gave it. TLC: 2009 (`Trip_Pickup_DateTime`, `Start_Lon`), 2010 to 2014
    /// (`pickup_datetime`), since 2015 (`tpep_`, `lpep_`), and the 2013 set with medallions.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Request => &["request_datetime"],
            Self::Pickup => &[
                "tpep_pickup_datetime",
                "lpep_pickup_datetime",
                "trip_pickup_datetime",
                "pickup_datetime",
                "trip_start_timestamp",
            ],
            Self::Dropoff => &[
                "tpep_dropoff_datetime",
                "lpep_dropoff_datetime",
                "trip_dropoff_datetime",
                "dropoff_datetime",
                "trip_end_timestamp",
            ],
            Self::PickupLat => &["pickup_latitude", "start_lat", "pickup_centroid_latitude"],
            Self::PickupLon => &["pickup_longitude", "start_lon", "pickup_centroid_longitude"],
            Self::DropoffLat => &["dropoff_latitude", "end_lat", "dropoff_centroid_latitude"],
            Self::DropoffLon => &["dropoff_longitude", "end_lon", "dropoff_centroid_longitude"],
            Self::PickupZone => &["pulocationid"],
            Self::DropoffZone => &["dolocationid"],
            Self::Distance => &["trip_distance", "trip_miles"],
            Self::Duration => &["trip_time", "trip_seconds", "trip_time_in_secs"],
            Self::Vehicle => &["medallion", "taxi_id"],
        }
    }
}

/// The known kinds of trip file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// New York's yellow taxis.
    TlcYellow,
    /// New York's green taxis.
    TlcGreen,
    /// New York's high-volume for-hire vehicles.
    TlcHighVolume,
    /// Chicago's taxis.
    ChicagoTaxi,
    /// Chicago's transportation network providers.
    ChicagoNetwork,
    /// The header-less layout of 17 columns of 2013.
    Columns17,
    /// Described by the user.
    Mapped,
}

impl Format {
    /// What to call it in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlcYellow => "TLC yellow taxi",
            Self::TlcGreen => "TLC green taxi",
            Self::TlcHighVolume => "TLC high-volume for-hire",
            Self::ChicagoTaxi => "Chicago taxi",
            Self::ChicagoNetwork => "Chicago transportation network",
            Self::Columns17 => "17 columns without a header",
            Self::Mapped => "columns as given",
        }
    }
}

/// What a header should have been.
pub(super) const EXPECTED_FORMATS: &str = "the header of TLC yellow, green or high-volume for-hire \
     records or of Chicago taxi or network-provider trips, or the 17 columns of 2013 without a \
     header; describe any other file by --columns request=NAME,…";

/// Which position of a row holds what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) format: Format,
    /// The position of each column, by its number; none if the file has no such column.
    pub(super) positions: [Option<usize>; Column::COUNT],
    /// How many kilometres one unit of the distance column is.
    pub(super) km_per_unit: f64,
    /// Whether the first line of a CSV file is a header.
    pub(super) has_header: bool,
    /// How many fields a row has.
    pub(super) width: usize,
}

/// Why a header or first line is no layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LayoutError {
    /// No known file looks like this.
    Unknown,
    /// It is a known file but for this.
    NoColumn { expected: String },
}

impl Layout {
    pub(super) fn has(&self, column: Column) -> bool {
        self.positions[column as usize].is_some()
    }

    /// Whether places are zones, that need a zone file.
    pub(super) fn has_zones(&self) -> bool {
        self.has(Column::PickupZone)
    }

    /// Recognises a header.
    pub(super) fn of_header(header: &[String]) -> Result<Self, LayoutError> {
        let names: Vec<String> = header.iter().map(|name| normalised(name)).collect();
        let mut positions = Column::ALL.map(|column| {
            let known = |name: &String| column.names().contains(&name.as_str());
            names.iter().position(known)
        });
        let has = |name: &str| names.iter().any(|other| other == name);
        let format = if positions[Column::Pickup as usize].is_none() {
            return Err(LayoutError::Unknown);
        } else if has("hvfhs_license_num") || has("request_datetime") {
            Format::TlcHighVolume
        } else if has("trip_start_timestamp") {
            if has("taxi_id") {
                Format::ChicagoTaxi
            } else {
                Format::ChicagoNetwork
            }
        } else if has("lpep_pickup_datetime") {
            Format::TlcGreen
        } else {
            Format::TlcYellow
        };
        // Where a file holds both, coordinates are the finer of the two.
        if positions[Column::PickupLat as usize].is_some() {
            for column in Column::ZONES {
                positions[column as usize] = None;
            }
        }
        let layout = Self {
            format,
            positions,
            km_per_unit: KM_PER_MILE,
            has_header: true,
            width: header.len(),
        };
        let mut required = vec![Column::Dropoff, Column::Distance];
        required.extend((format == Format::TlcHighVolume).then_some(Column::Request));
        required.extend(layout.place_columns());
        match required.into_iter().find(|column| !layout.has(*column)) {
            Some(column) => Err(LayoutError::NoColumn {
                expected: format!(
                    "a column {} in {} records",
                    column.names().join(" or "),
                    format.name()
                ),
            }),
            None => Ok(layout),
        }
    }

    /// The columns that must hold the places: zones if the file has one, else coordinates.
    fn place_columns(&self) -> &'static [Column] {
        if Column::ZONES.iter().any(|column| self.has(*column)) {
            &Column::ZONES
        } else {
            &Column::COORDINATES
        }
    }

    /// Recognises the header-less layout by one of its rows.
    pub(super) fn of_row(row: &[String]) -> Option<Self> {
        if row.len() != 17 {
            return None;
        }
        let is_time = |position: usize| parse_time(row[position].trim()).is_ok();
        let is_number = |position: usize| row[position].trim().parse::<f64>().is_ok();
        if !(is_time(2) && is_time(3) && (4..10).all(is_number)) {
            return None;
        }
        let mut positions = [None; Column::COUNT];
        for (column, position) in [
            (Column::Vehicle, 0),
            (Column::Pickup, 2),
            (Column::Dropoff, 3),
            (Column::Duration, 4),
            (Column::Distance, 5),
            (Column::PickupLon, 6),
            (Column::PickupLat, 7),
            (Column::DropoffLon, 8),
            (Column::DropoffLat, 9),
        ] {
            positions[column as usize] = Some(position);
        }
        Some(Self {
            format: Format::Columns17,
            positions,
            km_per_unit: KM_PER_MILE,
            has_header: false,
            width: 17,
        })
    }
}

/// Which columns of a file hold what, as given by `--columns request=NAME,pickup=NAME,…`.
///
/// A column is named by its header or, in a file without one, by `#1`, `#2` and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnMapping {
    names: [Option<String>; Column::COUNT],
    km_per_unit: f64,
}

/// The keys of `--columns`, what each stands for, and the kilometres in its unit.
const KEYS: [(&str, Column, f64); 14] = [
    ("request", Column::Request, 1.0),
    ("pickup", Column::Pickup, 1.0),
    ("dropoff", Column::Dropoff, 1.0),
    ("pickup_lat", Column::PickupLat, 1.0),
    ("pickup_lon", Column::PickupLon, 1.0),
    ("dropoff_lat", Column::DropoffLat, 1.0),
    ("dropoff_lon", Column::DropoffLon, 1.0),
    ("pickup_zone", Column::PickupZone, 1.0),
    ("dropoff_zone", Column::DropoffZone, 1.0),
    ("distance_miles", Column::Distance, KM_PER_MILE),
    ("distance_km", Column::Distance, 1.0),
    ("distance_m", Column::Distance, 0.001),
    ("duration_s", Column::Duration, 1.0),
    ("vehicle", Column::Vehicle, 1.0),
];

impl ColumnMapping {
    /// Reads what was given to `--columns`.
    ///
    /// # Errors
    /// If a key is unknown or doubled, or if times, places, a way to tell the duration, or the distance
    /// are missing, or if headers and positions are mixed.
    pub fn parse(text: &str) -> Result<Self, OptionError> {
        let error = |found: &str, expected: &str| OptionError {
            option: "columns",
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        let mut mapping = Self {
            names: Default::default(),
            km_per_unit: 1.0,
        };
        for pair in text.split(',') {
            let Some((key, name)) = pair.split_once('=') else {
                return Err(error(pair, "KEY=COLUMN,KEY=COLUMN,…"));
            };
            let (key, name) = (key.trim(), name.trim());
            let Some((_, column, km_per_unit)) = KEYS.iter().find(|(known, ..)| *known == key)
            else {
                let known: Vec<&str> = KEYS.iter().map(|(known, ..)| *known).collect();
                return Err(error(key, &format!("one of {}", known.join(", "))));
            };
            if name.is_empty() {
                return Err(error(pair, "a column's name after the equals sign"));
            }
            if mapping.names[*column as usize]
                .replace(name.to_owned())
                .is_some()
            {
                return Err(error(pair, "each column given once"));
            }
            if *column == Column::Distance {
                mapping.km_per_unit = *km_per_unit;
            }
        }
        match mapping.missing() {
            Some(expected) => Err(error(text, expected)),
            None => Ok(mapping),
        }
    }

    fn has(&self, column: Column) -> bool {
        self.names[column as usize].is_some()
    }

    fn missing(&self) -> Option<&'static str> {
        let all = |columns: &[Column]| columns.iter().all(|column| self.has(*column));
        let any = |columns: &[Column]| columns.iter().any(|column| self.has(*column));
        if !any(&[Column::Request, Column::Pickup]) {
            Some("request=… or pickup=… among them")
        } else if !any(&[Column::Dropoff, Column::Duration]) {
            Some("dropoff=… or duration_s=… among them")
        } else if any(&Column::ZONES) == any(&Column::COORDINATES)
            || !(all(&Column::ZONES) || all(&Column::COORDINATES))
        {
            Some(
                "either pickup_lat=…, pickup_lon=…, dropoff_lat=… and dropoff_lon=… or pickup_zone=… \
                 and dropoff_zone=… among them",
            )
        } else if !self.has(Column::Distance) {
            Some("distance_miles=…, distance_km=… or distance_m=… among them")
        } else {
            let names = || self.names.iter().flatten();
            let is_mixed = self.is_positional() && names().any(|name| position(name).is_none());
            is_mixed.then_some("either headers or positions #1, #2, …, not both")
        }
    }

    /// Whether columns are named by position, as in a file without a header.
    pub(super) fn is_positional(&self) -> bool {
        self.names
            .iter()
            .flatten()
            .any(|name| position(name).is_some())
    }

    /// The layout this gives a file whose first row (its header, or any row) is this.
    pub(super) fn layout(&self, first: &[String]) -> Result<Layout, LayoutError> {
        let headers: Vec<String> = first.iter().map(|name| normalised(name)).collect();
        let mut positions = [None; Column::COUNT];
        for (slot, name) in positions.iter_mut().zip(&self.names) {
            let Some(name) = name else { continue };
            let found = if let Some(position) = position(name) {
                Some(position - 1).filter(|position| *position < first.len())
            } else {
                let exact = first.iter().position(|header| header.trim() == name);
                exact.or_else(|| {
                    headers
                        .iter()
                        .position(|header| *header == normalised(name))
                })
            };
            if found.is_none() {
                return Err(LayoutError::NoColumn {
                    expected: format!("a column {name}"),
                });
            }
            *slot = found;
        }
        Ok(Layout {
            format: Format::Mapped,
            positions,
            km_per_unit: self.km_per_unit,
            has_header: !self.is_positional(),
            width: first.len(),
        })
    }
}

/// The position, from 1, that `#3` names.
fn position(name: &str) -> Option<usize> {
    name.strip_prefix('#')?
        .parse()
        .ok()
        .filter(|position| *position > 0)
}

fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for character in name.trim_start_matches('\u{feff}').trim().chars() {
        if character.is_alphanumeric() {
            normal.extend(character.to_lowercase());
        } else if !normal.ends_with('_') {
            normal.push('_');
        }
    }
    normal
}
