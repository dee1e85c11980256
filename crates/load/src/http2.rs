//! Requests side by side on connections of HTTP/2, by `hyper`; and so those of gRPC.

use std::cell::Cell;
use std::error::Error as _;
use std::rc::Rc;

use bytes::Bytes;
use h2::Reason;
use http::header::{CONTENT_TYPE, HeaderValue, TE};
use http::{HeaderMap, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Mutex;

use crate::connect::Dialer;
use crate::grpc;
use crate::tally::{Answered, Failure, Outcome};
use crate::target::{Request, Scheme, Target};

/// How often one request is sent, as long as it is handed back unread each time.
pub(crate) const TRIES_MAX: usize = 4;

type Asked = http::Request<Full<Bytes>>;

/// A connection that is open, or was.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// It takes no more requests, though those under way may yet be answered.
    retired: Cell<bool>,
}

/// A connection that many share.
pub(crate) struct Link {
    dialer: Rc<Dialer>,
    connection: Mutex<Option<Rc<Connection>>>,
}

impl Link {
    pub(crate) fn new(dialer: Rc<Dialer>) -> Self {
        Self {
            dialer,
            connection: Mutex::new(None),
        }
    }

    /// Opens the connection if it is not, or takes no more requests, and takes part in it.
    async fn open(&self) -> Result<Rc<Connection>, Failure> {
        let mut connection = self.connection.lock().await;
        let usable = |open: &&Rc<Connection>| !open.retired.get() && !open.sender.is_closed();
        if let Some(open) = connection.as_ref().filter(usable) {
            return Ok(open.clone());
        }
        let io = TokioIo::new(self.dialer.dial().await?);
        let shaken = handshake(TokioExecutor::new(), io).await;
        let (sender, driver) = shaken.map_err(|error| failure(&error))?;
        // How it ends is seen by the requests on it.
        tokio::spawn(async move {
            let _ = driver.await;
        });
        let retired = Cell::new(false);
        let opened = Rc::new(Connection { sender, retired });
        *connection = Some(opened.clone());
        Ok(opened)
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

    /// Carries a request there and its answer back. Dropped before that, it resets its stream.
    pub(crate) async fn carry(&mut self) -> Outcome {
        let (head, mut body) = self.answer().await?.into_parts();
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
    async fn answer(&self) -> Result<Response<Incoming>, Failure> {
        for _ in 0..TRIES_MAX {
            let connection = self.link.open().await?;
            let mut sender = connection.sender.clone();
            let answer = sender.try_send_request(self.request.clone()).await;
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match handed_back(&error) {
                Some(HandedBack::Retired) => connection.retired.set(true),
                Some(HandedBack::Open) => {}
                None => return Err(failure(error.error())),
            }
        }
        Err(Failure::Closed)
    }
}
