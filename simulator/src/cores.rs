//! Work that is done side by side: each core takes the next item.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread::Scope;

/// Items that are handed from core to core at once.
const CHUNK: usize = 1_024;
/// Chunks that are worked out before they are asked for.
const CHUNKS_AHEAD: usize = 8;

/// Does the same work for each item on all cores; answers stand in the items' order.
pub fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let take = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return;
            };
            let answer = work(item);
            let mut done = done.lock().expect("no one panics while holding answers");
            done.push((index, answer));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..count().min(items.len()) {
            scope.spawn(take);
        }
    });
    let mut done = done
        .into_inner()
        .expect("no one panics while holding answers");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// Does both, side by side.
pub fn both<A, B: Send>(here: impl FnOnce() -> A, elsewhere: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let elsewhere = scope.spawn(elsewhere);
        let here = here();
        let there = elsewhere.join();
        (here, there.unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Works items out on another core, some way ahead of whom they are for. It ends when nobody takes them any more.
pub fn ahead<'scope, T: Send + 'static>(
    scope: &'scope Scope<'scope, '_>,
    items: impl Iterator<Item = T> + Send + 'scope,
) -> Box<dyn Iterator<Item = T> + Send> {
    let (give, take) = sync_channel(CHUNKS_AHEAD);
    scope.spawn(move || {
        let mut items = items;
        loop {
            let chunk: Vec<T> = items.by_ref().take(CHUNK).collect();
            if chunk.is_empty() || give.send(chunk).is_err() {
                return;
            }
        }
    });
    Box::new(take.into_iter().flatten())
}

/// How many cores there are.
pub fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..100).collect();
        let squares = on_all_cores(&items, |item| item * item);
        assert!(
            squares
                .iter()
                .zip(&items)
                .all(|(square, item)| *square == item * item)
        );
        assert_eq!(squares.len(), 100);
        assert!(on_all_cores(&[] as &[u64], |item| *item).is_empty());
        assert_eq!(both(|| 7, || "seven"), (7, "seven"));
    }

    #[test]
    fn items_worked_out_ahead_come_in_their_order_and_no_more_than_are_taken() {
        let many = 20 * CHUNK;
        let all: Vec<usize> = std::thread::scope(|scope| ahead(scope, 0..many).collect());
        assert!(all.into_iter().eq(0..many));
        let few: Vec<usize> = std::thread::scope(|scope| ahead(scope, 0..).take(3).collect());
        assert_eq!(few, [0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn items_that_could_not_be_worked_out_are_not_left_out() {
        let fail_at = |item: usize| {
            assert!(item < 3, "no such item");
            item
        };
        std::thread::scope(|scope| ahead(scope, (0..9).map(fail_at)).count());
    }
}
