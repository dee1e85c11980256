//! Lambda's Runtime API as far as one event: hands it out, takes the answer, and tells when each happened.

use std::future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::binaries::Binary;
use super::table::{self, HOST, Identity};

/// How long a start may take before it is given up.
const START_MAX: Duration = Duration::from_secs(20);
/// Why a lock is good.
const UNPOISONED: &str = "nobody panics while holding it";

/// What one start showed, counted from just before exec.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Until it asked for an event.
    pub(super) first_poll: Duration,
    /// Until it had answered the event that reads a table, if it was handed one.
    pub(super) first_read: Option<Duration>,
}

/// What the function under way did.
#[derive(Debug)]
enum Did {
    Poll(Instant),
    Answer(Instant, Bytes),
    Fail(Bytes),
}

/// What a start is given, and who is told what it does.
struct Start {
    /// Handed out to the first poll; polls that find none are left waiting.
    event: Mutex<Option<Bytes>>,
    tell: Sender<Did>,
}

/// The start under way. A connection belongs to the one that it was opened in, so that what a process sends as it is
/// ended is not taken for its successor's.
type UnderWay = Arc<Mutex<Option<Arc<Start>>>>;

/// The API and, beside it, the table; both on loopback, on a thread of their own.
pub(super) struct RuntimeApi {
    api: SocketAddr,
    table: SocketAddr,
    folder: TempDir,
    bundle: PathBuf,
    under_way: UnderWay,
}

impl RuntimeApi {
    /// Starts to listen.
    ///
    /// # Errors
    /// If there is no port, or no certificate.
    pub(super) fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let identity = Identity::new(folder.path())?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (api, table) = (runtime.block_on(listen())?, runtime.block_on(listen())?);
        let under_way = UnderWay::default();
        let started = Self {
            api: api.local_addr()?,
            table: table.local_addr()?,
            bundle: identity.bundle,
            folder,
            under_way: Arc::clone(&under_way),
        };
        thread::spawn(move || {
            runtime.spawn(table::serve(table, identity.acceptor));
            runtime.block_on(serve(api, under_way));
        });
        Ok(started)
    }

    /// Starts a binary, and ends it when it has polled and, if it has an event, answered.
    ///
    /// # Errors
    /// If it does not start, fails, or takes longer than [`START_MAX`].
    pub(super) fn run(&self, binary: &Binary) -> anyhow::Result<Seen> {
        let path = binary.path.display();
        let (tell, did) = channel();
        let start = Start {
            event: Mutex::new(binary.event.clone()),
            tell,
        };
        *self.under_way.lock().expect(UNPOISONED) = Some(Arc::new(start));
        let mut command = self.command(binary);
        let began = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("{path}: does not start"))?;
        let seen = watch(&did, began, binary.event.is_some());
        child.kill()?;
        child.wait()?;
        seen.with_context(|| format!("{path}"))
    }

    fn command(&self, binary: &Binary) -> Command {
        let mut command = Command::new(&binary.path);
        command
            .env_clear()
            .envs(binary.settings.iter().copied())
            .env("AWS_LAMBDA_RUNTIME_API", self.api.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", binary.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_SESSION_TOKEN", "token")
            .env(
                "AWS_ENDPOINT_URL",
                format!("https://{HOST}:{}", self.table.port()),
            )
            .env("SSL_CERT_FILE", &self.bundle)
            // As on Lambda, where nobody is at home.
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }
}

fn watch(did: &Receiver<Did>, began: Instant, answers: bool) -> anyhow::Result<Seen> {
    let mut first_poll = None;
    loop {
        let left = START_MAX.saturating_sub(began.elapsed());
        let did = did.recv_timeout(left);
        match (
            did.context("found no poll or no answer in time, expected both")?,
            first_poll,
        ) {
            (Did::Poll(at), _) => first_poll = Some(at - began),
            (Did::Answer(at, body), Some(first_poll)) => {
                // A quote, or a trip that is not there; any other answer came from no table.
                let text = String::from_utf8_lossy(&body);
                anyhow::ensure!(
                    ["\"statusCode\":200", "\"statusCode\":404"]
                        .iter()
                        .any(|said| text.contains(said)),
                    "found the answer {text}, expected 200 or 404"
                );
                return Ok(Seen {
                    first_poll,
                    first_read: Some(at - began),
                });
            }
            (Did::Answer(..), None) => anyhow::bail!("found an answer before a poll"),
            (Did::Fail(body), _) => anyhow::bail!("failed: {}", String::from_utf8_lossy(&body)),
        }
        if let (false, Some(first_poll)) = (answers, first_poll) {
            return Ok(Seen {
                first_poll,
                first_read: None,
            });
        }
    }
}

async fn serve(listener: TcpListener, under_way: UnderWay) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let Some(start) = under_way.lock().expect(UNPOISONED).clone() else {
            continue;
        };
        let service = service_fn(move |request| answer(request, Arc::clone(&start)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    start: Arc<Start>,
) -> hyper::Result<Response<Full<Bytes>>> {
    let at = Instant::now();
    if request.method() == Method::GET {
        let _ = start.tell.send(Did::Poll(at));
        let event = start.event.lock().expect(UNPOISONED).take();
        return match event {
            Some(event) => Ok(handed_out(event)),
            None => future::pending().await,
        };
    }
    let answered = request.uri().path().ends_with("/response");
    let body = request.into_body().collect().await?.to_bytes();
    let did = if answered {
        Did::Answer(at, body)
    } else {
        Did::Fail(body)
    };
    let _ = start.tell.send(did);
    let mut response = Response::new(Full::from(r#"{"status":"OK"}"#));
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn handed_out(event: Bytes) -> Response<Full<Bytes>> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let deadline_ms = (now + START_MAX).as_millis();
    Response::builder()
        .header(
            "lambda-runtime-aws-request-id",
            "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
        )
        .header("lambda-runtime-deadline-ms", deadline_ms.to_string())
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:cold",
        )
        .body(Full::from(event))
        .expect("a response of these parts")
}
