//! The bodies of the queue messages: versioned JSON, one shape per queue.
//!
//! [`Ring`] goes through `ride-requests`, [`encode_event`] and [`decode_event`] serve `trip-events`, and
//! [`Snapshot`] goes through `market-snapshots`. Times are microseconds since the Unix epoch. A field that
//! is not known is ignored, a version that is not known is an error: the sender is newer than the reader.

use std::collections::BTreeMap;

use domain::hold::HoldKey;
use domain::trip::{Stamps, TripEvent, TripEventKind};
use domain::{Attempt, Cell, DriverId, Region, Round, Supply, Timestamp, TripId};
use serde::{Deserialize, Serialize};

use crate::supply::{ByClass, Cells, Damage, read_cells, read_supply, write_cells, write_supply};

/// The version that is written, and the only one that is read.
pub const MESSAGE_VERSION: u32 = 1;

/// Why a message's body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not JSON of the expected shape.
    #[error("found {found:?}, expected {expected}: {detail}")]
    Shape {
        /// The beginning of what was found.
        found: String,
        /// What should have stood there.
        expected: &'static str,
        /// Where it went wrong.
        detail: String,
    },
    /// It was written by another version.
    #[error("found version {found} of {message}, expected {MESSAGE_VERSION}")]
    Version {
        /// Which message.
        message: &'static str,
        /// The version found.
        found: u32,
    },
    /// A field holds what it cannot hold.
    #[error("{field} of {message}: found {found:?}, expected {expected}")]
    Field {
        /// Which message.
        message: &'static str,
        /// Which field of it.
        field: &'static str,
        /// What was found.
        found: String,
        /// What should have stood there.
        expected: &'static str,
    },
}

/// A ring for a match round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// Whose round.
    pub region: Region,
    /// Which round.
    pub round: Round,
}

/// Which side of the market a [`Snapshot`] counts, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotSide {
    /// Available drivers.
    Supply(Supply),
    /// Open requests in each cell.
    Demand(BTreeMap<Cell, u32>),
}

/// Counts per cell at one moment. A cell that is not named counts nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Of which region.
    pub region: Region,
    /// Of which side, and how many.
    pub side: SnapshotSide,
    /// When.
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

#[derive(Serialize, Deserialize)]
struct RingBody {
    v: u32,
    region: String,
    round: i64,
}

#[derive(Serialize, Deserialize)]
struct SnapshotBody {
    v: u32,
    region: String,
    side: Side,
    at_us: i64,
    cells: Cells,
    /// Of the drivers in `cells`, those of other vehicle classes than the first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    classes: ByClass<Cells>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Side {
    Supply,
    Demand,
}

#[derive(Serialize, Deserialize)]
struct EventBody {
    v: u32,
    trip: String,
    attempt: u32,
    driver: String,
    sequence: u32,
    kind: EventKind,
    at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted_at_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arrived_at_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picked_up_at_us: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dropped_off_at_us: Option<i64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EventKind {
    Accepted,
    Declined,
    Expired,
    Arrived,
    PickedUp,
    DroppedOff,
    NoShow,
}

const RING: &str = "a ring";
const EVENT: &str = "a trip event";
const SNAPSHOT: &str = "a market snapshot";

fn write(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("message bodies have text keys and no failing field")
}

/// Reads the version first, so that a newer shape is called newer and not damaged.
fn read<'a, B: Deserialize<'a>>(text: &'a str, message: &'static str) -> Result<B, MessageError> {
    let shape = |error: serde_json::Error| MessageError::Shape {
        found: text.chars().take(64).collect(),
        expected: message,
        detail: error.to_string(),
    };
    match serde_json::from_str::<B>(text) {
        Ok(body) => Ok(body),
        Err(error) => match serde_json::from_str::<VersionOnly>(text) {
            Ok(VersionOnly { v }) if v != MESSAGE_VERSION => {
                Err(MessageError::Version { message, found: v })
            }
            _ => Err(shape(error)),
        },
    }
}

fn check_version(found: u32, message: &'static str) -> Result<(), MessageError> {
    if found == MESSAGE_VERSION {
        Ok(())
    } else {
        Err(MessageError::Version { message, found })
    }
}

fn field<T>(
    parsed: Option<T>,
    found: &str,
    message: &'static str,
    field: &'static str,
    expected: &'static str,
) -> Result<T, MessageError> {
    parsed.ok_or_else(|| damaged(found, message, field, expected))
}

fn damaged(
    found: &str,
    message: &'static str,
    field: &'static str,
    expected: &'static str,
) -> MessageError {
    MessageError::Field {
        message,
        field,
        found: found.chars().take(64).collect(),
        expected,
    }
}

fn region(text: &str, message: &'static str) -> Result<Region, MessageError> {
    field(
        Region::new(text).ok(),
        text,
        message,
        "region",
        "a region of a-z, 0-9 and -",
    )
}

impl Ring {
    /// The message's body.
    #[must_use]
    pub fn encode(&self) -> String {
        write(&RingBody {
            v: MESSAGE_VERSION,
            region: self.region.as_str().to_owned(),
            round: self.round.0,
        })
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// If it is not a ring of the known version.
    pub fn decode(text: &str) -> Result<Self, MessageError> {
        let body: RingBody = read(text, RING)?;
        check_version(body.v, RING)?;
        Ok(Self {
            region: region(&body.region, RING)?,
            round: Round(body.round),
        })
    }
}

impl Snapshot {
    /// The message's body.
    #[must_use]
    pub fn encode(&self) -> String {
        let (side, cells, classes) = match &self.side {
            SnapshotSide::Supply(supply) => (Side::Supply, supply.all(), write_supply(supply)),
            SnapshotSide::Demand(demand) => (Side::Demand, demand, ByClass::new()),
        };
        write(&SnapshotBody {
            v: MESSAGE_VERSION,
            region: self.region.as_str().to_owned(),
            side,
            at_us: self.at.as_micros(),
            cells: write_cells(cells),
            classes,
        })
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// If it is not a snapshot of the known version, names what is not a cell or a class, or has more drivers of some
    /// classes than of all.
    pub fn decode(text: &str) -> Result<Self, MessageError> {
        let body: SnapshotBody = read(text, SNAPSHOT)?;
        check_version(body.v, SNAPSHOT)?;
        let of = |field| move |it: Damage| damaged(&it.found, SNAPSHOT, field, it.expected);
        let cells = read_cells(&body.cells).map_err(of("cells"))?;
        Ok(Self {
            region: region(&body.region, SNAPSHOT)?,
            side: match body.side {
                Side::Supply => {
                    let supply = read_supply(cells, &body.classes);
                    SnapshotSide::Supply(supply.map_err(of("classes"))?)
                }
                Side::Demand => SnapshotSide::Demand(cells),
            },
            at: Timestamp::from_micros(body.at_us),
        })
    }
}

/// The body of a trip event's message.
#[must_use]
pub fn encode_event(event: &TripEvent) -> String {
    let us = |stamp: Option<Timestamp>| stamp.map(Timestamp::as_micros);
    write(&EventBody {
        v: MESSAGE_VERSION,
        trip: event.key.trip.to_string(),
        attempt: event.key.attempt.0,
        driver: event.key.driver.to_string(),
        sequence: event.sequence,
        kind: event.kind.into(),
        at_us: event.at.as_micros(),
        accepted_at_us: us(event.stamps.accepted_at),
        arrived_at_us: us(event.stamps.arrived_at),
        picked_up_at_us: us(event.stamps.picked_up_at),
        dropped_off_at_us: us(event.stamps.dropped_off_at),
    })
}

/// Reads the body of a trip event's message.
///
/// # Errors
/// If it is not a trip event of the known version.
pub fn decode_event(text: &str) -> Result<TripEvent, MessageError> {
    let body: EventBody = read(text, EVENT)?;
    check_version(body.v, EVENT)?;
    let trip = body.trip.parse::<TripId>().ok();
    let driver = body.driver.parse::<DriverId>().ok();
    let at = |us: Option<i64>| us.map(Timestamp::from_micros);
    Ok(TripEvent {
        key: HoldKey {
            trip: field(trip, &body.trip, EVENT, "trip", "32 digits 0-9 a-f")?,
            attempt: Attempt(body.attempt),
            driver: field(
                driver,
                &body.driver,
                EVENT,
                "driver",
                "a driver such as driver-17",
            )?,
        },
        sequence: body.sequence,
        kind: body.kind.into(),
        at: Timestamp::from_micros(body.at_us),
        stamps: Stamps {
            accepted_at: at(body.accepted_at_us),
            arrived_at: at(body.arrived_at_us),
            picked_up_at: at(body.picked_up_at_us),
            dropped_off_at: at(body.dropped_off_at_us),
        },
    })
}

impl From<TripEventKind> for EventKind {
    fn from(kind: TripEventKind) -> Self {
        match kind {
            TripEventKind::Accepted => Self::Accepted,
            TripEventKind::Declined => Self::Declined,
            TripEventKind::Expired => Self::Expired,
            TripEventKind::Arrived => Self::Arrived,
            TripEventKind::PickedUp => Self::PickedUp,
            TripEventKind::DroppedOff => Self::DroppedOff,
            TripEventKind::NoShow => Self::NoShow,
        }
    }
}

impl From<EventKind> for TripEventKind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Accepted => Self::Accepted,
            EventKind::Declined => Self::Declined,
            EventKind::Expired => Self::Expired,
            EventKind::Arrived => Self::Arrived,
            EventKind::PickedUp => Self::PickedUp,
            EventKind::DroppedOff => Self::DroppedOff,
            EventKind::NoShow => Self::NoShow,
        }
    }
}

#[cfg(test)]
mod tests;
