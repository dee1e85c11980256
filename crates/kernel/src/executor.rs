//! Tasks in virtual time, one after the other on one thread.
//!
//! An [`Executor`] polls the tasks that are ready, in the order in which they became so. When none is,
//! time jumps to the next timer. Code consumes no time: what takes time says so by [`Time::sleep`]. There
//! is no thread, no clock of the machine and no entropy in it, so that the same tasks take the same turns
//! in every run. Time is in microseconds from an epoch that the caller chooses.
//!
//! Tasks hold a [`Time`]: it tells the time, sleeps, and spawns. It is `Send`, because the ports that the
//! tasks call are the ports of multi-threaded hosts as well; its locks are never contended.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use crate::timers::{TimerId, Timers};

/// A task: it has no output, and tells what it found through what it shares.
type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls at one moment after which something is taken to run in circles.
const POLLS_AT_ONE_MOMENT_MAX: u64 = 50_000_000;

/// Runs tasks in virtual time.
pub struct Executor {
    time: Time,
    tasks: Vec<Option<Task>>,
    free: Vec<u32>,
    polls: u64,
    /// Reused for each round of polls.
    turn: Vec<u32>,
    /// Reused for each moment.
    fired: Vec<Waker>,
}

struct Task {
    future: TaskFuture,
    wake: Arc<TaskWake>,
    waker: Waker,
}

struct TaskWake {
    slot: u32,
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for TaskWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.shared.lock().ready.push(self.slot);
        }
    }
}

#[derive(Default)]
struct Shared {
    now_us: AtomicI64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    timers: Timers,
    ready: Vec<u32>,
    spawned: Vec<TaskFuture>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no one panics while holding the executor's state")
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
        loop {
            self.poll_ready();
            let Some(next_us) = self.time.shared.lock().timers.next_at() else {
                break;
            };
            if next_us > until_us {
                break;
            }
            self.move_to(next_us);
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
        loop {
            self.poll_ready();
            let Some(next_us) = self.time.shared.lock().timers.next_at() else {
                return;
            };
            self.move_to(next_us);
        }
    }

    fn move_to(&mut self, next_us: i64) {
        let now_us = self.time.now_us().max(next_us);
        self.time.shared.now_us.store(now_us, Ordering::Relaxed);
        let mut state = self.time.shared.lock();
        while let Some(waker) = state.timers.fire(now_us) {
            self.fired.push(waker);
        }
        drop(state);
        // The wakers lock the state again.
        self.fired.drain(..).for_each(Waker::wake);
    }

    fn poll_ready(&mut self) {
        let began = self.polls;
        loop {
            let mut turn = mem::take(&mut self.turn);
            let mut state = self.time.shared.lock();
            mem::swap(&mut turn, &mut state.ready);
            let spawned = mem::take(&mut state.spawned);
            drop(state);
            if turn.is_empty() && spawned.is_empty() {
                self.turn = turn;
                return;
            }
            for slot in turn.drain(..) {
                self.poll(slot);
            }
            self.turn = turn;
            for future in spawned {
                let slot = self.adopt(future);
                self.poll(slot);
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
            queued: AtomicBool::new(true),
            shared: self.time.shared.clone(),
        });
        let waker = Waker::from(wake.clone());
        self.tasks[slot as usize] = Some(Task {
            future,
            wake,
            waker,
        });
        slot
    }

    fn poll(&mut self, slot: u32) {
        // Ended meanwhile, or another task's by now, which then is polled once for nothing.
        let Some(task) = &mut self.tasks[slot as usize] else {
            return;
        };
        self.polls += 1;
        task.wake.queued.store(false, Ordering::Relaxed);
        let polled = task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&task.waker));
        if polled.is_ready() {
            // Whoever still holds its waker wakes nobody.
            task.wake.queued.store(true, Ordering::Relaxed);
            self.tasks[slot as usize] = None;
            self.free.push(slot);
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
        self.shared.lock().spawned.push(Box::pin(task));
    }

    /// Waits, rounded to the nearest microsecond. No wait at all gives no turn away.
    pub fn sleep(&self, span: Duration) -> Sleep {
        let nanos = span.as_nanos().saturating_add(500) / 1_000;
        let span_us = i64::try_from(nanos).unwrap_or(i64::MAX);
        self.sleep_until_us(self.now_us().saturating_add(span_us))
    }

    /// Waits until a moment. One that lies behind gives no turn away.
    pub fn sleep_until_us(&self, at_us: i64) -> Sleep {
        Sleep {
            time: self.clone(),
            at_us,
            timer: None,
        }
    }

    /// Timers that are set.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.shared.lock().timers.len()
    }
}

/// A wait. Dropped before its time, it leaves nothing behind.
#[derive(Debug)]
#[must_use = "a wait does nothing unless it is awaited"]
pub struct Sleep {
    time: Time,
    at_us: i64,
    timer: Option<TimerId>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.at_us <= self.time.now_us() {
            if let Some(timer) = self.timer.take() {
                self.cancel_unless_fired(timer);
            }
            return Poll::Ready(());
        }
        let mut state = self.time.shared.lock();
        let timer = match self.timer {
            Some(timer) => {
                state.timers.rename(timer, context.waker());
                timer
            }
            None => state.timers.set(self.at_us, context.waker().clone()),
        };
        drop(state);
        self.timer = Some(timer);
        Poll::Pending
    }
}

impl Sleep {
    /// All timers of a moment fire before any task is polled, so one whose time has come is out already.
    fn cancel_unless_fired(&self, timer: TimerId) {
        if self.at_us > self.time.now_us() {
            self.time.shared.lock().timers.cancel(timer);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            self.cancel_unless_fired(timer);
        }
    }
}

#[cfg(test)]
#[path = "executor_tests.rs"]
mod tests;
