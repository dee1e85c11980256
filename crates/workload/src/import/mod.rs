//! Trip records of cities become demand: `rushhour import`.
//!
//! `import` reads CSV and Parquet files of the known formats, or any other whose columns are described
//! by a `ColumnMapping`, row by row, and answers the [`Trips`] kept and the [`Figures`] of what was
//! kept and rejected, by [`Reason`]. `write_trips` and `read_trips` store them; [`dejitter`] spreads
//! stamps that were rounded before publication. Bad rows are counted; only a file that is wrong as a
//! whole is an `ImportError`.
//!
//! One row goes through `layout` (which column is what), `value` (what a field says) and `sift` (keep it,
//! or the first reason why not). What needs file formats is behind the feature `formats`.

mod dejitter;
mod figures;
mod trip;

#[cfg(feature = "formats")]
mod csv_file;
#[cfg(feature = "formats")]
mod demand_file;
#[cfg(feature = "formats")]
mod error;
#[cfg(feature = "formats")]
mod files;
#[cfg(feature = "formats")]
mod layout;
#[cfg(feature = "formats")]
mod mapping;
#[cfg(feature = "formats")]
mod parquet_file;
#[cfg(feature = "formats")]
mod sift;
#[cfg(feature = "formats")]
mod value;

pub use dejitter::dejitter;
pub use figures::{Figures, Reason, local_time_text, peak_concurrent};
pub use trip::{Dejitter, PlaceOrigin, Provenance, TimeMeaning, Trip, Trips};

#[cfg(feature = "formats")]
pub use demand_file::{TRIPS_SCHEMA, read_trips, write_trips};
#[cfg(feature = "formats")]
pub(crate) use error::quoted;
#[cfg(feature = "formats")]
pub use error::{ImportError, Location, OptionError};
#[cfg(feature = "formats")]
pub use files::{DURATION_LIMIT, ImportOptions, Imported, import, parse_service_area};
#[cfg(feature = "formats")]
pub use layout::Format;
#[cfg(feature = "formats")]
pub use mapping::ColumnMapping;
