//! Street networks: read from files, snapped to, and searched.
//!
//! Begin at [`Network`], which is what a city drives on ([`domain::travel::Streets`]): of what a reader found ([`draft`])
//! nodes and edges ([`graph`]) by which no forbidden turn can be taken ([`turns`]), of which the largest part that hangs
//! together ([`components`]) is put into a contraction hierarchy ([`hierarchy`]), one for each period of [`traffic`], and a
//! grid that finds the street nearest to a place. [`packed`] carries one to another
//! process. [`table`] is many ways at once, [`dijkstra`] what all of it must agree with. With the feature `formats`, `csv`
//! and `osm` read files.
//!
//! All costs are integers and nothing depends on the order of a hash map or of threads, so a network answers the same
//! on every machine.

pub mod components;
pub mod cost;
#[cfg(feature = "formats")]
pub mod csv;
pub mod dijkstra;
pub mod draft;
#[cfg(feature = "formats")]
pub mod file;
mod flow;
pub mod graph;
pub mod hierarchy;
mod network;
#[cfg(feature = "formats")]
pub mod osm;
pub mod packed;
mod snap;
pub mod table;
pub mod town;
pub mod traffic;
pub mod turns;

pub use network::{Network, NetworkError, Survey};
pub use snap::SNAP_MAX_M;
