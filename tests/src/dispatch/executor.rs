//! Running futures without an executor: to the end in one go, or several of them in a stated order.
//!
//! [`ready`] proves that what it runs needs no executor: the ports in memory answer at once, so a future
//! that is pending waits for something that no one will do. [`explore`] runs a case once for every order
//! in which its tasks can take turns at their await points, up to a number of preemptions; most races
//! need one or two, and each further one multiplies the orders.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Orders that one exploration may come to: beyond it the case is too large to be a test.
pub const ORDERS_MAX: usize = 200_000;
/// Turns that the tasks of one order may take together.
pub const TURNS_MAX: usize = 1_000;

/// Runs a future that has nothing to wait for.
///
/// # Panics
/// If it waits.
pub fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a use case waits, though every port answers at once"),
    }
}

/// Runs a future for so many turns and then drops it where it stands, as the end of a process would.
/// Answers with its output if it ended before.
pub fn killed_after<F: Future>(turns: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..turns {
        let poll = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(output) = poll {
            return Some(output);
        }
    }
    None
}

/// Gives the turn away once.
pub async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut given, true) {
            Poll::Ready(())
        } else {
            // A future that polls several looks again only at those that ask for it.
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

/// One of several tasks that take turns.
pub type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Boxes a task; its output goes where `into` points.
pub fn task<'a, T: 'a>(into: &'a mut Option<T>, future: impl Future<Output = T> + 'a) -> Task<'a> {
    Box::pin(async move { *into = Some(future.await) })
}

/// One order in which tasks take turns. Shown when a case fails, so that the failure can be followed.
pub struct Order {
    /// At each turn, how many tasks could have had it and which of them did.
    turns: Vec<(usize, usize)>,
    /// The choices to repeat; after them always the first.
    prefix: Vec<usize>,
    preemptions_max: usize,
    names: Vec<usize>,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: String = self.names.iter().map(|at| format!("{at}")).collect();
        write!(f, "turns of tasks {names}")
    }
}

impl Order {
    /// The order that makes these choices and then lets each task run on.
    #[must_use]
    pub fn of(prefix: Vec<usize>, preemptions_max: usize) -> Self {
        Self {
            turns: Vec::new(),
            prefix,
            preemptions_max,
            names: Vec::new(),
        }
    }

    /// Runs the tasks to their end, one turn at a time.
    pub fn run(&mut self, tasks: Vec<Task<'_>>) {
        let mut tasks: Vec<Option<Task<'_>>> = tasks.into_iter().map(Some).collect();
        let mut last = None;
        let mut preemptions = 0;
        loop {
            let goes_on = last.filter(|&at: &usize| tasks[at].is_some());
            let mut options: Vec<usize> = goes_on.into_iter().collect();
            if goes_on.is_none() || preemptions < self.preemptions_max {
                let others =
                    (0..tasks.len()).filter(|&at| tasks[at].is_some() && goes_on != Some(at));
                options.extend(others);
            }
            if options.is_empty() {
                return;
            }
            let choice = self.prefix.get(self.turns.len()).copied().unwrap_or(0);
            let at = options[choice];
            preemptions += usize::from(goes_on.is_some_and(|goes_on| goes_on != at));
            self.turns.push((options.len(), choice));
            self.names.push(at);
            assert!(
                self.turns.len() <= TURNS_MAX,
                "tasks take turns without end"
            );
            let task = tasks[at]
                .as_mut()
                .expect("an option is a task that has not ended");
            let poll = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if poll.is_ready() {
                tasks[at] = None;
            }
            last = Some(at);
        }
    }

    /// The choices of the order after this one; none if this was the last.
    fn next(&self) -> Option<Vec<usize>> {
        let last = self
            .turns
            .iter()
            .rposition(|(options, taken)| taken + 1 < *options)?;
        let mut prefix: Vec<usize> = self.turns[..last].iter().map(|(_, taken)| *taken).collect();
        prefix.push(self.turns[last].1 + 1);
        Some(prefix)
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed in {self:?}");
        }
    }
}

/// Runs a case in every order of its tasks with at most so many preemptions, and says how many there were.
/// The case builds its world anew each time and hands its tasks to [`Order::run`].
pub fn explore(preemptions_max: usize, mut case: impl FnMut(&mut Order)) -> usize {
    let mut prefix = Vec::new();
    for orders in 1..=ORDERS_MAX {
        let mut order = Order::of(prefix, preemptions_max);
        case(&mut order);
        match order.next() {
            Some(next) => prefix = next,
            None => return orders,
        }
    }
    panic!("more than {ORDERS_MAX} orders, expected a smaller case or fewer preemptions");
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    fn words(preemptions_max: usize) -> (usize, BTreeSet<String>) {
        let mut seen = BTreeSet::new();
        let orders = explore(preemptions_max, |order| {
            let word = RefCell::new(String::new());
            let spell = |letters: &'static str| {
                let word = &word;
                async move {
                    for letter in letters.chars() {
                        word.borrow_mut().push(letter);
                        give_way().await;
                    }
                }
            };
            order.run(vec![Box::pin(spell("abc")), Box::pin(spell("xy"))]);
            seen.insert(word.into_inner());
        });
        (orders, seen)
    }

    #[test]
    fn every_order_is_run() {
        // Five letters of which two are x and y in this order: ten ways.
        assert_eq!(words(9).1.len(), 10);
        let (orders, seen) = words(0);
        assert_eq!((orders, seen.len()), (2, 2));
        assert!(words(1).1.contains("axybc"));
        assert!(!words(1).1.contains("axbyc"));
    }

    #[test]
    #[should_panic(expected = "waits")]
    fn waiting_is_found_out() {
        ready(give_way());
    }

    #[test]
    fn what_is_killed_stops_where_it_stood() {
        let steps = RefCell::new(0);
        let count = || async {
            for _ in 0..3 {
                *steps.borrow_mut() += 1;
                give_way().await;
            }
        };
        assert_eq!(killed_after(2, count()), None);
        assert_eq!(*steps.borrow(), 2);
        assert_eq!(killed_after(4, count()), Some(()));
    }
}
