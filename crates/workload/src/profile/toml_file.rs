//! Profiles as TOML files. An unknown key is an error.

use domain::{Cell, Resolution};
use serde::Deserialize;

use super::{Profile, ProfileHour, TripLengths};

/// The version of profile files that this program reads.
pub const PROFILE_SCHEMA: &str = "rushhour.profile/1";
/// The shipped profile of New York's peak hour.
pub const NEW_YORK_PEAK: &str = include_str!("../../profiles/new-york-peak.toml");

/// A profile that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, {place}: found {found}, expected {expected}")]
pub struct ProfileError {
    /// The file's name as given.
    pub file: String,
    /// The line or key.
    pub place: String,
    /// What was found there.
    pub found: String,
    /// What should have stood there.
    pub expected: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    schema: String,
    name: String,
    demand: DemandPart,
    trip_length: LengthPart,
    places: PlacesPart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemandPart {
    source: String,
    trips_per_hour: Vec<f64>,
    mean_miles: Vec<f64>,
    mean_minutes: Vec<f64>,
    mph: Vec<f64>,
    on_trip_vehicles: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LengthPart {
    source: String,
    probabilities: Vec<f64>,
    multiples_of_mean: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlacesPart {
    source: String,
    circuity: f64,
    resolution: u8,
    origins: Vec<(String, f64)>,
    destinations: Vec<(String, f64)>,
}

/// What is wrong at a key: the key, what was found, what was expected.
type Wrong = (&'static str, String, &'static str);

impl Profile {
    /// The shipped profile of New York's peak hour.
    #[must_use]
    pub fn new_york_peak() -> Self {
        Self::parse("new-york-peak.toml", NEW_YORK_PEAK)
            .expect("the shipped profile is well formed")
    }

    /// Reads a profile; `file` is what messages call it.
    ///
    /// # Errors
    /// If the text is no TOML, has an unknown key, lacks one, or has a value that cannot be.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProfileError> {
        let error = |place: String, found: String, expected: &str| ProfileError {
            file: file.to_owned(),
            place,
            found,
            expected: expected.to_owned(),
        };
        let read: ProfileFile = toml::from_str(text).map_err(|wrong: toml::de::Error| {
            let before = wrong
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let message = wrong.message().replace('\n', " ");
            error(
                format!("line {line}"),
                message,
                "a profile of schema rushhour.profile/1",
            )
        })?;
        read.profile()
            .map_err(|(key, found, expected)| error(key.to_owned(), found, expected))
    }
}

impl ProfileFile {
    fn profile(self) -> Result<Profile, Wrong> {
        if self.schema != PROFILE_SCHEMA {
            return Err(("schema", format!("{:?}", self.schema), PROFILE_SCHEMA));
        }
        let hours = self.demand.hours()?;
        let lengths = self.trip_length.lengths()?;
        let places = self.places;
        let resolution = Resolution::new(places.resolution).map_err(|_| {
            (
                "places.resolution",
                places.resolution.to_string(),
                "an H3 resolution of 0 to 15",
            )
        })?;
        if !(1.0..=10.0).contains(&places.circuity) {
            return Err((
                "places.circuity",
                places.circuity.to_string(),
                "a number of 1 to 10",
            ));
        }
        Ok(Profile {
            name: self.name,
            demand_source: self.demand.source,
            hours,
            lengths_source: self.trip_length.source,
            lengths,
            places_source: places.source,
            circuity: places.circuity,
            resolution,
            origins: cells("places.origins", &places.origins, resolution)?,
            destinations: cells("places.destinations", &places.destinations, resolution)?,
        })
    }
}

impl DemandPart {
    fn hours(&self) -> Result<[ProfileHour; 24], Wrong> {
        let columns = [
            ("demand.trips_per_hour", &self.trips_per_hour),
            ("demand.mean_miles", &self.mean_miles),
            ("demand.mean_minutes", &self.mean_minutes),
            ("demand.mph", &self.mph),
            ("demand.on_trip_vehicles", &self.on_trip_vehicles),
        ];
        for (key, column) in columns {
            if column.len() != 24 {
                return Err((
                    key,
                    format!("{} numbers", column.len()),
                    "24, one for each hour",
                ));
            }
            let wrong = column
                .iter()
                .find(|number| !(**number > 0.0 && number.is_finite()));
            if let Some(number) = wrong {
                return Err((key, number.to_string(), "numbers above zero"));
            }
        }
        Ok(std::array::from_fn(|hour| ProfileHour {
            trips: self.trips_per_hour[hour],
            mean_miles: self.mean_miles[hour],
            mean_minutes: self.mean_minutes[hour],
            mph: self.mph[hour],
            on_trip_vehicles: self.on_trip_vehicles[hour],
        }))
    }
}

impl LengthPart {
    fn lengths(&self) -> Result<TripLengths, Wrong> {
        if self.probabilities.len() != self.multiples_of_mean.len() {
            let found = format!("{} numbers", self.multiples_of_mean.len());
            return Err((
                "trip_length.multiples_of_mean",
                found,
                "one for each probability",
            ));
        }
        let pairs = self
            .probabilities
            .iter()
            .copied()
            .zip(self.multiples_of_mean.iter().copied());
        TripLengths::new(pairs.collect()).ok_or((
            "trip_length",
            "quantiles out of order".to_owned(),
            "probabilities from 0 to 1 and positive multiples, both ascending",
        ))
    }
}

fn cells(
    key: &'static str,
    weights: &[(String, f64)],
    resolution: Resolution,
) -> Result<Vec<(Cell, f64)>, Wrong> {
    if weights.is_empty() {
        return Err((key, "no cell".to_owned(), "at least one"));
    }
    let read = |(cell, weight): &(String, f64)| {
        let parsed: Cell = cell.parse().map_err(|_| {
            (
                key,
                format!("{cell:?}"),
                "an H3 cell of 15 hexadecimal digits",
            )
        })?;
        if Cell::of(parsed.centre(), resolution) != parsed {
            return Err((key, format!("{cell:?}"), "a cell of the resolution stated"));
        }
        if *weight > 0.0 && weight.is_finite() {
            Ok((parsed, *weight))
        } else {
            Err((
                key,
                format!("weight {weight} of {cell:?}"),
                "a weight above zero",
            ))
        }
    };
    weights.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_profile_is_said_to_be_wrong_and_where() {
        let shipped = NEW_YORK_PEAK;
        let first_origin = Profile::new_york_peak().origins[0].0.to_string();
        for (from, to, said) in [
            ("name =", "nmae =", "city.toml, line "),
            (
                "rushhour.profile/1",
                "rushhour.profile/9",
                "city.toml, schema: found \"rushhour.profile/9\"",
            ),
            (
                "resolution = 8",
                "resolution = 16",
                "city.toml, places.resolution: found 16",
            ),
            (
                "resolution = 8",
                "resolution = 7",
                "city.toml, places.origins: found",
            ),
            (
                first_origin.as_str(),
                "zz",
                "city.toml, places.origins: found \"zz\"",
            ),
            (
                "trips_per_hour = [",
                "trips_per_hour = [1,",
                "city.toml, demand.trips_per_hour: found 25 numbers",
            ),
            (
                "mph = [",
                "mph = [-1.5] #",
                "city.toml, demand.mph: found 1 numbers",
            ),
            (
                "probabilities = [",
                "probabilities = [0.5,",
                "city.toml, trip_length.multiples_of_mean",
            ),
        ] {
            assert!(shipped.contains(from), "{from}");
            let error = Profile::parse("city.toml", &shipped.replacen(from, to, 1)).unwrap_err();
            let message = error.to_string();
            assert!(
                message.starts_with(said) && !message.contains('\n'),
                "{message}"
            );
        }
    }

    #[test]
    fn the_shipped_profile_has_the_peak_it_is_named_after() {
        let profile = Profile::new_york_peak();
        let peak = profile.hours[18];
        assert!((peak.trips - 40_890.0).abs() < 0.5, "{peak:?}");
        assert!((peak.mean_distance_m() - 6_502.0).abs() < 1.0, "{peak:?}");
        assert!((peak.on_trip_vehicles - 12_908.0).abs() < 1.0, "{peak:?}");
        assert!((5.0..6.0).contains(&peak.speed_m_per_s()), "{peak:?}");
        // Little's law, within the rounding of the sources.
        let little = peak.trips / 60.0 * peak.mean_minutes;
        assert!(
            (little / peak.on_trip_vehicles - 1.0).abs() < 0.001,
            "{little}"
        );
        assert!(
            NEW_YORK_PEAK.len() < 60_000,
            "{} bytes",
            NEW_YORK_PEAK.len()
        );
        assert!(
            (1.1..1.6).contains(&profile.circuity),
            "{}",
            profile.circuity
        );
        assert!(
            (0.5..0.9).contains(&profile.lengths.multiple(0.5)),
            "{:?}",
            profile.lengths
        );
    }
}
