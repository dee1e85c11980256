//! The same seed offers the same, and another seed something else.

use crate::command::{Running, rushhour, tiny};

/// The fingerprint of a schedule, which is said before the stack starts.
fn fingerprint(options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(rushhour(&tiny(folder.path(), options)));
    let line = running.wait_for("schedule ");
    let print = line.rsplit("schedule ").next().unwrap().trim().to_owned();
    assert!(
        print.len() == 16 && print.bytes().all(|b| b.is_ascii_hexdigit()),
        "{line}"
    );
    print
}

#[test]
fn a_seed_names_its_schedule() {
    let of_seven = fingerprint(&[]);
    assert_eq!(of_seven, fingerprint(&[]), "the same seed");
    for (what, option) in [
        ("another seed", "seed=8"),
        ("another rate", "demand.rides_per_hour=601"),
        ("another patience", "demand.patience=9m"),
        ("another fleet", "fleet.drivers=61"),
        ("another start", "fleet.start=idle"),
    ] {
        assert_ne!(of_seven, fingerprint(&["--set", option]), "{what}");
    }
    assert_eq!(
        of_seven,
        fingerprint(&["--set", "pricing.base=3.0"]),
        "prices are the system's"
    );
}
