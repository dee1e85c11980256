//! One field of a row, of a CSV line or of a Parquet column, and how it is read.

use std::str;

/// A field as its file holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    /// Nothing: an empty field, a null.
    Empty,
    /// Text, not yet known to be UTF-8.
    Text(&'a [u8]),
    /// A number of a typed column.
    Number(f64),
    /// A time of a typed column, in microseconds since 1970 of the local clock.
    Micros(i64),
}

/// The field cannot be read as what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unparseable;

/// A field's value; none if the field is empty.
pub(super) type Parsed<T> = Result<Option<T>, Unparseable>;

impl<'a> Value<'a> {
    /// The text, trimmed; none if nothing is left.
    fn text(self) -> Parsed<&'a str> {
        match self {
            Self::Empty => Ok(None),
            Self::Text(bytes) => {
                let text = str::from_utf8(bytes).map_err(|_| Unparseable)?.trim();
                Ok((!text.is_empty()).then_some(text))
            }
            Self::Number(_) | Self::Micros(_) => Err(Unparseable),
        }
    }

    /// A finite number. Text may group thousands by commas, as Chicago's portal does.
    pub(super) fn number(self) -> Parsed<f64> {
        let number = match self {
            Self::Number(number) => Some(number),
            Self::Micros(_) => return Err(Unparseable),
            Self::Empty | Self::Text(_) => self.text()?.map(parse_number).transpose()?,
        };
        match number {
            Some(number) if !number.is_finite() => Err(Unparseable),
            _ => Ok(number),
        }
    }

    /// A zone's id: a whole number from 0. Some files hold it as `132.0`.
    pub(super) fn zone(self) -> Parsed<u32> {
        match self.number()? {
            None => Ok(None),
            Some(id) if id.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&id) =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a whole number in range"
                )]
                Ok(Some(id as u32))
            }
            Some(_) => Err(Unparseable),
        }
    }

    /// A local time, in microseconds since 1970-01-01 of the same clock.
    pub(super) fn time_us(self) -> Parsed<i64> {
        match self {
            Self::Micros(us) if YEARS_US.contains(&us) => Ok(Some(us)),
            Self::Micros(_) | Self::Number(_) => Err(Unparseable),
            Self::Empty | Self::Text(_) => self.text()?.map(parse_time).transpose(),
        }
    }

    /// The bytes that tell one vehicle from another; none if the field is empty.
    pub(super) fn identity(self) -> Option<Vec<u8>> {
        match self {
            Self::Empty => None,
            Self::Text(bytes) => {
                let bytes = bytes.trim_ascii();
                (!bytes.is_empty()).then(|| bytes.to_vec())
            }
            Self::Number(number) => Some(number.to_bits().to_be_bytes().to_vec()),
            Self::Micros(us) => Some(us.to_be_bytes().to_vec()),
        }
    }
}

/// 1 January 1 to 31 December 9999: what text can say.
const YEARS_US: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

fn parse_number(text: &str) -> Result<f64, Unparseable> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.trim_start_matches('-').split(',');
    let first = groups.next().unwrap_or_default();
    let digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let grouped = (1..=3).contains(&first.len())
        && digits(first)
        && digits(part)
        && groups.all(|group| group.len() == 3 && digits(group));
    if grouped {
        text.replace(',', "").parse().map_err(|_| Unparseable)
    } else {
        Err(Unparseable)
    }
}

/// Reads `2013-01-01 00:02:00`, the same with `T`, a fraction or a zone (which is not applied: the
/// reading of the local clock is what demand goes by), and `01/31/2020 12:15:00 AM`.
pub(super) fn parse_time(text: &str) -> Result<i64, Unparseable> {
    let (date, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let (year, month, day, written) = if date.contains('/') {
        let [month, day, year] = numbers(date, '/')?;
        (year, month, day, date.rsplit('/').next())
    } else {
        let [year, month, day] = numbers(date, '-')?;
        (year, month, day, date.split('-').next())
    };
    // Of two digits nobody says which century.
    if written.is_none_or(|year| year.len() < 4) {
        return Err(Unparseable);
    }
    let days = days_from_civil(year, month, day)?;
    Ok(days * 86_400_000_000 + parse_clock(clock.trim())?)
}

fn parse_clock(clock: &str) -> Result<i64, Unparseable> {
    let (clock, half) = match clock
        .len()
        .checked_sub(2)
        .and_then(|at| clock.split_at_checked(at))
    {
        Some((front, end)) if end.eq_ignore_ascii_case("am") => (front.trim_end(), Some(0)),
        Some((front, end)) if end.eq_ignore_ascii_case("pm") => (front.trim_end(), Some(12)),
        _ => (clock, None),
    };
    let clock = without_zone(clock)?;
    let (clock, part) = clock.split_once('.').unwrap_or((clock, "0"));
    let clock = if clock.matches(':').count() == 1 {
        format!("{clock}:00")
    } else {
        clock.into()
    };
    let [hour, minute, second] = numbers(&clock, ':')?;
    let hour = match half {
        None => hour,
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return Err(Unparseable),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Unparseable);
    }
    Ok(((hour * 60 + minute) * 60 + second) * 1_000_000 + parse_micros(part)?)
}

/// The clock without a trailing `Z`, `UTC` or `+hh:mm`.
fn without_zone(clock: &str) -> Result<&str, Unparseable> {
    let zone_at = clock.find(['Z', 'U', '+', '-']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at(zone_at);
    let is_offset = |zone: &str| {
        let digits = zone.trim_start_matches(['+', '-']);
        (2..=5).contains(&digits.len())
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b':')
    };
    match zone {
        "" | "Z" | "UTC" => Ok(clock.trim_end()),
        offset if is_offset(offset) => Ok(clock.trim_end()),
        _ => Err(Unparseable),
    }
}

/// The digits after a decimal point, in microseconds; finer digits are dropped.
fn parse_micros(part: &str) -> Result<i64, Unparseable> {
    if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unparseable);
    }
    let digits: String = part.chars().chain("000000".chars()).take(6).collect();
    digits.parse().map_err(|_| Unparseable)
}

fn numbers(text: &str, separator: char) -> Result<[i64; 3], Unparseable> {
    let mut numbers = [0; 3];
    let mut parts = text.split(separator);
    for number in &mut numbers {
        let part = parts.next().ok_or(Unparseable)?;
        if !(1..=4).contains(&part.len()) || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Unparseable);
        }
        *number = part.parse().map_err(|_| Unparseable)?;
    }
    if parts.next().is_none() {
        Ok(numbers)
    } else {
        Err(Unparseable)
    }
}

/// Days since 1970-01-01: the algorithm `days_from_civil` of H. Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> Result<i64, Unparseable> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(Unparseable),
    };
    if !(1..=9_999).contains(&year) || !(1..=days_of_month).contains(&day) {
        return Err(Unparseable);
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Ok(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::figures::local_time_text;
    use domain::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn the_publishers_ways_to_write_a_time() {
        for (written, meant) in [
            ("2013-01-01 00:02:00", "2013-01-01T00:02:00"),
            ("2020-01-01T00:15:00.000", "2020-01-01T00:15:00"),
            ("2020-01-01T00:15:00.25Z", "2020-01-01T00:15:00.250000"),
            ("2020-01-01T00:15:00-06:00", "2020-01-01T00:15:00"),
            ("2020-01-01 00:15:00 UTC", "2020-01-01T00:15:00"),
            ("01/31/2020 12:15:00 AM", "2020-01-31T00:15:00"),
            ("01/31/2020 12:15:00 PM", "2020-01-31T12:15:00"),
            ("1/1/2014 9:05", "2014-01-01T09:05:00"),
            ("2016-02-29", "2016-02-29T00:00:00"),
        ] {
            let us = Value::Text(written.as_bytes()).time_us().unwrap().unwrap();
            assert_eq!(
                local_time_text(Timestamp::from_micros(us)),
                meant,
                "{written}"
            );
        }
        for wrong in [
            "yesterday",
            "2013-13-01 00:00:00",
            "2015-02-29 00:00:00",
            "2013-01-01 24:00:00",
            "2013-01-01 00:60:00",
            "01/31/2020 13:15:00 PM",
            "2013-01-01 00",
            "2013-01-01 00:00:00:00",
            "0000-01-01 00:00:00",
            "01/15/24 12:15",
            "2013-01-01 00:00:00.x",
            "2013-01-01 00:00:00Zulu",
            "2013-01-01 00:00:00-x",
            "-",
        ] {
            assert_eq!(
                Value::Text(wrong.as_bytes()).time_us(),
                Err(Unparseable),
                "{wrong}"
            );
        }
        assert_eq!(Value::Text(b"  ").time_us(), Ok(None));
        assert_eq!(Value::Text(b"\xff").time_us(), Err(Unparseable));
    }

    #[test]
    fn the_publishers_ways_to_write_a_number() {
        for (written, meant) in [
            (" 0.44", Ok(Some(0.44))),
            ("-73.9", Ok(Some(-73.9))),
            ("1,080", Ok(Some(1_080.0))),
            ("12,345.5", Ok(Some(12_345.5))),
            ("", Ok(None)),
            ("1,08", Err(Unparseable)),
            ("nan", Err(Unparseable)),
            ("inf", Err(Unparseable)),
            ("1.2.3", Err(Unparseable)),
            (",", Err(Unparseable)),
            ("0x10", Err(Unparseable)),
        ] {
            assert_eq!(Value::Text(written.as_bytes()).number(), meant, "{written}");
        }
        assert_eq!(Value::Text(b"132.0").zone(), Ok(Some(132)));
        assert_eq!(Value::Text(b"132.5").zone(), Err(Unparseable));
        assert_eq!(Value::Number(-1.0).zone(), Err(Unparseable));
        assert_eq!(Value::Number(f64::NAN).number(), Err(Unparseable));
    }

    proptest! {
        #[test]
        fn a_time_written_is_the_time_read(us in YEARS_US) {
            let text = local_time_text(Timestamp::from_micros(us));
            prop_assert_eq!(parse_time(&text), Ok(us));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}") {
            let value = Value::Text(text.as_bytes());
            let _ = (value.time_us(), value.number(), value.zone());
        }
    }
}
