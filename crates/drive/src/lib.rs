//! What every way of driving a scenario shares: live, over sockets and by the wall clock, or in virtual time.
//!
//! Before a run, [`seed`] works out the rides under way at its start, and [`keys`] what a rider's trip will be
//! called. While it runs, the host tells a [`recorder::Recorder`] what riders and drivers see, a
//! [`watched::Watched`] what functions and match rounds do, and keeps a [`heat::HeatMap`] for drivers' apps; what
//! it does for each agent beside carrying out actions is in [`agents`].
//! At its end it hands over [`recorder::Recorded`], [`counted::Counted`] and [`last_look::LastLook`], from which
//! one code tells what happened, whoever the host was; [`mod@evidence`] is what the audit needs of it.

pub mod agents;
pub mod counted;
pub mod evidence;
pub mod heat;
pub mod keys;
pub mod last_look;
pub mod recorder;
pub mod seed;
pub mod seen;
pub mod watched;
