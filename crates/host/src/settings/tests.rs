use domain::travel::Streets as _;
use domain::{Place, Timestamp};
use roads::town::Town;

use super::*;

fn settings(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Settings::read(variables.iter().map(own))
}

#[test]
fn a_whole_environment_is_read() {
    let secret = STANDARD.encode([7; 32]);
    let keys = format!(r#"{{"signing":"k1","keys":{{"k1":"{secret}"}}}}"#);
    let settings = settings(&[
        ("PATH", "/bin"),
        (
            "RUSHHOUR_MARKET",
            "region = 'here'\n[travel]\nspeed_kmh = 20",
        ),
        ("RUSHHOUR_QUOTE_KEYS", &keys),
        ("RUSHHOUR_NAME_PREFIX", "dev-"),
        ("RUSHHOUR_FLEET_TRACKER_URL", "http://127.0.0.1:1"),
    ])
    .unwrap();
    assert_eq!(settings.market().unwrap().region.as_str(), "here");
    assert!(settings.keyring().is_ok());
    assert!(!format!("{settings:?}").contains(&secret));
    assert_eq!(settings.name_prefix(), "dev-");
    assert_eq!(settings.fleet_tracker_url(), Ok("http://127.0.0.1:1"));
    assert_eq!(settings.fleet_tracker_token(), None);
    assert_eq!(settings.grpc_listen().unwrap().port(), 8081);
    assert_eq!(settings.redis_listen(), Ok(None));
    assert!(settings.identity().is_err());
}

#[test]
fn clients_of_redis_are_answered_where_that_is_said() {
    let at = |text| {
        settings(&[("RUSHHOUR_REDIS_LISTEN", text)])
            .unwrap()
            .redis_listen()
    };
    let somewhere = "127.0.0.1:6379".parse().unwrap();
    assert_eq!(at("127.0.0.1:6379"), Ok(Some(somewhere)));
    assert_eq!(at(""), Ok(None));
    let refused = at("6379").unwrap_err().to_string();
    assert_eq!(
        refused,
        "RUSHHOUR_REDIS_LISTEN: found \"6379\", expected an address such as 0.0.0.0:6379"
    );
}

#[test]
fn unknown_missing_and_unusable_keys_are_named() {
    let error = settings(&[("RUSHHOUR_MARKTE", "x")])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("RUSHHOUR_MARKTE") && error.contains("RUSHHOUR_MARKET,"),
        "{error}"
    );
    let empty = settings(&[]).unwrap();
    assert!(
        empty
            .market()
            .unwrap_err()
            .to_string()
            .contains("RUSHHOUR_MARKET")
    );
    let weak = r#"{"signing":"k1","keys":{"k1":"c2VjcmV0"}}"#;
    for (value, said) in [
        ("{", "another shape"),
        (weak, "32 bytes"),
        (r#"{"signing":"a","keys":{}}"#, "no key"),
    ] {
        let error = settings(&[("RUSHHOUR_QUOTE_KEYS", value)])
            .unwrap()
            .keyring()
            .unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.to_string().contains("c2VjcmV0"));
    }
}

fn town(block_m: f64) -> Network {
    let town = Town {
        columns: 4,
        rows: 4,
        block_m,
        centre: Place::new(48.0, 11.0).unwrap(),
        missing: 0.0,
        one_way: 0.0,
        forbidden: 0.0,
    };
    Network::new(town.build(|| 0.5)).unwrap()
}

#[test]
fn ways_are_along_the_streets_that_the_market_names() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (network, other) = (town(150.0), town(200.0));
    let [(packed, streets), (others, other_streets)] = [&network, &other].map(Network::pack);
    std::fs::write(at("streets"), &packed).unwrap();
    std::fs::write(at("others"), &others).unwrap();
    std::fs::write(at("cut"), &packed[..500]).unwrap();
    let straight = r#"{"region":"here","travel":{"speed_kmh":20}}"#.to_owned();
    let naming = |streets: &str| {
        format!(r#"{{"region":"here","travel":{{"speed_kmh":20,"streets":"{streets}"}}}}"#)
    };
    let named = naming(&streets.to_string());
    let market = |market: &str, streets: &str| {
        let variables = [("RUSHHOUR_MARKET", market), ("RUSHHOUR_STREETS", streets)];
        settings(&variables).unwrap().market_with_streets()
    };
    let places = network.graph().places();
    let (from, to) = (places[0], places[15]);
    let length = |market: &Market| market.travel.way(from, to, Timestamp::ZERO).distance_m;
    let along = network.way(from, to, 0).unwrap().distance_m;
    let with_streets = market(&named, &at("streets")).unwrap();
    assert!((length(&with_streets) - along).abs() < 1e-9);
    let without = market(&straight, "").unwrap();
    assert!((length(&without) - along).abs() > 1.0);

    let fingerprint = other_streets.to_string();
    for (text, path, said) in [
        (&named, String::new(), "found no RUSHHOUR_STREETS"),
        (&named, at("lost"), "lost: cannot be read"),
        (&named, at("cut"), "cut: found damaged streets"),
        (&named, at("others"), fingerprint.as_str()),
        (&straight, at("streets"), "a market that names no streets"),
        (
            &naming("town"),
            at("streets"),
            "travel.streets: found \"town\"",
        ),
    ] {
        let error = market(text, &path).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let torus = named.replace("{\"speed_kmh\"", "{\"space\":\"torus\",\"speed_kmh\"");
    let error = market(&torus, &at("streets")).unwrap_err().to_string();
    assert!(error.contains("on the sphere"), "{error}");
}

#[test]
fn callers_are_known_by_a_secret_or_by_an_issuer() {
    let issuer = ("RUSHHOUR_ISSUER", "https://login.example");
    let audience = ("RUSHHOUR_AUDIENCE", "rushhour");
    let token = ("RUSHHOUR_FLEET_TRACKER_TOKEN", "shown");
    let secret = ("RUSHHOUR_IDENTITY_SECRET", "c2VjcmV0");
    let identity = |variables: &[(&str, &str)]| settings(variables).unwrap().identity();
    assert_eq!(
        identity(&[secret, token]),
        Ok(Identity::Secret(b"secret".to_vec()))
    );
    let known = identity(&[issuer, audience, token, ("RUSHHOUR_IDENTITY_SECRET", "")]);
    let expected = Identity::Issuer {
        issuer: "https://login.example".into(),
        audience: "rushhour".into(),
        jwks_url: None,
    };
    assert_eq!(known, Ok(expected));
    for (variables, said) in [
        (vec![token], "RUSHHOUR_IDENTITY_SECRET for development"),
        (vec![issuer, audience, token, secret], "one of the two"),
        (vec![issuer, token], "no RUSHHOUR_AUDIENCE"),
        (vec![issuer, audience], "no RUSHHOUR_FLEET_TRACKER_TOKEN"),
        (vec![secret, audience], "no RUSHHOUR_ISSUER"),
        (vec![("RUSHHOUR_IDENTITY_SECRET", "%")], "no base64"),
    ] {
        let error = identity(&variables).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
    }
}
