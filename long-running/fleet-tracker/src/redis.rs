//! The tracker for clients of Redis: `GEOADD`, `GEOSEARCH` and `ZREM` in Redis' own protocol, for parts of the system
//! that keep drivers' places in Redis so far. The password is a token, as over gRPC. What a command does is the same use
//! case as over gRPC; what this protocol spares is HTTP/2, which costs more than to find the nearest.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use domain::Timestamp;
use identity::Subject;
use services::ports::{CandidateQuery, Clock, HoldStore, MarketSnapshots, TripEvents};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;
use wire::resp::geo::{Command, GeoSearch, Members, Shape};
use wire::resp::{Answers, CommandLimits, Reader, Words};

use crate::accept::connections;
use crate::limits::{
    BATCH_ANSWER_PATIENCE, MESSAGE_BYTES_MAX, PINGS_PER_BATCH_MAX, REDIS_ANSWER_BYTES,
    REDIS_CLIENTS_MAX, REDIS_FAREWELL, REDIS_READ_BYTES, REDIS_SEARCHES_AT_ONCE, REDIS_STRANGER,
    REDIS_STRANGER_PATIENCE,
};
use crate::service::Shared;

/// What clients may send whose token is known.
const LIMITS: CommandLimits = CommandLimits {
    // GEOADD, its key, and three words for each driver.
    words: 2 + 3 * PINGS_PER_BATCH_MAX,
    bytes: MESSAGE_BYTES_MAX,
};

/// What strangers are answered.
const NO_TOKEN: &str = "NOAUTH found no token, expected AUTH and one of a part of the system first";

/// How the server is: there to be asked.
const INFO: &str = concat!(
    "# Server\r\nserver_name:rushhour\r\nrushhour_version:",
    env!("CARGO_PKG_VERSION"),
    "\r\n# Persistence\r\nloading:0\r\n"
);

/// Serves clients. Dropped, it ends their connections: what a command does is then done whole or not at all, but its
/// answer may not arrive.
pub(crate) async fn serve<H, E, S, C>(shared: Arc<Shared<H, E, S, C>>, listener: TcpListener)
where
    H: HoldStore + 'static,
    E: TripEvents + 'static,
    S: MarketSnapshots + 'static,
    C: Clock + 'static,
{
    let mut clients = JoinSet::new();
    let mut connections = pin!(connections(listener));
    loop {
        tokio::select! {
            Some(_) = clients.join_next() => {}
            Some(accepted) = connections.next(), if clients.len() < REDIS_CLIENTS_MAX => {
                if let Ok(stream) = accepted {
                    clients.spawn(converse(shared.clone(), stream));
                }
            }
        }
    }
}

async fn converse<H, E, S, C>(shared: Arc<Shared<H, E, S, C>>, stream: TcpStream)
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    let mut client = Client {
        shared,
        stream,
        known_until: None,
        speaks_third: false,
        members: Members::default(),
        searches: Searches::default(),
        answers: Answers::default(),
    };
    if let Err(error) = client.converse().await {
        tracing::debug!(%error, "a client of Redis' protocol is gone");
    }
}

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

/// Searches that came one after the other and have not been answered: they are done together.
#[derive(Debug, Default)]
struct Searches {
    queries: Vec<CandidateQuery>,
    shapes: Vec<Shape>,
    count: usize,
    radius_m: f64,
}

/// A connection.
struct Client<H, E, S, C> {
    shared: Arc<Shared<H, E, S, C>>,
    stream: TcpStream,
    /// Until when its token is good; none: it has shown none.
    known_until: Option<Timestamp>,
    /// Whether it speaks the third version of the protocol.
    speaks_third: bool,
    members: Members,
    searches: Searches,
    answers: Answers,
}

impl<H, E, S, C> Client<H, E, S, C>
where
    H: HoldStore,
    E: TripEvents,
    S: MarketSnapshots,
    C: Clock,
{
    /// Answers what comes until no more does. Nothing is read before what was read is answered and the answers are sent:
    /// so a client feels that it is too fast.
    async fn converse(&mut self) -> io::Result<()> {
        let mut read = vec![0; REDIS_READ_BYTES];
        let mut arrived = Vec::new();
        let mut reader = Reader::default();
        let known_by = Instant::now() + REDIS_STRANGER_PATIENCE;
        loop {
            let reading = self.stream.read(&mut read);
            let bytes = match self.known_until {
                Some(_) => reading.await?,
                // Nor is who sends without a pause listened to any longer.
                None if Instant::now() >= known_by => return Err(io::ErrorKind::TimedOut.into()),
                None => tokio::time::timeout_at(known_by, reading).await??,
            };
            if bytes == 0 {
                return Ok(());
            }
            arrived.extend_from_slice(&read[..bytes]);
            let (taken, next) = self.take(&arrived, &mut reader).await?;
            self.search().await;
            self.send().await?;
            if next == Next::End {
                return self.see_off(&mut read).await;
            }
            arrived.drain(..taken);
            if arrived.is_empty() && arrived.capacity() > REDIS_READ_BYTES {
                // A long command is over, and may have been the only one.
                (arrived, reader) = (Vec::new(), Reader::default());
                self.members = Members::default();
            }
            if bytes == read.len() {
                // There may be any amount more: others have their turn.
                tokio::task::yield_now().await;
            }
        }
    }

    /// Ends the connection, and reads over what the client was still sending: one that is cut off in the middle of it would
    /// not hear why.
    async fn see_off(&mut self, read: &mut [u8]) -> io::Result<()> {
        self.stream.shutdown().await?;
        let until = Instant::now() + REDIS_FAREWELL;
        while Instant::now() < until {
            if tokio::time::timeout_at(until, self.stream.read(read)).await?? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Answers all commands that have arrived whole, and says how many bytes they were.
    async fn take(&mut self, arrived: &[u8], reader: &mut Reader) -> io::Result<(usize, Next)> {
        let mut taken = 0;
        loop {
            let limits = match self.known_until {
                Some(_) => LIMITS,
                None => REDIS_STRANGER,
            };
            match reader.read(&arrived[taken..], limits) {
                Ok(None) => return Ok((taken, Next::GoOn)),
                Ok(Some((words, bytes))) => {
                    taken += bytes;
                    if self.answer(words).await == Next::End {
                        return Ok((taken, Next::End));
                    }
                }
                Err(fault) => {
                    self.search().await;
                    self.malformed(&format!("ERR Protocol error: {fault}"));
                    return Ok((taken, Next::End));
                }
            }
            if self.answers.as_bytes().len() >= REDIS_ANSWER_BYTES {
                self.send().await?;
            }
        }
    }

    /// Does what a command asks for if whoever asks may, or has it wait for more of the kind.
    async fn answer(&mut self, words: Words<'_>) -> Next {
        let command = match Command::read(words, &mut self.members) {
            Ok(Some(command)) => command,
            Ok(None) => return Next::GoOn,
            Err(fault) => {
                self.search().await;
                self.malformed(&fault);
                return Next::GoOn;
            }
        };
        let is_for_anybody = matches!(
            command,
            Command::Auth { .. } | Command::Hello { .. } | Command::Quit
        );
        if !is_for_anybody {
            let Some(until) = self.known_until else {
                self.answers.error(&NO_TOKEN);
                return Next::GoOn;
            };
            if self.shared.clock.now() >= until {
                self.search().await;
                let again = "NOAUTH the token expired: connect again with a fresh one";
                self.answers.error(&again);
                return Next::End;
            }
            self.shared.metrics.messages.inc();
        }
        // Answers come in the order of commands.
        if !matches!(command, Command::GeoSearch(_)) {
            self.search().await;
        }
        self.carry_out(command).await
    }

    /// Does what a command asks for.
    async fn carry_out(&mut self, command: Command<'_>) -> Next {
        match command {
            Command::Auth { token } => match self.authenticate(token).await {
                Ok(()) => self.answers.simple("OK"),
                Err(why) => self.answers.error(&why),
            },
            Command::Hello { token, is_third } => {
                self.speaks_third = is_third.unwrap_or(self.speaks_third);
                let known = match token {
                    Some(token) => self.authenticate(token).await,
                    None if self.known_until.is_none() => Err(NO_TOKEN.to_owned()),
                    None => Ok(()),
                };
                match known {
                    Ok(()) => self.hello(),
                    Err(why) => self.answers.error(&why),
                }
            }
            Command::Quit => {
                self.answers.simple("OK");
                return Next::End;
            }
            Command::Ping { message: None } => self.answers.simple("PONG"),
            Command::Ping {
                message: Some(message),
            } => self.answers.bulk(message),
            Command::Noted => self.answers.simple("OK"),
            Command::Commands => self.answers.array(0),
            Command::Info => self.answers.bulk(INFO.as_bytes()),
            Command::GeoAdd { class } => {
                let (shared, drivers) = (&self.shared, &self.members.places);
                shared.metrics.placed(drivers.len());
                let placing = async { shared.tracker.put_online(drivers, class) };
                let new = shared.calls.work("tracker.put_online", placing).await;
                self.answers.integer(new as u64);
            }
            Command::Remove => {
                let (shared, drivers) = (&self.shared, &self.members.drivers);
                let taking = async { shared.tracker.take_offline(drivers) };
                let removed = shared.calls.work("tracker.take_offline", taking).await;
                self.answers.integer(removed as u64);
            }
            Command::GeoSearch(search) => {
                if !self.searches.go_with(&search) {
                    self.search().await;
                }
                self.searches.add(search);
            }
        }
        Next::GoOn
    }

    async fn authenticate(&mut self, token: &[u8]) -> Result<(), String> {
        let wrong = |why: &dyn std::fmt::Display| format!("WRONGPASS {why}");
        let token = std::str::from_utf8(token).map_err(|error| wrong(&error))?;
        let caller = self.shared.verify(token).await;
        let caller = caller.map_err(|error| wrong(&error))?;
        match caller.subject {
            Subject::Service => {
                self.known_until = Some(caller.until);
                Ok(())
            }
            other => Err(format!(
                "NOPERM found {other}, expected a part of the system"
            )),
        }
    }

    /// What a client wants to know of a server, as pairs.
    fn hello(&mut self) {
        let texts = [
            ("server", "rushhour"),
            ("version", env!("CARGO_PKG_VERSION")),
            ("mode", "standalone"),
            ("role", "master"),
        ];
        let pairs = texts.len() + 1;
        if self.speaks_third {
            self.answers.map(pairs);
        } else {
            self.answers.array(2 * pairs);
        }
        for (name, text) in texts {
            self.answers.bulk(name.as_bytes());
            self.answers.bulk(text.as_bytes());
        }
        self.answers.bulk(b"proto");
        self.answers.integer(if self.speaks_third { 3 } else { 2 });
    }

    /// Says why something is no command. What strangers send is not counted.
    fn malformed(&mut self, why: &impl std::fmt::Display) {
        if self.known_until.is_some() {
            self.shared.metrics.bad_messages.inc();
        }
        self.answers.error(why);
    }

    /// Does the searches that wait.
    async fn search(&mut self) {
        if self.searches.queries.is_empty() {
            return;
        }
        let searches = &mut self.searches;
        let radius_m = Some(searches.radius_m);
        let finding = self
            .shared
            .find(&searches.queries, searches.count, radius_m);
        let lists = finding.await;
        for (list, shape) in lists.iter().zip(&searches.shapes) {
            let found = list.iter().map(|it| (it.driver, it.place, it.distance_m));
            self.answers.nearest(*shape, found);
        }
        searches.queries.clear();
        searches.shapes.clear();
    }

    /// Sends all answers there are. A client that reads none of them for too long is cut off.
    async fn send(&mut self) -> io::Result<()> {
        let mut rest = self.answers.as_bytes();
        while !rest.is_empty() {
            // Nearly always there is room for all of it.
            match self.stream.try_write(rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let room = self.stream.writable();
                    match tokio::time::timeout(BATCH_ANSWER_PATIENCE, room).await {
                        Ok(room) => room?,
                        Err(late) => {
                            self.shared.metrics.slow_readers.inc();
                            return Err(late.into());
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        self.answers.clear(REDIS_ANSWER_BYTES);
        Ok(())
    }
}

impl Searches {
    /// Whether a search can be done with those that wait.
    fn go_with(&self, search: &GeoSearch) -> bool {
        let alike = self.count == search.count && self.radius_m == search.radius_m;
        self.queries.is_empty() || (alike && self.queries.len() < REDIS_SEARCHES_AT_ONCE)
    }

    fn add(&mut self, search: GeoSearch) {
        (self.count, self.radius_m) = (search.count, search.radius_m);
        self.queries.push(CandidateQuery {
            pickup: search.place,
            classes: search.classes,
            excluded: Vec::new(),
        });
        self.shapes.push(search.shape);
    }
}
