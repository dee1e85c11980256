//! What every process of a deployment shares, function or container: its [`settings`], resolved once in
//! `main`; the [`market`] they describe; the wall [`clock`]; and the [`log`].

pub mod clock;
pub mod log;
pub mod market;
pub mod settings;

pub use clock::WallClock;
