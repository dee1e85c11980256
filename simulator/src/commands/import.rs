//! `rushhour import`: trip records in, a demand file out.

use std::time::Duration;

use report::import::ImportFigures;
use workload::import::{ColumnMapping, ImportOptions, Imported, TimeMeaning, parse_service_area};
use workload::law::parse_span;
use workload::zones::ZoneMap;

use super::spare_what_is_read;
use crate::cli::ImportArgs;
use crate::exit::{Exit, Failure};
use crate::run_dir::write_whole;
use crate::tell;

/// Imports.
///
/// # Errors
/// If a file, an option or the output is wrong. Bad rows are counted, never an error.
pub fn run(args: &ImportArgs) -> Result<Exit, Failure> {
    spare_what_is_read("--output", &args.output, &args.files)?;
    let mut imported =
        workload::import::import(&args.files, &options(args)?).map_err(Failure::input)?;
    let spread = args
        .dejitter
        .then(|| workload::import::dejitter(&mut imported.trips, args.seed))
        .flatten();
    let mut demand = Vec::new();
    workload::import::write_trips(&mut demand, &imported.trips).map_err(Failure::target)?;
    write_whole(&args.output, &demand)?;
    let figures = figures(&imported);
    if args.json {
        tell::print(&figures.to_json())?;
        eprint!("{}", text(args, &imported, &figures));
    } else {
        tell::print(&text(args, &imported, &figures))?;
    }
    if let Some(spread) = spread {
        eprintln!(
            "Stamps were rounded to {} s when published ({:.1} % of them): spread over that span.",
            spread.rounded_to_s,
            spread.rounded_share * 100.0
        );
    }
    Ok(Exit::Well)
}

fn options(args: &ImportArgs) -> Result<ImportOptions, Failure> {
    let columns = args
        .columns
        .as_deref()
        .map(ColumnMapping::parse)
        .transpose();
    let zones = args.zones.as_deref().map(ZoneMap::read).transpose();
    let service_area = args.bbox.as_deref().map(parse_service_area).transpose();
    let duration_limit: Duration = parse_span(&args.duration_limit)
        .map_err(|error| Failure::input(format!("--duration-limit: {error}")))?;
    Ok(ImportOptions {
        columns: columns.map_err(Failure::input)?,
        zones: zones.map_err(|error| Failure::input(format!("--zones: {error}")))?,
        service_area: service_area.map_err(Failure::input)?,
        duration_limit,
        seed: args.seed,
    })
}

fn figures(imported: &Imported) -> ImportFigures {
    let found = &imported.figures;
    let time = |at: Option<domain::Timestamp>| at.map(workload::import::local_time_text);
    ImportFigures {
        rows: found.rows,
        kept: found.kept,
        rejected: found
            .rejected
            .iter()
            .map(|(reason, count)| (reason.name().to_owned(), *count))
            .collect(),
        vehicles: found.vehicles,
        first: time(found.first),
        last: time(found.last),
        mean_distance_km: found.mean_distance_km,
        mean_duration_s: found.mean_duration_s,
        peak_concurrent: found.peak_concurrent,
    }
}

fn text(args: &ImportArgs, imported: &Imported, figures: &ImportFigures) -> String {
    use std::fmt::Write as _;
    let formats: Vec<&str> = imported
        .formats
        .iter()
        .map(|format| format.name())
        .collect();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "read      {} rows ({})",
        figures.rows,
        formats.join(", ")
    );
    let _ = writeln!(
        text,
        "kept      {} trips → {}",
        figures.kept,
        args.output.display()
    );
    let rejected: u64 = figures.rejected.values().sum();
    let _ = writeln!(text, "rejected  {rejected}");
    for (reason, count) in &figures.rejected {
        let _ = writeln!(text, "  {reason:<26}{count:>9}");
    }
    let number = |value: Option<f64>| {
        value.map_or_else(|| "unknown".to_owned(), |value| format!("{value:.3}"))
    };
    let vehicles = figures
        .vehicles
        .map_or_else(|| "not named".to_owned(), |count| count.to_string());
    let _ = writeln!(text, "vehicles  {vehicles}");
    let span = (figures.first.as_deref(), figures.last.as_deref());
    let _ = writeln!(
        text,
        "span      {} to {}",
        span.0.unwrap_or("-"),
        span.1.unwrap_or("-")
    );
    let _ = writeln!(
        text,
        "mean      {} km, {} s",
        number(figures.mean_distance_km),
        number(figures.mean_duration_s)
    );
    let _ = writeln!(text, "at once   {} trips at most", figures.peak_concurrent);
    if imported.trips.provenance.time == TimeMeaning::Pickup {
        let _ = writeln!(
            text,
            "note      the file has no request times: riders will ask when they were once picked up"
        );
    }
    text
}
