//! A load from start to end: workers on threads of their own, told when to start and when to stop.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::connect::{Endpoint, TlsError};
use crate::limits::{GLANCE_EVERY, INTERRUPTED_DRAIN_MAX, QUIET_MAX, RATE_PER_THREAD, SILENCE_MAX};
use crate::schedule::Schedule;
use crate::tally::{Failure, Tally};
use crate::target::{Request, Scheme, Target, TargetError};
use crate::worker::{Order, Part, Standing, work};

/// How requests follow each other.
#[derive(Debug, Clone)]
pub enum Pace {
    /// When they are due, however slow the target is: an open loop.
    Open(Schedule),
    /// Each lane's next one when the one before is answered, for so long: a closed loop.
    Closed(Duration),
}

impl Pace {
    /// How long requests are sent.
    #[must_use]
    pub fn span(&self) -> Duration {
        match self {
            Self::Open(schedule) => schedule.span(),
            Self::Closed(span) => *span,
        }
    }
}

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One request at a time on each connection.
    Http1,
    /// Requests side by side on each connection; known to the server beforehand where there is no TLS.
    Http2,
}

/// A load.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What is asked.
    pub target: Target,
    /// What is sent each time.
    pub request: Request,
    /// Over which HTTP. gRPC is on [`Protocol::Http2`].
    pub protocol: Protocol,
    /// When.
    pub pace: Pace,
    /// Connections, opened before the start.
    pub connections: usize,
    /// Requests side by side on all connections of HTTP/2 together.
    pub streams: usize,
    /// Requests under way and waiting for a connection, beyond which what falls due is dropped.
    pub in_flight: usize,
    /// Threads that send; as many as the pace needs if not given, and never more than connections.
    pub threads: Option<usize>,
    /// How long an answer is waited for, from the sending on.
    pub timeout: Duration,
    /// Certificates (PEM) to believe in instead of this machine's.
    pub roots: Option<PathBuf>,
}

/// Why there was no load.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The target's name.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Its certificates.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It could not be reached.
    #[error(
        "{url}: found {failure} at {addresses:?}, expected it to take {connections} connections within {timeout:?}"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Its addresses.
        addresses: Vec<SocketAddr>,
        /// Why.
        failure: Failure,
        /// How many were to be opened.
        connections: usize,
        /// Within what time each.
        timeout: Duration,
    },
    /// The operating system had no room for threads, runtimes or timers.
    #[error("threads of this machine: {0}, expected room for them")]
    Machine(#[from] std::io::Error),
}

/// How a load ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All of it was sent.
    Whole,
    /// It was interrupted.
    Interrupted,
    /// The target answered nothing for so long, though asked.
    Died(Duration),
}

/// How a load stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Glance {
    /// Since the start.
    pub elapsed: Duration,
    /// Requests that fell due.
    pub due: u64,
    /// Of those, not sent because too much was in flight.
    pub dropped: u64,
    /// Answers.
    pub answered: u64,
    /// Requests that failed without one.
    pub failed: u64,
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) tally: Tally,
    /// How long requests were sent.
    pub(crate) span: Duration,
    /// When the last answer came, since the start: what was under way at the end of the span is still waited for.
    pub(crate) last_answer: Option<Duration>,
    pub(crate) ending: Ending,
}

/// The cores of this machine.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Plan {
    fn threads(&self) -> usize {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rates are not negative and bounded"
        )]
        let wanted = match &self.pace {
            Pace::Open(schedule) => (schedule.peak() / RATE_PER_THREAD).ceil() as usize,
            Pace::Closed(_) => cores(),
        };
        let threads = self.threads.unwrap_or(wanted.min(cores()));
        threads.min(self.connections).max(1)
    }

    fn endpoint(&self, addresses: Vec<SocketAddr>) -> Result<Endpoint, TlsError> {
        let protocol: &[u8] = match self.protocol {
            Protocol::Http1 => b"http/1.1",
            Protocol::Http2 => b"h2",
        };
        Endpoint::new(&self.target, addresses, protocol, self.roots.as_deref())
    }
}

/// A target that is asked and answers nothing.
#[derive(Default)]
struct Silence {
    since: Duration,
    /// When something was last seen to be due or under way.
    until: Duration,
    /// What had been asked at the last glance.
    asked: u64,
    answered: u64,
    /// What had failed already at the last answer, or before it was quiet.
    failed: u64,
}

impl Silence {
    /// How long it has lasted, at a glance.
    fn at(&mut self, glance: &Glance) -> Duration {
        let asked = glance.due - glance.dropped.min(glance.due);
        // What was asked and failed between two glances is seen by the count alone.
        if asked > self.asked || asked > glance.answered + glance.failed {
            self.until = glance.elapsed;
        }
        self.asked = asked;
        let all_answered = asked <= glance.answered + self.failed;
        // Whom nobody asks cannot answer: what failed before says nothing of such a time.
        let quiet = glance.elapsed.saturating_sub(self.until) >= QUIET_MAX;
        if glance.answered > self.answered || all_answered || quiet {
            self.since = glance.elapsed;
            self.answered = glance.answered;
            self.failed = glance.failed;
        }
        self.until.saturating_sub(self.since)
    }
}

type Workers = Vec<JoinHandle<std::io::Result<Tally>>>;

/// Runs a load to its end. `look` is told how it stands ten times a second, and may break it off.
pub(crate) fn run(
    plan: Plan,
    look: &mut dyn FnMut(&Glance) -> ControlFlow<()>,
) -> Result<Ran, LoadError> {
    debug_assert!(plan.target.scheme == Scheme::Http || plan.protocol == Protocol::Http2);
    let addresses = plan.target.addresses()?;
    let endpoint = plan.endpoint(addresses.clone())?;
    let plan = Arc::new(plan);
    let (orders, told) = watch::channel(Order::Open);
    let (opened, opening) = channel();
    let threads = plan.threads();
    let standings: Vec<Arc<Standing>> = (0..threads).map(|_| Arc::default()).collect();
    let mut workers = Workers::new();
    for (number, standing) in standings.iter().enumerate() {
        let part = Part {
            plan: plan.clone(),
            endpoint: endpoint.clone(),
            number,
            of: threads,
            standing: standing.clone(),
        };
        let (told, opened) = (told.clone(), opened.clone());
        let body = move || {
            // Moved in, so that who listens hears when all have spoken.
            work(&part, told, move |ready| {
                let _ = opened.send(ready);
            })
        };
        workers.push(
            std::thread::Builder::new()
                .name(format!("load-{number}"))
                .spawn(body)?,
        );
    }
    drop((told, opened));
    let mut interrupted = false;
    // One that cannot even begin says so when it is joined.
    let mut ready = Ok(());
    loop {
        match opening.recv_timeout(GLANCE_EVERY) {
            Ok(told) => ready = ready.and(told),
            Err(RecvTimeoutError::Timeout) => {
                interrupted = interrupted || look(&Glance::default()).is_break();
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if let Err(failure) = ready {
        return Err(LoadError::Unreachable {
            url: plan.target.to_string(),
            addresses,
            failure,
            connections: plan.connections,
            timeout: plan.timeout,
        });
    }
    let mut ending = if interrupted {
        Ending::Interrupted
    } else {
        Ending::Whole
    };
    let start = Instant::now();
    let mut span = Duration::ZERO;
    if !interrupted {
        // A failed send means that no worker is left, which joining them tells.
        let _ = orders.send(Order::Go(start));
        ending = watch_over(&plan, start, &workers, &standings, look);
        span = start.elapsed().min(plan.pace.span());
    }
    if ending != Ending::Whole {
        let _ = orders.send(Order::Stop(INTERRUPTED_DRAIN_MAX.min(plan.timeout)));
    }
    let mut tally = Tally::default();
    for worker in workers {
        let counted = worker.join().expect("workers do not panic")?;
        tally.merge(&counted);
    }
    let last_answer = tally
        .last_answer
        .map(|at| at.saturating_duration_since(start));
    Ok(Ran {
        tally,
        span,
        last_answer,
        ending,
    })
}

/// Looks at the load until all workers are done, it is broken off, or the target has died.
fn watch_over(
    plan: &Plan,
    start: Instant,
    workers: &Workers,
    standings: &[Arc<Standing>],
    look: &mut dyn FnMut(&Glance) -> ControlFlow<()>,
) -> Ending {
    let mut silence = Silence::default();
    // Longer than that, each request would have been given up one after the other.
    let silence_max = SILENCE_MAX.max(plan.timeout + Duration::from_secs(1));
    while !workers.iter().all(JoinHandle::is_finished) {
        std::thread::sleep(GLANCE_EVERY);
        let sum = |of: fn(&Standing) -> &std::sync::atomic::AtomicU64| {
            standings
                .iter()
                .map(|standing| of(standing).load(Ordering::Relaxed))
                .sum()
        };
        let glance = Glance {
            elapsed: start.elapsed(),
            due: sum(|standing| &standing.due),
            dropped: sum(|standing| &standing.dropped),
            answered: sum(|standing| &standing.answered),
            failed: sum(|standing| &standing.failed),
        };
        if look(&glance).is_break() {
            return Ending::Interrupted;
        }
        let silent = silence.at(&glance);
        if silent >= silence_max && glance.elapsed < plan.pace.span() + plan.timeout {
            return Ending::Died(silent);
        }
    }
    Ending::Whole
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many seconds a target has been silent for at a second, after so many were due, answered and failed.
    fn silences() -> impl FnMut(u64, u64, u64, u64) -> u64 {
        let mut silence = Silence::default();
        move |elapsed_s, due, answered, failed| {
            let glance = Glance {
                elapsed: Duration::from_secs(elapsed_s),
                due,
                dropped: 0,
                answered,
                failed,
            };
            silence.at(&glance).as_secs()
        }
    }

    #[test]
    fn a_target_is_silent_only_while_it_is_asked() {
        let mut at = silences();
        assert_eq!(at(1, 5, 5, 0), 0);
        // Nothing was asked.
        assert_eq!(at(30, 5, 5, 0), 0);
        assert_eq!(at(31, 6, 5, 0), 1);
        assert_eq!(at(40, 7, 5, 2), 10);
        assert_eq!(at(41, 8, 6, 2), 0);
        assert_eq!(at(50, 8, 6, 2), 0);
    }

    #[test]
    fn a_target_that_failed_once_is_not_silent_while_nothing_is_asked() {
        let mut at = silences();
        assert_eq!(at(1, 5, 5, 0), 0);
        // The sixth request fails, and nothing more is due for twenty seconds.
        assert_eq!(at(2, 6, 5, 1), 1);
        for elapsed_s in 3..=21 {
            assert!(at(elapsed_s, 6, 5, 1) <= 1, "{elapsed_s}");
        }
        // The next one is under way for three seconds: the quiet before it was no silence.
        for elapsed_s in 22..=24 {
            assert_eq!(at(elapsed_s, 7, 5, 1), elapsed_s - 21);
        }
        assert_eq!(at(25, 7, 6, 1), 0);
        // One that is given up after fourteen seconds was under way no longer than that.
        for elapsed_s in 26..=39 {
            assert_eq!(at(elapsed_s, 8, 6, 1), elapsed_s - 25);
        }
        for elapsed_s in 40..=90 {
            assert!(at(elapsed_s, 8, 6, 2) <= 14, "{elapsed_s}");
        }
    }

    #[test]
    fn a_target_that_fails_whenever_it_is_asked_is_silent_from_its_last_answer_on() {
        let mut at = silences();
        assert_eq!(at(1, 5, 5, 0), 0);
        // Each fails at once, so that none is ever seen under way.
        let mut failed = 0;
        for elapsed_s in 2..=16 {
            // Every other second.
            failed += (elapsed_s + 1) % 2;
            let silent = at(elapsed_s, 5 + failed, 5, failed);
            assert!(
                (elapsed_s - 2..elapsed_s).contains(&silent),
                "{elapsed_s}: {silent}"
            );
        }
        assert_eq!(at(17, 5 + failed + 1, 5, failed + 1), 16);
    }
}
