//! What the table adapters do per second against the embedded DynamoDB, and what CPU each step costs.
//!
//! `cargo run --release -p rushhour-local --example embedded_load`. CPU is the whole process: the SDK's
//! side, the server's, and both ends of the sockets between them.

use std::time::{Duration, Instant};

use aws::{DynamoHolds, DynamoTrips, Queue, QueueConsumer, SqsTripEvents, Stack, provision};
use domain::fare::{Charge, Fare};
use domain::hold::{Hold, HoldKey, HoldStage, Offer};
use domain::surge::Multiplier;
use domain::trip::{Stamps, SweepPolicy, Trip, TripEvent, TripEventKind, TripState};
use domain::{
    Attempt, Currency, DriverId, Money, Place, Region, RiderId, Round, Timestamp, TripId,
};
use futures_util::{StreamExt, stream};
use rushhour_local::servers::EmbeddedAws;
use services::ports::{
    Created, HoldEnd, HoldStore, OpenTrips, Reserved, RoundLease, Swap, TripEvents, TripStore,
};

const RIDES: u32 = 3_000;
const SEEDED: u32 = 13_000;
const IN_FLIGHT: usize = 16;

fn trip(number: u32) -> Trip {
    let place = Place::new(40.75, -73.98).expect("a place");
    let requested_at = Timestamp::from_millis(1_700_000_000_000 + i64::from(number));
    let patience = Duration::from_secs(300);
    Trip {
        id: TripId(u128::from(number) << 64 | u128::from(number)),
        region: Region::new("new-york").expect("a region"),
        rider: RiderId(number.into()),
        product: None,
        pickup: place,
        dropoff: place,
        fare: Fare {
            currency: Currency::USD,
            ride: Money::from_minor(1_900),
            booking_fee: Money::from_minor(275),
            driver_pay: Money::from_minor(1_300),
            surge: Multiplier::NONE,
        },
        distance_m: 4_000.5,
        duration: Duration::from_secs(900),
        fingerprint: [7; 16],
        patience,
        requested_at,
        patience_until: requested_at + patience,
        state: TripState::Requested,
        tries: Vec::new(),
        stamps: Stamps::default(),
        since: requested_at,
        checked_at: Timestamp::ZERO,
        charge: Charge::default(),
        version: 1,
    }
}

fn offered(number: u32) -> Trip {
    let (trip, now) = (trip(number), Timestamp::from_millis(1_700_000_010_000));
    let driver = DriverId(number.into());
    trip.offered(Attempt(1), driver, now + Duration::from_secs(15), now)
        .expect("it waits")
}

fn hold(number: u32) -> Hold {
    let trip = offered(number);
    Hold {
        key: trip.hold_key().expect("it is offered"),
        stage: HoldStage::Reserved,
        deadline: trip.tries[0].deadline,
        accepted_at: None,
        offer: Offer {
            rider: trip.rider,
            pickup: trip.pickup,
            dropoff: trip.dropoff,
            driver_pay: trip.fare.driver_pay,
            pickup_distance_m: 700.25,
        },
    }
}

/// User and system time of this process so far, as Linux counts it, in hundredths of a second.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .expect("a name")
        .split_whitespace()
        .collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

async fn measure<F: Future<Output = ()>>(what: &str, count: u32, step: impl Fn(u32) -> F) {
    let (start, cpu_start) = (Instant::now(), cpu());
    stream::iter(0..count)
        .map(step)
        .buffer_unordered(IN_FLIGHT)
        .collect::<Vec<()>>()
        .await;
    let (wall, cpu) = (start.elapsed(), cpu() - cpu_start);
    println!(
        "{what:<34} {:>7.0}/s   {:>5} µs CPU each",
        f64::from(count) / wall.as_secs_f64(),
        cpu.as_micros() / u128::from(count)
    );
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let begun = Instant::now();
    let servers = EmbeddedAws::start()?;
    let clients = servers.clients();
    let stack = Stack::new(clients.clone(), provision(&clients, "load-").await?);
    println!(
        "started and provisioned in {:?}; {IN_FLIGHT} calls in flight",
        begun.elapsed()
    );
    let trips = DynamoTrips::new(&stack, SweepPolicy::default());
    let holds = DynamoHolds::new(&stack);
    let region = Region::new("new-york")?;
    let now = Timestamp::from_millis(1_700_000_012_000);

    let (start, cpu_start) = (Instant::now(), cpu());
    let under_way: Vec<_> = (0..SEEDED).map(|n| offered(1_000_000 + n)).collect();
    trips.seed_trips(&under_way).await?;
    holds
        .seed_holds(&(0..SEEDED).map(|n| hold(1_000_000 + n)).collect::<Vec<_>>())
        .await?;
    println!(
        "seed {SEEDED} trips and holds: {:?}, CPU {:?}",
        start.elapsed(),
        cpu() - cpu_start
    );

    measure("create a trip", RIDES, async |n| {
        assert_eq!(trips.create(&trip(n)).await.expect("create"), Created::New);
    })
    .await;
    let start = Instant::now();
    let open = trips.open(&region, 10_000).await?.len();
    println!("read {open} open trips: {:?}", start.elapsed());
    measure("get a trip", RIDES, async |n| {
        assert!(trips.get(trip(n).id).await.expect("get").is_some());
    })
    .await;
    measure("reserve a driver", RIDES, async |n| {
        assert_eq!(
            holds.reserve(&hold(n), now).await.expect("reserve"),
            Reserved::Held
        );
    })
    .await;
    measure("transition a trip", RIDES, async |n| {
        assert_eq!(
            trips.transition(&offered(n)).await.expect("transition"),
            Swap::Done
        );
    })
    .await;
    measure("mark a hold as offered", RIDES, async |n| {
        assert!(holds.mark_offered(hold(n).key).await.expect("mark"));
    })
    .await;
    measure("accept a hold", RIDES, async |n| {
        assert!(
            holds
                .accept(hold(n).key, now)
                .await
                .expect("accept")
                .is_ok()
        );
    })
    .await;
    measure("end a hold", RIDES, async |n| {
        assert!(
            holds
                .end(hold(n).key, HoldEnd::Released)
                .await
                .expect("end")
        );
    })
    .await;
    measure("reserve a driver who is taken", RIDES, async |n| {
        let key = HoldKey {
            trip: TripId(u128::from(n) + (1 << 100)),
            ..hold(1_000_000).key
        };
        let other = Hold { key, ..hold(n) };
        assert_eq!(
            holds.reserve(&other, now).await.expect("reserve"),
            Reserved::DriverTaken
        );
    })
    .await;
    measure("take a lease", RIDES, async |n| {
        let until = now + Duration::from_secs(30);
        assert!(
            trips
                .take(&region, Round(n.into()), now, until)
                .await
                .expect("take")
        );
    })
    .await;
    let events = SqsTripEvents::new(&stack);
    measure("send a trip event", RIDES, async |n| {
        let event = TripEvent {
            key: hold(n).key,
            sequence: 1,
            kind: TripEventKind::Accepted,
            at: now,
            stamps: Stamps::default(),
        };
        events.send(&event).await.expect("send");
    })
    .await;
    let consumer = QueueConsumer::new(&stack, Queue::TripEvents);
    measure("receive and delete 10 events", RIDES / 10, async |_| {
        let messages = consumer
            .receive(10, Duration::ZERO, None)
            .await
            .expect("receive");
        let handles: Vec<_> = messages.into_iter().map(|m| m.receipt_handle).collect();
        assert!(consumer.delete(&handles).await.expect("delete").is_empty());
    })
    .await;
    let start = Instant::now();
    let (trips, holds) = (
        trips.all_trips().await?.len(),
        holds.all_holds().await?.len(),
    );
    println!(
        "read all {trips} trips and {holds} holds: {:?}",
        start.elapsed()
    );
    println!("{:#?}\n{:#?}", stack.meter.tables(), stack.meter.queues());
    servers.stop();
    Ok(())
}
