//! The digital twin: the use cases on the modelled cloud, in virtual time.
//!
//! Riders and drivers behave as in a live run, by the same state machines and on the same schedule. The use
//! cases are those that are deployed. What is modelled lies between: environments of functions, queues
//! and their mappings, tables, networks, processors. Start at [`Twin`], which is given a [`Plan`] and tells
//! what it did through a `drive::recorder::Recorder` and [`Left`], as a live run does. [`sizes`] is what
//! the deployment gives each part, and where it runs.

mod api;
mod convoy;
mod counting;
mod cpu;
mod driver;
mod host;
mod lookout;
mod mapping;
mod pings;
mod rider;
mod rounds;
mod run;
pub mod sizes;
mod streams;
mod system;
pub mod textbook;
mod tracker;
mod way;

pub use run::{Left, Plan, Riders, Twin};
pub use system::SystemError;
