//! What is measured: how it is built, what it is told, what it is asked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use bytes::Bytes;

use crate::machine;

/// What all functions are told.
const COMMON: [(&str, &str); 3] = [
    (
        "RUSHHOUR_MARKET",
        r#"{"region":"new-york","travel":{"speed_kmh":18.5}}"#,
    ),
    ("RUSHHOUR_NAME_PREFIX", "rushhour-"),
    (
        "RUSHHOUR_QUEUE_BASE_URL",
        "https://sqs.us-east-1.amazonaws.com/123456789012",
    ),
];
/// What those are told that quote or believe quotes.
const QUOTE_KEYS: (&str, &str) = (
    "RUSHHOUR_QUOTE_KEYS",
    r#"{"signing":"k1","keys":{"k1":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}}"#,
);
/// What those are told that call the tracker, which these starts never do.
const TRACKER: (&str, &str) = ("RUSHHOUR_FLEET_TRACKER_URL", "http://127.0.0.1:9");

/// What the smallest function is called.
pub(super) const SMALLEST: &str = "smallest";

/// One binary.
#[derive(Debug)]
pub(super) struct Binary {
    /// How the table calls it.
    pub(super) name: &'static str,
    /// Where it is, once built.
    pub(super) path: PathBuf,
    /// Its settings.
    pub(super) settings: Vec<(&'static str, &'static str)>,
    /// An event that it answers after one read of a table.
    pub(super) event: Option<Bytes>,
    target: [&'static str; 4],
}

/// The smallest function, and after it the four that are deployed.
///
/// # Errors
/// If an example event cannot be read.
pub(super) fn all(platform: &str) -> anyhow::Result<Vec<Binary>> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| machine::root().join("target"), PathBuf::from);
    let built = target.join(platform).join("release");
    let event = |path: &str| {
        let read = fs::read(machine::root().join("functions").join(path));
        read.map(Bytes::from)
            .with_context(|| format!("functions/{path}: found no event"))
    };
    let function = |name, package, own: &[_], event| Binary {
        name,
        path: built.join(name),
        settings: [&COMMON[..], own].concat(),
        event,
        target: ["--package", package, "--bin", name],
    };
    let quote = event("pricing/events/quote.json")?;
    let read = event("trips/events/read.json")?;
    Ok(vec![
        Binary {
            name: SMALLEST,
            path: built.join("examples/smallest"),
            settings: Vec::new(),
            event: None,
            target: ["--package", "rushhour-lambda", "--example", "smallest"],
        },
        function("pricing", "rushhour-pricing", &[QUOTE_KEYS], Some(quote)),
        function("surge", "rushhour-surge", &[], None),
        function(
            "trips",
            "rushhour-trips",
            &[QUOTE_KEYS, TRACKER],
            Some(read),
        ),
        function("matching", "rushhour-matching", &[TRACKER], None),
    ])
}

impl Binary {
    /// Builds it as it is deployed: with the functions' settings, and alone, so that it has the features that it asks for
    /// and no others.
    ///
    /// # Errors
    /// If it does not build.
    pub(super) fn build(&self, platform: &str) -> anyhow::Result<()> {
        let status = Command::new("cargo")
            .args(["build", "--locked", "--release", "--target", platform])
            .args(["--config", "functions/.cargo/config.toml"])
            .args(self.target)
            .current_dir(machine::root())
            .status()
            .context("cargo: found no such command")?;
        anyhow::ensure!(status.success(), "{}: does not build", self.name);
        Ok(())
    }
}
