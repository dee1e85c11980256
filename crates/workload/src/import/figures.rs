//! What an import kept and rejected.

use std::collections::BTreeMap;
use std::fmt;

use domain::Timestamp;

/// Why a row was rejected: the first of these, in this order, that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "formats", derive(serde::Serialize))]
#[cfg_attr(feature = "formats", serde(rename_all = "snake_case"))]
pub enum Reason {
    /// The row's shape is not the file's, or a field that is read is no time, number or text.
    Unparseable,
    /// A field that is read is empty. The vehicle alone may be.
    MissingField,
    /// A latitude beyond 90 or a longitude beyond 180 degrees.
    CoordinateOutOfRange,
    /// A coordinate of exactly zero, which is how recorders write "unknown".
    ZeroCoordinate,
    /// A zone that the zone file does not hold.
    UnknownZone,
    /// The pick-up or the drop-off lies outside the service area.
    OutsideServiceArea,
    /// The duration is zero or negative.
    NonpositiveDuration,
    /// The distance is zero or negative.
    NonpositiveDistance,
    /// The duration is above the limit.
    DurationOverLimit,
}

impl Reason {
    /// Every reason, in the order in which they apply.
    pub const ALL: [Self; 9] = [
        Self::Unparseable,
        Self::MissingField,
        Self::CoordinateOutOfRange,
        Self::ZeroCoordinate,
        Self::UnknownZone,
        Self::OutsideServiceArea,
        Self::NonpositiveDuration,
        Self::NonpositiveDistance,
        Self::DurationOverLimit,
    ];

    /// The name it has in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unparseable => "unparseable",
            Self::MissingField => "missing_field",
            Self::CoordinateOutOfRange => "coordinate_out_of_range",
            Self::ZeroCoordinate => "zero_coordinate",
            Self::UnknownZone => "unknown_zone",
            Self::OutsideServiceArea => "outside_service_area",
            Self::NonpositiveDuration => "nonpositive_duration",
            Self::NonpositiveDistance => "nonpositive_distance",
            Self::DurationOverLimit => "duration_over_limit",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The figures of an import. All after `rejected` are over the kept rows.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "formats", derive(serde::Serialize))]
pub struct Figures {
    /// Rows read, headers and blank lines apart.
    pub rows: u64,
    /// Rows kept.
    pub kept: u64,
    /// Rows rejected, by the one reason of each. A reason that never applied is absent.
    pub rejected: BTreeMap<Reason, u64>,
    /// Distinct vehicles; none if the files name no vehicles.
    pub vehicles: Option<u64>,
    /// The earliest request (pick-up, in files without requests), local time; none if nothing was kept.
    #[cfg_attr(feature = "formats", serde(serialize_with = "as_local_time"))]
    pub first: Option<Timestamp>,
    /// The latest request (pick-up, in files without requests), local time.
    #[cfg_attr(feature = "formats", serde(serialize_with = "as_local_time"))]
    pub last: Option<Timestamp>,
    /// The mean distance as stated, in kilometres.
    pub mean_distance_km: Option<f64>,
    /// The mean duration as stated, in seconds.
    pub mean_duration_s: Option<f64>,
    /// The most trips under way at one moment; [`peak_concurrent`] says what that means.
    pub peak_concurrent: u64,
}

#[cfg(feature = "formats")]
fn as_local_time<S: serde::Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    use serde::Serialize;
    time.map(local_time_text).serialize(serializer)
}

/// The most of these intervals, `[pick-up, drop-off)` in microseconds, that hold one moment.
///
/// Closed at pick-up and open at drop-off: at an instant at which one trip ends and another begins, only
/// the latter counts, and a trip counts at its own pick-up instant unless it also ends there, when it
/// holds no moment at all. Sorts its arguments; they need not be paired.
#[must_use]
pub fn peak_concurrent(pickups_us: &mut [i64], dropoffs_us: &mut [i64]) -> u64 {
    pickups_us.sort_unstable();
    dropoffs_us.sort_unstable();
    let (mut ended, mut peak) = (0, 0);
    for (index, &pickup_us) in pickups_us.iter().enumerate() {
        while dropoffs_us
            .get(ended)
            .is_some_and(|&dropoff_us| dropoff_us <= pickup_us)
        {
            ended += 1;
        }
        peak = peak.max((index + 1).saturating_sub(ended));
    }
    peak as u64
}

/// A local time as `2013-01-01T00:00:00`, with microseconds where there are any.
#[must_use]
pub fn local_time_text(time: Timestamp) -> String {
    let us = time.as_micros();
    let (days, us_of_day) = (us.div_euclid(86_400_000_000), us.rem_euclid(86_400_000_000));
    let (year, month, day) = civil_from_days(days);
    let seconds = us_of_day / 1_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let whole = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    match us_of_day % 1_000_000 {
        0 => whole,
        part => format!("{whole}.{part:06}"),
    }
}

/// Year, month and day of a count of days since 1970-01-01: the algorithm `civil_from_days` of
/// H. Hinnant's "chrono-Compatible Low-Level Date Algorithms".
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months count from March here, so that the leap day comes last.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_drop_off_frees_its_place_at_the_instant_of_a_pick_up() {
        assert_eq!(peak_concurrent(&mut [0, 10], &mut [10, 20]), 1);
        assert_eq!(peak_concurrent(&mut [0, 9], &mut [10, 20]), 2);
        assert_eq!(peak_concurrent(&mut [5], &mut [6]), 1);
        assert_eq!(
            peak_concurrent(&mut [5, 5], &mut [5, 6]),
            1,
            "one of them is empty"
        );
        assert_eq!(peak_concurrent(&mut [], &mut []), 0);
    }

    #[test]
    fn times_read_as_they_are_published() {
        let text = |s: i64| local_time_text(Timestamp::from_millis(s * 1_000));
        assert_eq!(text(0), "1970-01-01T00:00:00");
        assert_eq!(text(1_356_998_400), "2013-01-01T00:00:00");
        assert_eq!(text(1_456_790_399), "2016-02-29T23:59:59");
        assert_eq!(
            local_time_text(Timestamp::from_micros(-1)),
            "1969-12-31T23:59:59.999999"
        );
    }

    proptest! {
        #[test]
        fn the_peak_is_what_counting_at_every_pick_up_gives(
            trips in prop::collection::vec((0..40i64, 0..12i64), 0..60),
        ) {
            let at = |moment| trips.iter().filter(|(from, span)| (*from..from + span).contains(&moment)).count();
            let expected = trips.iter().map(|(from, _)| at(*from)).max().unwrap_or(0);
            let mut pickups: Vec<i64> = trips.iter().map(|(from, _)| *from).collect();
            let mut dropoffs: Vec<i64> = trips.iter().map(|(from, span)| from + span).collect();
            prop_assert_eq!(peak_concurrent(&mut pickups, &mut dropoffs), expected as u64);
        }
    }
}
