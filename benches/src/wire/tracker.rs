//! The fleet tracker as a server of a benchmark, and a client that keeps it busy over several connections.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::process::Child;
use std::time::Duration;

use anyhow::Context as _;
use calls::Calls;
use cloud::memory::{MemoryHolds, MemoryQueue};
use cloud::queue::QueueConfig;
use domain::{Place, VehicleClasses};
use fleet::FleetPolicy;
use fleet_tracker::{FleetTracker, TrackerConfig};
use host::WallClock;
use host::market::MarketDocument;
use identity::{Issuer, Subject, Verifier};
use services::ports::Clock as _;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};
use wire::grpc::v1::driver_message::Message as Up;
use wire::grpc::v1::fleet_tracker_client::FleetTrackerClient;
use wire::grpc::v1::tracker_message::Message as Down;
use wire::grpc::v1::{self, PingBatch};

/// By which client and server know each other.
const SECRET: [u8; 32] = [7; 32];
/// What parts of the system show, as they do where they are deployed.
pub const SERVICE_TOKEN: &str = "a part of the system, as any other";
/// How long tokens are good: longer than any benchmark.
const TOKEN_TTL: Duration = Duration::from_secs(3_600);
/// Processors of the server: those of the task that it is deployed as, 1 vCPU.
const SERVER_PROCESSORS: NonZeroUsize = NonZeroUsize::MIN;

/// Latitude and longitude in degrees.
pub type Degrees = (f64, f64);

/// Serves on free ports, which it prints, that of gRPC and that of Redis' protocol, until standard input ends.
///
/// # Errors
/// If it cannot listen.
#[expect(clippy::print_stdout, reason = "its owner reads the address")]
pub fn serve() -> anyhow::Result<()> {
    fleet_tracker::runtime(SERVER_PROCESSORS)?.block_on(async {
        let market =
            MarketDocument::parse("region = 'here'\n[travel]\nspeed_kmh = 20")?.market()?;
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = TrackerConfig {
            market: market.into(),
            // Clients take as long as they take: nobody falls silent meanwhile.
            policy: FleetPolicy {
                ping_expiry: TOKEN_TTL,
                ..FleetPolicy::default()
            },
            callers: Verifier::development(&SECRET)?
                .with_service_token(SERVICE_TOKEN)?
                .into(),
            grpc: anywhere,
            metrics: anywhere,
            redis: Some(anywhere),
            calls: Calls::default(),
        };
        let events = MemoryQueue::new(QueueConfig::default(), WallClock);
        let snapshots = MemoryQueue::new(QueueConfig::default(), WallClock);
        let holds = MemoryHolds::new();
        let tracker = FleetTracker::start(config, holds, events, snapshots, WallClock).await?;
        let redis = tracker.redis.context("clients of Redis are not answered")?;
        println!("{} {redis}", tracker.grpc);
        let ended = || std::io::stdin().read_to_end(&mut Vec::new());
        tokio::task::spawn_blocking(ended).await??;
        Ok(())
    })
}

/// Where a child that serves listens: for gRPC, and for clients of Redis.
///
/// # Errors
/// If it does not say.
pub fn addresses_of(child: &mut Child) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let told = child.stdout.take().context("its output is not piped")?;
    let mut line = String::new();
    BufReader::new(told).read_line(&mut line)?;
    let addresses = line.trim_end().split_once(' ');
    let addresses =
        addresses.and_then(|(grpc, redis)| Some((grpc.parse().ok()?, redis.parse().ok()?)));
    addresses.with_context(|| format!("found {line:?}, expected two addresses"))
}

/// A driver's stream.
#[derive(Debug)]
pub struct Stream {
    up: mpsc::Sender<v1::DriverMessage>,
    down: Streaming<v1::TrackerMessage>,
    pings: u64,
}

/// Connections to a tracker.
#[derive(Debug)]
pub struct Client {
    runtime: Runtime,
    connections: Vec<FleetTrackerClient<Channel>>,
    issuer: Issuer,
}

impl Client {
    /// Opens so many connections.
    ///
    /// # Errors
    /// If one does not open.
    pub fn connect(address: SocketAddr, connections: usize) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let connections = runtime.block_on(async {
            let mut all = Vec::new();
            for _ in 0..connections {
                let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
                let channel = endpoint.tcp_nodelay(true).connect().await?;
                all.push(FleetTrackerClient::new(channel).max_decoding_message_size(64 << 20));
            }
            anyhow::Ok(all)
        })?;
        Ok(Self {
            runtime,
            connections,
            issuer: Issuer::development(&SECRET)?,
        })
    }

    fn request<T>(&self, subject: Subject, message: T) -> anyhow::Result<Request<T>> {
        let mut request = Request::new(message);
        let token = match subject {
            Subject::Service => SERVICE_TOKEN.to_owned(),
            other => self.issuer.issue(other, TOKEN_TTL),
        };
        let token = format!("Bearer {token}");
        request
            .metadata_mut()
            .insert("authorization", MetadataValue::try_from(token)?);
        Ok(request)
    }

    /// Tells where drivers are, in batches of so many, on each connection `pipelined` of them before their answers are read.
    /// Each driver has a connection, as each has a gateway: what is told of one comes in its order.
    ///
    /// # Errors
    /// If a ping of a batch moves nobody.
    pub fn report(
        &self,
        places: Vec<(u64, Degrees)>,
        batch: usize,
        pipelined: usize,
    ) -> anyhow::Result<()> {
        let mut sequence = sequence();
        let sent_at_us = WallClock.now().as_micros();
        let mut of_each = vec![Vec::new(); self.connections.len()];
        for (driver, degrees) in places {
            of_each[driver as usize % self.connections.len()].push((driver, place(degrees)));
        }
        let mut tasks = JoinSet::new();
        for (places, client) in of_each.into_iter().zip(&self.connections) {
            let batches = places.chunks(batch).map(|places| {
                let first = sequence;
                sequence += places.len() as u64;
                PingBatch {
                    batch: first,
                    drivers: places.iter().map(|(driver, _)| *driver).collect(),
                    sequences: (first..sequence).collect(),
                    lat_e7: places.iter().map(|(_, place)| place.lat_e7).collect(),
                    lon_e7: places.iter().map(|(_, place)| place.lon_e7).collect(),
                    sent_at_us: vec![sent_at_us; places.len()],
                    vehicle_classes: Vec::new(),
                }
            });
            let batches: Vec<PingBatch> = batches.collect();
            let mut client = client.clone();
            let (up, requests) = mpsc::channel(pipelined);
            let request = self.request(Subject::Service, ReceiverStream::new(requests))?;
            tasks.spawn_on(
                async move {
                    let mut down = client.report(request).await?.into_inner();
                    let mut batches = batches.into_iter();
                    while batches.len() > 0 {
                        let mut told = Vec::new();
                        for batch in batches.by_ref().take(pipelined) {
                            told.push(batch.drivers.len());
                            up.send(batch).await?;
                        }
                        for pings in told {
                            let taken = down.message().await?;
                            let taken = taken.context("found no answer to a batch")?;
                            anyhow::ensure!(
                                taken.moved as usize == pings,
                                "found {taken:?}, expected {pings} pings to move drivers"
                            );
                        }
                    }
                    anyhow::Ok(())
                },
                self.runtime.handle(),
            );
        }
        self.run(tasks)
    }

    /// Opens so many drivers' streams on each connection, and puts the drivers online.
    ///
    /// # Errors
    /// If one does not open.
    pub fn streams(&self, each: u64) -> anyhow::Result<Vec<Vec<Stream>>> {
        let mut all = Vec::new();
        for (connection, client) in (0..).zip(&self.connections) {
            let mut streams = Vec::new();
            for number in 0..each {
                let (up, messages) = mpsc::channel(1);
                let driver = Subject::Driver(connection * each + number);
                let request = self.request(driver, ReceiverStream::new(messages))?;
                let mut client = client.clone();
                let down = self.runtime.block_on(client.track(request))?.into_inner();
                streams.push(Stream { up, down, pings: 0 });
            }
            all.push(streams);
        }
        Ok(all)
    }

    /// Sends the pings of each connection one after the other is answered, from one of its drivers after the other.
    ///
    /// # Errors
    /// If one moves nobody.
    pub fn ping(&self, drivers: Vec<Vec<Stream>>, pings: Vec<Vec<Degrees>>) -> anyhow::Result<()> {
        let mut tasks = JoinSet::new();
        for (mut streams, pings) in drivers.into_iter().zip(pings) {
            tasks.spawn_on(
                async move {
                    let drivers = streams.len();
                    for (number, degrees) in pings.into_iter().enumerate() {
                        streams[number % drivers].ping(place(degrees)).await?;
                    }
                    anyhow::Ok(())
                },
                self.runtime.handle(),
            );
        }
        self.run(tasks)
    }

    /// Asks for the nearest ten of each place, so many in a request.
    ///
    /// # Errors
    /// If one is not answered with ten.
    pub fn nearest(&self, places: &[Degrees], batch: usize) -> anyhow::Result<()> {
        let requests = places.chunks(batch).map(|places| {
            let queries = places
                .iter()
                .map(|degrees| (here(*degrees), VehicleClasses::ALL, &[][..]));
            wire::grpc::candidates_request(queries, 10, None)
        });
        self.candidates(&requests.collect::<Vec<_>>())
    }

    /// Asks for the nearest of no place at all, so often.
    ///
    /// # Errors
    /// If one is not answered.
    pub fn nothing(&self, requests: usize) -> anyhow::Result<()> {
        let nothing = wire::grpc::candidates_request([], 10, None);
        self.candidates(&vec![nothing; requests])
    }

    fn candidates(&self, requests: &[v1::CandidatesRequest]) -> anyhow::Result<()> {
        let each = requests.len().div_ceil(self.connections.len()).max(1);
        let mut tasks = JoinSet::new();
        for (requests, client) in requests.chunks(each).zip(&self.connections) {
            let (requests, mut client) = (requests.to_vec(), client.clone());
            let token = self.request(Subject::Service, ())?.into_parts().0;
            tasks.spawn_on(
                async move {
                    for request in requests {
                        let request =
                            Request::from_parts(token.clone(), Default::default(), request);
                        let counts = client.candidates(request).await?.into_inner().counts;
                        anyhow::ensure!(
                            counts.iter().all(|count| *count == 10),
                            "found fewer than ten"
                        );
                    }
                    anyhow::Ok(())
                },
                self.runtime.handle(),
            );
        }
        self.run(tasks)
    }

    fn run(&self, mut tasks: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            while let Some(ended) = tasks.join_next().await {
                ended??;
            }
            Ok(())
        })
    }
}

impl Stream {
    async fn ping(&mut self, place: v1::Place) -> anyhow::Result<()> {
        self.pings += 1;
        let ping = v1::Ping {
            sequence: sequence() + self.pings,
            place: Some(place),
            sent_at_us: WallClock.now().as_micros(),
        };
        self.up
            .send(v1::DriverMessage {
                message: Some(Up::Ping(ping)),
            })
            .await?;
        let answer = self
            .down
            .message()
            .await?
            .context("found no answer to a ping")?;
        let moved = v1::PingOutcome::Moved;
        anyhow::ensure!(
            matches!(&answer.message, Some(Down::PingAck(ack)) if ack.outcome() == moved),
            "found {answer:?}, expected the ping to move its driver"
        );
        Ok(())
    }
}

/// A number for a ping: it counts up with time, and by more than there are pings, so that any later one is above it.
fn sequence() -> u64 {
    WallClock.now().as_micros().unsigned_abs() * 1_000
}

fn here((lat, lon): Degrees) -> Place {
    Place::new(lat, lon).expect("New York is on the globe")
}

fn place(degrees: Degrees) -> v1::Place {
    here(degrees).into()
}
