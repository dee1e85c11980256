//! The processors of a container as its work feels them: jobs share them, and all are slower when many are
//! under way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cloud::processor_sharing::{JobId, ProcessorSharing, ProcessorUsage};
use domain::Timestamp;
use kernel::{Signal, Time};

/// Processors in virtual time. A clone is the same processors.
#[derive(Debug, Clone)]
pub(crate) struct Cpu {
    time: Time,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    machine: ProcessorSharing,
    waiting: BTreeMap<JobId, Signal<()>>,
    /// The earliest look that is set.
    armed_us: Option<i64>,
}

impl Cpu {
    pub(crate) fn new(time: &Time, vcpus: f64) -> Self {
        let now = Timestamp::from_micros(time.now_us());
        let state = State {
            machine: ProcessorSharing::new(now, vcpus),
            waiting: BTreeMap::new(),
            armed_us: None,
        };
        Self {
            time: time.clone(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no one panics while holding the processors")
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// Works for so long on one whole processor; longer where it is shared.
    pub(crate) async fn work(&self, cpu: Duration) {
        if cpu < Duration::from_micros(1) {
            return;
        }
        let done = Signal::default();
        {
            let mut state = self.lock();
            let job = state.machine.arrive(self.now(), cpu);
            state.waiting.insert(job, done.clone());
        }
        self.arm();
        done.wait().await;
    }

    /// How many processors there are.
    pub(crate) fn set_capacity(&self, vcpus: f64) {
        let now = self.now();
        self.lock().machine.set_capacity(now, vcpus);
        self.arm();
    }

    /// How many of them are taken by work that is counted and not simulated.
    pub(crate) fn set_background(&self, vcpus: f64) {
        let now = self.now();
        self.lock().machine.set_background(now, vcpus);
        self.arm();
    }

    /// What the processors did until now.
    pub(crate) fn usage(&self) -> ProcessorUsage {
        let now = self.now();
        self.lock().machine.usage(now)
    }

    fn arm(&self) {
        let mut state = self.lock();
        let Some((next, _)) = state.machine.next_completion() else {
            return;
        };
        let next_us = next.as_micros();
        if state.armed_us.is_some_and(|armed_us| armed_us <= next_us) {
            return;
        }
        state.armed_us = Some(next_us);
        drop(state);
        let cpu = self.clone();
        self.time.spawn(async move {
            cpu.time.sleep_until_us(next_us).await;
            cpu.look(next_us);
        });
    }

    fn look(&self, armed_us: i64) {
        let done: Vec<Signal<()>> = {
            let mut state = self.lock();
            if state.armed_us == Some(armed_us) {
                state.armed_us = None;
            }
            let now = self.now();
            let mut done = Vec::new();
            while let Some(job) = state.machine.pop_finished(now) {
                done.extend(state.waiting.remove(&job));
            }
            done
        };
        for signal in done {
            signal.give(());
        }
        self.arm();
    }
}
