//! A lane carries one request at a time: over a connection of its own in HTTP/1.1, over one that it shares in HTTP/2.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use crate::http1::Http1;
use crate::http2::Http2;
use crate::tally::{Failure, Outcome};

/// What a lane carries requests with.
pub(crate) enum Lane {
    Http1(Http1),
    Http2(Http2),
}

impl Lane {
    /// Opens its connection, if it is not.
    pub(crate) async fn open(&mut self) -> Result<(), Failure> {
        match self {
            Self::Http1(lane) => lane.open().await,
            Self::Http2(lane) => lane.open().await,
        }
    }

    /// Carries a request there and its answer back. `sent` is moved to when its turn came on a connection that it shares,
    /// and is none as long as it did not.
    pub(crate) async fn carry(&mut self, sent: &mut Option<Instant>) -> Outcome {
        match self {
            Self::Http1(lane) => lane.carry().await,
            Self::Http2(lane) => lane.carry(sent).await,
        }
    }

    /// Waits until its own connection closes; for ever where it has none.
    pub(crate) async fn closes(&mut self) {
        match self {
            Self::Http1(lane) => lane.closes().await,
            Self::Http2(_) => std::future::pending().await,
        }
    }

    /// Bytes that each request writes.
    pub(crate) fn request_bytes(&self) -> u64 {
        match self {
            Self::Http1(lane) => lane.request_bytes(),
            Self::Http2(lane) => lane.request_bytes(),
        }
    }
}

/// The time-outs of one lane's requests.
///
/// A timer of the executor costs a tenth of a request, and nearly all are given up before they ring. So one is kept, set
/// for the deadline of some request, and only when it rings moved to that of the request which is then under way.
pub(crate) struct Patience(Pin<Box<Sleep>>);

impl Patience {
    pub(crate) fn new() -> Self {
        Self(Box::pin(sleep_until(Instant::now().into())))
    }

    /// What a request comes to, unless the deadline comes before.
    pub(crate) async fn within(
        &mut self,
        deadline: Instant,
        request: impl Future<Output = Outcome>,
    ) -> Outcome {
        let deadline = tokio::time::Instant::from(deadline);
        let timer = &mut self.0;
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        let mut request = pin!(request);
        poll_fn(|context| {
            if let Poll::Ready(outcome) = request.as_mut().poll(context) {
                return Poll::Ready(outcome);
            }
            while timer.as_mut().poll(context).is_ready() {
                if timer.deadline() >= deadline {
                    return Poll::Ready(Err(Failure::TimedOut));
                }
                timer.as_mut().reset(deadline);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Answered;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn deadlines_are_kept_whatever_the_timer_was_set_for() {
        let mut patience = Patience::new();
        let answered = Answered {
            status: 200,
            bytes: 0,
        };
        let start = tokio::time::Instant::now();
        // (due in, answered after), in milliseconds: the timer is behind, far ahead, and right.
        for (deadline, takes) in [
            (50, 10),
            (1_000, 100),
            (30, 10),
            (30, 100),
            (70, 200),
            (500, 499),
        ] {
            let began = tokio::time::Instant::now();
            let request = async {
                tokio::time::sleep(Duration::from_millis(takes)).await;
                Ok(answered)
            };
            let until = began.into_std() + Duration::from_millis(deadline);
            let outcome = patience.within(until, request).await;
            let took = began.elapsed().as_millis();
            let expected = if takes < deadline {
                Ok(answered)
            } else {
                Err(Failure::TimedOut)
            };
            assert_eq!((outcome, took), (expected, u128::from(takes.min(deadline))));
        }
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}
