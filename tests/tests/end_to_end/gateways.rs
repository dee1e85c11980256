//! Gateways that tell where many drivers are, batch by batch.

use std::time::Duration;

use domain::{DriverId, Place, VehicleClasses};
use identity::Subject;
use local::stack::Stack;
use rushhour_tests::sockets::{
    Driver, bounded, config, in_time, now, pickup, shown, token, tracker,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use tonic::{Code, Status, Streaming};
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;
use wire::grpc::v1::{self, PingBatch, PingBatchTaken};

/// Bytes of answers that may wait to be read: some hundreds of them.
const WINDOW_BYTES: u32 = 8_192;
/// Batches whose answers are more than fit there and in the buffers on the way.
const TOO_MANY: u64 = 200_000;

/// A batch that is not taken for so long is let wait.
const LET_WAIT: Duration = Duration::from_millis(500);

/// A gateway's stream.
struct Gateway {
    up: mpsc::Sender<PingBatch>,
    down: Streaming<PingBatchTaken>,
}

impl Gateway {
    async fn open(stack: &Stack, subject: Subject) -> Result<Self, Status> {
        let (up, batches) = mpsc::channel(16);
        let request = shown(ReceiverStream::new(batches), &token(stack, subject));
        let endpoint = Endpoint::from_shared(stack.tracker_url()).unwrap();
        let endpoint = endpoint.initial_stream_window_size(WINDOW_BYTES);
        let channel = endpoint.connect().await.unwrap();
        let reporting = FleetTrackerClient::new(channel).report(request).await?;
        let down = reporting.into_inner();
        Ok(Self { up, down })
    }

    async fn tell(&mut self, batch: PingBatch) -> Result<Option<PingBatchTaken>, Status> {
        self.up.send(batch).await.unwrap();
        in_time("a batch to be taken", self.down.message()).await
    }
}

/// The first ping of each of these drivers, all in one place.
fn batch(number: u64, drivers: impl Iterator<Item = u64>, place: Place) -> PingBatch {
    let place: v1::Place = place.into();
    let drivers: Vec<u64> = drivers.collect();
    let count = drivers.len();
    PingBatch {
        batch: number,
        drivers,
        sequences: vec![1; count],
        lat_e7: vec![place.lat_e7; count],
        lon_e7: vec![place.lon_e7; count],
        sent_at_us: vec![now().as_micros(); count],
        vehicle_classes: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_puts_drivers_where_they_are_and_says_what_became_of_each_ping() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut gateway = Gateway::open(&stack, Subject::Service).await.unwrap();
        let taken = gateway.tell(batch(1, 1..=1_000, pickup())).await.unwrap();
        let all = PingBatchTaken {
            batch: 1,
            moved: 1_000,
            ..PingBatchTaken::default()
        };
        assert_eq!(taken, Some(all));
        let mut bad = batch(2, 1..=4, pickup());
        // Heard before; of tomorrow; nowhere on the globe; and one that is fine.
        bad.sequences = vec![1, 2, 2, 2];
        bad.sent_at_us[1] += 86_400_000_000;
        bad.lat_e7[2] = i32::MAX;
        let taken = gateway.tell(bad).await.unwrap();
        let mixed = PingBatchTaken {
            batch: 2,
            moved: 1,
            stale: 1,
            from_the_future: 1,
            bad_place: 1,
            not_online: 0,
        };
        assert_eq!(taken, Some(mixed));
        let nobody = gateway
            .tell(batch(3, std::iter::empty(), pickup()))
            .await
            .unwrap();
        assert_eq!(nobody.unwrap().moved, 0);
        let metrics = stack.tracker_metrics().await.unwrap().unwrap();
        assert_eq!((metrics.pings, metrics.bad_messages), (1_004, 0));

        let query = (pickup(), VehicleClasses::ALL, &[DriverId(1)][..]);
        assert_eq!(found(&stack, query, 3).await, [2, 3, 4]);
        stack.stop().await;
    })
    .await;
}

/// Whom the tracker names for a query.
async fn found(stack: &Stack, query: (Place, VehicleClasses, &[DriverId]), k: u32) -> Vec<u64> {
    let ask = wire::grpc::candidates_request([query], k, None);
    let ask = shown(ask, &token(stack, Subject::Service));
    let reply = tracker(stack).await.candidates(ask).await.unwrap();
    reply.into_inner().drivers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drivers_are_found_by_what_their_app_or_their_gateway_said_they_drive() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut gateway = Gateway::open(&stack, Subject::Service).await.unwrap();
        let mut said = batch(1, 1..=3, pickup());
        said.vehicle_classes = vec![2, 0, 2];
        assert_eq!(gateway.tell(said).await.unwrap().unwrap().moved, 3);
        // A batch that does not say changes nothing.
        let mut again = batch(2, 1..=3, pickup());
        again.sequences = vec![2; 3];
        assert_eq!(gateway.tell(again).await.unwrap().unwrap().moved, 3);
        let mut driver = Driver::connect(&stack, 9).await;
        driver.go_online_with(pickup(), 2).await;
        driver.ping(pickup()).await;
        for (bits, expected) in [(4, &[1, 3, 9][..]), (1, &[2]), (5, &[1, 2, 3, 9]), (8, &[])] {
            let classes = VehicleClasses::from_bits(bits).unwrap();
            assert_eq!(found(&stack, (pickup(), classes, &[]), 9).await, expected);
        }
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_cannot_be_ends_the_stream_and_says_what_was_found() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let uneven = PingBatch {
            lon_e7: vec![0; 3],
            ..batch(1, 1..=4, pickup())
        };
        let crowd = batch(1, 1..=10_001, pickup());
        let mut in_no_car = batch(1, 1..=2, pickup());
        in_no_car.vehicle_classes = vec![0, 16];
        for (bad, said) in [
            (in_no_car, "found 16 in vehicle_classes"),
            (uneven, "found 3 values for 4 rows in lon_e7"),
            (crowd, "10001"),
        ] {
            let mut gateway = Gateway::open(&stack, Subject::Service).await.unwrap();
            let status = gateway.tell(bad).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert!(status.message().contains(said), "{status}");
        }
        assert_eq!(
            stack.tracker_metrics().await.unwrap().unwrap().bad_messages,
            3
        );
        let driver = Gateway::open(&stack, Subject::Driver(9)).await.err();
        assert_eq!(driver.unwrap().code(), Code::PermissionDenied);
        stack.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_does_not_read_is_let_wait_and_then_cut_off_with_a_reason() {
    bounded(async || {
        let stack = Stack::start(config()).await.unwrap();
        let mut gateway = Gateway::open(&stack, Subject::Service).await.unwrap();
        let mut sent = 0;
        // Until there is no room, or nobody to take it any more.
        while gateway
            .up
            .send_timeout(batch(sent, 1..=1, pickup()), LET_WAIT)
            .await
            .is_ok()
        {
            sent += 1;
            assert!(sent < TOO_MANY, "nothing made it wait");
        }
        let cut_off = async {
            while stack.tracker_metrics().await.unwrap().unwrap().slow_readers == 0 {
                tokio::time::sleep(LET_WAIT).await;
            }
        };
        in_time("the tracker to lose its patience", cut_off).await;
        let status = loop {
            match in_time("the reason", gateway.down.message()).await {
                Ok(answer) => assert!(answer.is_some(), "it ends with a reason"),
                Err(status) => break status,
            }
        };
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.message().contains("slow_reader"), "{status}");
        stack.stop().await;
    })
    .await;
}
