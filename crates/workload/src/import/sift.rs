//! One row: a trip, or the first reason why not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::{Place, Timestamp};
use kernel::{Stream, Streams};

use super::ImportOptions;
use super::figures::{Figures, Reason, peak_concurrent};
use super::layout::{Column, Layout};
use super::trip::Trip;
use super::value::{Parsed, Unparseable, Value};
use crate::zones::ZoneMap;

const METRES_PER_KM: f64 = 1_000.0;

/// The fields of a row that a layout reads, by the number of their column.
pub(super) type Fields<'a> = [Value<'a>; Column::COUNT];

/// Takes rows one by one, keeps trips and counts.
pub(super) struct Sieve<'a> {
    options: &'a ImportOptions,
    random: Stream,
    rows: u64,
    rejected: BTreeMap<Reason, u64>,
    vehicles: BTreeSet<Vec<u8>>,
    names_vehicles: bool,
    distance_km: f64,
    duration_s: f64,
    pickups_us: Vec<i64>,
    dropoffs_us: Vec<i64>,
    trips: Vec<Trip>,
}

/// A row's fields, read; none where the field is empty or the file has no such column.
struct Row {
    times_us: [Option<i64>; 3],
    coordinates: [Option<f64>; 4],
    zones: [Option<u32>; 2],
    distance: Option<f64>,
    duration_s: Option<f64>,
}

/// Where a trip goes, before places are drawn in zones.
enum Ends {
    Places([Place; 2]),
    Zones([u32; 2]),
}

impl<'a> Sieve<'a> {
    pub(super) fn new(options: &'a ImportOptions) -> Self {
        Self {
            options,
            random: Streams::new(options.seed).stream("zone place", 0),
            rows: 0,
            rejected: BTreeMap::new(),
            vehicles: BTreeSet::new(),
            names_vehicles: false,
            distance_km: 0.0,
            duration_s: 0.0,
            pickups_us: Vec::new(),
            dropoffs_us: Vec::new(),
            trips: Vec::new(),
        }
    }

    /// Takes a row whose shape is wrong.
    pub(super) fn take_unparseable(&mut self) {
        self.rows += 1;
        self.reject(Reason::Unparseable);
    }

    /// Takes a row.
    pub(super) fn take(&mut self, layout: &Layout, fields: &Fields<'_>) {
        self.rows += 1;
        self.names_vehicles |= layout.has(Column::Vehicle);
        if let Err(reason) = self.sift(layout, fields) {
            self.reject(reason);
        }
    }

    fn reject(&mut self, reason: Reason) {
        *self.rejected.entry(reason).or_insert(0) += 1;
    }

    /// Keeps the row, or says the first reason why not, in the order of [`Reason::ALL`].
    fn sift(&mut self, layout: &Layout, fields: &Fields<'_>) -> Result<(), Reason> {
        let row = Row::read(fields).map_err(|Unparseable| Reason::Unparseable)?;
        if row.lacks_a_field(layout) {
            return Err(Reason::MissingField);
        }
        let ends = self.ends(&row)?;
        let [request_us, pickup_us, dropoff_us] = row.times_us;
        let begin_us = pickup_us.or(request_us).ok_or(Reason::MissingField)?;
        let duration_s = match (row.duration_s, dropoff_us) {
            (Some(stated_s), _) => stated_s,
            (None, Some(dropoff_us)) => dropoff_us.saturating_sub(begin_us) as f64 / 1e6,
            (None, None) => return Err(Reason::MissingField),
        };
        let distance_km = row.distance.ok_or(Reason::MissingField)? * layout.km_per_unit;
        if duration_s <= 0.0 {
            return Err(Reason::NonpositiveDuration);
        }
        if distance_km <= 0.0 {
            return Err(Reason::NonpositiveDistance);
        }
        if duration_s > self.options.duration_limit.as_secs_f64() {
            return Err(Reason::DurationOverLimit);
        }
        let duration = Duration::from_secs_f64(duration_s);
        self.count(fields, begin_us, dropoff_us, duration);
        self.distance_km += distance_km;
        let [pickup, dropoff] = self.places(ends);
        let time = Timestamp::from_micros(request_us.unwrap_or(begin_us));
        let distance_m = distance_km * METRES_PER_KM;
        self.trips
            .push(Trip::new(time, pickup, dropoff, distance_m, duration));
        Ok(())
    }

    fn ends(&self, row: &Row) -> Result<Ends, Reason> {
        let inside = |place: &Place| {
            self.options
                .service_area
                .is_none_or(|area| area.contains(*place))
        };
        if let [Some(pickup), Some(dropoff)] = row.zones {
            let inner = |id| self.zones().and_then(|zones| zones.inner_place(id));
            let ends = [inner(pickup), inner(dropoff)];
            let [Some(from), Some(to)] = ends else {
                return Err(Reason::UnknownZone);
            };
            // A zone is where its inner place is, so that the count does not hang on the seed.
            return if inside(&from) && inside(&to) {
                Ok(Ends::Zones([pickup, dropoff]))
            } else {
                Err(Reason::OutsideServiceArea)
            };
        }
        let [Some(from_lat), Some(from_lon), Some(to_lat), Some(to_lon)] = row.coordinates else {
            return Err(Reason::MissingField);
        };
        let (Ok(from), Ok(to)) = (Place::new(from_lat, from_lon), Place::new(to_lat, to_lon))
        else {
            return Err(Reason::CoordinateOutOfRange);
        };
        if row.coordinates.contains(&Some(0.0)) {
            return Err(Reason::ZeroCoordinate);
        }
        if inside(&from) && inside(&to) {
            Ok(Ends::Places([from, to]))
        } else {
            Err(Reason::OutsideServiceArea)
        }
    }

    fn zones(&self) -> Option<&'a ZoneMap> {
        self.options.zones.as_ref()
    }

    /// The places of a kept row. Only kept rows draw, so that a rejected row moves no other's places.
    fn places(&mut self, ends: Ends) -> [Place; 2] {
        match ends {
            Ends::Places(places) => places,
            Ends::Zones(ids) => {
                let zones = self.zones().expect("zone rows were found in the zone file");
                let area = self.options.service_area.as_ref();
                ids.map(|id| {
                    let place = zones.draw(id, area, &mut self.random);
                    place.expect("zone rows were found in the zone file")
                })
            }
        }
    }

    fn count(
        &mut self,
        fields: &Fields<'_>,
        pickup_us: i64,
        dropoff_us: Option<i64>,
        duration: Duration,
    ) {
        self.duration_s += duration.as_secs_f64();
        // Where the drop-off is stamped before the pick-up the clock was put back meanwhile, and the
        // stated duration is the better witness.
        let stamped_us = dropoff_us.filter(|dropoff_us| *dropoff_us >= pickup_us);
        let end_us = stamped_us
            .unwrap_or_else(|| (Timestamp::from_micros(pickup_us) + duration).as_micros());
        self.pickups_us.push(pickup_us);
        self.dropoffs_us.push(end_us);
        if let Some(vehicle) = fields[Column::Vehicle as usize].identity() {
            self.vehicles.insert(vehicle);
        }
    }

    /// The trips in the order of the rows, and the figures.
    pub(super) fn finish(mut self) -> (Vec<Trip>, Figures) {
        let kept = self.trips.len() as u64;
        let mean = |sum: f64| (kept > 0).then(|| sum / kept as f64);
        let times = || self.trips.iter().map(Trip::time);
        let figures = Figures {
            rows: self.rows,
            kept,
            vehicles: self.names_vehicles.then_some(self.vehicles.len() as u64),
            first: times().min(),
            last: times().max(),
            mean_distance_km: mean(self.distance_km),
            mean_duration_s: mean(self.duration_s),
            peak_concurrent: peak_concurrent(&mut self.pickups_us, &mut self.dropoffs_us),
            rejected: self.rejected,
        };
        (self.trips, figures)
    }
}

impl Row {
    /// Reads every field; fields of columns that the layout lacks are empty.
    fn read(fields: &Fields<'_>) -> Result<Self, Unparseable> {
        let field = |column: Column| fields[column as usize];
        let number = |column| field(column).number();
        let time = |column| field(column).time_us();
        let zone = |column| field(column).zone();
        Ok(Self {
            times_us: [
                time(Column::Request)?,
                time(Column::Pickup)?,
                time(Column::Dropoff)?,
            ],
            coordinates: each(Column::COORDINATES, number)?,
            zones: each(Column::ZONES, zone)?,
            distance: number(Column::Distance)?,
            duration_s: number(Column::Duration)?,
        })
    }

    /// Whether a column that the file has, the vehicle's apart, is empty in this row.
    fn lacks_a_field(&self, layout: &Layout) -> bool {
        let [pickup_lat, pickup_lon, dropoff_lat, dropoff_lon] =
            self.coordinates.map(|degrees| degrees.is_some());
        let present = [
            self.times_us[0].is_some(),
            self.times_us[1].is_some(),
            self.times_us[2].is_some(),
            pickup_lat,
            pickup_lon,
            dropoff_lat,
            dropoff_lon,
            self.zones[0].is_some(),
            self.zones[1].is_some(),
            self.distance.is_some(),
            self.duration_s.is_some(),
            true,
        ];
        Column::ALL
            .iter()
            .zip(present)
            .any(|(column, present)| layout.has(*column) && !present)
    }
}

fn each<T: Copy, const N: usize>(
    columns: [Column; N],
    read: impl Fn(Column) -> Parsed<T>,
) -> Result<[Option<T>; N], Unparseable> {
    let mut values = [None; N];
    for (value, column) in values.iter_mut().zip(columns) {
        *value = read(column)?;
    }
    Ok(values)
}
