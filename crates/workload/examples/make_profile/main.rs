//! Makes the shipped profile of New York's peak from published data:
//! `cargo run -p rushhour-workload --features formats --example make_profile -- FOLDER`
//! where FOLDER holds `nyc_2013-01-01_10k.csv` and `hvfhv_2026-01_hourly.csv`.

mod generate;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("found no folder, expected one that holds the published files");
        return ExitCode::from(2);
    };
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/new-york-peak.toml");
    let made = generate::new_york_peak(Path::new(&folder))
        .and_then(|text| Ok(std::fs::write(&profile, text)?));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
