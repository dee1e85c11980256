use super::*;

fn at(factor: u64) -> Counted {
    let named = |name: &str| name.to_owned();
    let functions = LambdaCounters {
        invocations: 10 * factor,
        billed_ms: 70 * factor,
        concurrency_max: 3,
        ..LambdaCounters::default()
    };
    let table = TableUse {
        requests: 4 * factor,
        write_units: 2.5 * factor as f64,
        ..TableUse::default()
    };
    let queue = QueueUse {
        sent: 5 * factor,
        dead_letters: 2,
        age_max: Duration::from_secs(9),
        depth_visible: 1,
        depth_in_flight: factor,
        ..QueueUse::default()
    };
    let container = ContainerUse {
        tasks_max: 1,
        cpu: Some(ProcessorUsage {
            jobs_vcpu_s: (factor * factor) as f64,
            background_vcpu_s: (factor * factor) as f64,
            capacity_vcpu_s: 60.0 * factor as f64,
            ..ProcessorUsage::default()
        }),
        task_seconds: 60.0 * factor as f64,
        messages: 6 * factor,
    };
    Counted {
        functions: BTreeMap::from([(named("trips"), functions)]),
        provisioned_ms: BTreeMap::from([(named("trips"), 9 * factor)]),
        http_requests: factor,
        tables: BTreeMap::from([(named("trips"), table)]),
        queues: BTreeMap::from([(named("trip-events"), queue)]),
        tracker: TrackerUse {
            messages: 6 * factor,
            positions_told: 4 * factor,
            ..TrackerUse::default()
        },
        containers: BTreeMap::from([(named("fleet-tracker"), container)]),
        depth_max: BTreeMap::new(),
        counted_for: None,
    }
}

#[test]
fn a_difference_subtracts_counts_and_keeps_maxima() {
    let spent = at(5).since(&at(2));
    let functions = spent.functions["trips"];
    assert_eq!((functions.invocations, functions.billed_ms), (30, 210));
    assert_eq!(functions.concurrency_max, 3);
    let table = spent.tables["trips"];
    assert_eq!((table.requests, table.write_units), (12, 7.5));
    let queue = spent.queues["trip-events"];
    assert_eq!((queue.sent, queue.dead_letters), (15, 0));
    assert_eq!(queue.age_max, Duration::from_secs(9));
    assert_eq!((spent.http_requests, spent.tracker.messages), (3, 18));
    assert_eq!(
        (spent.provisioned_ms["trips"], spent.tracker.positions_told),
        (27, 12)
    );
    let container = spent.containers["fleet-tracker"];
    assert_eq!((container.task_seconds, container.messages), (180.0, 18));
    assert_eq!(container.tasks_max, 1);
    // 50 of 300 until then, 8 of 120 before.
    let share = container.cpu.unwrap().cpu_share_mean().unwrap();
    assert!((share - 42.0 / 180.0).abs() < 1e-12, "{share}");
}

#[test]
fn what_came_later_counts_from_nothing() {
    assert_eq!(at(5).since(&Counted::default()), at(5));
}

#[test]
fn the_deepest_look_is_kept() {
    let mut most = Counted::default();
    for factor in [2, 7, 3] {
        most.note_depth(&at(factor).queues);
    }
    assert_eq!(most.depth_max["trip-events"], 8);
}

#[test]
fn what_was_counted_for_another_span_is_taken_at_its_rate() {
    let counted = at(4);
    assert_eq!(counted.over(Duration::from_secs(90)), counted);
    let of_a_minute = Counted {
        http_requests: 7,
        counted_for: Some(Duration::from_secs(60)),
        ..counted
    };
    let all = of_a_minute.over(Duration::from_secs(90));
    assert_eq!(all.http_requests, 11);
    let function = all.functions.values().next().unwrap();
    assert_eq!((function.invocations, function.billed_ms), (60, 420));
    assert_eq!(all.tables.values().next().unwrap().write_units, 15.0);
    assert_eq!(all.queues.values().next().unwrap().sent, 30);
    let was = of_a_minute.containers.values().next().unwrap();
    let is = all.containers.values().next().unwrap();
    assert_eq!(is.task_seconds, was.task_seconds * 1.5);
}
