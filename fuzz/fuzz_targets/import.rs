//! Files of trips: whatever is in one, an import ends with trips that make sense or with an error, never with a panic.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use workload::import::{ImportOptions, import};

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::Builder::new().suffix(".csv").tempfile().expect("a temporary file");
    file.write_all(bytes).expect("it takes what is written");
    let paths = [file.path().to_owned()];
    if let Ok(imported) = import(&paths, &ImportOptions::default()) {
        for trip in imported.trips.as_slice() {
            assert!(trip.distance_m().is_finite() && trip.distance_m() >= 0.0);
        }
    }
});
