//! Numbers as people read them: grouped digits, a fitting number of decimals, units.

/// What a number is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things counted.
    Count,
    /// Milliseconds; shown in seconds where that reads better.
    Milliseconds,
    /// Seconds of the run's clock; shown in minutes where that reads better.
    Seconds,
    /// Metres; shown in kilometres where that reads better.
    Metres,
    /// Kilometres.
    Kilometres,
    /// A share of a whole, 0 to 1; shown in percent.
    Share,
    /// A factor, 1 for none.
    Factor,
    /// Whole units of the run's currency.
    Money,
    /// US dollars, shown to four decimals where small.
    Dollars,
    /// A bare number.
    Number,
}

/// A number in its unit.
#[must_use]
pub fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Count => decimals(value, 0),
        Unit::Milliseconds if value.abs() >= 10_000.0 => {
            format!("{} s", decimals(value / 1_000.0, 1))
        }
        Unit::Milliseconds if value.abs() >= 1_000.0 => {
            format!("{} s", decimals(value / 1_000.0, 2))
        }
        Unit::Milliseconds if value.abs() >= 100.0 => format!("{} ms", decimals(value, 0)),
        Unit::Milliseconds if value.abs() >= 10.0 => format!("{} ms", decimals(value, 1)),
        Unit::Milliseconds => format!("{} ms", decimals(value, 2)),
        Unit::Seconds if value.abs() >= 120.0 => format!("{} min", decimals(value / 60.0, 1)),
        Unit::Seconds => format!("{} s", decimals(value, 1)),
        Unit::Metres if value.abs() >= 1_000.0 => format!("{} km", decimals(value / 1_000.0, 2)),
        Unit::Metres => format!("{} m", decimals(value, 0)),
        Unit::Kilometres => format!("{} km", decimals(value, 0)),
        Unit::Share => format!("{} %", decimals(value * 100.0, 1)),
        Unit::Factor => format!("{} ×", decimals(value, 2)),
        Unit::Money => decimals(value, 2),
        Unit::Dollars if value != 0.0 && value.abs() < 0.01 => {
            format!("${}", decimals(value, 6))
        }
        Unit::Dollars if value != 0.0 && value.abs() < 1.0 => format!("${}", decimals(value, 4)),
        Unit::Dollars => format!("${}", decimals(value, 2)),
        Unit::Number => decimals(value, 3),
    }
}

/// A number in its unit, or a dash where there is none.
#[must_use]
pub fn show_some(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| "–".to_owned(), |value| show(value, unit))
}

/// A count with its digits grouped.
#[must_use]
pub fn count(value: u64) -> String {
    group(&value.to_string())
}

/// A number with so many decimals and its digits grouped.
#[must_use]
pub fn decimals(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text
        .trim_start_matches('-')
        .chars()
        .all(|c| c == '0' || c == '.')
    {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    };
    match text.split_once('.') {
        Some((whole, rest)) => format!("{}.{rest}", group(whole)),
        None => group(&text),
    }
}

fn group(digits: &str) -> String {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or(("", digits), |rest| ("-", rest));
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A name of the files (`request_to_offer`) as words.
#[must_use]
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, unit, expected) in [
            (1_234_567.0, Unit::Count, "1,234,567"),
            (0.4231, Unit::Milliseconds, "0.42 ms"),
            (12.34, Unit::Milliseconds, "12.3 ms"),
            (999.6, Unit::Milliseconds, "1,000 ms"),
            (2_345.0, Unit::Milliseconds, "2.35 s"),
            (61.0, Unit::Seconds, "61.0 s"),
            (180.0, Unit::Seconds, "3.0 min"),
            (1_540.0, Unit::Metres, "1.54 km"),
            (0.9512, Unit::Share, "95.1 %"),
            (-1_234.5, Unit::Money, "-1,234.50"),
            (-0.0001, Unit::Money, "0.00"),
            (0.00123, Unit::Dollars, "$0.001230"),
            (0.123, Unit::Dollars, "$0.1230"),
        ] {
            assert_eq!(show(value, unit), expected);
        }
        assert_eq!(show_some(None, Unit::Count), "–");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(999), "999");
    }
}
