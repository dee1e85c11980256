//! Target tracking: its delays, its bounds, and what is billed.

use kernel::Streams;
use proptest::prelude::*;

use super::*;
use crate::profile::Profile;

fn at(s: i64) -> Timestamp {
    Timestamp::from_millis(s * 1_000)
}

fn config(tasks: std::ops::RangeInclusive<u32>) -> ScalingConfig {
    ScalingConfig::new(&Profile::aws_us_east_1().container, 1.0, tasks, 0.6)
}

/// A service under a demand for vCPUs, driven as a host drives it.
struct Driven {
    scaling: TaskScaling,
    busy: f64,
    last: Timestamp,
    stream: Stream,
    /// Each change of the running tasks: seconds, tasks.
    changes: Vec<(i64, u32)>,
}

impl Driven {
    fn new(config: ScalingConfig) -> Self {
        let scaling = TaskScaling::new(config, at(0)).unwrap();
        Self {
            scaling,
            busy: 0.0,
            last: at(0),
            stream: Streams::new(1).stream("tasks", 0),
            changes: Vec::new(),
        }
    }

    fn run(&mut self, until: Timestamp, demand: f64) {
        loop {
            let next = self.scaling.next_at().unwrap_or(until).min(until);
            let used = demand.min(self.scaling.vcpus());
            self.busy += used * next.since(self.last).as_secs_f64();
            self.last = next;
            let before = self.scaling.running();
            let now = self.scaling.step(next, self.busy, &mut self.stream);
            if now != before {
                self.changes.push((next.as_secs(), now));
            }
            if next >= until {
                return;
            }
        }
    }
}

#[test]
fn a_rise_is_met_after_six_minutes_and_the_start_of_a_task() {
    let mut driven = Driven::new(config(1..=10));
    driven.run(at(1_000), 0.9);
    // Three periods of 60 s, 183 s to the decision, 23 s to the task: 386 s, as AWS's benchmark has it.
    assert_eq!(driven.changes, [(386, 2)]);
    assert_eq!(driven.scaling.counters(at(1_000)).tasks_max, 2);
}

#[test]
fn a_saturated_service_grows_step_by_step_because_it_cannot_show_what_it_lacks() {
    let mut driven = Driven::new(config(3..=40));
    driven.run(at(4_000), 12.0);
    let tasks: Vec<u32> = driven.changes.iter().map(|(_, tasks)| *tasks).collect();
    // 12 vCPUs at 60 % are 20 tasks; a saturated service shows no more than 100 %, so that each
    // decision wants at most 1 / 60 % of the tasks there were, and periods that a start falls into less.
    assert_eq!(tasks, [5, 7, 9, 11, 14, 15, 17, 20]);
    assert_eq!(driven.scaling.counters(at(4_000)).scale_ins, 0);
}

#[test]
fn a_fall_is_followed_late_and_not_below_the_least() {
    let mut driven = Driven::new(config(2..=40));
    driven.run(at(3_600), 6.0);
    assert_eq!(driven.scaling.running(), 10);
    driven.changes.clear();
    driven.run(at(3_600 + 7_200), 0.6);
    let (first, tasks) = driven.changes[0];
    assert!((4_500 + 183..4_500 + 300).contains(&first), "{first}");
    assert_eq!((tasks, driven.changes.len()), (2, 1));
    let before = driven.scaling.counters(at(10_800));
    assert_eq!(before.scale_ins, 1);
    // Ten tasks up to then, two since.
    driven.scaling.reset_counters(at(10_800));
    let after = driven.scaling.counters(at(10_810));
    assert!((after.billed_task_s - 20.0).abs() < 1e-9);
}

#[test]
fn a_service_of_fixed_size_is_never_looked_at_and_billed_for_a_minute_at_least() {
    let scaling = TaskScaling::new(config(1..=1), at(0)).unwrap();
    assert_eq!(scaling.next_at(), None);
    assert!((scaling.counters(at(10)).billed_task_s - 60.0).abs() < 1e-9);
    assert!((scaling.counters(at(3_600)).billed_task_s - 3_600.0).abs() < 1e-9);
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let check = |change: fn(&mut ScalingConfig)| {
        let mut config = config(1..=4);
        change(&mut config);
        TaskScaling::new(config, at(0)).unwrap_err().to_string()
    };
    assert_eq!(
        check(|c| c.tasks_min = 5),
        "service scaling: found tasks_min = 5, expected at most tasks_max = 4"
    );
    assert!(check(|c| c.target = 1.5).contains("scale_on_cpu = 1.5"));
    assert!(check(|c| c.vcpu = 0.0).contains("vcpu = 0"));
    assert!(check(|c| c.tasks_max = 0).contains("tasks_max = 0"));
    assert!(check(|c| c.metrics_period = Duration::ZERO).contains("metrics_period"));
}

proptest! {
    #[test]
    fn tasks_stay_within_their_bounds_and_task_seconds_cover_what_ran(
        demands in proptest::collection::vec((1_i64..2_000, 0.0_f64..20.0), 1..20),
    ) {
        let mut driven = Driven::new(config(2..=12));
        let (mut now, mut task_s, mut since, mut tasks) = (0, 0.0, 0, 2_u32);
        for (pause, demand) in demands {
            now += pause;
            driven.run(at(now), demand);
        }
        for (when, running) in &driven.changes {
            prop_assert!((2..=12).contains(running));
            task_s += (when - since) as f64 * f64::from(tasks);
            (since, tasks) = (*when, *running);
        }
        task_s += (now - since) as f64 * f64::from(tasks);
        let billed = driven.scaling.counters(at(now)).billed_task_s;
        prop_assert!(billed >= task_s - 1e-6, "billed {}, ran {}", billed, task_s);
    }
}
