//! What can go wrong between a use case and a port, made to happen on purpose.
//!
//! [`Port`] stands before a port and asks [`Faults`] at each call: to give way before and after it, to
//! refuse it, or to do it and lose the answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use kernel::random::{Stream, Streams};
use services::ports::PortError;

use super::executor::give_way;

/// A call that a use case makes of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the port's method of that name")]
pub enum Call {
    CreateTrip,
    GetTrip,
    TransitionTrip,
    OpenTrips,
    DueTrips,
    TakeLease,
    FinishLease,
    Ring,
    SendEvent,
    PublishSnapshot,
    LoadMarket,
    StoreMarket,
    TellCell,
    Candidates,
    Reserve,
    Offer,
    Release,
    AskHold,
    StoreReserve,
    StoreMarkOffered,
    StoreAccept,
    StoreEnd,
    StoreLive,
    Answer,
    Report,
}

impl Call {
    /// Whether the tracker makes it, and no one else.
    fn is_of_tracker(self) -> bool {
        use Call::{SendEvent, StoreAccept, StoreEnd, StoreMarkOffered, StoreReserve};
        matches!(
            self,
            StoreReserve | StoreMarkOffered | StoreAccept | StoreEnd | SendEvent
        )
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not done.
    Refused,
    /// It is done, and the caller is told that it failed.
    AnswerLost,
}

/// The end of the tracker's process, some calls from now.
struct Trap {
    calls_left: usize,
    /// Whether the last call is done before the end.
    after: bool,
    spring: Box<dyn FnOnce() + Send>,
}

#[derive(Default)]
struct State {
    yields: bool,
    trap: Option<Trap>,
    scripted: BTreeMap<Call, VecDeque<Fault>>,
    broken: BTreeSet<Call>,
    meanwhile: BTreeMap<Call, Box<dyn FnOnce() + Send>>,
    random: Option<(Stream, f64)>,
}

/// The faults of one world; a clone is the same.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<State>>);

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").finish_non_exhaustive()
    }
}

impl Faults {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no one panics while holding the faults")
    }

    /// Whether calls give way before and after, so that others can come between.
    pub fn give_way(&self, yields: bool) {
        self.state().yields = yields;
    }

    /// The next call of this kind goes wrong so, after those that were scripted before.
    pub fn next(&self, call: Call, fault: Fault) {
        self.state()
            .scripted
            .entry(call)
            .or_default()
            .push_back(fault);
    }

    /// Every call of this kind is refused until [`Faults::mend`].
    pub fn break_down(&self, call: Call) {
        self.state().broken.insert(call);
    }

    /// The next call of this kind takes its time: `what` happens before it is done.
    pub fn meanwhile(&self, call: Call, what: impl FnOnce() + Send + 'static) {
        self.state().meanwhile.insert(call, Box::new(what));
    }

    /// Calls of this kind work again.
    pub fn mend(&self, call: Call) {
        self.state().broken.remove(&call);
    }

    /// Each call goes wrong with this probability, one way or the other, by the seed.
    pub fn at_random(&self, seed: u64, probability: f64) {
        self.state().random = Some((Streams::new(seed).stream("faults", 0), probability));
    }

    /// Nothing goes wrong any more.
    pub fn none(&self) {
        *self.state() = State::default();
    }

    /// Once the tracker has made so many more calls, `spring` ends it before or after the next one.
    pub(super) fn trap(
        &self,
        calls_left: usize,
        after: bool,
        spring: impl FnOnce() + Send + 'static,
    ) {
        let spring = Box::new(spring);
        self.state().trap = Some(Trap {
            calls_left,
            after,
            spring,
        });
    }

    /// No trap is set any more.
    pub(super) fn disarm(&self) {
        self.state().trap = None;
    }

    /// Springs the trap if this call is the one; whether it did.
    fn springs(&self, call: Call, after: bool) -> bool {
        let due = {
            let mut state = self.state();
            match &mut state.trap {
                Some(trap) if call.is_of_tracker() && trap.after == after => {
                    if trap.calls_left == 0 {
                        state.trap.take()
                    } else {
                        trap.calls_left -= 1;
                        None
                    }
                }
                _ => None,
            }
        };
        match due {
            Some(trap) => {
                (trap.spring)();
                true
            }
            None => false,
        }
    }

    fn draw(&self, call: Call) -> Option<Fault> {
        let state = &mut *self.state();
        if state.broken.contains(&call) {
            return Some(Fault::Refused);
        }
        if let Some(fault) = state.scripted.get_mut(&call).and_then(VecDeque::pop_front) {
            return Some(fault);
        }
        let (stream, probability) = state.random.as_mut()?;
        stream.chance(*probability).then(|| {
            if stream.chance(0.5) {
                Fault::Refused
            } else {
                Fault::AnswerLost
            }
        })
    }

    async fn pause(&self) {
        let yields = self.state().yields;
        if yields {
            give_way().await;
        }
    }

    /// Makes a call as the faults will have it.
    pub(super) async fn guard<T>(
        &self,
        call: Call,
        doing: impl Future<Output = Result<T, PortError>> + Send,
    ) -> Result<T, PortError> {
        self.pause().await;
        if self.springs(call, false) {
            // The tracker has ended: who polls it sees that and comes no more.
            give_way().await;
        }
        let fault = self.draw(call);
        if fault == Some(Fault::Refused) {
            return Err(unavailable(format!("{call:?} refused")));
        }
        let meanwhile = self.state().meanwhile.remove(&call);
        if let Some(what) = meanwhile {
            what();
        }
        let answer = doing.await;
        if self.springs(call, true) {
            give_way().await;
        }
        self.pause().await;
        if fault == Some(Fault::AnswerLost) {
            return Err(unavailable(format!("answer of {call:?} lost")));
        }
        answer
    }
}

pub(super) fn unavailable(detail: String) -> PortError {
    PortError::Unavailable {
        port: "port under test",
        detail,
    }
}

/// A port with faults before it.
#[derive(Debug, Clone)]
pub struct Port<P> {
    pub(super) inner: P,
    pub(super) faults: Faults,
}
