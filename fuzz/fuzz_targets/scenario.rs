//! Scenario files, read and resolved: what cannot be is an error that names its place, never a panic.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;

// It belongs to the command, which is no library.
#[allow(dead_code, unused_imports)]
#[path = "../../simulator/src/scenario/mod.rs"]
mod scenario;

fuzz_target!(|text: &str| {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it takes what is written");
    let name = file.path().to_str().expect("temporary files have names in ASCII");
    match scenario::read(Some(name), &[]).map(|source| source.resolve()) {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => assert!(!error.to_string().is_empty()),
        Err(error) => assert!(error.to_string().contains(name), "{error}"),
    }
});
