//! Imports of every format, held against what their rows say.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

#[path = "import/formats.rs"]
mod formats;
#[path = "import/golden.rs"]
mod golden;
#[path = "import/parquet_files.rs"]
mod parquet_files;
#[path = "import/wrong_files.rs"]
mod wrong_files;

use std::path::{Path, PathBuf};

use rushhour_workload::import::{Figures, ImportOptions, Imported, import};
use rushhour_workload::zones::ZoneMap;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// A file of the shared data, that are no part of this repository; none, and a word about it, if absent.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: ../shared/data/{name} is absent");
    None
}

fn with_zones(path: &Path) -> ImportOptions {
    ImportOptions {
        zones: Some(ZoneMap::read(path).unwrap()),
        ..ImportOptions::default()
    }
}

fn import_one(path: PathBuf, options: &ImportOptions) -> Imported {
    import(&[path], options).unwrap()
}

/// The rejected rows as `reason: n`, in the order in which reasons apply.
fn rejected(figures: &Figures) -> String {
    let each = figures
        .rejected
        .iter()
        .map(|(reason, n)| format!("{reason}: {n}"));
    each.collect::<Vec<_>>().join(", ")
}
