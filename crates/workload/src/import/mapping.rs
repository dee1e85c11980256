//! Which columns of a file hold what, given by the user: `--columns`.

use super::error::OptionError;
use super::layout::{Column, Format, KM_PER_MILE, Layout, LayoutError, normalised};

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
