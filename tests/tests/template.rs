//! The deployment template has the tables and queues that the code has, with the code's own figures, and gives functions
//! and mappings what the embedded stack is started with.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::limits::{FUNCTION_ANSWER_TIME, FUNCTION_CALL_TIMEOUT};
use aws::stack::{DEAD_LETTER_RETENTION, QUEUES, TABLES};
use local::stack::{FunctionName, StackConfig};
use rushhour_tests::dispatch;
use template::rules::TIMEOUT_S_MIN;
use template::{Deployment, Template};

/// With the tracker on ECS, where the template says what it is given.
fn deployed() -> Deployment {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
    let text = std::fs::read_to_string(path).expect("the template is shipped");
    let given = BTreeMap::from([("Tracker".to_owned(), "ecs".to_owned())]);
    let template = Template::parse("template.yaml", &text, &given).expect("a template");
    Deployment::of(&template).expect("a deployment")
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).expect("a span of a template")
}

#[test]
fn it_has_the_tables_that_the_code_has() {
    let deployed = deployed();
    assert_eq!(deployed.tables.len(), TABLES.len());
    for spec in &TABLES {
        let name = format!("rushhour-{}", spec.name);
        let table = deployed.tables.values().find(|table| table.name == name);
        let table = table.unwrap_or_else(|| panic!("found no table {name}"));
        assert_eq!(table.key, ["pk"], "{name}");
        assert_eq!(table.expires.as_deref(), spec.expires, "{name}");
        let indexes: BTreeMap<String, Vec<String>> = spec
            .indexes
            .iter()
            .map(|index| {
                let key = vec![index.partition.to_owned(), index.sort.to_owned()];
                (index.name.to_owned(), key)
            })
            .collect();
        assert_eq!(table.indexes, indexes, "{name}");
    }
}

#[test]
fn functions_outlive_a_call_that_stalls() {
    let needed = FUNCTION_CALL_TIMEOUT + FUNCTION_ANSWER_TIME;
    assert_eq!(needed.as_secs(), u64::from(TIMEOUT_S_MIN));
    assert!(FUNCTION_ANSWER_TIME > host::otlp::EXPORT_MAX);
}

#[test]
fn it_has_the_queues_that_the_code_has_and_each_its_consumer() {
    let deployed = deployed();
    assert_eq!(deployed.queues.len(), 2 * QUEUES.len());
    for spec in &QUEUES {
        let (function, _, queue) = deployed
            .from_queue(&format!("rushhour-{}", spec.name))
            .unwrap_or_else(|| panic!("found nobody who takes from {}", spec.name));
        assert_eq!(
            queue.visibility_s,
            seconds(spec.visibility),
            "{}",
            spec.name
        );
        assert_eq!(queue.retention_s, seconds(spec.retention), "{}", spec.name);
        let (dead, receives) = queue.redrive.as_ref().expect("dead letters go somewhere");
        assert_eq!(*receives, spec.receives_max, "{}", spec.name);
        let dead = &deployed.queues[dead];
        assert_eq!(dead.name, format!("rushhour-{}", spec.dead_letters));
        assert_eq!(dead.retention_s, seconds(DEAD_LETTER_RETENTION));
        let consumer = FunctionName::of_queue(spec.queue);
        assert_eq!(function, &deployed.functions[consumer.as_str()]);
    }
}

#[test]
fn the_embedded_stack_gives_each_part_what_it_gives() {
    let (deployed, stack) = (deployed(), StackConfig::new(dispatch::market()));
    for (name, settings) in &stack.functions {
        let name = name.as_str();
        let function = &deployed.functions[name];
        let ours = (
            settings.pool.memory_mb,
            seconds(settings.timeout),
            settings.pool.reserved_concurrency,
        );
        let theirs = (
            function.memory_mb,
            function.timeout_s,
            function.reserved_concurrency,
        );
        assert_eq!(ours, theirs, "{name}");
        assert_eq!(function.provisioned_concurrency, None, "{name}");
    }
    for (queue, ours) in &stack.mappings {
        let (_, mapping, hidden) = deployed.from_queue(&format!("rushhour-{queue}")).unwrap();
        assert_eq!(ours.batch_size, mapping.batch_size as usize, "{queue}");
        assert_eq!(
            seconds(ours.batch_window),
            mapping.batch_window_s,
            "{queue}"
        );
        assert_eq!(
            ours.maximum_concurrency, mapping.maximum_concurrency,
            "{queue}"
        );
        assert_eq!(
            seconds(ours.visibility_timeout),
            hidden.visibility_s,
            "{queue}"
        );
    }
    let processors = deployed.task.unwrap().cpu_units.div_ceil(1_024);
    assert_eq!(stack.tracker_threads, processors as usize);
}
