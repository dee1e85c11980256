//! Servers whose answers are known: one that answers at once, and one that stands still for 100 ms each second.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long the one that stands still does.
const STALL: Duration = Duration::from_millis(100);
/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// What is answered, about as long as the smallest answers of common servers.
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";

/// Serves until this process is ended, saying its address and then how long each stall was.
#[expect(clippy::print_stdout, reason = "what a server process says")]
pub(crate) fn serve(kind: &str) -> anyhow::Result<()> {
    let stalling = match kind {
        "stalling" => true,
        "plain" => false,
        _ => bail!("found {kind:?}, expected stalling or plain"),
    };
    // One thread, so that nothing is answered while it sleeps.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        if stalling {
            tokio::spawn(stall());
        }
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(answer(stream));
        }
    })
}

#[expect(clippy::print_stdout, reason = "what a server process says")]
async fn stall() {
    let mut seconds = tokio::time::interval(EVERY);
    loop {
        seconds.tick().await;
        let began = Instant::now();
        std::thread::sleep(STALL);
        println!("{}", began.elapsed().as_micros());
        // Its reader has gone only if the run is over.
        let _ = std::io::stdout().flush();
    }
}

/// Answers each request, of which one at a time is under way.
async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = [0; 4 * 1024];
    let mut length = 0;
    loop {
        let read = stream.read(&mut buffer[length..]).await?;
        if read == 0 {
            return Ok(());
        }
        length += read;
        if buffer[..length].ends_with(b"\r\n\r\n") {
            stream.write_all(ANSWER).await?;
            length = 0;
        }
    }
}

/// When a stall was over, and how long it was.
type Stalls = Arc<Mutex<Vec<(Instant, Duration)>>>;

/// A server process. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    stalls: Stalls,
}

impl Server {
    /// Starts one of a kind on a free port.
    pub(crate) fn start(kind: &str) -> anyhow::Result<Self> {
        let own = env::current_exe().context("where this program is")?;
        let mut command = Command::new(own);
        command
            .args(["serve", kind])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().context("a server process")?;
        let output = child.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(output).lines();
        let address = lines.next().context("its address")??.parse()?;
        let stalls = Stalls::default();
        let kept = stalls.clone();
        std::thread::spawn(move || {
            for us in lines
                .map_while(Result::ok)
                .filter_map(|line| line.parse().ok())
            {
                let mut stalls = kept.lock().expect("nobody panics while holding it");
                stalls.push((Instant::now(), Duration::from_micros(us)));
            }
        });
        Ok(Self {
            child,
            address,
            stalls,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The exact 99th percentile of what was due since, evenly, in milliseconds: who is due in a stall waits for its end,
    /// so that latencies above x are those due in the first part of stalls, all but the last x of each.
    pub(crate) fn exact_p99_ms(&self, since: Instant) -> anyhow::Result<f64> {
        let stalls = self.stalls.lock().expect("nobody panics while holding it");
        let stalls: Vec<f64> = stalls
            .iter()
            .filter(|(at, _)| *at > since)
            .map(|(_, stall)| stall.as_secs_f64() * 1_000.0)
            .collect();
        if stalls.is_empty() {
            bail!("found no stall, expected one each {EVERY:?}");
        }
        let all_ms = EVERY.as_secs_f64() * 1_000.0 * stalls.len() as f64;
        let share_above =
            |x: f64| stalls.iter().map(|stall| (stall - x).max(0.0)).sum::<f64>() / all_ms;
        let (mut low, mut high) = (0.0, stalls.iter().copied().fold(0.0, f64::max));
        // Each step halves the interval: 60 leave nothing of it.
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if share_above(middle) > 0.01 {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(high)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is ours and may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
