//! One thread that sends: requests by the schedule to lanes, or lanes that send as fast as they are answered.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};

use crate::alarm::Alarm;
use crate::connect::{Dialer, Endpoint};
use crate::http1::Http1;
use crate::http2::{Http2, Link};
use crate::lane::{Lane, Patience};
use crate::limits::{DRAIN_GRACE, RECONNECT_PAUSE};
use crate::run::{Pace, Plan, Protocol};
use crate::tally::{Failure, Tally};

/// Connections that a worker opens at once before the start: what waits to be accepted is bounded on the other side.
const OPENING_AT_ONCE: usize = 32;
/// How often somebody behind its schedule lets answers be read.
const TURN: u32 = 64;

/// What workers are told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Open connections.
    Open,
    /// Send, from this time on.
    Go(Instant),
    /// Send no more, and wait so long for what is under way.
    Stop(Duration),
}

/// How a worker stands, for others to read while it works.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) due: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// One worker's part of a plan.
pub(crate) struct Part {
    pub(crate) plan: Arc<Plan>,
    pub(crate) endpoint: Endpoint,
    /// Which of how many workers it is.
    pub(crate) number: usize,
    pub(crate) of: usize,
    pub(crate) standing: Arc<Standing>,
}

/// An even part of a whole, of which nothing is lost over all parts.
fn share(whole: usize, number: usize, of: usize) -> usize {
    whole / of + usize::from(number < whole % of)
}

impl Part {
    fn share(&self, whole: usize) -> usize {
        share(whole, self.number, self.of)
    }
}

/// A request that is due.
struct Job {
    due: Instant,
    /// When somebody looked after it.
    taken: Instant,
}

/// What the tasks of a worker share.
struct Desk {
    timeout: Duration,
    /// Requests are due at times of their own, not when they are sent.
    scheduled: bool,
    queue: RefCell<VecDeque<Job>>,
    /// Lanes with nothing to do, the last one to become so on top: few connections are kept warm rather than all.
    idle: RefCell<Vec<Rc<Notify>>>,
    /// Jobs in the queue and under way.
    in_flight: Cell<usize>,
    in_flight_max: usize,
    /// Nothing more is to come.
    closing: Cell<bool>,
    tally: RefCell<Tally>,
    standing: Arc<Standing>,
    opening: Semaphore,
    orders: watch::Receiver<Order>,
}

impl Desk {
    /// Takes a request that is due, or drops it.
    fn take(&self, job: Job) {
        let mut tally = self.tally.borrow_mut();
        tally.due += 1;
        self.standing.due.store(tally.due, Ordering::Relaxed);
        tally.lag.record(job.taken - job.due);
        if self.in_flight.get() >= self.in_flight_max {
            tally.dropped += 1;
            self.standing
                .dropped
                .store(tally.dropped, Ordering::Relaxed);
            return;
        }
        self.in_flight.set(self.in_flight.get() + 1);
        self.queue.borrow_mut().push_back(job);
        if let Some(lane) = self.idle.borrow_mut().pop() {
            lane.notify_one();
        }
    }

    /// Sends a request, and counts what comes of it; when that came, and whether it may be tried again at once.
    async fn send(&self, lane: &mut Lane, patience: &mut Patience, job: &Job) -> (Instant, bool) {
        let begun = Instant::now();
        let mut sent = Some(begun);
        let outcome = patience
            .within(begun + self.timeout, lane.carry(&mut sent))
            .await;
        let now = Instant::now();
        let mut tally = self.tally.borrow_mut();
        tally.bytes_out += lane.request_bytes();
        let mut service = None;
        if self.scheduled {
            tally.wait.record(sent.unwrap_or(now) - job.taken);
            service = sent.map(|sent| now - sent);
        }
        tally.count(outcome, now, now - job.due, service);
        let counter = match outcome {
            Ok(_) => &self.standing.answered,
            Err(_) => &self.standing.failed,
        };
        // Nobody else writes it.
        counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        let was_reached = outcome.err().is_none_or(Failure::is_after_connecting);
        (now, was_reached)
    }

    /// Waits for the start.
    async fn started(&self) -> Option<Instant> {
        let mut orders = self.orders.clone();
        let told = orders.wait_for(|order| !matches!(order, Order::Open)).await;
        match *told.ok()? {
            Order::Go(start) => Some(start),
            _ => None,
        }
    }

    /// Carries what is due until nothing more is to come.
    async fn carry_due(&self, mut lane: Lane) {
        let mut patience = Patience::new();
        let mine = Rc::new(Notify::new());
        loop {
            let job = self.queue.borrow_mut().pop_front();
            let Some(job) = job else {
                if self.closing.get() {
                    return;
                }
                self.idle.borrow_mut().push(mine.clone());
                tokio::select! {
                    biased;
                    () = mine.notified() => {}
                    // It is opened again when there is something to carry.
                    () = lane.closes() => mine.notified().await,
                }
                continue;
            };
            self.send(&mut lane, &mut patience, &job).await;
            self.in_flight.set(self.in_flight.get() - 1);
        }
    }

    /// Carries one request after the other until nothing more is to come.
    async fn carry_on(&self, mut lane: Lane) {
        let mut patience = Patience::new();
        let Some(start) = self.started().await else {
            return;
        };
        tokio::time::sleep_until(start.into()).await;
        let mut sent = Instant::now();
        while !self.closing.get() {
            {
                let mut tally = self.tally.borrow_mut();
                tally.due += 1;
                self.standing.due.store(tally.due, Ordering::Relaxed);
            }
            self.in_flight.set(self.in_flight.get() + 1);
            let job = Job {
                due: sent,
                taken: sent,
            };
            let (now, at_once) = self.send(&mut lane, &mut patience, &job).await;
            self.in_flight.set(self.in_flight.get() - 1);
            sent = now;
            if !at_once {
                tokio::time::sleep(RECONNECT_PAUSE).await;
                sent = Instant::now();
            }
        }
    }
}

/// Works until the end of the plan or until told to stop, and says what it counted. `opened` is told once whether the
/// connections are open.
///
/// # Errors
/// If the operating system has no room for a runtime.
pub(crate) fn work(
    part: &Part,
    orders: watch::Receiver<Order>,
    opened: impl FnOnce(Result<(), Failure>),
) -> std::io::Result<Tally> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build()?;
    LocalSet::new().block_on(&runtime, drive(part, orders, opened))
}

async fn drive(
    part: &Part,
    orders: watch::Receiver<Order>,
    opened: impl FnOnce(Result<(), Failure>),
) -> std::io::Result<Tally> {
    let plan = &part.plan;
    let desk = Rc::new(Desk {
        timeout: plan.timeout,
        scheduled: matches!(plan.pace, Pace::Open(_)),
        queue: RefCell::default(),
        idle: RefCell::default(),
        in_flight: Cell::new(0),
        in_flight_max: part.share(plan.in_flight).max(1),
        closing: Cell::new(false),
        tally: RefCell::default(),
        standing: part.standing.clone(),
        opening: Semaphore::new(OPENING_AT_ONCE),
        orders: orders.clone(),
    });
    let dialer = Rc::new(Dialer::new(part.endpoint.clone()));
    let mut lanes = JoinSet::new();
    let ready = open(part, &desk, &dialer, &mut lanes).await;
    let failed = ready.is_err();
    opened(ready);
    let at_start = dialer.opened();
    if let Some(start) = desk.started().await.filter(|_| !failed) {
        let drain = send(part, &desk, start, orders).await?;
        let until = Instant::now() + drain;
        desk.closing.set(true);
        desk.idle
            .borrow_mut()
            .drain(..)
            .for_each(|lane| lane.notify_one());
        let all = async { while lanes.join_next().await.is_some() {} };
        // What does not end is broken off below.
        let _ = tokio::time::timeout_at(until.into(), all).await;
    }
    lanes.shutdown().await;
    let mut tally = desk.tally.take();
    let unsent = desk.queue.borrow().len();
    tally.dropped += unsent as u64;
    let under_way = desk.in_flight.get() - unsent;
    if under_way > 0 {
        tally.failures.insert(Failure::BrokenOff, under_way as u64);
    }
    tally.opened = dialer.opened();
    tally.reopened = tally.opened - at_start;
    Ok(tally)
}

/// Makes the lanes and opens their connections, side by side but not all at once.
async fn open(
    part: &Part,
    desk: &Rc<Desk>,
    dialer: &Rc<Dialer>,
    lanes: &mut JoinSet<()>,
) -> Result<(), Failure> {
    let plan = &part.plan;
    let connections = part.share(plan.connections).max(1);
    let mut made: Vec<Lane> = match plan.protocol {
        Protocol::Http1 => {
            let bytes = plan.request.http1(&plan.target);
            let lane = || Http1::new(dialer.clone(), bytes.clone(), plan.request.method.clone());
            (0..connections).map(|_| Lane::Http1(lane())).collect()
        }
        Protocol::Http2 => {
            let links: Vec<_> = (0..connections)
                .map(|_| Rc::new(Link::new(dialer.clone())))
                .collect();
            let streams = part.share(plan.streams).max(connections);
            let links = links.iter().cycle().take(streams);
            let lane = |link: &Rc<Link>| Http2::new(link.clone(), &plan.target, &plan.request);
            links.map(|link| Lane::Http2(lane(link))).collect()
        }
    };
    let mut opening: JoinSet<(Lane, Result<(), Failure>)> = JoinSet::new();
    for mut lane in made.drain(..) {
        let desk = desk.clone();
        opening.spawn_local(async move {
            let permit = desk.opening.acquire().await;
            let opened = tokio::time::timeout(desk.timeout, lane.open()).await;
            drop(permit);
            (lane, opened.unwrap_or(Err(Failure::TimedOut)))
        });
    }
    while let Some(opened) = opening.join_next().await {
        let (lane, opened) = opened.map_err(|_| Failure::BrokenOff)?;
        opened?;
        let desk = desk.clone();
        match plan.pace {
            Pace::Open(_) => lanes.spawn_local(async move { desk.carry_due(lane).await }),
            Pace::Closed(_) => lanes.spawn_local(async move { desk.carry_on(lane).await }),
        };
    }
    Ok(())
}

/// Has everything sent until the end, or until told to stop; how long to wait then for what is under way.
async fn send(
    part: &Part,
    desk: &Desk,
    start: Instant,
    mut orders: watch::Receiver<Order>,
) -> std::io::Result<Duration> {
    let plan = &part.plan;
    let mut alarm = Alarm::new()?;
    let mut behind = 0;
    if let Pace::Open(schedule) = &plan.pace {
        for due in schedule.due().skip(part.number).step_by(part.of) {
            let due = start + due;
            let mut taken = Instant::now();
            if taken < due {
                if let Some(drain) = until(&mut alarm, due, &mut orders).await? {
                    return Ok(drain);
                }
                taken = Instant::now().max(due);
                behind = 0;
            }
            desk.take(Job { due, taken });
            behind += 1;
            if behind % TURN == 0 {
                tokio::task::yield_now().await;
                if let Order::Stop(drain) = *orders.borrow() {
                    return Ok(drain);
                }
            }
        }
    }
    let stopped = until(&mut alarm, start + plan.pace.span(), &mut orders).await?;
    Ok(stopped.unwrap_or(plan.timeout + DRAIN_GRACE))
}

/// Waits until a time; told to stop before, it says how long to wait for what is under way.
async fn until(
    alarm: &mut Alarm,
    at: Instant,
    orders: &mut watch::Receiver<Order>,
) -> std::io::Result<Option<Duration>> {
    tokio::select! {
        biased;
        rung = alarm.until(at) => rung.map(|()| None),
        told = orders.wait_for(|order| matches!(order, Order::Stop(_))) => match told.as_deref() {
            Ok(Order::Stop(drain)) => Ok(Some(*drain)),
            // Nobody is left who would want to know.
            _ => Ok(Some(Duration::ZERO)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up() {
        for (whole, of) in [(64, 1), (64, 3), (2, 4), (10_000, 7)] {
            let shares: Vec<usize> = (0..of).map(|number| share(whole, number, of)).collect();
            assert_eq!(shares.iter().sum::<usize>(), whole);
            assert!(shares[0] - shares[of - 1] <= 1);
        }
    }
}
