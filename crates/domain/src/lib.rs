//! The pure rules of a ride: places, fares, surge, assignment, the state machines of trips and holds.
//!
//! Nothing here does I/O, reads a clock, awaits, or serialises. Start at [`trip`] for the life of a
//! ride and at [`hold`] for a driver's side of it.

pub mod assign;
pub mod cell;
pub mod fare;
pub mod hold;
pub mod ids;
pub mod limits;
pub mod money;
pub mod path;
pub mod place;
pub mod product;
pub mod sphere;
pub mod supply;
pub mod surge;
pub mod time;
pub mod travel;
pub mod trip;
pub mod vehicle;

pub use cell::{Cell, CellError, Resolution};
pub use ids::{Attempt, DriverId, Region, RiderId, Round, TripId};
pub use money::{Currency, Money};
pub use place::{Place, PlaceError, Space};
pub use product::ProductName;
pub use supply::{Nearby, Supply};
pub use time::Timestamp;
pub use vehicle::{VehicleClass, VehicleClasses};
