//! `[[products]]`: the example live and predicted, and an audit that would notice the wrong car.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::{Ended, run, text};

/// The scenario that README.md names.
fn two_products() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/two-products.toml")
}

fn drive(how: &str, out: &Path, options: &[&str]) -> Ended {
    let scenario = two_products();
    let args = [
        how,
        text(&scenario),
        "--quiet",
        "--json",
        "--out",
        text(out),
        "--set",
        "slo={}",
    ];
    run(&[&args[..], options].concat())
}

fn figure(told: &Value, product: &str, figure: &str) -> f64 {
    let found = &told["products"][product];
    let value = found.pointer(figure).and_then(Value::as_f64);
    value.unwrap_or_else(|| panic!("{product}{figure} in {found}"))
}

#[test]
fn who_needs_a_large_car_waits_longer_where_they_are_few() {
    let folder = tempfile::tempdir().unwrap();
    let predicted = |name: &str, large: &str| {
        let out = folder.path().join(name);
        let set = format!("fleet.vehicles.large={large}");
        let told = drive("predict", &out, &["--set", &set]).well().json();
        assert_eq!(told["audit"]["violations"], Value::Array(Vec::new()));
        told
    };
    let (few, many) = (predicted("few", "0.1"), predicted("many", "0.6"));
    let wait = |told: &Value, product| figure(told, product, "/pickup/wait_s/mean");
    assert!(wait(&few, "xl") > 2.0 * wait(&few, "standard"), "{few}");
    assert!(wait(&few, "xl") > 1.5 * wait(&many, "xl"), "{few} {many}");
    for told in [&few, &many] {
        let requested = |product| figure(told, product, "/requested");
        let all = told["rides"]["requested"].as_f64().unwrap();
        assert!((requested("standard") + requested("xl") - all).abs() < f64::EPSILON);
        assert!((requested("xl") / all - 0.1).abs() < 0.05);
        let gross = figure(told, "xl", "/gross") + figure(told, "standard", "/gross");
        assert!((gross - told["money"]["gross"].as_f64().unwrap()).abs() < 0.01);
    }
    let report = std::fs::read_to_string(folder.path().join("few/report.html")).unwrap();
    assert!(report.contains("<h2>Products</h2>"));
}

#[test]
fn a_live_run_sends_whom_the_product_asks_for_and_the_audit_would_notice_others() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let speed = [
        "--duration",
        "20m",
        "--speedup",
        "120",
        "--set",
        "warmup=2m",
    ];
    let told = drive("run", &out, &speed).well().json();
    assert_eq!(told["audit"]["violations"], Value::Array(Vec::new()));
    assert!(figure(&told, "xl", "/requested") > 0.0, "{told}");
    let evidence = out.join("evidence.json");
    let mut forged: Value =
        serde_json::from_str(&std::fs::read_to_string(&evidence).unwrap()).unwrap();
    let served_by = forged["served_by"].as_object_mut().unwrap();
    assert_eq!(served_by["products"]["xl"], serde_json::json!([0]));
    for (_, class) in served_by["drivers"].as_object_mut().unwrap() {
        *class = Value::from(1);
    }
    std::fs::write(&evidence, forged.to_string()).unwrap();
    let audited = run(&["audit", text(&out)]);
    assert_eq!(audited.code, Some(1), "{audited:?}");
    let mut rules = audited
        .stdout
        .lines()
        .filter(|line| !line.starts_with("held"));
    let broken = rules.next().unwrap();
    assert!(broken.contains("product_as_chosen"), "{audited:?}");
}
