//! The committed JSON Schemas are those of the types, and what is written fits them.

use std::path::PathBuf;

use rushhour_report::audit::{AuditInput, Evidence, LiveHold, audit};
use rushhour_report::distill::{Bins, Window};
use rushhour_report::import::ImportFigures;
use rushhour_report::schema::schemas;
use rushhour_report::summary::{ClockKind, Cost, Function, Slo, StudyFigures, Summary, Violation};
use rushhour_report::timeline::{DriverCounts, TimelineRecorder};
use rushhour_report::validation::{Kind, LoadOutcome, Row, SCHEMA, Validation};
use std::time::Duration;

use domain::{DriverId, Timestamp, TripId};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../simulator/schema")
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    for (name, text) in schemas() {
        let path = folder().join(name);
        if std::env::var_os("RUSHHOUR_BLESS").is_some() {
            std::fs::create_dir_all(folder()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} differs from the types: RUSHHOUR_BLESS=1 cargo test -p rushhour-report --test schema",
            path.display()
        );
    }
}

/// What of a text does not fit the schema of that name.
fn errors(name: &str, json: &str) -> Vec<String> {
    let known = schemas();
    let (_, schema) = known
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a schema of that name");
    let schema = serde_json::from_str(schema).expect("a schema is JSON");
    let instance = serde_json::from_str(json).expect("what is written is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is valid");
    validator
        .iter_errors(&instance)
        .map(|e| e.to_string())
        .collect()
}

fn summary() -> Summary {
    let mut summary = Summary::new("sample", 42, "embedded", ClockKind::Wall);
    summary
        .functions
        .insert("pricing".into(), Function::default());
    summary.cost_usd = Some(Cost::default());
    summary.study = Some([("pricing".into(), StudyFigures::default())].into());
    summary.slo.push(Slo {
        name: "quote_p99".into(),
        limit: 50.0,
        actual: None,
        passed: false,
    });
    let evidence = Evidence::new(Timestamp::ZERO, Timestamp::ZERO);
    summary.audit = audit(&AuditInput {
        rows: &[],
        evidence: &evidence,
    });
    summary.audit.violations.push(Violation {
        rule: "conservation".into(),
        trip: None,
        driver: Some("driver-1".into()),
        detail: "found 1, expected 2".into(),
    });
    summary
}

#[test]
fn what_is_written_fits_its_schema() {
    assert_eq!(
        errors("summary.schema.json", &summary().to_json()),
        Vec::<String>::new()
    );
    let import = ImportFigures::default().to_json();
    assert_eq!(errors("import.schema.json", &import), Vec::<String>::new());

    let window = Window {
        from: Timestamp::ZERO,
        until: Timestamp::ZERO,
    };
    let mut recorder = TimelineRecorder::new(Timestamp::ZERO, Duration::from_secs(1));
    recorder.latency("quote", Timestamp::ZERO, Duration::from_millis(3));
    recorder.drivers(Timestamp::ZERO, DriverCounts::default());
    let timeline = recorder.finish(window, &[], Bins::default()).to_json();
    assert_eq!(
        errors("timeline.schema.json", &timeline),
        Vec::<String>::new()
    );

    let validation = Validation {
        schema: SCHEMA.into(),
        version: "0.1.0".into(),
        scenario: "validation".into(),
        seed: 1,
        measured_on: "2026-11-26".into(),
        machine: "a machine".into(),
        profile: "calibrated".into(),
        uncalibrated: vec!["service.trips.sweep.cpu".into()],
        loads: vec![LoadOutcome {
            load: 1.0,
            runs: 1,
            calibrated_on: false,
            cpu_share: None,
            rows: vec![Row::new("quote p50", "ms", Kind::P50, None, &[1.0])],
        }],
        within: false,
    };
    assert_eq!(
        errors("validation.schema.json", &validation.to_json()),
        Vec::<String>::new()
    );

    let mut evidence = Evidence::new(Timestamp::ZERO, Timestamp::ZERO);
    evidence.holds.push(LiveHold {
        driver: DriverId(1),
        trip: TripId(1),
        attempt: 1,
        accepted: true,
        deadline: Timestamp::ZERO,
    });
    evidence.missing.push(TripId(2));
    assert_eq!(
        errors("evidence.schema.json", &evidence.to_json()),
        Vec::<String>::new()
    );
}

#[test]
fn what_lacks_a_figure_does_not_fit() {
    for key in ["rides", "cost_usd", "audit", "seconds"] {
        let mut json: serde_json::Value = serde_json::from_str(&summary().to_json()).unwrap();
        json.as_object_mut().unwrap().remove(key);
        assert!(
            !errors("summary.schema.json", &json.to_string()).is_empty(),
            "{key}"
        );
    }
    let text = summary().to_json().replace("\"wall\"", "\"sundial\"");
    assert!(!errors("summary.schema.json", &text).is_empty());
}
