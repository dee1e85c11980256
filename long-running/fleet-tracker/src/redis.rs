//! The tracker for clients of Redis: `GEOADD`, `GEOSEARCH` and `ZREM` in Redis' own protocol, for parts of the system
//! that keep drivers' places in Redis and are to find them here, with no more than an address and a password changed.
//! The password is a token, as over gRPC. What a command does is the same use case as over gRPC; what this protocol
//! spares is HTTP/2, which costs more than to find the nearest.

use std::io;
use std::sync::Arc;

use domain::Timestamp;
use identity::Subject;
use services::limits::QUERIES_AT_ONCE;
use services::ports::{CandidateQuery, Clock, HoldStore, MarketSnapshots, TripEvents};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use wire::resp::geo::{Command, GeoSearch, Members, Shape};
use wire::resp::{Answers, CommandLimits, Reader, Words};

use crate::limits::{
    ACCEPT_PAUSE, BATCH_ANSWER_PATIENCE, MESSAGE_BYTES_MAX, PINGS_PER_BATCH_MAX,
    REDIS_ANSWER_BYTES, REDIS_READ_BYTES, REDIS_STRANGER,
};
use crate::service::Shared;

/// What clients may send whose token is known.
const LIMITS: CommandLimits = CommandLimits {
    // GEOADD, its key, and three words for each driver.
    words: 2 + 3 * PINGS_PER_BATCH_MAX,
    bytes: MESSAGE_BYTES_MAX,
};

/// How the server is: there to be asked.
const INFO: &str = concat!(
    "# Server\r\nserver_name:rushhour\r\nrushhour_version:",
    env!("CARGO_PKG_VERSION"),
    "\r\n# Persistence\r\nloading:0\r\n"
);

/// Serves clients. Dropped, it ends their connections, none of them within a command.
pub(crate) async fn serve<H, E, S, C>(shared: Arc<Shared<H, E, S, C>>, listener: TcpListener)
where
    H: HoldStore + 'static,
    E: TripEvents + 'static,
    S: MarketSnapshots + 'static,
    C: Clock + 'static,
{
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = clients.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    clients.spawn(converse(shared.clone(), stream));
                }
                // Too many open files, most likely: those that are open go on.
                Err(error) => {
                    tracing::warn!(%error, "a client of Redis' protocol was not let in");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
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
        // Small messages each way: without it the kernel holds them back for up to 40 ms.
        self.stream.set_nodelay(true)?;
        let mut arrived = Vec::new();
        let mut reader = Reader::default();
        loop {
            arrived.reserve(REDIS_READ_BYTES);
            if self.stream.read_buf(&mut arrived).await? == 0 {
                return Ok(());
            }
            let mut taken = 0;
            let next = loop {
                let known = self.is_known();
                let limits = if known { LIMITS } else { REDIS_STRANGER };
                match reader.read(&arrived[taken..], limits) {
                    Ok(None) => break Next::GoOn,
                    Ok(Some((words, bytes))) => {
                        taken += bytes;
                        if self.answer(words, known).await? == Next::End {
                            break Next::End;
                        }
                    }
                    Err(fault) => {
                        let why = format!("ERR Protocol error: {fault}");
                        self.refuse(&why).await;
                        break Next::End;
                    }
                }
            };
            self.search().await;
            self.send().await?;
            if next == Next::End {
                return Ok(());
            }
            arrived.drain(..taken);
            if arrived.is_empty() {
                arrived.shrink_to(REDIS_READ_BYTES);
            }
        }
    }

    fn is_known(&self) -> bool {
        self.known_until
            .is_some_and(|until| self.shared.clock.now() < until)
    }

    /// Does what a command asks for, or has it wait for more of the kind.
    async fn answer(&mut self, words: Words<'_>, known: bool) -> io::Result<Next> {
        let command = match Command::read(words, &mut self.members) {
            Ok(Some(command)) => command,
            Ok(None) => return Ok(Next::GoOn),
            Err(fault) => {
                self.refuse(&fault).await;
                return Ok(Next::GoOn);
            }
        };
        self.shared.metrics.messages.inc();
        if let Command::GeoSearch(search) = command
            && known
        {
            if !self.searches.go_with(&search) {
                self.search().await;
                if self.answers.as_bytes().len() >= REDIS_ANSWER_BYTES {
                    self.send().await?;
                }
            }
            self.searches.add(search);
            return Ok(Next::GoOn);
        }
        // Answers come in the order of commands.
        self.search().await;
        match command {
            Command::Auth { token } => match self.authenticate(token).await {
                Ok(()) => self.answers.simple("OK"),
                Err(why) => self.refuse(&why).await,
            },
            Command::Hello { is_third, token } => {
                let token = match token {
                    Some(token) => self.authenticate(token).await,
                    None => Ok(()),
                };
                match token {
                    Ok(()) => self.hello(is_third),
                    Err(why) => self.refuse(&why).await,
                }
            }
            Command::Quit => {
                self.answers.simple("OK");
                return Ok(Next::End);
            }
            _ if !known => {
                const WHY: &str = "NOAUTH found no token that is good, expected AUTH and one of a part of the system";
                self.refuse(&WHY).await;
            }
            Command::Ping { message: None } => self.answers.simple("PONG"),
            Command::Ping {
                message: Some(message),
            } => self.answers.bulk(message),
            Command::Noted => self.answers.simple("OK"),
            Command::Commands => self.answers.array(0),
            Command::Info => self.answers.bulk(INFO.as_bytes()),
            Command::GeoAdd { class } => {
                let drivers = &self.members.places;
                self.shared.metrics.placed(drivers.len());
                let placing = async { self.shared.tracker.put_online(drivers, class) };
                let calls = &self.shared.calls;
                let new = calls.work("tracker.report_batch", placing).await;
                self.answers.integer(new as u64);
            }
            Command::Remove => {
                let drivers = self.members.drivers.iter();
                let were_online = drivers.filter(|id| self.shared.tracker.go_offline(**id));
                let removed = were_online.count();
                self.answers.integer(removed as u64);
            }
            Command::GeoSearch(_) => {
                unreachable!("searches of who is known wait, and others are refused")
            }
        }
        Ok(Next::GoOn)
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
    fn hello(&mut self, is_third: bool) {
        let texts = [
            ("server", "rushhour"),
            ("version", env!("CARGO_PKG_VERSION")),
            ("mode", "standalone"),
            ("role", "master"),
        ];
        let pairs = texts.len() + 1;
        if is_third {
            self.answers.map(pairs);
        } else {
            self.answers.array(2 * pairs);
        }
        for (name, text) in texts {
            self.answers.bulk(name.as_bytes());
            self.answers.bulk(text.as_bytes());
        }
        self.answers.bulk(b"proto");
        self.answers.integer(if is_third { 3 } else { 2 });
    }

    /// Says why a command is not done.
    async fn refuse(&mut self, why: &(impl std::fmt::Display + Sync)) {
        self.search().await;
        self.shared.metrics.bad_messages.inc();
        self.answers.error(why);
    }

    /// Does the searches that wait.
    async fn search(&mut self) {
        if self.searches.queries.is_empty() {
            return;
        }
        let searches = &mut self.searches;
        // Nothing is farther than that.
        let radius_m = searches.radius_m.is_finite().then_some(searches.radius_m);
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

    /// Sends all answers there are. A client that does not read them is cut off.
    async fn send(&mut self) -> io::Result<()> {
        let answers = self.answers.as_bytes();
        if answers.is_empty() {
            return Ok(());
        }
        // Nearly always there is room for all of it.
        let sent = match self.stream.try_write(answers) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        if sent < answers.len() {
            let sending = self.stream.write_all(&answers[sent..]);
            match tokio::time::timeout(BATCH_ANSWER_PATIENCE, sending).await {
                Ok(sent) => sent?,
                Err(_) => {
                    self.shared.metrics.slow_readers.inc();
                    return Err(io::ErrorKind::TimedOut.into());
                }
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
        self.queries.is_empty() || (alike && self.queries.len() < QUERIES_AT_ONCE)
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
