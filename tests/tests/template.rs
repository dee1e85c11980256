//! The deployment template has the tables and queues that the code has, with the code's own figures.

use std::collections::BTreeMap;

use aws::limits::{FUNCTION_ANSWER_TIME, FUNCTION_CALL_TIMEOUT};
use aws::stack::{DEAD_LETTER_RETENTION, QUEUES, TABLES};
use template::rules::TIMEOUT_S_MIN;
use template::{Deployment, Template};

fn deployed() -> Deployment {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/template.yaml");
    let text = std::fs::read_to_string(path).expect("the template is shipped");
    let template = Template::parse("template.yaml", &text, &BTreeMap::new()).expect("a template");
    Deployment::of(&template).expect("a deployment")
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
    let seconds = |span: std::time::Duration| u32::try_from(span.as_secs()).unwrap();
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
        let consumer = local::stack::FunctionName::of_queue(spec.queue);
        assert_eq!(function, &deployed.functions[consumer.as_str()]);
    }
}
