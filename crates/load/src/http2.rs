//! Requests side by side on connections of HTTP/2, by `hyper`; and so those of gRPC.

use std::cell::{Cell, RefCell};
use std::error::Error as _;
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use h2::Reason;
use http::header::{CONTENT_TYPE, HeaderValue, TE};
use http::{HeaderMap, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{self, Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::{Mutex, Semaphore};

use crate::connect::{Dialer, Io};
use crate::grpc;
use crate::limits::TRIES_MAX;
use crate::tally::{Answered, Failure, Outcome};
use crate::target::{Request, Scheme, Target};

type Asked = http::Request<Full<Bytes>>;

type Driver = http2::Connection<TokioIo<Box<dyn Io>>, Full<Bytes>, TokioExecutor>;

/// The streams of a connection: as many at once as its server allows, to whoever asked first. What `hyper` is given
/// beyond that waits unseen.
struct Streams {
    /// What moves the connection, and knows how many streams the server allows; until the connection ends.
    driver: RefCell<Option<Driver>>,
    /// Streams taken or free. Where the server came to allow fewer, they become fewer as they are given back.
    room: Cell<usize>,
    /// Closed when the connection takes no more requests, though those under way may yet be answered.
    free: Semaphore,
}

impl Streams {
    fn new(driver: Driver) -> Rc<Self> {
        Rc::new(Self {
            driver: RefCell::new(Some(driver)),
            room: Cell::new(0),
            free: Semaphore::new(0),
        })
    }

    /// Moves the connection to its end, which is seen by the requests on it.
    async fn drive(&self) {
        poll_fn(|context| {
            let polled = match self.driver.borrow_mut().as_mut() {
                Some(driver) => Pin::new(driver).poll(context).map(drop),
                None => Poll::Ready(()),
            };
            self.fit();
            polled
        })
        .await;
        self.driver.replace(None);
        self.free.close();
    }

    /// Makes room for as many streams as the server allows by now. One there is always, that of the request whose start
    /// tells that more are allowed.
    fn fit(&self) {
        let driver = self.driver.borrow();
        let allowed = driver.as_ref().map_or(0, Driver::current_max_send_streams);
        let allowed = allowed.clamp(1, Semaphore::MAX_PERMITS);
        let room = self.room.get();
        if allowed > room {
            self.free.add_permits(allowed - room);
            self.room.set(allowed);
        } else {
            let fewer = self.free.forget_permits(room - allowed);
            self.room.set(room - fewer);
        }
    }

    /// Takes a stream when there is one; none where the connection takes no more requests.
    async fn take(self: Rc<Self>) -> Option<Stream> {
        self.fit();
        self.free.acquire().await.ok()?.forget();
        Some(Stream(self))
    }
}

/// A stream that was taken, and is given back when dropped.
struct Stream(Rc<Streams>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.room.set(self.0.room.get() - 1);
        self.0.fit();
    }
}

/// A connection that is open, or was.
#[derive(Clone)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    streams: Rc<Streams>,
}

impl Connection {
    fn is_usable(&self) -> bool {
        !self.streams.free.is_closed() && !self.sender.is_closed()
    }
}

/// A connection that many share.
pub(crate) struct Link {
    dialer: Rc<Dialer>,
    connection: Mutex<Option<Connection>>,
}

impl Link {
    pub(crate) fn new(dialer: Rc<Dialer>) -> Self {
        Self {
            dialer,
            connection: Mutex::new(None),
        }
    }

    /// Opens the connection if it is not, or takes no more requests, and takes part in it.
    async fn open(&self) -> Result<Connection, Failure> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = connection.as_ref().filter(|open| open.is_usable()) {
            return Ok(open.clone());
        }
        let io = TokioIo::new(self.dialer.dial().await?);
        let mut builder = Builder::new(TokioExecutor::new());
        // Nothing is assumed: how many it allows is the first that a server says.
        builder.initial_max_send_streams(0);
        let shaken = builder.handshake(io).await;
        let (sender, driver) = shaken.map_err(|error| failure(&error))?;
        let streams = Streams::new(driver);
        let driven = streams.clone();
        tokio::task::spawn_local(async move { driven.drive().await });
        let opened = Connection { sender, streams };
        *connection = Some(opened.clone());
        Ok(opened)
    }

    /// Takes a stream of the connection. Where that is retired while others are before it, its turn is on the next one:
    /// each of these was opened for a request that is sent, and so the time-out bounds them.
    async fn stream(&self) -> Result<(SendRequest<Full<Bytes>>, Stream), Failure> {
        loop {
            let Connection { sender, streams } = self.open().await?;
            if let Some(stream) = streams.take().await {
                return Ok((sender, stream));
            }
        }
    }
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_parse() {
        Failure::Malformed
    } else {
        Failure::Closed
    }
}

/// That a request was handed back unread, and what it says of the connection.
enum HandedBack {
    /// It takes no more requests.
    Retired,
    /// It takes others.
    Open,
}

/// Whether a request is known not to have been looked at, so that even one which may not be done twice may be sent
/// again (RFC 9113, section 8.7): it never left, its stream is above the last one that the server will see to, or the
/// server refused the stream.
fn handed_back(error: &TrySendError<Asked>) -> Option<HandedBack> {
    if error.message().is_some() {
        return Some(HandedBack::Retired);
    }
    let cause = error.error().source()?.downcast_ref::<h2::Error>()?;
    if !cause.is_remote() {
        None
    } else if cause.is_go_away() {
        Some(HandedBack::Retired)
    } else {
        (cause.reason() == Some(Reason::REFUSED_STREAM)).then_some(HandedBack::Open)
    }
}

/// One request at a time on a shared connection.
pub(crate) struct Http2 {
    link: Rc<Link>,
    request: Asked,
    scheme: Scheme,
    request_bytes: u64,
}

impl Http2 {
    /// Requests of a target on a connection.
    pub(crate) fn new(link: Rc<Link>, target: &Target, request: &Request) -> Self {
        let mut asked = http::Request::new(Full::new(request.body.clone()));
        *asked.method_mut() = request.method.clone();
        *asked.version_mut() = http::Version::HTTP_2;
        *asked.uri_mut() = Uri::builder()
            .scheme(if target.tls { "https" } else { "http" })
            .authority(target.authority.as_str())
            .path_and_query(target.path.as_str())
            .build()
            .expect("they are parts of a URL that was read");
        *asked.headers_mut() = request.headers.clone();
        if target.scheme == Scheme::Grpc {
            let headers = asked.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        Self {
            link,
            request: asked,
            scheme: target.scheme,
            request_bytes: request.body.len() as u64,
        }
    }

    /// Bytes of each request's body: how many its headers take is known to the connection alone.
    pub(crate) fn request_bytes(&self) -> u64 {
        self.request_bytes
    }

    /// Opens the connection, if it is not.
    pub(crate) async fn open(&self) -> Result<(), Failure> {
        self.link.open().await.map(|_| ())
    }

    /// Carries a request there and its answer back, and says when it was sent, if it came to that. Dropped before that,
    /// it resets its stream.
    pub(crate) async fn carry(&mut self, sent: &mut Option<Instant>) -> Outcome {
        let (answer, _stream) = self.answer(sent).await?;
        let (head, mut body) = answer.into_parts();
        let mut bytes = 0;
        let mut trailers: Option<HeaderMap> = None;
        while let Some(frame) = body.frame().await {
            match frame.map_err(|error| failure(&error))?.into_data() {
                Ok(data) => bytes += data.len() as u64,
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        let status = match self.scheme {
            Scheme::Http => head.status.as_u16(),
            Scheme::Grpc => grpc::status(head.status, &head.headers, trailers.as_ref()),
        };
        Ok(Answered { status, bytes })
    }

    /// Sends a request until it is read, and waits for the head of its answer. A server that retires a connection loses
    /// nothing by it: what it hands back goes to another one.
    async fn answer(
        &self,
        sent: &mut Option<Instant>,
    ) -> Result<(Response<Incoming>, Stream), Failure> {
        for _ in 0..TRIES_MAX {
            *sent = None;
            let (mut sender, stream) = self.link.stream().await?;
            *sent = Some(Instant::now());
            let answer = sender.try_send_request(self.request.clone()).await;
            let error = match answer {
                Ok(answer) => return Ok((answer, stream)),
                Err(error) => error,
            };
            match handed_back(&error) {
                Some(HandedBack::Retired) => stream.0.free.close(),
                Some(HandedBack::Open) => {}
                None => return Err(failure(error.error())),
            }
        }
        Err(Failure::Closed)
    }
}
