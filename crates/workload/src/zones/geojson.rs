//! Zones from a GeoJSON file of polygons (RFC 7946), numbered by the property `LocationID` as in the
//! taxi zones of New York's TLC.

use std::collections::BTreeMap;
use std::path::Path;

use domain::Place;
use serde_json::Value;

use super::{Ring, ZoneMap};
use crate::import::{ImportError, Location};

/// What a zone file should have been.
const EXPECTED: &str = "a GeoJSON FeatureCollection of polygons in degrees with a LocationID each";

impl ZoneMap {
    /// Reads a GeoJSON file. Features of one number are parts of one zone.
    ///
    /// # Errors
    /// If the file cannot be read, is not GeoJSON, or has a feature that is no polygon in degrees, has no
    /// `LocationID`, or encloses nothing.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        let file = path.display().to_string();
        let text = std::fs::read(path).map_err(|source| ImportError::Unreadable {
            file: file.clone(),
            source,
        })?;
        Self::from_geojson(&file, &text)
    }

    /// Reads GeoJSON text; `file` is what messages call it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_geojson(file: &str, text: &[u8]) -> Result<Self, ImportError> {
        let wrong = |location: Location, found: String, expected: &str| ImportError::Wrong {
            file: file.to_owned(),
            location,
            found,
            expected: expected.to_owned(),
        };
        let root: Value = serde_json::from_slice(text)
            .map_err(|error| wrong(Location::File, format!("no JSON ({error})"), EXPECTED))?;
        let Some(features) = root["features"].as_array() else {
            return Err(wrong(
                Location::File,
                "no list of features".into(),
                EXPECTED,
            ));
        };
        let mut rings_by_zone: BTreeMap<u32, (usize, Vec<Ring>)> = BTreeMap::new();
        for (index, feature) in features.iter().enumerate() {
            let at = Location::Feature(index + 1);
            let Some(id) = location_id(&feature["properties"]) else {
                let found = format!("properties {}", short(&feature["properties"]));
                return Err(wrong(at, found, "a whole number LocationID"));
            };
            let rings = rings(&feature["geometry"])
                .map_err(|found| wrong(at, found, "a Polygon or MultiPolygon in degrees"))?;
            rings_by_zone
                .entry(id)
                .or_insert((index + 1, Vec::new()))
                .1
                .extend(rings);
        }
        let mut zones = Self::default();
        for (id, (feature, rings)) in rings_by_zone {
            if !zones.insert(id, &rings) {
                let found = format!("zone {id}, that encloses nothing");
                return Err(wrong(
                    Location::Feature(feature),
                    found,
                    "a polygon with an inside",
                ));
            }
        }
        if zones.zones.is_empty() {
            return Err(wrong(Location::File, "no zone".into(), EXPECTED));
        }
        Ok(zones)
    }
}

/// The number of a zone, whatever the case of its key; some exports hold it as text.
fn location_id(properties: &Value) -> Option<u32> {
    let is_id = |key: &str| key.replace('_', "").eq_ignore_ascii_case("locationid");
    let (_, value) = properties.as_object()?.iter().find(|(key, _)| is_id(key))?;
    match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_u64().and_then(|id| u32::try_from(id).ok()),
    }
}

fn rings(geometry: &Value) -> Result<Vec<Ring>, String> {
    let coordinates = &geometry["coordinates"];
    let polygons = match geometry["type"].as_str() {
        Some("Polygon") => vec![coordinates],
        Some("MultiPolygon") => list(coordinates)?.iter().collect(),
        _ => return Err(format!("geometry {}", short(geometry))),
    };
    let mut rings = Vec::new();
    for polygon in polygons {
        for ring in list(polygon)? {
            rings.push(
                list(ring)?
                    .iter()
                    .map(corner)
                    .collect::<Result<Ring, String>>()?,
            );
        }
    }
    Ok(rings)
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| short(value))
}

fn corner(position: &Value) -> Result<Place, String> {
    let degrees = |index: usize| position[index].as_f64().unwrap_or(f64::NAN);
    Place::new(degrees(1), degrees(0)).map_err(|_| format!("position {}", short(position)))
}

fn short(value: &Value) -> String {
    crate::import::quoted(&value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(properties: &str, geometry: &str) -> String {
        format!(
            r#"{{"type":"FeatureCollection","features":[
                {{"type":"Feature","properties":{properties},"geometry":{geometry}}}]}}"#
        )
    }

    const SQUARE: &str =
        r#"{"type":"Polygon","coordinates":[[[-74,40],[-73,40],[-73,41],[-74,41],[-74,40]]]}"#;

    #[test]
    fn a_wrong_zone_file_is_said_to_be_wrong_and_where() {
        let feet = r#"{"type":"Polygon","coordinates":[[[933100.9,192536.0],[1,2],[3,4]]]}"#;
        for (text, said) in [
            (
                "LocationID,zone\n1,Newark".to_owned(),
                "zones.json: found no JSON",
            ),
            ("{}".to_owned(), "zones.json: found no list of features"),
            (r#"{"features":[]}"#.to_owned(), "zones.json: found no zone"),
            (
                feature(r#"{"zone":"x"}"#, SQUARE),
                "zones.json, feature 1: found properties",
            ),
            (
                feature(
                    r#"{"LocationID":1}"#,
                    r#"{"type":"Point","coordinates":[1,2]}"#,
                ),
                "zones.json, feature 1: found geometry",
            ),
            (
                feature(r#"{"LocationID":1}"#, feet),
                "zones.json, feature 1: found position",
            ),
            (
                feature(
                    r#"{"LocationID":1}"#,
                    r#"{"type":"Polygon","coordinates":[]}"#,
                ),
                "zones.json, feature 1: found zone 1, that encloses nothing",
            ),
        ] {
            let error = ZoneMap::from_geojson("zones.json", text.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(said), "{error}");
            assert!(error.contains(", expected a"), "{error}");
        }
    }

    #[test]
    fn features_of_one_number_are_one_zone() {
        let east = SQUARE.replace("-74", "-72");
        let text = format!(
            r#"{{"features":[{{"properties":{{"locationid":"5"}},"geometry":{SQUARE}}},
                {{"properties":{{"LocationID":5}},"geometry":{east}}}]}}"#
        );
        let zones = ZoneMap::from_geojson("zones.json", text.as_bytes()).unwrap();
        assert_eq!(zones.ids().collect::<Vec<_>>(), [5]);
        for lon in [-73.5, -72.5] {
            assert!(zones.contains(5, Place::new(40.5, lon).unwrap()), "{lon}");
        }
    }
}
