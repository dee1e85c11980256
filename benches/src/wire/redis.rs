//! A client of Redis that does no more than a benchmark needs: commands ready to be sent, and answers that are read
//! to their end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The key that everything is under.
const KEY: &str = "drivers";
/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(10);
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// How deep an answer may be nested.
const DEPTH_MAX: usize = 4;

/// A port of this machine that nobody listens on a moment ago.
///
/// # Errors
/// If there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Waits until somebody listens.
///
/// # Errors
/// If nobody does in time.
pub fn wait_for(address: SocketAddr) -> anyhow::Result<()> {
    let give_up = Instant::now() + START_MAX;
    while std::net::TcpStream::connect(address).is_err() {
        anyhow::ensure!(
            Instant::now() < give_up,
            "{address}: found nobody listening"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A command in the protocol of Redis.
fn command(words: &[String]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

/// `GEOADD` of members by number, at latitude and longitude.
#[must_use]
pub fn geo_add(members: &[(u64, (f64, f64))]) -> Vec<u8> {
    let mut words = vec!["GEOADD".to_owned(), KEY.to_owned()];
    for (member, (lat, lon)) in members {
        words.extend([format!("{lon:.6}"), format!("{lat:.6}"), member.to_string()]);
    }
    command(&words)
}

/// `GEOSEARCH` for the nearest `count` within a radius, with their places and distances.
#[must_use]
pub fn geo_search((lat, lon): (f64, f64), radius_m: f64, count: usize) -> Vec<u8> {
    let words = format!(
        "GEOSEARCH {KEY} FROMLONLAT {lon:.6} {lat:.6} BYRADIUS {radius_m} m ASC COUNT {count} WITHCOORD WITHDIST"
    );
    command(&words.split(' ').map(str::to_owned).collect::<Vec<_>>())
}

/// `AUTH` by a token.
fn auth(token: &str) -> Vec<u8> {
    command(&["AUTH".to_owned(), token.to_owned()])
}

/// `PING`, which does nothing.
#[must_use]
pub fn ping() -> Vec<u8> {
    command(&["PING".to_owned()])
}

/// Clients of one server.
#[derive(Debug, Clone, Copy)]
pub struct Clients {
    /// Where it listens.
    pub address: SocketAddr,
    /// By which they are known, where they have to be.
    pub token: Option<&'static str>,
    /// How many there are, each with a connection of its own.
    pub connections: usize,
}

impl Clients {
    /// Send commands, all clients at once, each `pipelined` of them before it reads the answers. Tells how many items each
    /// answer has, in the order of the commands. All of them are on one thread, as those of `redis-benchmark` are.
    ///
    /// # Errors
    /// If the server answers with an error, or not at all.
    pub fn ask(self, commands: Vec<Vec<u8>>, pipelined: usize) -> anyhow::Result<Vec<usize>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let count = commands.len();
        let each = count.div_ceil(self.connections).max(1);
        let mut commands = commands.into_iter();
        runtime.block_on(async {
            let mut clients = Vec::new();
            while commands.len() > 0 {
                let own = commands.by_ref().take(each).collect();
                clients.push(tokio::spawn(self.converse(own, pipelined)));
            }
            let mut items = Vec::with_capacity(count);
            for client in clients {
                items.extend(client.await??);
            }
            Ok(items)
        })
    }

    async fn converse(
        self,
        commands: Vec<Vec<u8>>,
        pipelined: usize,
    ) -> anyhow::Result<Vec<usize>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let mut connection = Connection {
            stream,
            arrived: Vec::new(),
        };
        if let Some(token) = self.token {
            connection.ask(&auth(token), 1, &mut Vec::new()).await?;
        }
        let mut items = Vec::with_capacity(commands.len());
        for commands in commands.chunks(pipelined) {
            connection
                .ask(&commands.concat(), commands.len(), &mut items)
                .await?;
        }
        Ok(items)
    }
}

struct Connection {
    stream: TcpStream,
    arrived: Vec<u8>,
}

impl Connection {
    /// Sends so many commands, and adds how many items each answer has.
    async fn ask(
        &mut self,
        commands: &[u8],
        count: usize,
        items: &mut Vec<usize>,
    ) -> anyhow::Result<()> {
        self.stream.write_all(commands).await?;
        let mut left = count;
        while left > 0 {
            self.arrived.reserve(READ_BYTES);
            let read = self.stream.read_buf(&mut self.arrived).await?;
            anyhow::ensure!(read > 0, "found no answer");
            let mut rest = &self.arrived[..];
            while left > 0
                && let Some((found, after)) = read_answer(rest, 0)?
            {
                items.push(found);
                (rest, left) = (after, left - 1);
            }
            let read = self.arrived.len() - rest.len();
            self.arrived.drain(..read);
        }
        Ok(())
    }
}

/// Reads the answer at the beginning and tells how many items it has: those of a list, of anything else one or, of
/// nothing, none; and what comes after it. Nothing while there is not all of it.
fn read_answer(bytes: &[u8], depth: usize) -> anyhow::Result<Option<(usize, &[u8])>> {
    anyhow::ensure!(depth < DEPTH_MAX, "found an answer nested too deep");
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let (line, mut rest) = bytes.split_at(end + 1);
    let line = std::str::from_utf8(line)?.trim_end();
    let (kind, told) = line.split_at_checked(1).context("found no answer")?;
    match kind {
        ":" | "+" => Ok(Some((1, rest))),
        "$" => {
            let length: i64 = told.parse()?;
            let Ok(length) = usize::try_from(length) else {
                return Ok(Some((0, rest)));
            };
            Ok(rest.get(length + 2..).map(|rest| (1, rest)))
        }
        "*" => {
            let count = usize::try_from(told.parse::<i64>()?).unwrap_or(0);
            for _ in 0..count {
                let Some((_, after)) = read_answer(rest, depth + 1)? else {
                    return Ok(None);
                };
                rest = after;
            }
            Ok(Some((count, rest)))
        }
        _ => anyhow::bail!("found {line:?}, expected an answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let told = &b"*2\r\n*2\r\n$1\r\n7\r\n$5\r\n12.34\r\n$-1\r\n:1\r\n"[..];
        let (two, rest) = read_answer(told, 0).unwrap().unwrap();
        assert_eq!((two, rest), (2, &b":1\r\n"[..]));
        assert_eq!(read_answer(rest, 0).unwrap(), Some((1, &b""[..])));
        for part in 0..told.len() - rest.len() {
            assert_eq!(read_answer(&told[..part], 0).unwrap(), None);
        }
        assert_eq!(read_answer(b"$-1\r\n", 0).unwrap(), Some((0, &b""[..])));
        assert!(read_answer(b"-ERR no\r\n", 0).is_err());
        assert_eq!(
            command(&["GET".to_owned(), "ä".to_owned()]),
            "*2\r\n$3\r\nGET\r\n$2\r\nä\r\n".as_bytes()
        );
    }
}
