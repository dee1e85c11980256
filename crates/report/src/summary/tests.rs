use super::*;

#[test]
fn every_key_of_the_contract_is_written_even_if_nothing_happened() {
    let summary = Summary::new("quiet", 7, "embedded", ClockKind::Wall);
    let json: serde_json::Value = serde_json::from_str(&summary.to_json()).unwrap();
    for path in [
        "/schema",
        "/version",
        "/scenario",
        "/seed",
        "/target",
        "/clock",
        "/git_commit",
        "/seconds/simulated",
        "/seconds/wall",
        "/seconds/cpu",
        "/peak_rss_bytes",
        "/rides/in_progress_at_start",
        "/rides/quoted",
        "/rides/requested",
        "/rides/offered",
        "/rides/accepted",
        "/rides/completed",
        "/rides/cancelled",
        "/rides/unserved",
        "/rides/in_progress",
        "/unserved_because",
        "/cancels",
        "/declines",
        "/offer_timeouts",
        "/matching/rounds",
        "/matching/round_size/mean",
        "/matching/round_size/p99",
        "/matching/round_size/max",
        "/matching/reserve_conflicts",
        "/latency_ms/quote/count",
        "/latency_ms/request/mean",
        "/latency_ms/request_to_offer/p50",
        "/latency_ms/request_to_accept/p90",
        "/latency_ms/ping_ack/p99",
        "/latency_ms/offer_delivery/p999",
        "/latency_ms/quote/max",
        "/pickup/wait_s/mean",
        "/pickup/wait_s/p50",
        "/pickup/distance_m/p90",
        "/pickup/distance_m/p99",
        "/drivers/online_mean",
        "/drivers/utilisation",
        "/drivers/idle_share",
        "/drivers/pickup_share",
        "/drivers/on_trip_share",
        "/drivers/km/idle",
        "/drivers/km/pickup",
        "/drivers/km/trip",
        "/surge/mean",
        "/surge/p90",
        "/surge/max",
        "/money/currency",
        "/money/gross",
        "/money/driver_pay",
        "/money/platform",
        "/money/fees",
        "/money/pay_per_online_hour/mean",
        "/money/pay_per_online_hour/p10",
        "/money/pay_per_online_hour/gini",
        "/functions",
        "/queues",
        "/tables",
        "/containers",
        "/cost_usd",
        "/prices_as_of",
        "/load/offered",
        "/load/sent",
        "/load/completed",
        "/load/errors",
        "/load/dropped",
        "/load/in_flight_max",
        "/load/schedule_lag_ms/p99",
        "/audit/checked",
        "/audit/violations",
        "/slo",
        "/study",
    ] {
        assert!(json.pointer(path).is_some(), "{path} is missing");
    }
    assert_eq!(json["clock"], "wall");
    assert_eq!(json["schema"], SCHEMA);
}

#[test]
fn a_summary_survives_its_text() {
    let mut summary = Summary::new("quiet", 7, "twin", ClockKind::Virtual);
    summary.cancels.insert("rider_accepted".into(), 3);
    summary.cost_usd = Some(Cost::default());
    let text = summary.to_json();
    let back = Summary::from_json(&text).unwrap();
    assert_eq!(back, summary);
    assert_eq!(back.to_json(), text);
}

#[test]
fn another_schema_is_refused_by_name() {
    let error = Summary::from_json(r#"{"schema":"rushhour.summary/9"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"found schema "rushhour.summary/9", expected "rushhour.summary/1""#
    );
    assert!(Summary::from_json("{").is_err());
}

#[test]
fn what_is_not_a_number_is_no_figure() {
    assert_eq!(figure(f64::NAN, 3), None);
    assert_eq!(figure(f64::INFINITY, 3), None);
    assert_eq!(figure(1.23456, 2), Some(1.23));
}
