//! One request after the other on a kept connection of HTTP/1.1: one write and, mostly, one read each.

use std::rc::Rc;

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::answer::Reader;
use crate::connect::{Dialer, Io};
use crate::limits::READ_BYTES;
use crate::tally::{Answered, Failure, Outcome};

/// A connection, opened when there is need of it.
pub(crate) struct Http1 {
    dialer: Rc<Dialer>,
    request: Bytes,
    method: Method,
    /// A connection with no request on it.
    kept: Option<Kept>,
    buffer: Box<[u8; READ_BYTES]>,
}

struct Kept {
    stream: Box<dyn Io>,
    reader: Reader,
    /// Whether it has carried a request already.
    used: bool,
}

/// Why an exchange came to nothing.
struct Broken {
    failure: Failure,
    /// The server closed the connection as the request went out, as it may do with one that was idle.
    unheard: bool,
}

impl Http1 {
    /// A connection for a request, whose bytes are given whole.
    pub(crate) fn new(dialer: Rc<Dialer>, request: Bytes, method: Method) -> Self {
        Self {
            dialer,
            request,
            method,
            kept: None,
            buffer: Box::new([0; READ_BYTES]),
        }
    }

    /// Bytes that each request writes.
    pub(crate) fn request_bytes(&self) -> u64 {
        self.request.len() as u64
    }

    /// Opens the connection, if it is not.
    pub(crate) async fn open(&mut self) -> Result<(), Failure> {
        if self.kept.is_none() {
            self.kept = Some(Kept {
                stream: self.dialer.dial().await?,
                reader: Reader::new(self.method == Method::HEAD),
                used: false,
            });
        }
        Ok(())
    }

    /// Waits until the server closes the connection; for ever where there is none.
    pub(crate) async fn closes(&mut self) {
        let Some(kept) = &mut self.kept else {
            return std::future::pending().await;
        };
        // Whatever comes now answers nothing.
        let _ = kept.stream.read(&mut self.buffer[..1]).await;
        self.kept = None;
    }

    /// Carries a request there and its answer back. Dropped before that, it leaves no connection behind.
    pub(crate) async fn carry(&mut self) -> Outcome {
        // RFC 9110, 9.2.2: what may be done twice may be sent again when nobody heard it.
        let mut may_repeat = self.method.is_idempotent();
        loop {
            self.open().await?;
            let mut kept = self.kept.take().expect("it was just opened");
            let stale = kept.used;
            match self.exchange(&mut kept).await {
                Ok((answered, goes_on)) => {
                    kept.used = true;
                    self.kept = goes_on.then_some(kept);
                    return Ok(answered);
                }
                Err(broken) if broken.unheard && stale && may_repeat => may_repeat = false,
                Err(broken) => return Err(broken.failure),
            }
        }
    }

    async fn exchange(&mut self, kept: &mut Kept) -> Result<(Answered, bool), Broken> {
        let closed = |unheard| Broken {
            failure: Failure::Closed,
            unheard,
        };
        let stream = &mut kept.stream;
        let written = stream.write_all(&self.request).await;
        written.map_err(|_| closed(true))?;
        // Under TLS a record may be held back until then; of TCP it is nothing.
        stream.flush().await.map_err(|_| closed(true))?;
        let mut bytes = 0;
        let answer = loop {
            let read = stream.read(&mut self.buffer[..]).await;
            match read {
                Ok(0) | Err(_) => match kept.reader.closed() {
                    Ok(answer) if read.is_ok() => break answer,
                    Ok(_) => return Err(closed(false)),
                    Err(cut) => return Err(closed(!cut.begun)),
                },
                Ok(length) => {
                    bytes += length as u64;
                    let taken = kept.reader.take(&self.buffer[..length]);
                    let malformed = |_| Broken {
                        failure: Failure::Malformed,
                        unheard: false,
                    };
                    if let Some(answer) = taken.map_err(malformed)? {
                        break answer;
                    }
                }
            }
        };
        let answered = Answered {
            status: answer.status,
            bytes,
        };
        Ok((answered, answer.goes_on))
    }
}
