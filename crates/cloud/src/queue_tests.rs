//! Worked examples and properties of the modelled queue.

use super::*;
use proptest::prelude::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn queue(change: impl FnOnce(&mut QueueConfig)) -> Queue<u32> {
    let mut config = QueueConfig::default();
    change(&mut config);
    Queue::new(config)
}

fn receive(queue: &mut Queue<u32>, ms: i64) -> Vec<Delivery<u32>> {
    queue.receive(at(ms), 10, None, &mut no_draw).unwrap()
}

fn bodies(deliveries: &[Delivery<u32>]) -> Vec<u32> {
    deliveries.iter().map(|delivery| delivery.body).collect()
}

#[test]
fn a_message_is_seen_after_its_delay_and_hidden_while_in_flight() {
    let mut queue = queue(|_| ());
    queue.send(at(0), 1, seconds(2)).unwrap();
    queue.send(at(500), 2, Duration::ZERO).unwrap();
    assert_eq!(bodies(&receive(&mut queue, 1_999)), [2]);
    assert_eq!(queue.next_visible_at(), Some(at(2_000)));
    assert_eq!(bodies(&receive(&mut queue, 2_000)), [1]);
    assert_eq!(bodies(&receive(&mut queue, 31_998)), [] as [u32; 0]);
    assert_eq!(queue.next_visible_at(), Some(at(31_999)));
    let again = receive(&mut queue, 31_999);
    assert_eq!((bodies(&again), again[0].receive_count), (vec![2], 2));
    let counted = queue.counters(at(40_000));
    assert_eq!(
        (counted.sent, counted.received, counted.redelivered),
        (2, 3, 1)
    );
    assert_eq!((counted.age_max, counted.depth_max), (seconds(40), 1));
}

#[test]
fn maxima_begin_anew_with_what_is_there() {
    let mut queue = queue(|_| ());
    for body in 1..=3 {
        queue.send(at(0), body, Duration::ZERO).unwrap();
    }
    for delivery in queue.receive(at(60_000), 2, None, &mut no_draw).unwrap() {
        assert!(queue.delete(at(60_000), delivery.receipt));
    }
    queue.send(at(60_000), 4, seconds(5)).unwrap();
    queue.reset_maxima(at(70_000));
    for delivery in receive(&mut queue, 70_000) {
        assert!(queue.delete(at(70_000), delivery.receipt));
    }
    queue.send(at(80_000), 5, Duration::ZERO).unwrap();
    let counted = queue.counters(at(85_000));
    assert_eq!((counted.sent, counted.depth_max), (5, 2));
    assert_eq!(counted.age_max, seconds(70));
    queue.reset_maxima(at(85_000));
    let counted = queue.counters(at(85_000));
    assert_eq!((counted.depth_max, counted.age_max), (1, seconds(5)));
}

#[test]
fn a_receive_that_waits_is_shown_what_was_hidden_at_whole_ticks() {
    let mut queue = queue(|c| c.visibility_tick = seconds(1));
    queue.send(at(100), 1, seconds(2)).unwrap();
    assert_eq!(queue.next_visible_at(), Some(at(3_000)));
    // Another delayed message shows nothing early, but one without a delay lets a waiting receive look.
    queue.send(at(2_200), 2, seconds(2)).unwrap();
    assert_eq!(queue.next_visible_at(), Some(at(3_000)));
    queue.send(at(2_300), 3, Duration::ZERO).unwrap();
    assert_eq!(queue.next_visible_at(), Some(at(2_300)));
    // A new receive sees at once whose delay is over.
    let both = receive(&mut queue, 2_400);
    assert_eq!(bodies(&both), [1, 3]);
    assert_eq!(queue.next_visible_at(), Some(at(5_000)));
    queue
        .change_visibility(at(2_500), both[0].receipt, Duration::ZERO)
        .unwrap();
    assert_eq!(queue.next_visible_at(), Some(at(2_500)));
    assert_eq!(bodies(&receive(&mut queue, 2_500)), [1]);
    assert!(queue.delete(at(2_600), both[1].receipt));
    assert_eq!(bodies(&receive(&mut queue, 4_199)), [] as [u32; 0]);
    assert_eq!(bodies(&receive(&mut queue, 4_200)), [2]);
    // The first is hidden until 32,500 ms and shown at the next whole second.
    assert_eq!(queue.next_visible_at(), Some(at(33_000)));
}

#[test]
fn only_the_latest_receipt_deletes_but_it_does_so_after_the_timeout_too() {
    let mut queue = queue(|_| ());
    queue.send(at(0), 1, Duration::ZERO).unwrap();
    let first = receive(&mut queue, 0)[0].receipt;
    let second = receive(&mut queue, 30_000)[0].receipt;
    assert!(!queue.delete(at(30_001), first));
    assert_eq!(queue.len(), 1);
    assert!(queue.delete(at(90_000), second));
    assert!(!queue.delete(at(90_000), second), "deleted twice");
    assert_eq!((queue.is_empty(), queue.next_visible_at()), (true, None));
    assert_eq!(queue.counters(at(99_000)).age_max, seconds(90));
}

#[test]
fn visibility_can_be_cut_short_and_extended() {
    let mut queue = queue(|_| ());
    queue.send(at(0), 1, Duration::ZERO).unwrap();
    let first = receive(&mut queue, 0)[0].receipt;
    queue
        .change_visibility(at(1_000), first, Duration::ZERO)
        .unwrap();
    let second = receive(&mut queue, 1_000)[0].receipt;
    assert_eq!(
        queue.change_visibility(at(1_000), first, seconds(5)),
        Err(QueueError::NotInFlight)
    );
    queue
        .change_visibility(at(2_000), second, seconds(60))
        .unwrap();
    assert_eq!(queue.next_visible_at(), Some(at(62_000)));
    assert_eq!(
        queue.change_visibility(at(62_000), second, seconds(5)),
        Err(QueueError::NotInFlight)
    );
}

#[test]
fn a_message_received_too_often_is_dead() {
    let mut queue = queue(|c| {
        c.max_receive_count = Some(2);
        c.visibility_timeout = seconds(1);
    });
    let id = queue.send(at(0), 7, Duration::ZERO).unwrap();
    assert_eq!(receive(&mut queue, 0).len(), 1);
    assert_eq!(receive(&mut queue, 1_000).len(), 1);
    assert_eq!(receive(&mut queue, 2_000).len(), 0);
    assert_eq!(queue.take_dead_letters(), [(id, 7)]);
    assert_eq!(queue.take_dead_letters(), []);
    assert_eq!(
        (queue.len(), queue.counters(at(2_000)).dead_lettered),
        (0, 1)
    );
}

#[test]
fn faults_deliver_twice_and_out_of_order_when_drawn() {
    let mut queue = queue(|c| {
        c.faults = Faults {
            duplicate_probability: 0.5,
            reorder_probability: 0.5,
        };
    });
    for body in 0..3 {
        queue.send(at(0), body, Duration::ZERO).unwrap();
    }
    // Out of order: yes, the last of three. In order: no, then nothing to draw. Duplicate the first only.
    let mut draws = [0.1, 0.99, 0.9, 0.1, 0.9, 0.9].into_iter();
    let mut draw = || draws.next().unwrap();
    let first = queue.receive(at(0), 3, None, &mut draw).unwrap();
    assert_eq!(bodies(&first), [2, 0, 1]);
    for delivery in &first {
        assert!(queue.delete(at(1), delivery.receipt));
    }
    let copy = receive(&mut queue, 1);
    assert_eq!((copy[0].id, copy[0].receive_count), (first[0].id, 2));
    assert!(queue.delete(at(2), copy[0].receipt));
    assert!(queue.is_empty());
    assert_eq!(queue.counters(at(2)).duplicated, 1);
}

#[test]
fn what_sqs_refuses_is_refused() {
    let mut queue = queue(|_| ());
    assert_eq!(
        queue.send(at(0), 1, seconds(901)),
        Err(QueueError::Delay(seconds(901)))
    );
    let asked = |queue: &mut Queue<u32>, max, visibility| {
        queue
            .receive(at(0), max, visibility, &mut no_draw)
            .unwrap_err()
    };
    assert_eq!(asked(&mut queue, 0, None), QueueError::ReceiveCount(0));
    assert_eq!(asked(&mut queue, 11, None), QueueError::ReceiveCount(11));
    let day = seconds(86_400);
    assert_eq!(
        asked(&mut queue, 1, Some(day)),
        QueueError::VisibilityTimeout(day)
    );
}

#[test]
fn no_more_than_the_quota_is_in_flight() {
    let mut queue = queue(|_| ());
    for body in 0..=IN_FLIGHT_MAX as u32 {
        queue.send(at(0), body, Duration::ZERO).unwrap();
    }
    let mut last = Vec::new();
    for _ in 0..IN_FLIGHT_MAX / 10 {
        last = receive(&mut queue, 0);
        assert_eq!(last.len(), 10);
    }
    assert_eq!(receive(&mut queue, 0).len(), 0);
    assert!(queue.delete(at(0), last[0].receipt));
    assert_eq!(receive(&mut queue, 0).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn every_message_is_deleted_dead_or_still_there(
        max_receive_count in proptest::option::of(1_u32..4),
        faults in (0.0..0.5_f64, 0.0..0.5_f64),
        ticks in any::<bool>(),
        steps in proptest::collection::vec((0_u8..6, 0_i64..1_500, 0_usize..8), 1..200),
    ) {
        let mut queue = queue(|c| {
            c.max_receive_count = max_receive_count;
            c.visibility_timeout = seconds(2);
            c.visibility_tick = seconds(u64::from(ticks));
            c.faults = Faults { duplicate_probability: faults.0, reorder_probability: faults.1 };
        });
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (mut ms, mut receipts, mut sent) = (0, Vec::new(), 0);
        for (step, pause, which) in steps {
            ms += pause;
            match step {
                0 | 1 => {
                    queue.send(at(ms), sent, Duration::from_millis(which as u64 * 300)).unwrap();
                    sent += 1;
                }
                2 | 3 => {
                    let visible = queue.next_visible_at().is_some_and(|when| when <= at(ms));
                    let got = queue.receive(at(ms), which.max(1), None, &mut draw).unwrap();
                    prop_assert!(got.len() <= which.max(1));
                    prop_assert!(visible || ticks || got.is_empty());
                    prop_assert!(!(visible && got.is_empty()) || max_receive_count.is_some());
                    for delivery in got {
                        prop_assert!(max_receive_count.is_none_or(|max| delivery.receive_count <= max));
                        receipts.push(delivery.receipt);
                    }
                }
                _ if receipts.is_empty() => {}
                4 => {
                    queue.delete(at(ms), receipts.swap_remove(which % receipts.len()));
                }
                _ => {
                    let _ = queue.change_visibility(at(ms), receipts[which % receipts.len()], seconds(1));
                }
            }
            let counted = queue.counters(at(ms));
            let gone = counted.deleted + counted.dead_lettered;
            prop_assert_eq!(counted.sent + counted.duplicated, gone + queue.len() as u64);
            prop_assert_eq!(queue.ready.len() + queue.hidden.len(), queue.len());
            prop_assert_eq!(queue.shown.len(), if ticks { queue.len() } else { 0 });
            let in_flight = queue.stored.values().filter(|stored| stored.in_flight).count();
            prop_assert_eq!(queue.in_flight, in_flight);
        }
        // Without faults, what is left can be received and deleted.
        queue.config.faults = Faults::default();
        for round in 1..=8 {
            for delivery in (0..40).flat_map(|_| receive(&mut queue, ms + round * 5_000)).collect::<Vec<_>>() {
                prop_assert!(queue.delete(at(ms + round * 5_000), delivery.receipt));
            }
        }
        prop_assert!(queue.is_empty());
    }
}
