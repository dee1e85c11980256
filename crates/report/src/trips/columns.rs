//! `trips.parquet`: the rows as columns, without nesting, so that any tool reads them.
//!
//! Moments are microseconds of the run's clock, money is minor units, tries and accepts are one text
//! each ([`super::names`]). The file names its layout in its metadata, [`VERSION`] under [`VERSION_KEY`].
//! Rows are ordered by request, then by trip: the same run writes the same bytes.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use domain::fare::{Charge, Fare};
use domain::surge::Multiplier;
use domain::trip::{Stamps, TripState};
use domain::{Currency, Money, Place, Region, Timestamp};

use super::table::{self, Fields, Kind, Value};
use super::{Seen, TripRow, names};

/// The metadata key under which a file names its layout.
pub const VERSION_KEY: &str = "rushhour.trips";
/// The layout that this version writes and reads.
pub const VERSION: &str = "1";
/// Columns that were added since: files of before them are read as if nothing stood there.
const ADDED: &[&str] = &["product"];

/// Why a file of trips cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TripFileError {
    /// It is no Parquet file.
    #[error("{file}: found {found}, expected a Parquet file")]
    NotParquet {
        /// The file.
        file: String,
        /// What the Parquet reader says.
        found: String,
    },
    /// It is of another layout.
    #[error("{file}: found layout {found} under {VERSION_KEY:?}, expected {VERSION}")]
    Version {
        /// The file.
        file: String,
        /// The layout it names.
        found: String,
    },
    /// A column is missing, or of another kind.
    #[error("{file}, column {column}: found {found}, expected {expected}")]
    Column {
        /// The file.
        file: String,
        /// The column.
        column: &'static str,
        /// What was found.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// A field does not read as what its column holds.
    #[error("{file}, row {row}, column {column}: found {found}, expected {expected}")]
    Field {
        /// The file.
        file: String,
        /// The row, from 1.
        row: usize,
        /// The column.
        column: &'static str,
        /// What was found.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
    /// It could not be written.
    #[error("writing the trips: {0}")]
    Write(String),
}

type Get = fn(&TripRow) -> Value;

fn text(value: impl ToString) -> Value {
    Value::Text(value.to_string())
}

fn some_text(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Missing, text)
}

fn moment(at: Timestamp) -> Value {
    Value::Integer(at.as_micros())
}

fn some_moment(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Missing, moment)
}

fn money(amount: Money) -> Value {
    Value::Integer(amount.minor())
}

fn seen(row: &TripRow, field: impl Fn(&Seen) -> Value) -> Value {
    row.seen.as_ref().map_or(Value::Missing, field)
}

#[rustfmt::skip]
const COLUMNS: &[(&str, Kind, Get)] = &[
    ("trip", Kind::Unique, |r| text(r.trip)),
    ("region", Kind::Text, |r| text(&r.region)),
    ("rider", Kind::Unique, |r| text(r.rider)),
    ("product", Kind::Text, |r| some_text(r.product)),
    ("driver", Kind::Text, |r| some_text(r.driver())),
    ("pickup_lat", Kind::Number, |r| Value::Number(r.pickup.lat())),
    ("pickup_lon", Kind::Number, |r| Value::Number(r.pickup.lon())),
    ("dropoff_lat", Kind::Number, |r| Value::Number(r.dropoff.lat())),
    ("dropoff_lon", Kind::Number, |r| Value::Number(r.dropoff.lon())),
    ("distance_m", Kind::Number, |r| Value::Number(r.distance_m)),
    ("duration_s", Kind::Number, |r| Value::Number(r.duration.as_secs_f64())),
    ("requested_at", Kind::Moment, |r| moment(r.requested_at)),
    ("patience_until", Kind::Moment, |r| moment(r.patience_until)),
    ("offered_at", Kind::Moment, |r| some_moment(r.tries.first().map(|t| t.offered_at))),
    ("accepted_at", Kind::Moment, |r| some_moment(r.stamps.accepted_at)),
    ("arrived_at", Kind::Moment, |r| some_moment(r.stamps.arrived_at)),
    ("picked_up_at", Kind::Moment, |r| some_moment(r.stamps.picked_up_at)),
    ("dropped_off_at", Kind::Moment, |r| some_moment(r.stamps.dropped_off_at)),
    ("state", Kind::Text, |r| text(r.state.name())),
    ("why", Kind::Text, |r| some_text(r.state.because())),
    ("since", Kind::Moment, |r| moment(r.since)),
    ("attempts", Kind::Integer, |r| Value::Integer(i64::try_from(r.tries.len()).unwrap_or(i64::MAX))),
    ("tries", Kind::Unique, |r| text(names::tries(&r.tries))),
    ("currency", Kind::Text, |r| text(r.fare.currency)),
    ("surge", Kind::Number, |r| Value::Number(f64::from(r.fare.surge.hundredths()) / 100.0)),
    ("quoted_ride", Kind::Integer, |r| money(r.fare.ride)),
    ("quoted_booking_fee", Kind::Integer, |r| money(r.fare.booking_fee)),
    ("quoted_driver_pay", Kind::Integer, |r| money(r.fare.driver_pay)),
    ("charged_ride", Kind::Integer, |r| money(r.charge.ride)),
    ("charged_booking_fee", Kind::Integer, |r| money(r.charge.booking_fee)),
    ("charged_wait_fee", Kind::Integer, |r| money(r.charge.wait_fee)),
    ("charged_cancel_fee", Kind::Integer, |r| money(r.charge.cancel_fee)),
    ("charged_no_show_fee", Kind::Integer, |r| money(r.charge.no_show_fee)),
    ("driver_pay", Kind::Integer, |r| money(r.charge.driver_pay)),
    ("rider_pays", Kind::Integer, |r| money(r.rider_pays)),
    ("platform", Kind::Integer, |r| money(r.platform)),
    ("in_progress_at_start", Kind::Flag, |r| Value::Flag(r.in_progress_at_start)),
    ("seen_rider", Kind::Unique, |r| seen(r, |s| text(s.rider))),
    ("seen_scheduled_at", Kind::Moment, |r| seen(r, |s| moment(s.scheduled_at))),
    ("seen_answered_at", Kind::Moment, |r| seen(r, |s| some_moment(s.answered_at))),
    ("seen_quoted_total", Kind::Integer, |r| seen(r, |s| s.quoted_total.map_or(Value::Missing, money))),
    ("seen_charged_total", Kind::Integer, |r| seen(r, |s| s.charged_total.map_or(Value::Missing, money))),
    ("seen_state", Kind::Text, |r| seen(r, |s| some_text(s.state.map(names::whole_state)))),
    ("seen_state_at", Kind::Moment, |r| seen(r, |s| some_moment(s.state_at))),
    ("seen_first_offer_at", Kind::Moment, |r| seen(r, |s| some_moment(s.first_offer_at))),
    ("seen_accepts", Kind::Unique, |r| seen(r, |s| text(names::accepts(&s.accepts)))),
    ("pickup_distance_m", Kind::Number, |r| seen(r, |s| s.pickup_distance_m.map_or(Value::Missing, Value::Number))),
];

pub(super) fn declaration() -> Vec<(&'static str, Kind)> {
    COLUMNS
        .iter()
        .map(|(name, kind, _)| (*name, *kind))
        .collect()
}

#[cfg(test)]
pub(super) fn field_of(row: &TripRow, column: usize) -> Value {
    (COLUMNS[column].2)(row)
}

/// Writes rows as `trips.parquet`.
///
/// # Errors
/// If the writer fails.
pub fn write_trips<W: Write + Send>(writer: W, rows: &[TripRow]) -> Result<(), TripFileError> {
    let mut ordered: Vec<&TripRow> = rows.iter().collect();
    ordered.sort_by_key(|row| (row.requested_at, row.trip));
    let field = |row: usize, column: usize| (COLUMNS[column].2)(ordered[row]);
    table::write(
        writer,
        &declaration(),
        ordered.len(),
        &field,
        &[(VERSION_KEY, VERSION)],
    )
    .map_err(|error| TripFileError::Write(error.to_string()))
}

/// Reads rows from the bytes of `trips.parquet`; `file` is what messages call it.
///
/// # Errors
/// If it is no Parquet file, is of another layout, or a column or field is not what it should be.
pub fn read_trips(bytes: Vec<u8>, file: &str) -> Result<Vec<TripRow>, TripFileError> {
    let fields = table::read(
        Bytes::from(bytes),
        file,
        &declaration(),
        ADDED,
        (VERSION_KEY, VERSION),
    )?;
    let rows = fields.first().map_or(0, Vec::len);
    (0..rows)
        .map(|row| {
            Record {
                file,
                fields: &fields,
                row,
            }
            .trip()
        })
        .collect()
}

/// One row of a file.
struct Record<'a> {
    file: &'a str,
    fields: &'a Fields,
    row: usize,
}

impl Record<'_> {
    fn value(&self, column: &'static str) -> &Value {
        let at = COLUMNS
            .iter()
            .position(|(name, _, _)| *name == column)
            .expect("only columns of the declaration are asked for");
        self.fields[at].get(self.row).unwrap_or(&Value::Missing)
    }

    fn wrong(&self, column: &'static str, expected: &'static str) -> TripFileError {
        let found = match self.value(column) {
            Value::Missing => "nothing".to_owned(),
            Value::Text(text) => format!("{:?}", text.chars().take(64).collect::<String>()),
            Value::Integer(integer) => integer.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
        };
        TripFileError::Field {
            file: self.file.to_owned(),
            row: self.row + 1,
            column,
            found,
            expected,
        }
    }

    fn optional<T>(
        &self,
        column: &'static str,
        expected: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, TripFileError> {
        match self.value(column) {
            Value::Missing => Ok(None),
            value => read(value)
                .map(Some)
                .ok_or_else(|| self.wrong(column, expected)),
        }
    }

    fn text<T>(
        &self,
        column: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, TripFileError> {
        self.optional_text(column, expected, read)?
            .ok_or_else(|| self.wrong(column, expected))
    }

    fn optional_text<T>(
        &self,
        column: &'static str,
        expected: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, TripFileError> {
        self.optional(column, expected, |value| match value {
            Value::Text(text) => read(text),
            _ => None,
        })
    }

    fn optional_integer(&self, column: &'static str) -> Result<Option<i64>, TripFileError> {
        self.optional(column, "an integer", |value| match value {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        })
    }

    fn integer(&self, column: &'static str) -> Result<i64, TripFileError> {
        self.optional_integer(column)?
            .ok_or_else(|| self.wrong(column, "an integer"))
    }

    fn optional_number(&self, column: &'static str) -> Result<Option<f64>, TripFileError> {
        self.optional(column, "a number", |value| match value {
            Value::Number(number) if number.is_finite() => Some(*number),
            _ => None,
        })
    }

    fn number(&self, column: &'static str) -> Result<f64, TripFileError> {
        self.optional_number(column)?
            .ok_or_else(|| self.wrong(column, "a number"))
    }

    fn moment(&self, column: &'static str) -> Result<Timestamp, TripFileError> {
        self.integer(column).map(Timestamp::from_micros)
    }

    fn optional_moment(&self, column: &'static str) -> Result<Option<Timestamp>, TripFileError> {
        Ok(self.optional_integer(column)?.map(Timestamp::from_micros))
    }

    fn money(&self, column: &'static str) -> Result<Money, TripFileError> {
        self.integer(column).map(Money::from_minor)
    }

    fn place(&self, lat: &'static str, lon: &'static str) -> Result<Place, TripFileError> {
        Place::new(self.number(lat)?, self.number(lon)?)
            .map_err(|_| self.wrong(lat, "degrees on the globe"))
    }

    fn trip(&self) -> Result<TripRow, TripFileError> {
        let why = self.optional_text("why", "a reason", |text| Some(text.to_owned()))?;
        let duration_s = self.number("duration_s")?;
        Ok(TripRow {
            trip: self.text("trip", "a trip's id", |t| t.parse().ok())?,
            region: self.text("region", "a region", |t| Region::new(t).ok())?,
            rider: self.text("rider", "a rider's id", |t| t.parse().ok())?,
            product: self.optional_text("product", "a product's name", |t| t.parse().ok())?,
            pickup: self.place("pickup_lat", "pickup_lon")?,
            dropoff: self.place("dropoff_lat", "dropoff_lon")?,
            requested_at: self.moment("requested_at")?,
            patience_until: self.moment("patience_until")?,
            state: self.text("state", "a state that goes with its why", |t| {
                TripState::from_words(t, why.as_deref())
            })?,
            since: self.moment("since")?,
            tries: self.text("tries", "tries of five fields each", names::parse_tries)?,
            stamps: self.stamps()?,
            fare: self.fare()?,
            charge: self.charge()?,
            rider_pays: self.money("rider_pays")?,
            platform: self.money("platform")?,
            distance_m: self.number("distance_m")?,
            duration: Duration::try_from_secs_f64(duration_s)
                .map_err(|_| self.wrong("duration_s", "seconds"))?,
            in_progress_at_start: self
                .optional("in_progress_at_start", "a flag", |value| {
                    Some(*value == Value::Flag(true))
                })?
                .unwrap_or(false),
            seen: self.seen()?,
        })
    }

    fn stamps(&self) -> Result<Stamps, TripFileError> {
        Ok(Stamps {
            accepted_at: self.optional_moment("accepted_at")?,
            arrived_at: self.optional_moment("arrived_at")?,
            picked_up_at: self.optional_moment("picked_up_at")?,
            dropped_off_at: self.optional_moment("dropped_off_at")?,
        })
    }

    fn fare(&self) -> Result<Fare, TripFileError> {
        let hundredths = (self.number("surge")? * 100.0).round();
        if !(0.0..=f64::from(u32::MAX)).contains(&hundredths) {
            return Err(self.wrong("surge", "a multiplier"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked"
        )]
        let surge = Multiplier::from_hundredths(hundredths as u32);
        Ok(Fare {
            currency: self.text("currency", "an ISO 4217 code", Currency::new)?,
            ride: self.money("quoted_ride")?,
            booking_fee: self.money("quoted_booking_fee")?,
            driver_pay: self.money("quoted_driver_pay")?,
            surge,
        })
    }

    fn charge(&self) -> Result<Charge, TripFileError> {
        Ok(Charge {
            ride: self.money("charged_ride")?,
            booking_fee: self.money("charged_booking_fee")?,
            wait_fee: self.money("charged_wait_fee")?,
            cancel_fee: self.money("charged_cancel_fee")?,
            no_show_fee: self.money("charged_no_show_fee")?,
            driver_pay: self.money("driver_pay")?,
        })
    }

    fn seen(&self) -> Result<Option<Seen>, TripFileError> {
        let Some(rider) = self.optional_text("seen_rider", "a rider's id", |t| t.parse().ok())?
        else {
            return Ok(None);
        };
        Ok(Some(Seen {
            rider,
            scheduled_at: self.moment("seen_scheduled_at")?,
            answered_at: self.optional_moment("seen_answered_at")?,
            quoted_total: self
                .optional_integer("seen_quoted_total")?
                .map(Money::from_minor),
            charged_total: self
                .optional_integer("seen_charged_total")?
                .map(Money::from_minor),
            state: self.optional_text("seen_state", "a state", names::parse_whole_state)?,
            state_at: self.optional_moment("seen_state_at")?,
            first_offer_at: self.optional_moment("seen_first_offer_at")?,
            accepts: self.text("seen_accepts", "accepts", names::parse_accepts)?,
            pickup_distance_m: self.optional_number("pickup_distance_m")?,
        }))
    }
}
