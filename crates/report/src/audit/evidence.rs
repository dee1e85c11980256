//! What a run leaves behind for the audit beside its trips: `evidence.json`.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::hold::{Hold, HoldStage};
use domain::{
    Attempt, DriverId, ProductName, RiderId, Timestamp, TripId, VehicleClass, VehicleClasses,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::as_text::{micros, text};

/// The value of [`Evidence::schema`] that this version writes.
pub const SCHEMA: &str = "rushhour.evidence/1";

/// What a run leaves behind for the audit beside its trips. Moments are microseconds of the run's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "Rushhour evidence for the audit")]
pub struct Evidence {
    /// Name and version of this layout: `rushhour.evidence/1`.
    pub schema: String,
    /// When the first request could be made.
    #[serde(rename = "started_at_us", with = "micros")]
    #[schemars(with = "i64")]
    pub started_at: Timestamp,
    /// When the store was read, after the run had settled.
    #[serde(rename = "ended_at_us", with = "micros")]
    #[schemars(with = "i64")]
    pub ended_at: Timestamp,
    /// The holds that kept a driver from other rides at the end.
    pub holds: Vec<LiveHold>,
    /// What the load generator counted.
    pub load: LoadCounts,
    /// Trips that were confirmed to a rider and that the store does not have.
    #[serde(with = "crate::as_text::texts")]
    #[schemars(with = "Vec<String>")]
    pub missing: Vec<TripId>,
    /// Trips that a rider was shown, let follow or let cancel though they are another's.
    pub foreign_views: Vec<ForeignView>,
    /// Attempts on another's trip that were refused, as they must be.
    pub foreign_views_refused: u64,
    /// Why the store's trips could not be read, and with them its holds; null where they were. Absent in evidence of
    /// before the field.
    #[serde(default)]
    pub trips_unread: Option<String>,
    /// Why the store's holds could not be read; null where they were, or trips were not either. Absent in evidence of
    /// before the field.
    #[serde(default)]
    pub holds_unread: Option<String>,
    /// Whose vehicles serve what; null where riders have nothing to choose. Absent in evidence of before the field.
    #[serde(default)]
    pub served_by: Option<ServedBy>,
    /// How much time things may take.
    pub bounds: AuditBounds,
}

/// A hold that kept a driver from other rides when the store was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveHold {
    /// The driver kept.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub driver: DriverId,
    /// The trip it is for.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub trip: TripId,
    /// The attempt it is for.
    pub attempt: u32,
    /// Whether the driver has accepted.
    pub accepted: bool,
    /// Until when it might be accepted.
    #[serde(rename = "deadline_us", with = "micros")]
    #[schemars(with = "i64")]
    pub deadline: Timestamp,
}

impl From<&Hold> for LiveHold {
    fn from(hold: &Hold) -> Self {
        Self {
            driver: hold.key.driver,
            trip: hold.key.trip,
            attempt: hold.key.attempt.0,
            accepted: hold.stage == HoldStage::Accepted,
            deadline: hold.deadline,
        }
    }
}

impl LiveHold {
    /// The attempt it is for.
    #[must_use]
    pub fn attempt(&self) -> Attempt {
        Attempt(self.attempt)
    }
}

/// What the load generator counted over the whole run, the warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LoadCounts {
    /// Rides under way before the first request.
    pub in_progress_at_start: u64,
    /// Requests that were confirmed with a trip.
    pub requested: u64,
    /// Requests whose answer was lost: the trip may or may not exist.
    pub unknown: u64,
    /// Rides that ended at their destination.
    pub completed: u64,
    /// Rides that ended early, by whomever.
    pub cancelled: u64,
    /// Rides that were told there is no driver.
    pub unserved: u64,
    /// Rides not ended when the store was read.
    pub in_progress: u64,
    /// Rides of which nobody could learn how they stood when the store was read: each is one of the four above.
    /// Absent in evidence of before the field.
    #[serde(default)]
    pub state_unknown: u64,
}

/// A trip that a rider was shown, let follow or let cancel though it is another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForeignView {
    /// Who saw it.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub rider: RiderId,
    /// What was seen.
    #[serde(with = "text")]
    #[schemars(with = "String")]
    pub trip: TripId,
}

/// Whose vehicles serve what. Classes of vehicles are numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ServedBy {
    /// The classes that serve each product.
    pub products: BTreeMap<String, Vec<u32>>,
    /// The class that each driver drives, by driver, of those to whom rides were offered.
    pub drivers: BTreeMap<String, u32>,
}

impl ServedBy {
    /// The classes that serve each product, and the class of each driver's vehicle.
    #[must_use]
    pub fn new(
        products: impl IntoIterator<Item = (ProductName, VehicleClasses)>,
        drivers: impl IntoIterator<Item = (DriverId, VehicleClass)>,
    ) -> Self {
        let products = products.into_iter().map(|(product, classes)| {
            let classes = classes.iter().map(VehicleClass::number);
            (product.to_string(), classes.collect())
        });
        let drivers = drivers.into_iter();
        Self {
            products: products.collect(),
            drivers: drivers
                .map(|(driver, class)| (driver.to_string(), class.number()))
                .collect(),
        }
    }
}

/// How much time things may take, in milliseconds of the run's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditBounds {
    /// From the end of patience or of an offer until a request is given up or the offer taken back:
    /// two turns of the minute's sweep and what handlers need.
    pub search_grace_ms: u64,
    /// A ride under way for longer should have been ended.
    pub under_way_max_ms: u64,
    /// How far the clocks of the parts are apart; zero on one machine.
    pub clock_error_ms: u64,
}

impl Default for AuditBounds {
    fn default() -> Self {
        Self {
            search_grace_ms: 150_000,
            under_way_max_ms: 6 * 3_600_000 + 660_000,
            clock_error_ms: 0,
        }
    }
}

impl AuditBounds {
    pub(super) fn search_grace(&self) -> Duration {
        Duration::from_millis(self.search_grace_ms)
    }

    pub(super) fn under_way_max(&self) -> Duration {
        Duration::from_millis(self.under_way_max_ms)
    }

    pub(super) fn clock_error(&self) -> Duration {
        Duration::from_millis(self.clock_error_ms)
    }
}

impl Evidence {
    /// Evidence of a run in which nothing happened yet, for a host to fill.
    #[must_use]
    pub fn new(started_at: Timestamp, ended_at: Timestamp) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            started_at,
            ended_at,
            holds: Vec::new(),
            load: LoadCounts::default(),
            missing: Vec::new(),
            foreign_views: Vec::new(),
            foreign_views_refused: 0,
            trips_unread: None,
            holds_unread: None,
            served_by: None,
            bounds: AuditBounds::default(),
        }
    }

    /// The text of `evidence.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self)
            .expect("evidence holds only strings, numbers and lists");
        json.push('\n');
        json
    }

    /// Reads `evidence.json`.
    ///
    /// # Errors
    /// If it is malformed or of another schema.
    pub fn from_json(json: &str) -> Result<Self, EvidenceError> {
        let evidence: Self = serde_json::from_str(json).map_err(EvidenceError::Layout)?;
        if evidence.schema == SCHEMA {
            Ok(evidence)
        } else {
            Err(EvidenceError::Schema(evidence.schema))
        }
    }
}

/// Why a text is not the evidence of a run.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Not JSON, or a field is missing or of the wrong kind.
    #[error("{0}")]
    Layout(serde_json::Error),
    /// Of another schema.
    #[error("found schema {0:?}, expected {SCHEMA:?}")]
    Schema(String),
}
