//! Requests side by side on connections of HTTP/2, by `hyper`; and so those of gRPC.

use std::rc::Rc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, TE};
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Mutex;

use crate::connect::Dialer;
use crate::grpc;
use crate::tally::{Answered, Failure, Outcome};
use crate::target::{Request, Scheme, Target};

/// A connection that many share.
pub(crate) struct Link {
    dialer: Rc<Dialer>,
    sender: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Link {
    pub(crate) fn new(dialer: Rc<Dialer>) -> Self {
        Self {
            dialer,
            sender: Mutex::new(None),
        }
    }

    /// Opens the connection if it is not, and takes part in it.
    pub(crate) async fn open(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let mut sender = self.sender.lock().await;
        if let Some(open) = sender.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(open.clone());
        }
        let io = TokioIo::new(self.dialer.dial().await?);
        let shaken = handshake(TokioExecutor::new(), io).await;
        let (opened, connection) = shaken.map_err(|error| failure(&error))?;
        // How it ends is seen by the requests on it.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        *sender = Some(opened.clone());
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

/// One request at a time on a shared connection.
pub(crate) struct Http2 {
    link: Rc<Link>,
    request: http::Request<Full<Bytes>>,
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
        let mut sender = self.link.open().await?;
        let answer = sender.send_request(self.request.clone()).await;
        let (head, mut body) = answer.map_err(|error| failure(&error))?.into_parts();
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
}
