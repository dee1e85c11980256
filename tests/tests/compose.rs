//! The compose file: what it tells the tracker is what the tracker reads, and it runs it as ECS does.
#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use host::settings::{Identity, Settings};
use identity::Verifier;
use yaml_rust2::{Yaml, YamlLoader};

fn services() -> Yaml {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/compose.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    YamlLoader::load_from_str(&text).unwrap()[0]["services"].clone()
}

/// A value where nobody sets the variable that it may be taken from.
fn unset(value: &str) -> String {
    match value
        .strip_prefix("${")
        .and_then(|rest| rest.split_once(":-"))
    {
        Some((_, default)) => default.strip_suffix('}').unwrap().to_owned(),
        None => value.to_owned(),
    }
}

#[test]
fn the_tracker_reads_what_it_is_told() {
    let tracker = &services()["fleet-tracker"];
    let told = tracker["environment"].as_hash().unwrap().iter();
    let told = told.map(|(key, value)| {
        let key = key.as_str().unwrap().to_owned();
        (key, unset(value.as_str().unwrap()))
    });
    let settings = Settings::read(told).unwrap();
    settings.market().unwrap();
    let Identity::Secret(secret) = settings.identity().unwrap() else {
        panic!("found an issuer, expected the secret of development tokens");
    };
    Verifier::development(&secret).unwrap();
    let url = settings.queue_base_url().unwrap();
    assert_eq!(url, "http://aws:4566/000000000000");
    assert_eq!(settings.name_prefix(), "rushhour-");
    for (listen, port) in [
        (settings.grpc_listen().unwrap(), "8081"),
        (settings.metrics_listen().unwrap(), "9090"),
    ] {
        assert_eq!(listen.port().to_string(), port);
        let published = format!("127.0.0.1:{port}:{port}");
        let ports = tracker["ports"].as_vec().unwrap();
        assert!(ports.iter().any(|it| it.as_str() == Some(&published)));
    }
}

#[test]
fn the_tracker_may_do_no_more_than_on_ecs() {
    let tracker = &services()["fleet-tracker"];
    assert_eq!(tracker["read_only"].as_bool(), Some(true));
    assert_eq!(tracker["user"].as_str(), Some("65532:65532"));
    assert_eq!(tracker["cap_drop"][0].as_str(), Some("ALL"));
    let image = unset(tracker["image"].as_str().unwrap());
    assert_eq!(image, "rushhour-fleet-tracker", "what build-image makes");
}
