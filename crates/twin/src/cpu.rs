//! The processors of a container as its work feels them: jobs share them, and all are slower when many are
//! under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cloud::processor_sharing::{JobId, ProcessorSharing, ProcessorUsage};
use domain::Timestamp;
use kernel::{Inbox, Local, Time};

/// Processors in virtual time. A clone is the same processors.
#[derive(Debug, Clone)]
pub(crate) struct Cpu {
    time: Time,
    state: Arc<Local<State>>,
}

#[derive(Debug)]
struct State {
    machine: ProcessorSharing,
    waiting: BTreeMap<JobId, Inbox<Turn>>,
}

/// What a job that waits is told.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// It is done.
    Done,
    /// It is the next to be done: it keeps the time for all.
    Next,
}

impl Cpu {
    pub(crate) fn new(time: &Time, vcpus: f64) -> Self {
        let now = Timestamp::from_micros(time.now_us());
        let state = State {
            machine: ProcessorSharing::new(now, vcpus),
            waiting: BTreeMap::new(),
        };
        Self {
            time: time.clone(),
            state: Arc::new(Local::new(state)),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.time.now_us())
    }

    /// Works for so long on one whole processor; longer where it is shared.
    pub(crate) async fn work(&self, cpu: Duration) {
        if cpu < Duration::from_micros(1) {
            return;
        }
        let inbox = Inbox::default();
        let job = {
            let mut state = self.state.lock();
            let job = state.machine.arrive(self.now(), cpu);
            state.waiting.insert(job, inbox.clone());
            job
        };
        loop {
            let next = self.state.lock().machine.next_completion();
            // The one who is next wakes when that is due; all others are told.
            let due_us = next
                .filter(|(_, next)| *next == job)
                .map(|(at, _)| at.as_micros());
            match inbox.next_until(&self.time, due_us).await {
                Some(Turn::Done) => return,
                Some(Turn::Next) => {}
                None => self.settle(),
            }
        }
    }

    /// Tells those who are done, and the one who is next.
    fn settle(&self) {
        let mut state = self.state.lock();
        let now = self.now();
        while let Some(job) = state.machine.pop_finished(now) {
            if let Some(inbox) = state.waiting.remove(&job) {
                inbox.put(Turn::Done);
            }
        }
        if let Some((_, next)) = state.machine.next_completion()
            && let Some(inbox) = state.waiting.get(&next)
        {
            inbox.put(Turn::Next);
        }
    }

    /// How many processors there are.
    pub(crate) fn set_capacity(&self, vcpus: f64) {
        let now = self.now();
        self.state.lock().machine.set_capacity(now, vcpus);
        self.settle();
    }

    /// How many of them are taken by work that is counted and not simulated.
    pub(crate) fn set_background(&self, vcpus: f64) {
        let now = self.now();
        self.state.lock().machine.set_background(now, vcpus);
        self.settle();
    }

    /// What the processors did until now.
    pub(crate) fn usage(&self) -> ProcessorUsage {
        let now = self.now();
        self.state.lock().machine.usage(now)
    }
}
