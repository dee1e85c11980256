//! One trace from rider to driver: over HTTP, the queues and gRPC of an embedded stack, and each ride in its own.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, in which a panic is the message"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use domain::TripId;
use http_body_util::Full;
use local::stack::Stack;
use rushhour_tests::sockets::{Driver, Rider, bounded, config, pickup};
use trace::{FinishedSpan, Flush, Recorder, TRACEPARENT, TraceContext};

/// What was told of spans, for the whole process.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<FinishedSpan>>>);

impl Recorder for Kept {
    fn ended(&self, span: FinishedSpan) {
        self.0.lock().unwrap().push(span);
    }

    fn flush(&self) -> Flush<'_> {
        Box::pin(std::future::ready(()))
    }
}

impl Kept {
    /// The names of a trace's spans. Queues go without the prefix of the stack.
    fn of(&self, trace: TraceContext) -> BTreeSet<String> {
        let kept = self.0.lock().unwrap();
        let ours = kept
            .iter()
            .filter(|span| span.context.trace_id == trace.trace_id);
        ours.map(|span| span.name.clone()).collect()
    }
}

/// Requests a ride in a trace.
async fn request(rider: &Rider, trace: TraceContext) -> TripId {
    let wish = Rider::wish(&rider.quote().await);
    let request = rider
        .asking("POST", "/trips")
        .header("idempotency-key", "traced")
        .header(TRACEPARENT, trace.to_string());
    let body = Full::<Bytes>::from(wish.to_string());
    let answer = rider.send(request.body(body).unwrap()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    answer.body["trip_id"].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ride_is_one_trace_from_rider_to_driver_and_back() {
    let kept = Kept::default();
    trace::record_with(Box::new(kept.clone()));
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        // Two riders and no driver yet, so that one round serves both.
        let mut rides = BTreeMap::new();
        for number in [17, 18] {
            let rider = Rider::of(&stack, number);
            let trace = TraceContext::root();
            let trip = request(&rider, trace).await;
            rides.insert(number, (rider, trip, trace));
        }
        let mut drivers = Vec::new();
        for number in [8, 9] {
            drivers.push(Driver::online(&stack, number, pickup()).await);
        }
        for driver in &mut drivers {
            let offer = driver.offer().await;
            let (rider, trip, trace) = &rides[&offer.ride.unwrap().rider];
            let offered: TraceContext = offer.traceparent.parse().unwrap();
            assert_eq!(
                offered.trace_id, trace.trace_id,
                "the driver's app goes on in it"
            );
            let key = offer.key.unwrap();
            driver.answer(&key, true).await;
            driver.drive(&key).await;
            rider.until(*trip, "completed").await;
        }
        stack.stop().await;
        for (_, _, trace) in rides.values() {
            let names = kept.of(*trace);
            for name in [
                "POST /trips",
                "grpc.reserve",
                "tracker.reserve",
                "grpc.offer",
                "tracker.offer",
                "tracker.answer",
                "tracker.report",
            ] {
                assert!(
                    names.contains(name),
                    "found {names:?}, expected {name} in it"
                );
            }
            assert!(
                names.iter().any(|name| name.ends_with("trip-events")),
                "{names:?}"
            );
        }
        // The round that was rung for is in the trace of who rang.
        let rang = rides.values().filter(|(_, _, trace)| {
            let names = kept.of(*trace);
            names.iter().any(|name| name.ends_with("ride-requests"))
        });
        assert!(rang.count() > 0);
    })
    .await;
}
