//! Which columns of a file hold what, recognised by header or by shape. `mapping` is for other files.
//!
//! Headers are compared in lower case with every run of other characters as one underscore, so that
//! `Trip Start Timestamp` and `trip_start_timestamp` are one name.

use super::value::parse_time;

/// Kilometres in a mile.
pub(super) const KM_PER_MILE: f64 = 1.609_344;

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

/// A header's name as all of its spellings compare.
pub(super) fn normalised(name: &str) -> String {
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
