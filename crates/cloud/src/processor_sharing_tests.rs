//! Processor sharing by hand, against the closed forms, and its conservation of work.

use kernel::Streams;
use proptest::prelude::*;

use super::*;

fn at(us: i64) -> Timestamp {
    Timestamp::from_micros(us)
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

/// Takes the next completion; panics if it is not the moment that was announced.
fn complete(processor: &mut ProcessorSharing) -> Option<(Timestamp, JobId)> {
    let (when, id) = processor.next_completion()?;
    assert_eq!(processor.pop_finished(when), Some(id));
    Some((when, id))
}

#[test]
fn jobs_share_what_there_is_and_get_no_more_than_one_processor() {
    let mut processor = ProcessorSharing::new(at(0), 2.0);
    let long = processor.arrive(at(0), us(1_000));
    assert_eq!(processor.next_completion(), Some((at(1_000), long)));
    let second = processor.arrive(at(200), us(400));
    assert_eq!(processor.next_completion(), Some((at(600), second)));
    // Three jobs on two processors: each runs at two thirds.
    let third = processor.arrive(at(300), us(100));
    assert_eq!(processor.next_completion(), Some((at(450), third)));
    assert_eq!(complete(&mut processor), Some((at(450), third)));
    // Two thirds of 150 µs since 300: the second has 200 µs left, the first 600.
    assert_eq!(complete(&mut processor), Some((at(650), second)));
    assert_eq!(complete(&mut processor), Some((at(1_050), long)));
    assert_eq!(processor.next_completion(), None);
    let usage = processor.usage(at(2_000));
    assert!((usage.jobs_vcpu_s - 1_500e-6).abs() < 1e-12, "{usage:?}");
    assert!((usage.cpu_share_mean().unwrap() - 0.375).abs() < 1e-9);
    assert_eq!((usage.arrived, usage.completed, usage.jobs_max), (3, 3, 3));
}

#[test]
fn capacity_and_background_change_the_pace() {
    let mut processor = ProcessorSharing::new(at(0), 0.0);
    let job = processor.arrive(at(0), us(1_000));
    assert_eq!(processor.next_completion(), None, "no task is there yet");
    processor.set_capacity(at(500), 1.0);
    assert_eq!(processor.next_completion(), Some((at(1_500), job)));
    processor.set_background(at(1_000), 0.75);
    assert_eq!(processor.next_completion(), Some((at(3_000), job)));
    processor.set_background(at(1_000), 5.0);
    assert_eq!(processor.next_completion(), Some((at(26_000), job)));
    processor.set_background(at(1_000), 0.5);
    assert_eq!(complete(&mut processor), Some((at(2_000), job)));
    let usage = processor.usage(at(3_000));
    assert!((usage.background_vcpu_s - 1_000e-6).abs() < 1e-12);
    assert!((usage.capacity_vcpu_s - 2_500e-6).abs() < 1e-12);
    processor.reset_usage(at(3_000));
    assert_eq!(processor.usage(at(3_000)), ProcessorUsage::default());
    assert_eq!(processor.usage(at(3_000)).cpu_share_mean(), None);
}

#[test]
fn work_of_no_length_is_done_at_once() {
    let mut processor = ProcessorSharing::new(at(0), 1.0);
    let job = processor.arrive(at(5), Duration::ZERO);
    assert_eq!(processor.next_completion(), Some((at(5), job)));
    processor.arrive(at(5), us(10));
    assert_eq!(processor.pop_finished(at(6)), Some(job));
    assert_eq!(processor.pop_finished(at(6)), None);
}

/// Mean time in the system, in service times, of Poisson arrivals on one processor at a load.
fn mean_sojourn(load: f64, arrivals: u32, service: &mut dyn FnMut() -> f64, seed: u64) -> f64 {
    const SERVICE_US: f64 = 1_000.0;
    let mut stream = Streams::new(seed).stream("arrivals", 0);
    let mut processor = ProcessorSharing::new(at(0), 1.0);
    let mut clock_us = 0.0;
    let mut came = std::collections::BTreeMap::new();
    let (mut total, mut count) = (0.0, 0_u32);
    let mut left = arrivals;
    while left > 0 || processor.jobs() > 0 {
        if left > 0 {
            clock_us += stream.exponential(SERVICE_US / load);
        } else {
            clock_us = f64::MAX / 4.0;
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a moment of the test's clock"
        )]
        let arrival = at(clock_us.min(1e17) as i64);
        while let Some((when, _)) = processor.next_completion().filter(|(w, _)| *w <= arrival) {
            while let Some(id) = processor.pop_finished(when) {
                let since: Timestamp = came.remove(&id).unwrap();
                total += when.since(since).as_secs_f64() * 1e6 / SERVICE_US;
                count += 1;
            }
        }
        if left > 0 {
            let work = Duration::from_secs_f64(SERVICE_US * service() / 1e6);
            came.insert(processor.arrive(arrival, work), arrival);
            left -= 1;
        }
    }
    assert_eq!(count, arrivals);
    total / f64::from(count)
}

/// M/G/1 with processor sharing: the mean is 1 / (1 - load) service times, whatever the law of service
/// (Kleinrock, Queueing Systems II, 4.4). Thirty runs with a 95 % interval, and a tolerance for
/// completions that are rounded up to the µs.
#[test]
fn the_mean_sojourn_is_that_of_theory_and_does_not_depend_on_the_law_of_service() {
    for load in [0.5, 0.8] {
        for constant in [false, true] {
            let runs: Vec<f64> = (0..30)
                .map(|seed| {
                    let mut services = Streams::new(seed).stream("services", 0);
                    let mut draw = || {
                        if constant {
                            1.0
                        } else {
                            services.exponential(1.0)
                        }
                    };
                    mean_sojourn(load, 4_000, &mut draw, seed)
                })
                .collect();
            let mean = runs.iter().sum::<f64>() / 30.0;
            let variance = runs.iter().map(|run| (run - mean).powi(2)).sum::<f64>() / 29.0;
            let half_width = 2.045 * (variance / 30.0).sqrt() + 0.002;
            let expected = 1.0 / (1.0 - load);
            assert!(
                (mean - expected).abs() < 1.5 * half_width,
                "load {load}: found {mean} ± {half_width}, expected {expected}"
            );
        }
    }
}

proptest! {
    #[test]
    fn work_is_conserved(
        vcpus in 1_u32..4,
        background in 0.0_f64..0.9,
        jobs in proptest::collection::vec((0_i64..3_000, 0_u64..5_000), 1..60),
    ) {
        let mut processor = ProcessorSharing::new(at(0), f64::from(vcpus));
        processor.set_background(at(0), background);
        let mut now = 0;
        let mut done = 0_usize;
        let mut last = at(0);
        let mut finished = |processor: &mut ProcessorSharing, until: Timestamp| {
            while let Some((when, id)) = processor.next_completion().filter(|(w, _)| *w <= until) {
                assert!(when >= last, "completions in order");
                last = when;
                assert_eq!(processor.pop_finished(when), Some(id));
                done += 1;
            }
        };
        let mut sum_s = 0.0;
        for (pause, work) in &jobs {
            now += pause;
            finished(&mut processor, at(now));
            processor.arrive(at(now), us(*work));
            sum_s += *work as f64 / 1e6;
        }
        finished(&mut processor, at(i64::MAX / 2));
        prop_assert_eq!(done, jobs.len());
        let usage = processor.usage(last);
        prop_assert!((usage.jobs_vcpu_s - sum_s).abs() < 1e-6, "{:?}, expected {}", usage, sum_s);
        prop_assert!(usage.cpu_share_mean().unwrap_or(0.0) <= 1.0 + 1e-9);
        prop_assert_eq!(usage.completed as usize, jobs.len());
    }
}
