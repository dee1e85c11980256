//! `[city] kind = "road"`: the example in its streets, and files of streets that are wrong.

use std::path::{Path, PathBuf};

use roads::Network;
use serde_json::Value;

use crate::command::{Ended, run, text};

/// The scenario that README.md names.
fn small_town() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/small-town.toml")
}

fn predict(out: &Path, options: &[&str]) -> Ended {
    let town = small_town();
    let args = [
        "predict",
        text(&town),
        "--quiet",
        "--json",
        "--out",
        text(out),
    ];
    run(&[&args[..], &["--duration", "20m"], options].concat())
}

#[test]
fn a_town_is_driven_in_its_streets_and_the_audit_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let told = predict(&out, &[]).well().json();
    let completed = told["rides"]["completed"].as_u64().unwrap();
    assert!(completed > 15, "{told}");
    assert_eq!(told["audit"]["violations"], Value::Array(Vec::new()));
    let audit = run(&["audit", text(&out)]).well();
    assert!(audit.stdout.contains(" 0 violations"), "{audit:?}");
    // What is left behind says the same again, wherever it is read from.
    let left = out.join("scenario.toml");
    let again = folder.path().join("again");
    let args = [
        "predict",
        text(&left),
        "--quiet",
        "--json",
        "--out",
        text(&again),
    ];
    assert_eq!(run(&args).well().json()["rides"], told["rides"]);
    // What the network is made of stands among the notes of the report.
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("streets from node to node"));
    // The same riders where ways are straight: it is not the same town.
    let straight = folder.path().join("straight");
    let straight = predict(&straight, &["--set", "city.kind=geo"]);
    straight.refused(2, &["city.kind", "another kind", "kind = \"road\""]);
}

#[test]
fn rides_take_longer_when_traffic_slows_the_streets() {
    let folder = tempfile::tempdir().unwrap();
    let on_trip = |name: &str, options: &[&str]| {
        let out = folder.path().join(name);
        let told = predict(&out, &[&["--set", "slo={}"], options].concat()).well();
        let told = told.json();
        let report = std::fs::read_to_string(out.join("report.html")).unwrap();
        assert_eq!(
            report.contains("km/h when traffic is slowest"),
            options.is_empty()
        );
        told["drivers"]["on_trip_share"].as_f64().unwrap()
    };
    let (full, free) = (
        on_trip("full", &[]),
        on_trip("free", &["--set", "city.traffic=[]"]),
    );
    assert!(full > 1.2 * free, "{full} {free}");
}

#[test]
fn a_seed_predicts_the_same_in_streets() {
    let folder = tempfile::tempdir().unwrap();
    let run_of = |name: &str| {
        let out = folder.path().join(name);
        predict(&out, &["--seed", "3", "--set", "slo={}"]).well();
        std::fs::read(out.join("trips.parquet")).unwrap()
    };
    assert!(run_of("first") == run_of("second"));
}

#[test]
fn files_of_streets_that_are_wrong_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        text(&path).to_owned()
    };
    let scenario = |city: &str| {
        let content = format!("name = \"town\"\n[city]\nkind = \"road\"\n{city}\n");
        file("town.toml", content.as_bytes())
    };
    file("none.csv", b"id,lat,lon\n");
    file("nodes.csv", b"id,lat,lon\na,55.0,3.0\nb,55.01,3.0\n");
    file("no-edges.csv", b"from,to\n");
    file("one-way.csv", b"from,to,oneway\na,b,1\n");
    file("wrong.csv", b"from,to\na,b\na,c\n");
    file("edges.csv", b"from,to\na,b\n");
    file("turns.csv", b"from,via,to\na,c,a\n");
    file("text.osm.pbf", b"<osm></osm> is not what is meant");
    file("empty.osm.pbf", b"");
    let edges = |nodes: &str, edges: &str| format!("nodes = \"{nodes}\"\nedges = \"{edges}\"");
    let traffic = |hours: &str, factors: &str| {
        let period = format!("[[city.traffic]]\nhours = {hours}\nspeed_factor = {{ {factors} }}");
        edges("nodes.csv", "edges.csv") + "\n" + &period
    };
    for (city, said) in [
        (
            String::new(),
            &["city: found no files", "`network` (.osm.pbf)"][..],
        ),
        (
            "nodes = \"nodes.csv\"".to_owned(),
            &["city: found `nodes`", "`nodes` and `edges`"],
        ),
        (
            edges("nodes.csv", "edges.csv") + "\nnetwork = \"x.osm.pbf\"",
            &["city: found `network`, `nodes`, `edges`"],
        ),
        (
            edges("nodes.csv", "lost.csv"),
            &["city.edges", "lost.csv: cannot be read"],
        ),
        (
            edges("nodes.csv", "wrong.csv"),
            &[
                "city.edges",
                "wrong.csv:3: found to \"c\", expected the id of a node",
            ],
        ),
        (
            edges("nodes.csv", "edges.csv") + "\nturns = \"turns.csv\"",
            &[
                "city.turns",
                "turns.csv:2: found via \"c\", expected the id of a node",
            ],
        ),
        (
            edges("lost.csv", "edges.csv"),
            &["city.nodes", "lost.csv: cannot be read"],
        ),
        (
            "network = \"x.osm.pbf\"\nturns = \"turns.csv\"".to_owned(),
            &["city: found `network`, `turns`"],
        ),
        (
            edges("none.csv", "no-edges.csv"),
            &["no-edges.csv: found 0 nodes and no street"],
        ),
        (
            edges("nodes.csv", "no-edges.csv"),
            &["found 2 nodes and no street"],
        ),
        (
            edges("nodes.csv", "one-way.csv"),
            &[
                "city.edges",
                "one-way.csv: found 2 nodes of which no two reach each other",
            ],
        ),
        (
            edges("nodes.csv", "edges.csv"),
            &[
                "city.centre: found no street within the city around 40.7480, -73.9850",
                "55.0000 to 55.0100",
            ],
        ),
        (
            "network = \"lost.osm.pbf\"".to_owned(),
            &["city.network", "lost.osm.pbf: cannot be read"],
        ),
        (
            "network = \"text.osm.pbf\"".to_owned(),
            &["city.network", "expected an extract as .osm.pbf"],
        ),
        (
            "network = \"empty.osm.pbf\"".to_owned(),
            &["empty.osm.pbf: found 0 nodes and no street"],
        ),
        (
            traffic("[7]", "primary = 0.5"),
            &["city.traffic: period 1: found the class `primary`, expected none"],
        ),
        (
            traffic("[7, 24]", "primary = 0.5"),
            &["city.traffic: period 1: found hour 24, expected 0 to 23"],
        ),
        (
            traffic("[7]", "primary = 2"),
            &["speed factor 2 of `primary`, expected a number from 0.05 to 1"],
        ),
        (
            traffic("[-7]", "primary = 0.5"),
            &["invalid value: integer `-7`"],
        ),
    ] {
        let path = scenario(&city);
        for command in ["run", "predict"] {
            run(&[command, "--quiet", &path]).refused(2, said);
        }
    }
}

#[test]
fn a_market_names_its_streets_and_they_are_written_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let (town, file) = (small_town(), folder.path().join("town.streets"));
    let market = ["market", text(&town)];
    let told = run(&[&market[..], &["--streets", text(&file)]].concat());
    let told = told.well().json();
    let named = told["travel"]["streets"].as_str().unwrap().to_owned();
    let read = |path: &Path| Network::unpack(&std::fs::read(path).unwrap()).unwrap();
    let (network, fingerprint) = read(&file);
    assert_eq!(fingerprint.to_string(), named);
    assert!(network.survey().nodes > 300, "{:?}", network.survey());

    let watch = ["run", "--target", "watch", text(&town), "--print-settings"];
    let settings = run(&watch).well().stdout;
    let line = |key: &str| {
        let lines = settings.lines();
        let value = lines.filter_map(|line| line.strip_prefix(key)).next();
        value.unwrap_or_else(|| panic!("no {key} in {settings}"))
    };
    assert!(line("RUSHHOUR_MARKET=").contains(&named), "{settings}");
    let path = line("RUSHHOUR_STREETS=").trim_matches(['\'', '"']);
    assert_eq!(read(Path::new(path)).1, fingerprint);

    run(&market).refused(2, &["city.kind: found \"road\"", "--streets FILE"]);
    let straight = ["market", "peak-hour", "--streets", text(&file)];
    run(&straight).refused(2, &["--streets: found", "kind = \"road\""]);
    let nowhere = folder.path().join("no-such-folder/town.streets");
    let unwritable = [&market[..], &["--streets", text(&nowhere)]].concat();
    run(&unwritable).refused(3, &["town.streets: cannot be written"]);
}
