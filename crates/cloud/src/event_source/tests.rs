//! Worked examples and properties of the event source mapping.

mod world;

use std::time::Duration;

use super::*;
use proptest::prelude::*;
use world::World;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn one_poller(change: impl FnOnce(&mut EventSourceConfig)) -> EventSource<u32> {
    let mut config = EventSourceConfig {
        pollers: PollerScaling::fixed(1),
        ..EventSourceConfig::default()
    };
    change(&mut config);
    EventSource::new(config).unwrap()
}

const P: PollerId = PollerId(0);

fn poll(max_messages: usize, wait: Duration) -> Action<u32> {
    Action::Poll {
        poller: P,
        max_messages,
        wait,
    }
}

fn invoke(batch: &[u32]) -> Action<u32> {
    Action::Invoke {
        poller: P,
        batch: batch.to_vec(),
    }
}

fn got(messages: &[u32]) -> Input<u32> {
    Input::PollResult {
        poller: P,
        messages: messages.to_vec(),
    }
}

fn ended(outcome: InvokeOutcome) -> Input<u32> {
    Input::InvokeResult { poller: P, outcome }
}

#[test]
fn without_a_window_each_poll_is_a_batch() {
    let mut source = one_poller(|_| ());
    assert_eq!(source.step(at(0), Input::Timer), [poll(10, seconds(20))]);
    assert_eq!(source.step(at(5), got(&[1, 2])), [invoke(&[1, 2])]);
    assert_eq!(
        source.step(at(90), ended(InvokeOutcome::Success)),
        [
            Action::Delete {
                messages: vec![1, 2]
            },
            poll(10, seconds(20))
        ]
    );
}

#[test]
fn a_window_opens_with_the_first_message_and_closes_in_time() {
    let mut source = one_poller(|c| {
        c.batch_window = seconds(2);
        c.batch_size = 25;
    });
    source.step(at(0), Input::Timer);
    assert_eq!(
        source.step(at(700), got(&[1])),
        [poll(10, seconds(2)), Action::WakeAt(at(2_700))]
    );
    // A wake-up that is still awaited is not asked for again.
    assert_eq!(source.step(at(1_700), got(&[2])), [poll(10, seconds(1))]);
    // The poll is still under way: its messages open the next batch.
    assert_eq!(source.step(at(2_700), Input::Timer), [invoke(&[1, 2])]);
    assert_eq!(source.step(at(2_800), got(&[3])), []);
    assert_eq!(
        source.step(at(3_800), ended(InvokeOutcome::Success)),
        [
            Action::Delete {
                messages: vec![1, 2]
            },
            poll(10, seconds(1)),
            Action::WakeAt(at(4_800))
        ]
    );
    assert_eq!(source.step(at(4_800), Input::Timer), [invoke(&[3])]);
}

#[test]
fn a_full_batch_does_not_wait_for_its_window() {
    let mut source = one_poller(|c| {
        c.batch_window = seconds(60);
        c.batch_size = 12;
    });
    source.step(at(0), Input::Timer);
    let first: Vec<u32> = (0..10).collect();
    assert!(
        source
            .step(at(1), got(&first))
            .contains(&poll(2, seconds(20)))
    );
    let all: Vec<u32> = (0..12).collect();
    assert_eq!(source.step(at(2), got(&[10, 11])), [invoke(&all)]);
}

#[test]
fn a_quiet_queue_may_be_held_longer_than_the_window() {
    let mut source = one_poller(|c| {
        c.batch_window = seconds(1);
        c.quiet_queue_delay = seconds(20);
    });
    source.step(at(0), Input::Timer);
    assert!(
        source
            .step(at(0), got(&[1]))
            .contains(&Action::WakeAt(at(20_000)))
    );
    // Another message after the window shows that the queue is not quiet.
    assert_eq!(source.step(at(5_000), got(&[2])), [invoke(&[1, 2])]);
}

#[test]
fn outcomes_delete_what_was_handled_and_leave_the_rest() {
    use InvokeOutcome::{FunctionError, ItemFailures, Success};
    type Case = (InvokeOutcome, bool, &'static [u32], &'static [u32]);
    let cases: [Case; 6] = [
        (Success, true, &[1, 2, 3], &[]),
        (FunctionError, true, &[], &[1, 2, 3]),
        (ItemFailures(vec![1]), true, &[1, 3], &[2]),
        (ItemFailures(vec![]), true, &[1, 2, 3], &[]),
        (ItemFailures(vec![0, 7]), true, &[], &[1, 2, 3]),
        (ItemFailures(vec![1]), false, &[1, 2, 3], &[]),
    ];
    for (outcome, report, deleted, left) in cases {
        let mut source = one_poller(|c| c.report_batch_item_failures = report);
        source.step(at(0), Input::Timer);
        source.step(at(1), got(&[1, 2, 3]));
        let actions = source.step(at(2), ended(outcome.clone()));
        let named = |want_deleted: bool| -> Vec<u32> {
            let of = |action: &Action<u32>| match action {
                Action::Delete { messages } if want_deleted => messages.clone(),
                Action::LeaveForRetry { messages } if !want_deleted => messages.clone(),
                _ => Vec::new(),
            };
            actions.iter().flat_map(of).collect()
        };
        assert_eq!(
            (named(true), named(false)),
            (deleted.to_vec(), left.to_vec()),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_throttled_batch_is_tried_again_until_it_is_visible() {
    let mut source = one_poller(|c| c.visibility_timeout = seconds(1));
    source.step(at(0), Input::Timer);
    source.step(at(0), got(&[1]));
    // 200 ms, then 400 ms; 800 ms more would end after the message is visible again at 1,000 ms.
    assert_eq!(
        source.step(at(10), ended(InvokeOutcome::Throttled)),
        [Action::WakeAt(at(210))]
    );
    assert_eq!(source.step(at(210), Input::Timer), [invoke(&[1])]);
    assert_eq!(
        source.step(at(210), ended(InvokeOutcome::Throttled)),
        [Action::WakeAt(at(610))]
    );
    assert_eq!(source.step(at(610), Input::Timer), [invoke(&[1])]);
    assert_eq!(
        source.step(at(620), ended(InvokeOutcome::Throttled)),
        [
            Action::LeaveForRetry { messages: vec![1] },
            poll(10, seconds(20))
        ]
    );
    let counted = source.counters();
    assert_eq!(
        (counted.batches, counted.throttles, counted.concurrency),
        (1, 3, 0)
    );
}

#[test]
fn a_broken_or_hasty_queue_is_not_hammered() {
    let mut source = one_poller(|_| ());
    source.step(at(0), Input::Timer);
    let failed = Input::PollFailed { poller: P };
    assert_eq!(source.step(at(3), failed), [Action::WakeAt(at(1_003))]);
    assert_eq!(
        source.step(at(1_003), Input::Timer),
        [poll(10, seconds(20))]
    );
    assert_eq!(
        source.step(at(1_004), got(&[])),
        [Action::WakeAt(at(1_103))]
    );
    assert_eq!(
        source.step(at(1_103), Input::Timer),
        [poll(10, seconds(20))]
    );
}

#[test]
fn answers_nobody_waits_for_lose_nothing() {
    let mut source = one_poller(|_| ());
    source.step(at(0), Input::Timer);
    source.step(at(1), got(&[1]));
    assert_eq!(
        source.step(at(2), got(&[2])),
        [Action::LeaveForRetry { messages: vec![2] }]
    );
    source.step(at(3), ended(InvokeOutcome::Success));
    assert_eq!(source.step(at(4), ended(InvokeOutcome::Success)), []);
    let too_many: Vec<u32> = (0..13).collect();
    assert_eq!(
        source.step(at(5), got(&too_many)),
        [
            Action::LeaveForRetry {
                messages: vec![10, 11, 12]
            },
            invoke(&too_many[..10])
        ]
    );
}

#[test]
fn stop_invokes_what_was_collected_and_ends() {
    let mut source = one_poller(|c| c.batch_window = seconds(30));
    source.step(at(0), Input::Timer);
    source.step(at(1), got(&[1]));
    assert_eq!(source.step(at(2), Input::Stop), [invoke(&[1])]);
    source.step(at(3), ended(InvokeOutcome::Success));
    assert!(!source.is_stopped(), "a poll is under way");
    assert_eq!(source.step(at(4), got(&[2])), [invoke(&[2])]);
    source.step(at(5), ended(InvokeOutcome::Success));
    assert!(source.is_stopped());
}

#[test]
fn settings_outside_of_the_bounds_are_named() {
    let check = |change: fn(&mut EventSourceConfig)| {
        let mut config = EventSourceConfig::default();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert_eq!(
        check(|c| c.batch_size = 100),
        "event source mapping: found batch_size = 100, expected 1 to 10 where batch_window is 0"
    );
    assert_eq!(
        check(|c| c.maximum_concurrency = Some(1)),
        "event source mapping: found maximum_concurrency = 1, expected 2 to 1000, or none"
    );
    for change in [
        (|c| c.batch_size = 0) as fn(&mut EventSourceConfig),
        |c| c.batch_window = seconds(301),
        |c| c.long_poll_wait = seconds(21),
        |c| c.pollers.max = 1_251,
        |c| c.pollers.initial = 0,
        |c| c.pollers.idle_floor = 6,
    ] {
        check(change);
    }
}

#[test]
fn pollers_grow_by_300_a_minute_while_messages_wait_and_shrink_when_none_do() {
    let config = EventSourceConfig::default();
    let mut world = World::new(config, 20_000_000, |_, _| InvokeOutcome::Success);
    world.run(30_000_000);
    assert_eq!(world.source.pollers(), 2, "a quiet queue");
    world.waiting = (0..20_000).collect();
    world.run(30_000_000 + 60_000_000);
    let grown = world.source.pollers();
    assert!(
        (300..=306).contains(&grown),
        "{grown} pollers, expected 5 + 300"
    );
    world.run(500_000_000);
    assert_eq!(world.deleted, 20_000);
    assert_eq!(world.source.pollers(), 2);
}

/// What a host pays for a mapping: a quiet one is told of its long polls' ends and nothing else.
#[test]
fn a_quiet_mapping_costs_a_few_steps_a_minute_even_after_a_rush() {
    let config = EventSourceConfig::default();
    let mut world = World::new(config, 20_000, |_, _| InvokeOutcome::Success);
    let minutes = |from: i64, until: i64, world: &mut World| {
        world.run(from * 60_000_000);
        let before = world.steps;
        world.run(until * 60_000_000);
        (world.steps - before) as f64 / (until - from) as f64
    };
    let quiet = minutes(2, 12, &mut world);
    assert!(quiet <= 6.0, "{quiet} steps a minute");
    world.waiting = (0..60_000).collect();
    world.run(15 * 60_000_000);
    assert_eq!(world.deleted, 60_000);
    assert!(world.source.counters().pollers_max > 20);
    let quiet = minutes(20, 30, &mut world);
    assert!(quiet <= 6.0, "{quiet} steps a minute after a rush");
    // A message each two seconds: each is polled, invoked and done, and the others only wait.
    let before = world.steps;
    for n in 0..300_u32 {
        world.waiting.push(100_000 + n);
        world.run(30 * 60_000_000 + i64::from(n) * 2_000_000);
    }
    let per_message = (world.steps - before) as f64 / 300.0;
    assert!(per_message < 3.0, "{per_message} steps a message");
}

#[test]
fn maximum_concurrency_bounds_pollers() {
    let config = EventSourceConfig {
        maximum_concurrency: Some(7),
        ..EventSourceConfig::default()
    };
    let mut world = World::new(config, 500_000, |_, _| InvokeOutcome::Success);
    world.waiting = (0..2_000).collect();
    world.run(120_000_000);
    assert_eq!(world.source.counters().concurrency_max, 7);
    assert_eq!(world.deleted, 2_000);
}

fn mixed(size: usize, draw: u64) -> InvokeOutcome {
    match draw % 5 {
        0 => InvokeOutcome::Throttled,
        1 => InvokeOutcome::FunctionError,
        2 => InvokeOutcome::ItemFailures(vec![draw as usize % size]),
        3 => InvokeOutcome::ItemFailures(vec![size]),
        _ => InvokeOutcome::Success,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn batches_keep_their_bounds_and_every_message_is_let_go_once(
        batch_size in 1_usize..40,
        window_ms in 0_u64..3_000,
        visibility_ms in 500_u64..20_000,
        concurrency in proptest::option::of(2_u32..9),
        service_us in 0_i64..3_000_000,
        arrivals in proptest::collection::vec((0_i64..2_000_000, 1_usize..30), 1..40),
    ) {
        let no_window = if batch_size > BATCH_SIZE_MAX_WITHOUT_WINDOW { 1 } else { 0 };
        let config = EventSourceConfig {
            batch_size,
            batch_window: Duration::from_millis(window_ms.max(no_window)),
            visibility_timeout: Duration::from_millis(visibility_ms),
            maximum_concurrency: concurrency,
            ..EventSourceConfig::default()
        };
        let mut world = World::new(config, service_us, mixed);
        let (mut time_us, mut sent) = (0, 0_u32);
        for (pause, count) in arrivals {
            time_us += pause;
            world.run(time_us);
            for _ in 0..count {
                world.waiting.push(sent);
                sent += 1;
            }
        }
        // Two at a time is the least, and some are throttled on the way.
        time_us += 600_000_000 + i64::from(sent) * service_us;
        world.run(time_us);
        prop_assert!(world.waiting.is_empty(), "messages were left in the queue");
        prop_assert!(world.held.is_empty(), "messages were kept by the mapping");
        prop_assert_eq!(world.deleted + world.left, sent as usize);
        let counted = world.source.counters();
        prop_assert_eq!(counted.deleted + counted.left_for_retry, u64::from(sent));
        prop_assert_eq!(counted.concurrency, 0);
        world.step(Input::Stop);
        world.run(time_us + 100_000_000);
        prop_assert!(world.source.is_stopped());
    }
}
