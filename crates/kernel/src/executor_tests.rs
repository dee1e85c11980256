use super::*;
use crate::channel::Inbox;
use crate::{Stream, Streams};

fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

#[test]
fn time_jumps_to_what_happens_next_and_a_sleep_is_as_long_as_it_says() {
    let mut executor = Executor::new(1_000);
    let time = executor.time().clone();
    let told = Inbox::default();
    for span in [300, 0, 1, 300, 2_500_000] {
        let (clock, told) = (time.clone(), told.clone());
        time.spawn(async move {
            clock.sleep(us(span)).await;
            told.put((span, clock.now_us()));
        });
    }
    executor.run_until(1_200);
    assert_eq!(time.now_us(), 1_200);
    executor.run();
    let order: Vec<_> = std::iter::from_fn(|| told.take()).collect();
    let expected = [
        (0, 1_000),
        (1, 1_001),
        (300, 1_300),
        (300, 1_300),
        (2_500_000, 2_501_000),
    ];
    assert_eq!(order, expected);
}

#[test]
fn spans_are_rounded_to_the_nearest_microsecond() {
    let mut executor = Executor::new(0);
    let time = executor.time().clone();
    let clock = time.clone();
    time.spawn(async move {
        for _ in 0..1_000 {
            clock.sleep(Duration::from_nanos(1_500)).await;
            clock.sleep(Duration::from_nanos(499)).await;
        }
    });
    executor.run();
    assert_eq!(time.now_us(), 2_000);
}

#[test]
fn what_is_dropped_before_its_time_leaves_no_timer() {
    let mut executor = Executor::new(0);
    let time = executor.time().clone();
    let (clock, inbox) = (time.clone(), Inbox::<()>::default());
    let putter = inbox.clone();
    time.spawn(async move {
        for _ in 0..100 {
            inbox.next_until(&clock, Some(1_000_000_000)).await;
        }
    });
    time.spawn(async move {
        for _ in 0..100 {
            putter.put(());
        }
    });
    executor.run_until(10);
    assert_eq!((executor.tasks(), time.timers()), (0, 0));
}

/// Tasks that sleep, tell each other and spawn, all by a seed; the trace of who did what when.
fn trace(seed: u64) -> Vec<(i64, u64, u64)> {
    async fn agent(
        time: Time,
        id: u64,
        mut stream: Stream,
        inbox: Inbox<u64>,
        told: Inbox<(i64, u64, u64)>,
    ) {
        for step in 0..20 {
            let wait = i64::try_from(stream.below(50)).unwrap();
            match inbox.next_until(&time, Some(time.now_us() + wait)).await {
                Some(from) => told.put((time.now_us(), id, from)),
                None => {
                    told.put((time.now_us(), id, 1_000 + step));
                    inbox.put(id);
                }
            }
        }
    }
    let mut executor = Executor::new(0);
    let time = executor.time().clone();
    let (inbox, told) = (Inbox::default(), Inbox::default());
    for id in 0..30 {
        let stream = Streams::new(seed).stream("agent", id);
        let inbox = if id % 3 == 0 {
            Inbox::default()
        } else {
            inbox.clone()
        };
        time.spawn(agent(time.clone(), id, stream, inbox, told.clone()));
    }
    executor.run();
    std::iter::from_fn(|| told.take()).collect()
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let first = trace(1);
    assert!(first.len() > 300, "{}", first.len());
    assert_eq!(first, trace(1));
    assert_ne!(first, trace(2));
}

#[test]
#[should_panic(expected = "without end")]
fn tasks_that_run_in_circles_are_found_out() {
    let mut executor = Executor::new(0);
    executor.time().spawn(std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    executor.run();
}
