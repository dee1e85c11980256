use super::*;

const TORUS: &str = r#"
    region = "textbook"
    resolution = 7
    [travel]
    space = "torus"
    width_m = 10_000
    height_m = 8_000
    circuity = 1.0
    speed_kmh = 36
    [surge]
    cap_hundredths = 200
    [dispatch]
    policy = "nearest"
    window_s = 0
    queue = "lose"
    [tariff]
    base_minor = 300
    driver_share_of_surge_percent = 60
"#;

#[test]
fn a_document_is_a_market_in_toml_and_in_json() {
    let document = MarketDocument::parse(TORUS).unwrap();
    assert_eq!(
        MarketDocument::parse(&document.to_json()),
        Ok(document.clone())
    );
    let market = document.market().unwrap();
    assert_eq!(market.region.as_str(), "textbook");
    assert_eq!(market.dispatch.assignment, Assignment::Nearest);
    assert_eq!(market.dispatch.queue, Queue::Lose);
    assert_eq!(market.tariff.terms().base, Money::from_minor(300));
    assert_eq!(
        market.tariff.terms().minimum,
        TariffTerms::default_usd().minimum
    );
    assert_eq!(market.tariff.terms().driver_share_of_surge_percent, 60);
    assert!(market.surge.is_some());
}

#[test]
fn what_cannot_be_is_named() {
    let changed = |from: &str, to: &str| {
        let document = MarketDocument::parse(&TORUS.replace(from, to));
        document
            .and_then(|document| document.market())
            .unwrap_err()
            .to_string()
    };
    for (from, to, named) in [
        ("resolution = 7", "resolutoin = 7", "resolutoin"),
        ("resolution = 7", "resolution = 16", "resolution"),
        ("\"textbook\"", "\"Text Book\"", "region"),
        ("width_m = 10_000", "width_m = 0", "travel.width_m"),
        ("speed_kmh = 36", "speed_kmh = -1", "travel"),
        (
            "speed_kmh = 36",
            "speed_kmh = 36\ncity_clock = { started_at_ms = 0, day_offset_s = 3600, speedup = 0.0 }",
            "travel.city_clock: found a speedup of 0",
        ),
        ("cap_hundredths", "cap", "cap"),
        ("window_s = 0", "window_s = 901", "window_s"),
        ("window_s = 0", "radius_m = nan", "radius_m"),
        ("base_minor = 300", "base_minor = -1", "tariff"),
        (
            "base_minor = 300",
            "currency = \"JPY\"",
            "tariff.currency: found JPY, whose amounts have 0 digits",
        ),
        (
            "percent = 60",
            "percent = 101",
            "driver_share_of_surge_percent: found 101, expected 0 to 100",
        ),
    ] {
        let message = changed(from, to);
        assert!(message.contains(named), "{to}: {message}");
    }
}
