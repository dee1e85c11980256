use std::collections::BTreeMap;

use cloud::lambda_pool::LambdaCounters;
use drive::counted::{ContainerUse, QueueUse, TrackerUse};
use report::latency::LatencyFigures;
use report::summary::ClockKind;

use super::*;
use crate::scenario::model::{Container, Placement};

const HOUR_S: f64 = 3_600.0;

fn all(host: Host) -> Placement {
    Placement {
        pricing: host,
        surge: host,
        trips: host,
        matching: host,
        fleet_tracker: host,
    }
}

fn calls(invocations: u64, billed_ms: u64) -> LambdaCounters {
    LambdaCounters {
        invocations,
        billed_ms,
        ..LambdaCounters::default()
    }
}

fn summary() -> Summary {
    let mut summary = Summary::new("peak", 1, "twin", ClockKind::Virtual);
    let count = |count| LatencyFigures {
        count,
        ..LatencyFigures::default()
    };
    for (name, times) in [
        (step::QUOTE, 1_000),
        (step::REQUEST, 900),
        (step::READ, 8_000),
    ] {
        summary.latency_ms.insert(name.to_owned(), count(times));
    }
    summary.load.sent = 9_900;
    summary.drivers.online_mean = Some(6_000.0);
    summary.drivers.on_trip_share = Some(0.5);
    summary.drivers.pickup_share = Some(0.25);
    summary
}

/// An hour of a placement.
fn hour(placement: Placement, counted: &Counted) -> Usage {
    let mut scenario = Scenario {
        placement,
        ..Scenario::default()
    };
    let provisioned = Function {
        memory_mb: 512,
        provisioned_concurrency: Some(4),
        ..Function::default()
    };
    scenario.functions.insert("pricing".to_owned(), provisioned);
    let task = Container {
        vcpu: 2.0,
        memory_gb: 4.0,
        ..Container::default()
    };
    scenario.containers.insert("trips".to_owned(), task);
    usage(&Used {
        scenario: &scenario,
        counted,
        summary: &summary(),
        seconds: HOUR_S,
    })
}

#[test]
fn functions_are_billed_by_memory_provisioned_ones_whether_used_or_not() {
    let counted = Counted {
        functions: BTreeMap::from([("pricing".to_owned(), calls(1_000_000, 10_000_000))]),
        provisioned_ms: BTreeMap::from([("pricing".to_owned(), 2_000)]),
        ..Counted::default()
    };
    let used = hour(Placement::default(), &counted);
    assert_eq!(used.get(Item::LambdaRequests), 1e6);
    assert_eq!(used.get(Item::LambdaGbSecondsArm), 5_000.0);
    assert_eq!(
        used.get(Item::LambdaProvisionedGbSecondsArm),
        4.0 * HOUR_S / 2.0
    );
    assert_eq!(used.get(Item::LambdaProvisionedRunGbSecondsArm), 1.0);
    assert_eq!(used.get(Item::LogGb), 0.4);
}

#[test]
fn polls_are_told_apart_from_other_requests() {
    let counted = Counted {
        http_requests: 9_900,
        ..Counted::default()
    };
    let used = hour(Placement::default(), &counted);
    assert_eq!(used.get(Item::RiderPolls), 8_000.0);
    assert_eq!(used.get(Item::HttpApiRequests), 1_900.0);
}

#[test]
fn functions_alone_need_no_network_of_their_own() {
    let counted = Counted {
        http_requests: 1_000_000,
        tracker: TrackerUse {
            messages: 990_000,
            pings: 900_000,
            positions_told: 50_000,
            ..TrackerUse::default()
        },
        ..Counted::default()
    };
    let used = hour(all(Host::Lambda), &counted);
    for item in [
        Item::LoadBalancerHours,
        Item::PublicIpv4Hours,
        Item::InterfaceEndpointHours,
        Item::CrossZoneGb,
    ] {
        assert_eq!(used.get(item), 0.0, "{item}");
    }
    assert_eq!(used.get(Item::RiderPolls), 58_000.0);
    assert_eq!(used.get(Item::ScheduleInvocations), 60.0);
    assert!(
        (used.get(Item::EgressGb) - (950_000.0 * 400.0 + 9_900.0 * 1_000.0) / 1e9).abs() < 1e-9
    );
}

#[test]
fn a_tracker_in_a_container_has_a_balancer_and_functions_beside_it_endpoints() {
    let queue = QueueUse {
        requests: 3_000_000,
        sent: 1_000_000,
        ..QueueUse::default()
    };
    let task = ContainerUse {
        task_seconds: 2.0 * HOUR_S,
        ..ContainerUse::default()
    };
    let counted = Counted {
        queues: BTreeMap::from([("trip-events".to_owned(), queue)]),
        containers: BTreeMap::from([("trips".to_owned(), task)]),
        ..Counted::default()
    };
    let hybrid = hour(Placement::default(), &counted);
    assert_eq!(hybrid.get(Item::InterfaceEndpointHours), 2.0);
    assert_eq!(hybrid.get(Item::InterfaceEndpointGb), 1.0);
    assert_eq!(hybrid.get(Item::SqsRequests), 3e6);
    assert_eq!(hybrid.get(Item::ScheduleInvocations), 60.0);
    // 6,000 streams, and riders who follow three quarters as many cars: 3.5 units of 3,000 connections.
    assert!((hybrid.get(Item::LoadBalancerCapacityUnitHours) - 3.5).abs() < 1e-9);

    let containers = hour(all(Host::Container), &counted);
    assert_eq!(containers.get(Item::InterfaceEndpointHours), 0.0);
    assert_eq!(containers.get(Item::ScheduleInvocations), 0.0);
    assert_eq!(containers.get(Item::RiderPolls), 0.0);
    assert_eq!(containers.get(Item::FargateVcpuHoursArm), 4.0);
    assert_eq!(containers.get(Item::FargateGbHoursArm), 8.0);
    // Two tasks, and the balancer in two zones.
    assert_eq!(containers.get(Item::PublicIpv4Hours), 4.0);
}

#[test]
fn a_predicted_bill_names_the_keys_it_rests_on() {
    let profile = Profile::aws_us_east_1();
    let mut scenario = Scenario::default();
    let starts = |keys: &[String], with: &str| keys.iter().any(|key| key.starts_with(with));
    let hybrid = rests_on(&profile, &scenario);
    assert!(starts(&hybrid, "profile.lambda.") && starts(&hybrid, "profile.container."));
    assert!(!starts(&hybrid, "profile.http_api."));
    scenario.placement = all(Host::Container);
    assert!(!starts(&rests_on(&profile, &scenario), "profile.lambda."));
    scenario.placement = all(Host::Lambda);
    assert!(!starts(
        &rests_on(&profile, &scenario),
        "profile.container."
    ));
}

#[test]
fn a_price_file_that_cannot_be_read_is_named() {
    let mut scenario = Scenario::default();
    assert!(prices(&scenario).is_ok());
    scenario.cloud.prices = Some("no/such/prices.toml".into());
    let message = prices(&scenario).unwrap_err().message;
    assert!(
        message.starts_with("cloud.prices: no/such/prices.toml: cannot be read"),
        "{message}"
    );
}
