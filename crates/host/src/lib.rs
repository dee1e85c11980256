//! What every process of a deployment shares, function or container: its [`settings`], resolved once in
//! `main`; the [`market`] they describe; the wall [`clock`]; the [`log`]; [`otlp`], by which spans leave it, and the
//! [`https`] client that they leave by.

pub mod clock;
pub mod https;
pub mod log;
pub mod market;
pub mod otlp;
pub mod settings;

pub use clock::WallClock;
