//! What the counted operations would cost on AWS, by the price file.

use cloud::prices::{Item, Usage};
use drive::counted::Counted;

use crate::scenario::Scenario;
use crate::scenario::model::{Container, Function};

/// What the cost rests on, for the report.
pub const BASIS: &str = "operations counted in this run times a dated price file: functions, HTTP API, queues, \
    tables, the tracker's task, its load balancer and public address; logs, egress and endpoints are not in it";

/// A load balancer's capacity units at the least: one is billed even when idle.
const CAPACITY_UNITS_MIN: f64 = 1.0;

/// What was used in `seconds`.
pub fn usage(scenario: &Scenario, counted: &Counted, seconds: f64, streams: u64) -> Usage {
    let hours = seconds / 3_600.0;
    let mut usage = Usage::default();
    for (name, used) in &counted.functions {
        let function = scenario
            .functions
            .get(name)
            .cloned()
            .unwrap_or_else(Function::default);
        let gb_seconds = match function.architecture.as_str() {
            "x86_64" => Item::LambdaGbSecondsX86,
            _ => Item::LambdaGbSecondsArm,
        };
        usage.add(Item::LambdaRequests, used.invocations as f64);
        usage.add(gb_seconds, used.gb_seconds(function.memory_mb));
    }
    usage.add(Item::HttpApiRequests, counted.http_requests as f64);
    for used in counted.queues.values() {
        usage.add(Item::SqsRequests, used.requests as f64);
    }
    for table in counted.tables.values() {
        usage.add(Item::DynamodbReadUnits, table.read_units);
        usage.add(Item::DynamodbWriteUnits, table.write_units);
    }
    for (name, used) in &counted.containers {
        let task = scenario
            .containers
            .get(name)
            .cloned()
            .unwrap_or_else(Container::default);
        let task_hours = used.task_seconds / 3_600.0;
        usage.add(Item::FargateVcpuHoursArm, task.vcpu * task_hours);
        usage.add(Item::FargateGbHoursArm, task.memory_gb * task_hours);
    }
    usage.add(Item::LoadBalancerHours, hours);
    let units = cloud::prices::capacity_units(0.0, streams as f64, 0.0).max(CAPACITY_UNITS_MIN);
    usage.add(Item::LoadBalancerCapacityUnitHours, units * hours);
    usage.add(Item::PublicIpv4Hours, hours);
    usage.add(Item::ScheduleInvocations, seconds / 60.0);
    usage
}
