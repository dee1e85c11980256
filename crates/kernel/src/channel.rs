//! What tasks tell each other: an [`Inbox`] of messages, in their order.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::executor::{Sleep, TaskId, Time};
use crate::local::Local;

/// Messages for one task, in the order in which they were put in. A clone is the same inbox.
pub struct Inbox<M> {
    state: Arc<Local<InboxState<M>>>,
}

struct InboxState<M> {
    messages: VecDeque<M>,
    /// Who read last: kept, for it is mostly the same who reads next.
    reader: Option<Reader>,
    /// Whether the reader is to be woken by the next message.
    waits: bool,
}

enum Reader {
    /// By its number, where a waker is counted and lies elsewhere in memory.
    Task(Time, TaskId),
    /// What is polled within a task with a waker of its own.
    Other(Waker),
}

impl Reader {
    fn wake(&self) {
        match self {
            Self::Task(time, task) => time.wake(*task),
            Self::Other(waker) => waker.wake_by_ref(),
        }
    }
}

impl<M> Clone for Inbox<M> {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
        }
    }
}

impl<M> Default for Inbox<M> {
    fn default() -> Self {
        Self {
            state: Arc::new(Local::new(InboxState {
                messages: VecDeque::new(),
                reader: None,
                waits: false,
            })),
        }
    }
}

impl<M> fmt::Debug for Inbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("messages", &self.state.lock().messages.len())
            .finish()
    }
}

impl<M> Inbox<M> {
    /// Puts a message in and wakes the reader.
    pub fn put(&self, message: M) {
        let state = &mut *self.state.lock();
        state.messages.push_back(message);
        if mem::take(&mut state.waits)
            && let Some(reader) = &state.reader
        {
            reader.wake();
        }
    }

    /// The next message, if one is there.
    #[must_use]
    pub fn take(&self) -> Option<M> {
        self.state.lock().messages.pop_front()
    }

    /// Whether both are the same inbox.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }

    /// How many messages wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().messages.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for the next message, at most until `at_us`; none: as long as it takes. A message that is
    /// there goes before a time that has come. One reader at a time.
    pub async fn next_until(&self, time: &Time, at_us: Option<i64>) -> Option<M> {
        let deadline = at_us.map(|at_us| time.sleep_until_us(at_us));
        Next {
            inbox: self,
            time,
            deadline,
        }
        .await
    }
}

struct Next<'a, M> {
    inbox: &'a Inbox<M>,
    time: &'a Time,
    deadline: Option<Sleep<'a>>,
}

impl<M> Future for Next<'_, M> {
    type Output = Option<M>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<M>> {
        let mut state = self.inbox.state.lock();
        if let Some(message) = state.messages.pop_front() {
            return Poll::Ready(Some(message));
        }
        let (waker, task) = (context.waker(), self.time.polled(context.waker()));
        let is_known = match (&state.reader, task) {
            (Some(Reader::Task(_, known)), Some(task)) => *known == task,
            (Some(Reader::Other(known)), None) => known.will_wake(waker),
            _ => false,
        };
        if !is_known {
            state.reader = Some(match task {
                Some(task) => Reader::Task(self.time.clone(), task),
                None => Reader::Other(waker.clone()),
            });
        }
        state.waits = true;
        drop(state);
        match &mut self.deadline {
            Some(deadline) => pin!(deadline).poll(context).map(|()| None),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Executor;

    #[test]
    fn messages_come_in_order_and_go_before_a_time_that_has_come() {
        let mut executor = Executor::new(0);
        let time = executor.time().clone();
        let (inbox, told) = (Inbox::default(), Inbox::default());
        let (reader, teller, clock) = (inbox.clone(), told.clone(), time.clone());
        time.spawn(async move {
            for _ in 0..5 {
                let at = clock.now_us() + 10;
                let message = reader.next_until(&clock, Some(at)).await;
                teller.put((clock.now_us(), message));
            }
        });
        let (writer, clock) = (inbox, time.clone());
        time.spawn(async move {
            clock.sleep_until_us(4).await;
            writer.put('a');
            writer.put('b');
            clock.sleep_until_us(24).await;
            writer.put('c');
        });
        executor.run();
        let told: Vec<_> = std::iter::from_fn(|| told.take()).collect();
        let expected = [
            (4, Some('a')),
            (4, Some('b')),
            (14, None),
            (24, Some('c')),
            (34, None),
        ];
        assert_eq!(told, expected);
        assert_eq!((executor.tasks(), time.timers()), (0, 0));
    }
}
