//! A client of Redis that does no more than a benchmark needs: commands ready to be sent, and answers that are read
//! to their end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// The key that everything is under.
const KEY: &str = "drivers";
/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(10);
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
    while TcpStream::connect(address).is_err() {
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
    /// answer has, in the order of the commands.
    ///
    /// # Errors
    /// If the server answers with an error, or not at all.
    pub fn ask(self, commands: Vec<Vec<u8>>, pipelined: usize) -> anyhow::Result<Vec<usize>> {
        let each = commands.len().div_ceil(self.connections).max(1);
        std::thread::scope(|scope| {
            let clients: Vec<_> = commands
                .chunks(each)
                .map(|commands| scope.spawn(move || self.converse(commands, pipelined)))
                .collect();
            let mut items = Vec::with_capacity(commands.len());
            for client in clients {
                items.extend(client.join().ok().context("a client died")??);
            }
            Ok(items)
        })
    }

    fn converse(self, commands: &[Vec<u8>], pipelined: usize) -> anyhow::Result<Vec<usize>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        if let Some(token) = self.token {
            stream.write_all(&auth(token))?;
            read_answer(&mut answers, 0)?;
        }
        let mut items = Vec::with_capacity(commands.len());
        for commands in commands.chunks(pipelined) {
            stream.write_all(&commands.concat())?;
            for _ in commands {
                items.push(read_answer(&mut answers, 0)?);
            }
        }
        Ok(items)
    }
}

/// Reads an answer to its end and tells how many items it has: those of a list, of anything else one or, of nothing,
/// none.
fn read_answer(answers: &mut impl BufRead, depth: usize) -> anyhow::Result<usize> {
    anyhow::ensure!(depth < DEPTH_MAX, "found an answer nested too deep");
    let mut line = String::new();
    answers.read_line(&mut line)?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1).context("found no answer")?;
    match kind {
        ":" | "+" => Ok(1),
        "$" => {
            let length: i64 = rest.parse()?;
            let Ok(length) = u64::try_from(length) else {
                return Ok(0);
            };
            let mut text = Vec::new();
            answers.take(length + 2).read_to_end(&mut text)?;
            Ok(1)
        }
        "*" => {
            let count = usize::try_from(rest.parse::<i64>()?).unwrap_or(0);
            for _ in 0..count {
                read_answer(answers, depth + 1)?;
            }
            Ok(count)
        }
        _ => anyhow::bail!("found {line:?}, expected an answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let mut told = &b"*2\r\n*2\r\n$1\r\n7\r\n$5\r\n12.34\r\n$-1\r\n:1\r\n"[..];
        assert_eq!(read_answer(&mut told, 0).unwrap(), 2);
        assert_eq!(read_answer(&mut told, 0).unwrap(), 1);
        assert!(told.is_empty());
        assert_eq!(read_answer(&mut &b"$-1\r\n"[..], 0).unwrap(), 0);
        assert!(read_answer(&mut &b"-ERR no\r\n"[..], 0).is_err());
        assert_eq!(
            command(&["GET".to_owned(), "ä".to_owned()]),
            "*2\r\n$3\r\nGET\r\n$2\r\nä\r\n".as_bytes()
        );
    }
}
