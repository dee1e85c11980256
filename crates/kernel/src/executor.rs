//! Tasks in virtual time, one after the other on one thread.
//!
//! An [`Executor`] polls the tasks that are ready, in the order in which they became so. When none is,
//! time jumps to the next timer. Code consumes no time: what takes time says so by [`Time::sleep`]. There
//! is no thread, no clock of the machine and no entropy in it, so that the same tasks take the same turns
//! in every run. Time is in microseconds from an epoch that the caller chooses.
//!
//! Tasks hold a [`Time`]: it tells the time, sleeps, and spawns. It is `Send`, because the ports that the
//! tasks call are the ports of multi-threaded hosts as well; but an executor, its tasks and its time are of the
//! thread that made them, and panic on any other.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::local::Local;
use crate::timers::{Sleeper, TimerId, Timers};

/// A task: it has no output, and tells what it found through what it shares.
type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls at one moment after which something is taken to run in circles.
const POLLS_AT_ONE_MOMENT_MAX: u64 = if cfg!(test) { 100_000 } else { 50_000_000 };

/// Runs tasks in virtual time.
pub struct Executor {
    time: Time,
    tasks: Vec<Option<Task>>,
    free: Vec<u32>,
    polls: u64,
    /// Reused for each round of polls.
    turn: Vec<u32>,
    /// Reused for each round of polls.
    spawned: Vec<TaskFuture>,
    /// Reused for each moment.
    fired: Vec<Sleeper>,
}

struct Task {
    future: TaskFuture,
    waker: Waker,
}

struct TaskWake {
    slot: u32,
    shared: Arc<Shared>,
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.shared.state.lock();
        // Of a task that has ended, it wakes nobody.
        if state.standings[self.slot as usize].waker == Arc::as_ptr(self).addr() {
            state.queue(self.slot);
        }
    }
}

#[derive(Default)]
struct Shared {
    now_us: AtomicI64,
    state: Local<State>,
}

#[derive(Default)]
struct State {
    timers: Timers,
    ready: Vec<u32>,
    spawned: Vec<TaskFuture>,
    /// How each task stands, by its slot: apart from the tasks and side by side, because it is looked at most.
    standings: Vec<Standing>,
    /// The slot of the task that is polled.
    polled: u32,
    /// Tasks so far. 0 is none's number.
    born: u32,
}

/// A task among all of a run: its slot may have been others' and will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskId {
    slot: u32,
    born: u32,
}

/// How a task stands.
#[derive(Clone, Copy)]
struct Standing {
    /// The address by which its waker is known.
    waker: usize,
    /// Which of the run's tasks it is.
    born: u32,
    /// Whether it is ready.
    queued: bool,
}

/// A slot without a task: no waker is at that address.
const ENDED: Standing = Standing {
    waker: usize::MAX,
    born: 0,
    queued: false,
};

impl State {
    /// Makes a task ready, unless it is.
    fn queue(&mut self, slot: u32) {
        let standing = &mut self.standings[slot as usize];
        if !mem::replace(&mut standing.queued, true) {
            self.ready.push(slot);
        }
    }

    /// A task has its turn.
    fn begin_turn(&mut self, slot: u32) {
        self.standings[slot as usize].queued = false;
        self.polled = slot;
    }

    /// The task that is polled, if with this waker.
    fn polled(&self, waker: &Waker) -> Option<TaskId> {
        let polled = self.standings.get(self.polled as usize)?;
        (polled.waker == waker.data().addr()).then_some(TaskId {
            slot: self.polled,
            born: polled.born,
        })
    }

    /// Who waits, if it is polled with this waker.
    fn sleeper(&self, waker: &Waker) -> Sleeper {
        match self.polled(waker) {
            Some(task) => Sleeper::Task(task.slot),
            None => Sleeper::Other(waker.clone()),
        }
    }
}

/// Virtual time, as tasks have it. A clone is the same time.
#[derive(Clone)]
pub struct Time {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Time")
            .field("now_us", &self.now_us())
            .finish()
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("now_us", &self.time.now_us())
            .field("tasks", &self.tasks())
            .finish_non_exhaustive()
    }
}

impl Executor {
    /// An executor without tasks whose time begins at `start_us`.
    #[must_use]
    pub fn new(start_us: i64) -> Self {
        let shared = Arc::new(Shared::default());
        shared.now_us.store(start_us, Ordering::Relaxed);
        Self {
            time: Time { shared },
            tasks: Vec::new(),
            free: Vec::new(),
            polls: 0,
            turn: Vec::new(),
            spawned: Vec::new(),
            fired: Vec::new(),
        }
    }

    /// The time, for tasks.
    #[must_use]
    pub fn time(&self) -> &Time {
        &self.time
    }

    /// Tasks that have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.len() - self.free.len()
    }

    /// How often a task was polled so far: what the run has cost.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// Runs until nothing happens any more before or at `until_us`; the time is then `until_us`.
    ///
    /// # Panics
    /// If tasks wake each other without end at one moment.
    pub fn run_until(&mut self, until_us: i64) {
        self.poll_ready();
        while self.move_on(until_us) {
            self.poll_ready();
        }
        if until_us > self.time.now_us() {
            self.time.shared.now_us.store(until_us, Ordering::Relaxed);
        }
    }

    /// Runs until no task has anything to wait for but other tasks. The time is that of the last timer.
    ///
    /// # Panics
    /// If tasks wake each other without end at one moment.
    pub fn run(&mut self) {
        self.poll_ready();
        while self.move_on(i64::MAX) {
            self.poll_ready();
        }
    }

    /// Moves time on to the next timer and fires all that are due then; false if that is after `until_us`, or never.
    fn move_on(&mut self, until_us: i64) -> bool {
        let mut state = self.time.shared.state.lock();
        let Some(next_us) = state.timers.next_at().filter(|next| *next <= until_us) else {
            return false;
        };
        let now_us = self.time.now_us().max(next_us);
        self.time.shared.now_us.store(now_us, Ordering::Relaxed);
        while let Some(sleeper) = state.timers.fire(now_us) {
            match sleeper {
                Sleeper::Task(slot) if self.fired.is_empty() => state.queue(slot),
                // The wakers of others lock the state again; those after them keep their turn.
                sleeper => self.fired.push(sleeper),
            }
        }
        drop(state);
        for sleeper in self.fired.drain(..) {
            match sleeper {
                Sleeper::Task(slot) => self.time.shared.state.lock().queue(slot),
                Sleeper::Other(waker) => waker.wake(),
            }
        }
        true
    }

    fn poll_ready(&mut self) {
        let began = self.polls;
        loop {
            let mut turn = mem::take(&mut self.turn);
            let mut spawned = mem::take(&mut self.spawned);
            {
                let mut state = self.time.shared.state.lock();
                mem::swap(&mut turn, &mut state.ready);
                mem::swap(&mut spawned, &mut state.spawned);
            }
            let nothing = turn.is_empty() && spawned.is_empty();
            for slot in turn.drain(..) {
                self.poll(slot);
            }
            self.turn = turn;
            for future in spawned.drain(..) {
                let slot = self.adopt(future);
                self.poll(slot);
            }
            self.spawned = spawned;
            if nothing {
                return;
            }
            assert!(
                self.polls - began < POLLS_AT_ONE_MOMENT_MAX,
                "tasks wake each other without end at {} µs",
                self.time.now_us()
            );
        }
    }

    fn adopt(&mut self, future: TaskFuture) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            u32::try_from(self.tasks.len() - 1).expect("fewer than 2^32 tasks at once")
        });
        let wake = Arc::new(TaskWake {
            slot,
            shared: self.time.shared.clone(),
        });
        let mut state = self.time.shared.state.lock();
        state.born = state.born.wrapping_add(1);
        let standing = Standing {
            waker: Arc::as_ptr(&wake).addr(),
            born: state.born,
            queued: true,
        };
        state.standings.resize(self.tasks.len(), ENDED);
        state.standings[slot as usize] = standing;
        drop(state);
        let waker = Waker::from(wake);
        self.tasks[slot as usize] = Some(Task { future, waker });
        slot
    }

    fn poll(&mut self, slot: u32) {
        // Ended meanwhile, or another task's by now, which then is polled once for nothing.
        let Some(task) = &mut self.tasks[slot as usize] else {
            return;
        };
        self.polls += 1;
        self.time.shared.state.lock().begin_turn(slot);
        let mut context = Context::from_waker(&task.waker);
        if task.future.as_mut().poll(&mut context).is_ready() {
            self.tasks[slot as usize] = None;
            self.free.push(slot);
            self.time.shared.state.lock().standings[slot as usize] = ENDED;
        }
    }
}

impl Time {
    /// Now, in microseconds from the epoch.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        self.shared.now_us.load(Ordering::Relaxed)
    }

    /// Starts a task. It has its first turn at this moment, after those that are ready.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.state.lock().spawned.push(Box::pin(task));
    }

    /// Waits, rounded to the nearest microsecond. No wait at all gives no turn away.
    pub fn sleep(&self, span: Duration) -> Sleep<'_> {
        let nanos = span.as_nanos().saturating_add(500) / 1_000;
        let span_us = i64::try_from(nanos).unwrap_or(i64::MAX);
        self.sleep_until_us(self.now_us().saturating_add(span_us))
    }

    /// Waits until a moment. One that lies behind gives no turn away.
    pub fn sleep_until_us(&self, at_us: i64) -> Sleep<'_> {
        Sleep {
            time: self,
            at_us,
            timer: None,
        }
    }

    /// The task that is polled now, if with this waker.
    pub(crate) fn polled(&self, waker: &Waker) -> Option<TaskId> {
        self.shared.state.lock().polled(waker)
    }

    /// Makes a task ready, as its waker does, unless it has ended.
    pub(crate) fn wake(&self, task: TaskId) {
        let mut state = self.shared.state.lock();
        if state.standings[task.slot as usize].born == task.born {
            state.queue(task.slot);
        }
    }

    /// Timers that are set.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.shared.state.lock().timers.len()
    }
}

/// A wait. Dropped before its time, it leaves nothing behind.
#[derive(Debug)]
#[must_use = "a wait does nothing unless it is awaited"]
pub struct Sleep<'a> {
    time: &'a Time,
    at_us: i64,
    /// What is set, and the address of the waker that it was set with.
    timer: Option<(TimerId, usize)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.at_us <= self.time.now_us() {
            self.cancel_unless_fired();
            return Poll::Ready(());
        }
        let waker = context.waker();
        let timer = match self.timer {
            // A waker that is held here or by its task keeps its address.
            Some((_, address)) if address == waker.data().addr() => return Poll::Pending,
            Some((timer, _)) => {
                let mut state = self.time.shared.state.lock();
                let sleeper = state.sleeper(waker);
                state.timers.rename(timer, sleeper);
                timer
            }
            None => {
                let mut state = self.time.shared.state.lock();
                let sleeper = state.sleeper(waker);
                state.timers.set(self.at_us, sleeper)
            }
        };
        self.timer = Some((timer, waker.data().addr()));
        Poll::Pending
    }
}

impl Sleep<'_> {
    /// All timers of a moment fire before any task is polled, so one whose time has come is out already.
    fn cancel_unless_fired(&mut self) {
        if let Some((timer, _)) = self.timer.take()
            && self.at_us > self.time.now_us()
        {
            self.time.shared.state.lock().timers.cancel(timer);
        }
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        self.cancel_unless_fired();
    }
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
