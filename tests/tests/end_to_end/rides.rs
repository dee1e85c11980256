//! One ride from quote to completed, audited, and what an operator sees of it.

use std::collections::BTreeMap;

use domain::Place;
use domain::trip::TripState;
use http::Request;
use http_body_util::Full;
use local::stack::Stack;
use rushhour_tests::sockets::{
    Driver, Journal, Rider, bounded, config, east_of_pickup, in_time, pickup,
};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use wire::grpc::v1;

/// Where the car is, to the wire's centimetre.
fn at(position: Option<v1::CarPosition>) -> Option<(i32, i32)> {
    let place = position?.place?;
    Some((place.lat_e7, place.lon_e7))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_ride_from_quote_to_completed_is_audited() {
    bounded(async || {
        let mut stack = Stack::start(config()).await.unwrap();
        let mut journal = Journal::default();
        let rider = Rider::of(&stack, 17);
        let mut driver = Driver::online(&stack, 9, east_of_pickup(200.0)).await;
        let ride = rider.request("one ride").await;
        journal.requested(&ride);

        let key = driver.accept().await;
        journal.accepted(&key);
        let view = rider.until(ride.trip, "accepted").await;
        assert_eq!(view.driver.as_deref(), Some("driver-9"));
        assert_eq!(view.total_minor, ride.quote.total_minor);
        follow_and_drive(&stack, &rider, &mut driver, &key).await;

        let view = rider.until(ride.trip, "completed").await;
        assert_eq!(view.charged_minor, Some(ride.quote.total_minor));
        journal.shown(&view);
        assert_eq!(driver.ping(pickup()).await, v1::PingOutcome::Moved);
        operators_see_it(&stack, &rider, driver.pings).await;

        stack.quiesce().await;
        assert_eq!(stack.holds().all_holds().await.unwrap(), []);
        let figures = journal.audit(&stack).await;
        let idle = figures.rules.iter().filter(|rule| rule.checked == 0);
        let idle: Vec<&str> = idle.map(|rule| rule.rule.as_str()).collect();
        // It looks at holds that are left, of which there are none.
        assert_eq!(idle, ["one_driver_one_live_trip"]);
        let trips = stack.trips().all_trips().await.unwrap();
        assert_eq!((trips.len(), trips[0].state), (1, TripState::Completed));
        assert_eq!(trips[0].charge.driver_pay, trips[0].fare.driver_pay);
        assert_eq!(stack.http_counters().server_errors, 0);
        for (name, queue) in stack.queue_accounts().await.unwrap() {
            assert_eq!((queue.dead_letters, queue.depth.visible), (0, 0), "{name}");
        }
        stack.stop().await;
    })
    .await;
}

/// The rider follows the car while the driver drives; the stream ends with the ride.
async fn follow_and_drive(stack: &Stack, rider: &Rider, driver: &mut Driver, key: &v1::HoldKey) {
    let trip = wire::grpc::trip_id(&key.trip).unwrap();
    let mut car = rider.watch(stack, trip).await.unwrap();
    let e7 = Place::to_e7;
    let first = in_time("the car's place", car.message()).await.unwrap();
    assert_eq!(at(first), Some(e7(east_of_pickup(200.0))));
    assert_eq!(
        driver.ping(east_of_pickup(100.0)).await,
        v1::PingOutcome::Moved
    );
    let next = in_time("the car's next place", car.message())
        .await
        .unwrap();
    assert_eq!(at(next), Some(e7(east_of_pickup(100.0))));
    driver.drive(key).await;
    let rest = async { while car.message().await.unwrap().is_some() {} };
    in_time("the watch to end with the ride", rest).await;
}

async fn operators_see_it(stack: &Stack, anyone: &Rider, pings: u64) {
    let request = Request::get(stack.tracker_metrics_url());
    let answer = anyone.send(request.body(Full::default()).unwrap()).await;
    assert_eq!(answer.status, 200);
    let format = answer.headers["content-type"].to_str().unwrap();
    assert!(
        format.starts_with("application/openmetrics-text"),
        "{format}"
    );
    let samples = samples(&answer.text);
    assert_eq!(
        samples[r#"fleet_pings_total{outcome="moved"}"#],
        pings as f64
    );
    assert_eq!(samples[r#"fleet_drivers{outcome="available"}"#], 1.0);
    assert_eq!(samples[r#"fleet_answers_total{outcome="accepted"}"#], 1.0);
    assert_eq!(stack.tracker_metrics().await.unwrap().unwrap().pings, pings);

    let endpoint = tonic::transport::Endpoint::from_shared(stack.tracker_url()).unwrap();
    let mut health = HealthClient::new(endpoint.connect().await.unwrap());
    for service in ["", "rushhour.fleet.v1.FleetTracker"] {
        let service = service.to_owned();
        let request = HealthCheckRequest { service };
        let answer = in_time("the health service", health.check(request)).await;
        let status = answer.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving);
    }
}

/// The samples of a text in the format of Prometheus, by name and labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut kinds = BTreeMap::new();
    let mut samples = BTreeMap::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            if let Some((name, kind)) = comment
                .strip_prefix("TYPE ")
                .and_then(|rest| rest.split_once(' '))
            {
                assert!(["counter", "gauge"].contains(&kind), "{line}");
                kinds.insert(name, kind);
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
        let family = name.split('{').next().unwrap_or(name);
        let family = family.strip_suffix("_total").unwrap_or(family);
        assert!(kinds.contains_key(family), "{line} has its kind above it");
        let known = samples.insert(name, value.parse().expect("a number"));
        assert!(known.is_none(), "{name} stands once");
    }
    samples
}
