//! `fleet-tracker health`: asks the tracker beside it whether it is well, as a container's health check does.
//! An image with nothing but the binary in it has no other program to ask with.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// As much of the answer as its first line is long.
const FIRST_LINE_MAX: u64 = 64;

/// Asks for `/healthz` where metrics listen.
///
/// # Errors
/// If nobody answers in time, or with anything but 200.
pub fn ask(listen: SocketAddr) -> io::Result<()> {
    let mut at = listen;
    if at.ip().is_unspecified() {
        at.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let mut stream = TcpStream::connect_timeout(&at, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    // In one write: who answers before all of it is read resets the connection, and the answer is lost.
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(FIRST_LINE_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    if line.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    let what = format!("found {line:?} at {at}, expected HTTP/1.1 200");
    Err(io::Error::other(what))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        at
    }

    #[test]
    fn only_200_is_well() {
        assert!(ask(answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")).is_ok());
        let sick = ask(answering("HTTP/1.1 503 Service Unavailable\r\n\r\n")).unwrap_err();
        assert!(sick.to_string().contains("503"), "{sick}");
        let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = nobody.local_addr().unwrap();
        drop(nobody);
        assert!(ask(at).is_err());
    }
}
