//! What the tree must look like: who may name whom, what is never reached, and what every file keeps to.
//!
//! Each check is a pure function over what it was given, and is shown able to fail on a planted example.

mod arrows;
mod sources;

use std::path::{Path, PathBuf};

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the repository")
        .to_owned()
}

/// Fails with every finding, one a line.
#[track_caller]
fn expect_none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}
